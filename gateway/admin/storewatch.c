#include "admin/storewatch.h"

#include "base/log.h"

static void tell(struct storewatch *watch, const struct health_report *health,
		 int64_t mono_ms)
{
	if (!watch->is_telling) {
		watch->since = watch->told;
		watch->first_ms = mono_ms - health->for_ms;
	}
	log_error(store_failed,
		  LOG_TEXT("trouble", health_name(health->last)),
		  LOG_NUM("failures",
			  (int64_t)(health->failures - watch->told)),
		  LOG_TEXT("problem", health->problem),
		  LOG_TEXT("remedy", health_remedy(health->last)));
	watch->told = health->failures;
	watch->next_ms = mono_ms + STOREWATCH_EVERY_MS;
	watch->is_telling = true;
}

void storewatch_look(struct storewatch *watch,
		     const struct health_report *health, int64_t mono_ms)
{
	bool is_well = health->trouble == HEALTH_WELL;

	if ((!is_well || health->failures != watch->told) &&
	    mono_ms >= watch->next_ms)
		tell(watch, health, mono_ms);
	if (!is_well || !watch->is_telling)
		return;
	log_info(store_recovered,
		 LOG_NUM("failures",
			 (int64_t)(health->failures - watch->since)),
		 LOG_NUM("after_s", (mono_ms - watch->first_ms) / 1000));
	watch->is_telling = false;
}

void storewatch_say(const struct health_report *health, struct buf *out)
{
	if (health->trouble == HEALTH_WELL)
		return;
	buf_printf(out, "the store fails since %lld s (%s): %s; %s",
		   (long long)(health->for_ms / 1000),
		   health_name(health->trouble), health->problem,
		   health_remedy(health->trouble));
}
