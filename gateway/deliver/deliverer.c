#include "deliver/deliverer.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/num.h"
#include "base/random.h"
#include "base/thread.h"
#include "codec/json.h"
#include "deliver/lanes.h"
#include "deliver/schedule.h"

#define SLUG_MAX 63
#define LOOK_POOL_MAX (64 * 1024 * 1024)	/* of endpoints */
#define BODY_FRAME_MAX 512
#define HEADER_MAX 512
#define HASTE_MAX 10000
#define SUBMIT_AGAIN_MS 1000	/* after the writer had no room, or failed */

/* One attempt, from its request until its outcome is durable. */
struct flight {
	struct list node;	/* asked, answered, judged or written */
	struct deliverer *deliverer;
	int64_t outbox_id, endpoint, user_id;
	char slug[SLUG_MAX + 1], event[OUTBOX_EVENT_MAX + 1];
	char message[DELIVERY_MESSAGE_MAX], host[URL_HOST_MAX + 1];
	struct attempt attempt;
	char why[DELIVERY_ERROR_MAX];
	struct delivery_outcome outcome;
};

/* Of an endpoint that failed since it last answered. */
struct state {
	int64_t endpoint;
	struct breaker breaker;
};

struct deliverer {
	struct deliverer_options options;
	pthread_t thread;
	/* the thread's alone */
	struct lanes lanes;
	struct state *states;
	unsigned state_count, state_room;
	char last_slug[SLUG_MAX + 1];	/* whose turn it was */
	struct list judged;		/* to be written */
	struct list written;		/* with the job */
	struct deliveries_job job;
	int64_t submit_ms;		/* monotonic: not before */
	pthread_mutex_t lock;		/* of all that follows */
	pthread_cond_t changed;
	struct list asked, answered;
	bool is_job_out, is_job_back;
	bool is_fresh, must_end, has_ended;
};

/* ---- routes ---------------------------------------------------------------- */

enum err deliverer_route(struct deliveries *deliveries,
			 const struct snapshot *next)
{
	struct delivery_route *list;
	unsigned count = 0, n = 0;
	enum err err;

	for (unsigned i = 0; i < next->tenant_count; i++)
		count += next->tenants[i]->hook_count;
	list = calloc(count ? count : 1, sizeof(*list));
	if (!list)
		return ERR_NOMEM;
	for (unsigned i = 0; i < next->tenant_count; i++) {
		const struct tenant *tenant = next->tenants[i];

		for (unsigned j = 0; j < tenant->hook_count; j++)
			list[n++] = (struct delivery_route){
				.tenant = tenant->slug,
				.url = tenant->hooks[j].text,
				.events = tenant->hooks[j].events,
				.event_count = tenant->hooks[j].event_count,
			};
	}
	err = deliveries_set_routes(deliveries, list, n);
	free(list);
	return err;
}

unsigned deliverer_haste(bool is_development)
{
	const char *text = getenv("USHER_DELIVER_HASTE");
	uint64_t haste;

	if (!is_development || !text ||
	    num_u64(str_from(text), 1, HASTE_MAX, &haste))
		return 1;
	return (unsigned)haste;
}

/* ---- breakers -------------------------------------------------------------- */

static struct state *find_state(struct deliverer *d, int64_t endpoint)
{
	for (unsigned i = 0; i < d->state_count; i++)
		if (d->states[i].endpoint == endpoint)
			return &d->states[i];
	return NULL;
}

static bool is_let(struct deliverer *d, int64_t endpoint)
{
	const struct state *state = find_state(d, endpoint);

	return !state || breaker_lets(&state->breaker, clock_mono_ms());
}

static bool is_on_trial_only(struct deliverer *d, int64_t endpoint)
{
	const struct state *state = find_state(d, endpoint);

	return state && breaker_is_open(&state->breaker);
}

static struct state *add_state(struct deliverer *d, int64_t endpoint)
{
	if (d->state_count == d->state_room) {
		unsigned room = d->state_room ? 2 * d->state_room : 16;
		struct state *more = reallocarray(d->states, room,
						  sizeof(*more));

		if (!more)
			return NULL;
		d->states = more;
		d->state_room = room;
	}
	d->states[d->state_count] = (struct state){ .endpoint = endpoint };
	return &d->states[d->state_count++];
}

/* Without memory for it nothing is held back. */
static void note(struct deliverer *d, const struct flight *f)
{
	struct breaker closed = { 0 };
	struct state *state = find_state(d, f->endpoint);
	struct breaker *breaker = state ? &state->breaker : &closed;
	enum breaker_news news = breaker_end(breaker, &f->attempt,
					     clock_mono_ms(), d->options.haste);

	if (!state && breaker->failures) {
		state = add_state(d, f->endpoint);
		if (state)
			state->breaker = closed;
	} else if (state && !breaker->failures) {
		*state = d->states[--d->state_count];
	}
	if (news == BREAKER_OPENED)
		log_warn(webhook_failing, LOG_TEXT("tenant", f->slug),
			 LOG_TEXT("host", f->host),
			 LOG_NUM("status", f->attempt.status),
			 LOG_TEXT("problem", f->why),
			 LOG_TEXT("remedy", "see that it answers; events are "
				  "kept, and one after the other is tried"));
	else if (news == BREAKER_CLOSED)
		log_info(webhook_well, LOG_TEXT("tenant", f->slug),
			 LOG_TEXT("host", f->host));
}

/* ---- what came back -------------------------------------------------------- */

/* In the fetcher's thread. */
static void on_answer(void *ctx, const struct fetch_answer *answer)
{
	struct flight *f = ctx;
	struct deliverer *d = f->deliverer;

	f->attempt.err = answer->err;
	f->attempt.status = answer->status;
	f->attempt.retry_after_s = answer->retry_after_s;
	snprintf(f->why, sizeof(f->why), "%s", answer->err ? answer->why : "");
	pthread_mutex_lock(&d->lock);
	list_del(&f->node);
	list_add(&d->answered, &f->node);
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

static void count(const struct flight *f)
{
	static const char *const names[] = {
		[DELIVERY_DONE] = "delivered",
		[DELIVERY_AGAIN] = "failed",
		[DELIVERY_DEAD] = "dead",
		[DELIVERY_PAUSED] = "paused",
	};
	char labels[METRIC_LABELS_MAX];

	snprintf(labels, sizeof(labels), "tenant=\"%s\",outcome=\"%s\"",
		 f->slug, names[f->outcome.end]);
	metric_add(metric_get(usher_webhook_attempts_total, labels), 1);
}

static void tell(const struct flight *f)
{
	if (f->outcome.end == DELIVERY_DEAD)
		log_warn(webhook_dead, LOG_TEXT("tenant", f->slug),
			 LOG_TEXT("host", f->host), LOG_TEXT("event", f->event),
			 LOG_TEXT("message", f->message),
			 LOG_NUM("status", f->attempt.status),
			 LOG_TEXT("problem", f->why),
			 LOG_TEXT("remedy", "mend the endpoint, then usherctl "
				  "events retry"));
	else if (f->outcome.end == DELIVERY_PAUSED)
		log_warn(webhook_paused, LOG_TEXT("tenant", f->slug),
			 LOG_TEXT("host", f->host),
			 LOG_TEXT("remedy", "it answered 410 and gets nothing "
				  "more; usherctl events resume"));
}

static void judge(struct deliverer *d, struct flight *f)
{
	int64_t wait_ms;

	if (random_bytes(&f->attempt.chance, sizeof(f->attempt.chance)))
		f->attempt.chance = 0;
	f->outcome = (struct delivery_outcome){
		.outbox_id = f->outbox_id,
		.endpoint = f->endpoint,
		.end = schedule_judge(&f->attempt, d->options.haste, &wait_ms),
		.status = f->attempt.status,
	};
	f->outcome.next_ms = clock_steady_ms() + wait_ms;
	snprintf(f->outcome.error, sizeof(f->outcome.error), "%s", f->why);
	note(d, f);
	count(f);
	tell(f);
	list_add(&d->judged, &f->node);
}

static void judge_answered(struct deliverer *d)
{
	struct flight *f;

	do {
		f = NULL;
		pthread_mutex_lock(&d->lock);
		if (!list_is_empty(&d->answered)) {
			f = list_entry(d->answered.next, struct flight, node);
			list_del(&f->node);
		}
		pthread_mutex_unlock(&d->lock);
		if (f)
			judge(d, f);
	} while (f);
}

/* ---- outcomes are written --------------------------------------------------- */

/* In the writer's thread. */
static void on_written(struct job *job)
{
	struct deliverer *d = list_entry(job, struct deliverer, job.job);

	pthread_mutex_lock(&d->lock);
	d->is_job_out = false;
	d->is_job_back = true;
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

static void move_all(struct list *from, struct list *to)
{
	struct list *at, *safe;

	list_each(at, safe, from) {
		list_del(at);
		list_add(to, at);
	}
}

static void take_back(struct deliverer *d)
{
	bool is_back;

	pthread_mutex_lock(&d->lock);
	is_back = d->is_job_back;
	d->is_job_back = false;
	pthread_mutex_unlock(&d->lock);
	if (!is_back)
		return;
	if (d->job.job.result) {
		d->submit_ms = clock_mono_ms() + SUBMIT_AGAIN_MS;
		move_all(&d->written, &d->judged);
		return;
	}
	while (!list_is_empty(&d->written)) {
		struct flight *f = list_entry(d->written.next, struct flight,
					      node);

		lanes_give_back(&d->lanes, f->endpoint, f->user_id);
		list_del(&f->node);
		free(f);
	}
}

static void write_judged(struct deliverer *d)
{
	bool is_out;

	pthread_mutex_lock(&d->lock);
	is_out = d->is_job_out;
	pthread_mutex_unlock(&d->lock);
	if (is_out || list_is_empty(&d->judged) ||
	    clock_mono_ms() < d->submit_ms)
		return;
	d->job = (struct deliveries_job){ .job.done = on_written };
	while (!list_is_empty(&d->judged) &&
	       d->job.count < DELIVERIES_BATCH_MAX) {
		struct flight *f = list_entry(d->judged.next, struct flight,
					      node);

		d->job.list[d->job.count++] = f->outcome;
		list_del(&f->node);
		list_add(&d->written, &f->node);
	}
	pthread_mutex_lock(&d->lock);
	d->is_job_out = true;
	pthread_mutex_unlock(&d->lock);
	if (!deliveries_submit(store_writer(d->options.store), &d->job))
		return;
	pthread_mutex_lock(&d->lock);
	d->is_job_out = false;
	pthread_mutex_unlock(&d->lock);
	d->submit_ms = clock_mono_ms() + SUBMIT_AGAIN_MS;
	move_all(&d->written, &d->judged);
}

/* ---- sending ---------------------------------------------------------------- */

/* One endpoint while it is looked at. */
struct looking {
	struct deliverer *deliverer;
	const struct snapshot *running;
	const struct tenant *tenant;
	const struct tenant_hook *hook;
	int64_t endpoint;
	bool has_sent;
};

static enum err write_body(const struct delivery *delivery, struct buf *out)
{
	char at[CLOCK_TEXT_MAX];

	clock_text(delivery->created_ms + clock_ahead_ms(), at);
	buf_puts(out, "{\"type\":");
	json_add_str(out, delivery->event);
	buf_printf(out, ",\"timestamp\":\"%s\",\"data\":", at);
	buf_adds(out, delivery->body);
	buf_addc(out, '}');
	return buf_is_ok(out) ? ERR_OK : ERR_NOMEM;
}

static enum err ask(const struct looking *l, struct flight *f, struct str body)
{
	int64_t now_s = clock_wall_s();
	char id[HEADER_MAX], at[HEADER_MAX], signature[HEADER_MAX];
	struct str headers[] = { STR("Content-Type: application/json"),
				 STR_NULL, STR_NULL, STR_NULL };
	struct fetch_request request = {
		.url = l->hook->url,
		.is_development = l->running->gateway.development,
		.answer_max = DELIVERER_ANSWER_MAX,
		.needs_status_only = true,
		.body = body,
		.headers = headers,
		.header_count = N_ELEMENTS(headers),
		.done = on_answer,
		.ctx = f,
	};
	struct buf out;
	enum err err;

	snprintf(id, sizeof(id), "webhook-id: %s", f->message);
	snprintf(at, sizeof(at), "webhook-timestamp: %lld", (long long)now_s);
	buf_init_fixed(&out, signature, sizeof(signature));
	buf_puts(&out, "webhook-signature: ");
	err = webhook_sign(&l->hook->secrets, str_from(f->message), now_s, body,
			   &out);
	headers[1] = str_from(id);
	headers[2] = str_from(at);
	headers[3] = buf_str(&out);
	return err ? err : fetcher_get(l->deliverer->options.fetcher, &request);
}

static struct flight *flight_new(const struct looking *l,
				 const struct delivery *delivery)
{
	struct flight *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->deliverer = l->deliverer;
	f->outbox_id = delivery->outbox_id;
	f->endpoint = l->endpoint;
	f->user_id = delivery->user_id;
	f->attempt.failed = delivery->attempts;
	snprintf(f->slug, sizeof(f->slug), "%.*s", STR_ARG(l->tenant->slug));
	snprintf(f->event, sizeof(f->event), "%.*s", STR_ARG(delivery->event));
	snprintf(f->host, sizeof(f->host), "%.*s", STR_ARG(l->hook->url.host));
	memcpy(f->message, delivery->message, sizeof(f->message));
	return f;
}

static bool send_off(struct looking *l, const struct delivery *delivery)
{
	struct deliverer *d = l->deliverer;
	struct flight *f = flight_new(l, delivery);
	struct state *state = find_state(d, l->endpoint);
	struct buf body;
	enum err err;

	buf_init(&body, OUTBOX_BODY_MAX + OUTBOX_EVENT_MAX + BODY_FRAME_MAX);
	err = f ? write_body(delivery, &body) : ERR_NOMEM;
	if (!err) {
		pthread_mutex_lock(&d->lock);
		list_add(&d->asked, &f->node);
		pthread_mutex_unlock(&d->lock);
		err = ask(l, f, buf_str(&body));
		if (err) {
			pthread_mutex_lock(&d->lock);
			list_del(&f->node);
			pthread_mutex_unlock(&d->lock);
		}
	}
	buf_done(&body);
	if (err)
		free(f);
	else if (state)
		breaker_begin(&state->breaker);
	return !err;
}

/* The first whose lane is free, and no other. */
static bool take(void *ctx, const struct delivery *delivery)
{
	struct looking *l = ctx;
	struct lanes *lanes = &l->deliverer->lanes;

	if (!lanes_take(lanes, hash_str(l->tenant->slug), l->endpoint,
			delivery->user_id))
		return true;
	l->has_sent = send_off(l, delivery);
	if (!l->has_sent)
		lanes_give_back(lanes, l->endpoint, delivery->user_id);
	return false;
}

static const struct tenant_hook *find_hook(const struct tenant *tenant,
					   struct str url)
{
	for (unsigned i = 0; i < tenant->hook_count; i++)
		if (str_eq(tenant->hooks[i].text, url))
			return &tenant->hooks[i];
	return NULL;
}

/* One event of the endpoint, where there is one that may be sent now. */
static bool send_one(struct deliverer *d, const struct snapshot *running,
		     const struct delivery_endpoint *e)
{
	struct looking l = { .deliverer = d, .running = running,
			     .endpoint = e->id };

	l.tenant = snapshot_tenant(running, e->tenant);
	if (!l.tenant || l.tenant->state != TENANT_SERVING)
		return false;
	l.hook = find_hook(l.tenant, e->url);
	if (!l.hook || !l.hook->secrets.count || !is_let(d, e->id) ||
	    (is_on_trial_only(d, e->id) && lanes_count(&d->lanes, e->id)) ||
	    !lanes_have_room(&d->lanes, hash_str(e->tenant), e->id))
		return false;
	/* of what is due, some may be under way */
	if (deliveries_due(d->options.reader, e->id, clock_steady_ms(),
			   LANES_ENDPOINT_MAX + 1, take, &l))
		return false;
	return l.has_sent;
}

/* One of each tenant, beginning behind whose turn it was. */
static bool go_round(struct deliverer *d, const struct snapshot *running,
		     const struct delivery_endpoint *list, unsigned count)
{
	const struct str last = str_from(d->last_slug);
	unsigned first = 0;
	struct str served = STR_NULL;
	bool has_sent = false;

	while (first < count && str_cmp(list[first].tenant, last) <= 0)
		first++;
	for (unsigned i = 0; i < count; i++) {
		const struct delivery_endpoint *e =
			&list[(first + i) % count];

		if (served.ptr && str_eq(served, e->tenant))
			continue;
		if (!send_one(d, running, e))
			continue;
		served = e->tenant;
		has_sent = true;
		snprintf(d->last_slug, sizeof(d->last_slug), "%.*s",
			 STR_ARG(e->tenant));
	}
	return has_sent;
}

static void look(struct deliverer *d)
{
	struct delivery_endpoint *list = NULL;
	struct snapshot *running;
	unsigned count = 0;
	struct pool *pool;

	if (d->lanes.count == LANES_MAX)
		return;
	pool = pool_new(LOOK_POOL_MAX);
	running = snapshot_slot_get(d->options.slot);
	/* what cannot be read is looked for again; the store tells */
	if (pool && !deliveries_endpoints(d->options.reader, clock_steady_ms(),
					  pool, &list, &count))
		while (count && go_round(d, running, list, count))
			;
	snapshot_unref(running);
	pool_free(pool);
}

/* ---- the thread ------------------------------------------------------------- */

static bool wait_for_news(struct deliverer *d)
{
	const int64_t until_ms = clock_mono_ms() +
		DELIVERER_LOOK_MS / (d->options.haste < 20 ? d->options.haste :
							     20);
	const struct timespec until = {
		.tv_sec = until_ms / 1000,
		.tv_nsec = until_ms % 1000 * 1000000,
	};
	bool must_end;

	pthread_mutex_lock(&d->lock);
	while (!d->must_end && !d->is_fresh && !d->is_job_back &&
	       list_is_empty(&d->answered) &&
	       !pthread_cond_timedwait(&d->changed, &d->lock, &until))
		;
	d->is_fresh = false;
	must_end = d->must_end;
	pthread_mutex_unlock(&d->lock);
	return !must_end;
}

static void *deliverer_main(void *arg)
{
	struct deliverer *d = arg;

	crash_watch_thread();
	pthread_setname_np(pthread_self(), "usher-deliver");
	do {
		take_back(d);
		judge_answered(d);
		write_judged(d);
		look(d);
	} while (wait_for_news(d));
	/* what is known is not to be sent again: the store's end writes it */
	take_back(d);
	judge_answered(d);
	write_judged(d);
	pthread_mutex_lock(&d->lock);
	d->has_ended = true;
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* In the writer's thread. */
static void on_fresh(void *ctx)
{
	struct deliverer *d = ctx;

	pthread_mutex_lock(&d->lock);
	d->is_fresh = true;
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

static void free_all(struct list *head)
{
	while (!list_is_empty(head)) {
		struct flight *f = list_entry(head->next, struct flight, node);

		list_del(&f->node);
		free(f);
	}
}

void deliverer_free(struct deliverer *d)
{
	if (!d)
		return;
	free_all(&d->asked);
	free_all(&d->answered);
	free_all(&d->judged);
	free_all(&d->written);
	free(d->states);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

struct deliverer *deliverer_new(const struct deliverer_options *options)
{
	struct deliverer *d = calloc(1, sizeof(*d));
	pthread_condattr_t attr;

	if (!d)
		return NULL;
	d->options = *options;
	if (!d->options.haste)
		d->options.haste = 1;
	list_init(&d->asked);
	list_init(&d->answered);
	list_init(&d->judged);
	list_init(&d->written);
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (thread_start(&d->thread, deliverer_main, d)) {
		deliverer_free(d);
		return NULL;
	}
	deliveries_on_fresh(store_deliveries(options->store), on_fresh, d);
	return d;
}

bool deliverer_quit(struct deliverer *d, int ms)
{
	const int64_t end_ms = clock_mono_ms() + ms;
	const struct timespec end = {
		.tv_sec = end_ms / 1000,
		.tv_nsec = end_ms % 1000 * 1000000,
	};
	bool has_ended;

	if (!d)
		return true;
	deliveries_on_fresh(store_deliveries(d->options.store), NULL, NULL);
	pthread_mutex_lock(&d->lock);
	d->must_end = true;
	pthread_cond_signal(&d->changed);
	while (!d->has_ended)
		if (pthread_cond_timedwait(&d->changed, &d->lock, &end))
			break;
	has_ended = d->has_ended;
	pthread_mutex_unlock(&d->lock);
	if (has_ended)
		pthread_join(d->thread, NULL);
	return has_ended;
}
