/*
 * handoff-private: the handoff's own steps, for what runs them without sending
 * anybody on (handoff/selftest.h).
 */
#ifndef HANDOFF_HANDOFF_PRIVATE_H
#define HANDOFF_HANDOFF_PRIVATE_H

#include "handoff/steps.h"
#include "handoff/vouch.h"

/* Its state, in ex->work; `may_post`: so says the list of origins. */
enum step_result handoff_begin(struct exchange *ex, bool may_post);
/* The step behind "limit_rate". */
enum step_result handoff_check_origin(struct exchange *ex);
/* From "check_store" to "choose_redirect": all that decides. */
extern const struct step handoff_judging[];

/* Where the user would go, after these. */
struct str handoff_target(const struct exchange *ex);
/* What the assertion says, or why it was refused. */
const struct vouch *handoff_vouch(const struct exchange *ex);

#endif
