#include "admin/storewatch.h"

#include "base/log.h"

#define KEYS_POOL_MAX (32 * 1024 * 1024)

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

bool storewatch_may_tell(const struct storewatch *watch, int64_t mono_ms)
{
	return mono_ms >= watch->evicted_ms;
}

void storewatch_tell_evicted(struct storewatch *watch,
			     const struct sessions_evicted *list,
			     unsigned count, int64_t mono_ms)
{
	static const char remedy[] = "let the sessions of this tenant end "
		"sooner (session.idle, session.absolute)";

	for (unsigned i = 0; i < count; i++) {
		int64_t n = (int64_t)list[i].count;

		if (list[i].tenant[0])
			log_warn(sessions_evicted,
				 LOG_TEXT("tenant", list[i].tenant),
				 LOG_NUM("count", n),
				 LOG_TEXT("remedy", remedy));
		else
			log_warn(sessions_evicted, LOG_NUM("count", n),
				 LOG_TEXT("remedy", remedy));
	}
	if (count)
		watch->evicted_ms = mono_ms + STOREWATCH_EVERY_MS;
}

void storewatch_tell_outbox(const struct outbox_usage *list, unsigned count)
{
	static const char remedy[] = "name fewer events in the tenant's "
		"webhooks, or raise outbox_max";

	for (unsigned i = 0; i < count; i++) {
		const struct outbox_usage *u = &list[i];

		if (u->level == OUTBOX_FULL)
			log_error(outbox_full, LOG_TEXT("tenant", u->tenant),
				  LOG_NUM("events", u->events),
				  LOG_NUM("octets", u->octets),
				  LOG_NUM("refused", u->refused),
				  LOG_TEXT("remedy", remedy));
		else if (u->level == OUTBOX_FILLING)
			log_warn(outbox_filling, LOG_TEXT("tenant", u->tenant),
				 LOG_NUM("events", u->events),
				 LOG_NUM("octets", u->octets),
				 LOG_TEXT("remedy", remedy));
		else
			log_info(outbox_well, LOG_TEXT("tenant", u->tenant),
				 LOG_NUM("events", u->events),
				 LOG_NUM("refused", u->refused));
	}
}

/* Rows come address by address. */
static int64_t count_addresses(const struct user_conflict *list, unsigned count)
{
	int64_t n = 0;

	for (unsigned i = 0; i < count; i++)
		n += !users_conflict_goes_on(list, i);
	return n;
}

static void tell_keys(struct storewatch *watch,
		      const struct user_conflict *list, unsigned count,
		      bool is_more)
{
	int64_t n = count_addresses(list, count);

	if (watch->is_keys_pending)
		log_info(user_keys_done, LOG_NUM("conflicts", n));
	if (n)
		log_warn(user_conflicts, LOG_NUM("count", n),
			 LOG_TEXT("remedy", is_more ?
				  "there are more than these, which usherctl "
				  "users conflicts lists; erase the rows that "
				  "nobody needs" :
				  "usherctl users conflicts lists them; erase "
				  "the rows that nobody needs"));
	watch->is_keys_told = true;
}

void storewatch_look_keys(struct storewatch *watch, struct db *reader)
{
	struct user_conflict *list = NULL;
	unsigned count = 0;
	struct pool *pool;
	bool is_more;
	enum err err;

	if (watch->is_keys_told)
		return;
	pool = pool_new(KEYS_POOL_MAX);
	err = pool ? users_conflicts(reader, STR_NULL, pool, &list, &count,
				     &is_more) : ERR_NOMEM;
	if (err == ERR_BUSY && !watch->is_keys_pending) {
		log_info(user_keys_pending,
			 LOG_TEXT("remedy", "none is needed; it is soon done"));
		watch->is_keys_pending = true;
	}
	/* what fails is tried again, and told by those who need the store */
	if (!err)
		tell_keys(watch, list, count, is_more);
	pool_free(pool);
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
