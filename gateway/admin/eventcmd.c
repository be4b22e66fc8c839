#include "admin/eventcmd.h"

#include "admin/job-wait.h"
#include "admin/sanitize.h"
#include "base/clock.h"
#include "codec/json.h"

#define POOL_MAX (64 * 1024 * 1024)

static void one_json(const struct delivery_figures *f, struct buf *body)
{
	char at[CLOCK_TEXT_MAX];

	buf_puts(body, body->len && body->ptr[body->len - 1] == '}' ? ",{" :
								      "{");
	json_add_member(body, "tenant", f->tenant);
	json_add_member(body, "url", f->url);
	json_add_member_bool(body, "paused", f->is_paused);
	json_add_member_int(body, "waiting", f->waiting);
	json_add_member_int(body, "dead", f->dead);
	if (f->oldest_ms) {
		clock_text(f->oldest_ms + clock_ahead_ms(), at);
		json_add_member(body, "oldest", str_from(at));
	}
	if (f->next_ms) {
		clock_text(f->next_ms + clock_ahead_ms(), at);
		json_add_member(body, "next", str_from(at));
	}
	json_add_member_int(body, "last_status", f->last_status);
	json_add_member(body, "last_error", f->last_error);
	buf_addc(body, '}');
}

static void one_text(const struct delivery_figures *f, struct buf *body)
{
	char at[CLOCK_TEXT_MAX];

	sanitize_add(body, f->tenant);
	buf_addc(body, ' ');
	sanitize_add(body, f->url);
	buf_printf(body, ": %lld waiting, %lld dead%s",
		   (long long)f->waiting, (long long)f->dead,
		   f->is_paused ? ", PAUSED" : "");
	if (f->oldest_ms) {
		clock_text(f->oldest_ms + clock_ahead_ms(), at);
		buf_printf(body, ", the oldest of %s", at);
	}
	if (f->last_status)
		buf_printf(body, "; it answered %u", f->last_status);
	else if (f->last_error.len) {
		buf_puts(body, "; ");
		sanitize_add(body, f->last_error);
	}
	buf_addc(body, '\n');
}

const char *command_events_list(struct status *status, const struct str *words,
				bool json, struct buf *body)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct delivery_figures *list = NULL;
	unsigned count = 0;
	enum err err = pool ? deliveries_figures(status->reader, words[0], pool,
						 &list, &count) : ERR_NOMEM;

	if (!err && json)
		buf_puts(body, "{\"endpoints\":[");
	for (unsigned i = 0; !err && i < count; i++)
		(json ? one_json : one_text)(&list[i], body);
	if (!err && json)
		buf_puts(body, "]}\n");
	else if (!err && !count)
		buf_puts(body, "no webhook was owed an event yet\n");
	pool_free(pool);
	return err ? err_text(err) : NULL;
}

static const char *done(enum deliveries_order order, unsigned n, bool json,
			struct buf *body)
{
	static const char *const deeds[] = {
		[DELIVERIES_RETRY] = "due now: events for endpoints",
		[DELIVERIES_DROP] = "dropped: dead events",
		[DELIVERIES_PAUSE] = "paused: endpoints",
		[DELIVERIES_RESUME] = "resumed: endpoints",
	};

	if (json)
		buf_printf(body, "{\"count\":%u}\n", n);
	else
		buf_printf(body, "%s: %u\n", deeds[order], n);
	return NULL;
}

static const char *change(struct status *status, enum deliveries_order order,
			  const struct str *words, bool json, struct buf *body)
{
	struct job_wait *e = job_wait_new();
	const char *trouble = NULL;
	enum err err = ERR_NOMEM;

	if (!e)
		return err_text(ERR_NOMEM);
	e->deliveries = (struct deliveries_change){
		.order = order,
		.tenant = job_wait_str(e, words[0]),
		.url = words[1].ptr ? job_wait_str(e, words[1]) : STR_NULL,
	};
	if (e->deliveries.tenant.ptr &&
	    (e->deliveries.url.ptr || !words[1].ptr)) {
		job_wait_send(e);
		err = deliveries_submit_change(
			store_writer(status->gateway->store), &e->deliveries);
		if (err)
			job_wait_unsend(e);
		else if (job_wait_for(e))
			err = e->job.result;
		else
			trouble = "not confirmed in time; see usherctl events "
				  "list";
	}
	if (!trouble && err)
		trouble = err_text(err);
	if (!trouble)
		trouble = done(order, e->deliveries.count, json, body);
	job_wait_free(e);
	return trouble;
}

const char *command_events_retry(struct status *status,
				 const struct str *words, bool json,
				 struct buf *body)
{
	return change(status, DELIVERIES_RETRY, words, json, body);
}

const char *command_events_drop(struct status *status, const struct str *words,
				bool json, struct buf *body)
{
	return change(status, DELIVERIES_DROP, words, json, body);
}

const char *command_events_pause(struct status *status,
				 const struct str *words, bool json,
				 struct buf *body)
{
	return change(status, DELIVERIES_PAUSE, words, json, body);
}

const char *command_events_resume(struct status *status,
				  const struct str *words, bool json,
				  struct buf *body)
{
	return change(status, DELIVERIES_RESUME, words, json, body);
}
