/*
 * services: what adapters are lent by the floors above them: digests and the
 * log, each tenant within its budget (base/log-budget.h).
 */
#ifndef ADMIN_SERVICES_H
#define ADMIN_SERVICES_H

#include "module/call.h"

extern const struct adapter_services services_of_adapters;

#endif
