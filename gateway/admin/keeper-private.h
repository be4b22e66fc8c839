/* keeper-private: what the thread does, piece by piece, for tests. */
#ifndef ADMIN_KEEPER_PRIVATE_H
#define ADMIN_KEEPER_PRIVATE_H

#include "admin/keeper.h"

/* Look at the file once. */
void keeper_look(struct keeper *keeper);
/* Take out of the file what may go at that time. */
void keeper_prune(struct keeper *keeper, int64_t mono_ms);
/* Have the counts follow, warn, rotate. */
void keeper_count(struct keeper *keeper);

#endif
