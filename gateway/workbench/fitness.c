#include "workbench/fitness.h"

#include <stdlib.h>

#include "workbench/hostile.h"

#define POOL_MAX (64u * 1024 * 1024)
#define TRANSCRIPT_MAX (16u * 1024 * 1024)
#define TIMES_MAX (FITNESS_ROUNDS * (FITNESS_ROUND_CALLS + FITNESS_CASES_MAX))

/* A request that was borne, to be run again. */
struct again {
	struct sample *sample;
	struct str name;
};

/* What is needed while it goes on. */
struct work {
	struct fitness *o;
	const struct fitness_options *options;
	struct harness *harness;
	struct hostile_words words;
	/* The settings that the first fixture loaded with. */
	struct harness_options load;
	bool has_load;
	struct str fixture;		/* at hand */
	struct again again[FITNESS_CASES_MAX];
	unsigned again_count;
	unsigned hangs;
	bool is_over;			/* it cannot be gone on with */
	int64_t *in_hooks, *round_trip;
	unsigned time_count;
};

/* ---- small things ------------------------------------------------------- */

static void note_name(struct fitness *o, struct str *names, unsigned *count,
		      struct str name)
{
	for (unsigned i = 0; i < *count; i++)
		if (str_eq(names[i], name))
			return;
	if (*count == FITNESS_NAMES_MAX)
		return;
	name = pool_str(o->pool, name);
	if (!str_is_null(name))
		names[(*count)++] = name;
}

static void note_outputs(struct fitness *o, const struct adapter_call *call)
{
	if (call->result != ADAPTER_OK)
		return;
	for (unsigned i = 0; i < call->change_count; i++)
		note_name(o, o->attributes, &o->attribute_count,
			  call->changes[i].name);
	for (unsigned i = 0; i < call->event_count; i++)
		note_name(o, o->events, &o->event_count, call->events[i].name);
	if (!str_is_null(call->redirect))
		note_name(o, o->redirects, &o->redirect_count, call->redirect);
	if (!str_is_null(call->post_url))
		note_name(o, o->redirects, &o->redirect_count, call->post_url);
}

static int64_t time_in_hooks(const struct adapter_trace *trace)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < trace->count; i++)
		sum += trace->steps[i].took_ns;
	return sum;
}

static int compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static struct fitness_times sum_up(int64_t *times, unsigned count)
{
	if (!count)
		return (struct fitness_times){ 0 };
	qsort(times, count, sizeof(*times), compare_times);
	return (struct fitness_times){count, times[count / 2],
				      times[count - 1]};
}

/* ---- judging one call --------------------------------------------------- */

static const struct adapter_step *last_step(const struct sample *s)
{
	return s->trace.count ? &s->trace.steps[s->trace.count - 1] : NULL;
}

static const char *hook_of(const struct sample *s)
{
	const struct adapter_step *step = last_step(s);

	return step ? call_phase_name(step->phase) : "a hook";
}

/* What becomes of a process stands in the problem, behind this. */
#define PROCESS_PREFIX "its process failed: "

static struct str death_of(const struct adapter_call *call)
{
	struct str problem = str_from(call->problem);
	struct str prefix = STR(PROCESS_PREFIX);

	if (!str_has_prefix(problem, prefix))
		return STR_NULL;
	problem.ptr += prefix.len;
	problem.len -= prefix.len;
	return problem;
}

static void judge_death(struct work *w, const struct harness *harness,
			const struct sample *s, struct str where,
			struct str how)
{
	struct findings *f = &w->o->findings;
	const char *kind = "protocol";
	char said[512];
	struct buf words;

	if (str_icontains(how, STR("system call")))
		kind = "forbidden";
	else if (str_has_prefix(how, STR("its process ")))
		kind = "crash";
	else if (str_icontains(how, STR("hung")))
		kind = "hang";
	buf_init_fixed(&words, said, sizeof(said));
	buf_puts(&words, "");
	harness_last_words(harness, &words);
	/* Where it said so itself, that is enough. */
	if (str_icontains(how, str_from(hook_of(s))))
		findings_add(f, kind, where, "%.*s%s", STR_ARG(how), said);
	else
		findings_add(f, kind, where, "in %s %.*s%s", hook_of(s),
			     STR_ARG(how), said);
}

static void judge_failure(struct work *w, const struct harness *harness,
			  const struct sample *s, struct str where)
{
	const struct adapter_step *step = last_step(s);
	struct findings *f = &w->o->findings;
	struct str how = death_of(&s->call);
	int returned = step ? step->returned : USHER_OK;

	if (!str_is_null(how))
		judge_death(w, harness, s, where, how);
	else if (returned == USHER_FAIL)
		findings_note(f, "failed", where, "%s: the user gets a 502",
			      s->call.problem);
	else if (returned < USHER_FAIL || returned > USHER_DENY)
		findings_add(f, "result", where, "%s", s->call.problem);
	else
		findings_add(f, "refused", where, "%s, and the user gets a "
			     "502; check the value before handing it over, or "
			     "refuse it with set_error()", s->call.problem);
}

static bool is_lost(const struct sample *s)
{
	return s->call.result == ADAPTER_TIMED_OUT ||
	       s->call.result == ADAPTER_UNAVAILABLE ||
	       !str_is_null(death_of(&s->call));
}

static void judge(struct work *w, const struct harness *harness,
		  const struct sample *s, struct str where)
{
	struct findings *f = &w->o->findings;

	note_outputs(w->o, &s->call);
	if (s->call.result == ADAPTER_FAILED) {
		judge_failure(w, harness, s, where);
	} else if (s->call.result == ADAPTER_TIMED_OUT) {
		w->hangs++;
		findings_add(f, "hang", where, "%s did not return within %d "
			     "seconds", hook_of(s), HARNESS_DEADLINE_MS / 1000);
	} else if (s->call.result == ADAPTER_UNAVAILABLE) {
		findings_add(f, "protocol", where, "%s", s->call.problem);
	}
}

/* After a death: the next request finds it as new, or there is none. */
static void revive(struct work *w)
{
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	struct buf problem;

	buf_init_fixed(&problem, text, sizeof(text));
	w->o->losses++;
	if (w->o->losses >= FITNESS_LOSSES_MAX || w->hangs >= FITNESS_HANGS_MAX) {
		findings_note(&w->o->findings, "load", STR_NULL, "its process "
			      "was lost %u times, which is enough: what else "
			      "there is to try was not tried", w->o->losses);
		w->is_over = true;
	} else if (harness_restart(w->harness, &problem)) {
		findings_add(&w->o->findings, "load", STR_NULL,
			     "it cannot be started again: %s", text);
		w->is_over = true;
	}
}

/* ---- fixtures ----------------------------------------------------------- */

static void keep_load(void *ctx, const struct harness_options *with)
{
	struct adapter_setting *settings;
	struct adapter_secret *secrets;
	struct work *w = ctx;
	struct pool *pool = w->o->pool;

	if (w->has_load)
		return;
	settings = pool_calloc(pool, with->setting_count + 1,
			       sizeof(*settings));
	secrets = pool_calloc(pool, with->secret_count + 1, sizeof(*secrets));
	if (!settings || !secrets)
		return;
	for (unsigned i = 0; i < with->setting_count; i++) {
		settings[i].key = pool_str(pool, with->settings[i].key);
		settings[i].value = pool_str(pool, with->settings[i].value);
	}
	for (unsigned i = 0; i < with->secret_count; i++) {
		secrets[i].name = pool_str(pool, with->secrets[i].name);
		secrets[i].value = pool_str(pool, with->secrets[i].value);
	}
	w->load = *with;
	w->load.settings = settings;
	w->load.secrets = secrets;
	w->has_load = true;
}

static void add_words_of(struct work *w, const struct fields *fields)
{
	for (unsigned i = 0; i < fields->count; i++)
		hostile_add_word(&w->words,
				 pool_str(w->o->pool, fields->v[i].name));
}

static void keep_again(struct work *w, const struct sample *s, struct str name)
{
	struct sample *copy;

	if (w->again_count == FITNESS_CASES_MAX || is_lost(s))
		return;
	copy = sample_copy(s);
	if (copy)
		w->again[w->again_count++] = (struct again){
			copy, pool_str(w->o->pool, name)
		};
}

static void after_run(void *ctx, const struct harness *harness,
		      const struct sample *s)
{
	struct work *w = ctx;

	add_words_of(w, &s->fields);
	add_words_of(w, &s->attributes);
	note_outputs(w->o, &s->call);
	/* A failure can be what the fixture expects; a death never is. */
	if (is_lost(s))
		judge(w, harness, s, w->fixture);
	keep_again(w, s, w->fixture);
}

static void run_fixture(struct work *w, const struct fitness_fixture *fixture)
{
	struct fixture_options options = w->options->trial;
	struct fitness *o = w->o;
	struct fitness_verdict *v = &o->fixtures[o->fixture_count++];
	struct fixture_result result = { 0 };
	enum err err;

	options.ctx = w;
	options.loaded = keep_load;
	options.ran = after_run;
	w->fixture = fixture->name;
	err = fixture_run(&options, fixture->name, fixture->text,
			  &o->transcript, &result);
	*v = (struct fitness_verdict){ fixture->name, result.runs,
				      result.expectations, result.failures,
				      !err };
	if (err)
		findings_add(&o->findings, "expectation", fixture->name,
			     "%.*s was not run to its end",
			     STR_ARG(fixture->name));
	else if (result.failures)
		findings_add(&o->findings, "expectation", fixture->name,
			     "%u of %u expectations in %.*s do not hold",
			     result.failures, result.expectations,
			     STR_ARG(fixture->name));
}

/* ---- loading ------------------------------------------------------------ */

static bool load(struct work *w)
{
	const struct fixture_options *t = &w->options->trial;
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	const struct adapter *adapter;
	struct fitness *o = w->o;
	struct buf problem;

	if (!w->has_load)
		w->load = (struct harness_options){
			t->path, t->supervisor, t->services, t->settings,
			t->setting_count, t->secrets, t->secret_count
		};
	buf_init_fixed(&problem, text, sizeof(text));
	if (harness_new(&w->load, &w->harness, &problem)) {
		findings_add(&o->findings, "load", STR_NULL, "%s", text);
		return false;
	}
	adapter = harness_adapter(w->harness);
	o->is_loaded = true;
	o->is_isolated = harness_is_isolated(w->harness);
	o->name = pool_str(o->pool, adapter_name(adapter));
	o->version = pool_str(o->pool, adapter_version(adapter));
	o->facts = adapter_facts(adapter);
	return true;
}

static void choose_words(struct work *w)
{
	struct str *names;
	unsigned count;

	hostile_add_word(&w->words, STR("email"));
	hostile_add_word(&w->words, STR("name"));
	for (unsigned i = 0; i < w->load.setting_count; i++)
		hostile_add_word(&w->words, w->load.settings[i].value);
	for (unsigned i = 0; i < w->o->linkage.word_count; i++)
		hostile_add_word(&w->words, w->o->linkage.words[i]);
	if (adapter_json_fields(w->load.settings, w->load.setting_count,
				w->o->pool, &names, &count))
		return;
	for (unsigned i = 0; i < count && i < 16; i++)
		w->words.json[w->words.json_count++] = names[i];
}

/* ---- the hostile set ---------------------------------------------------- */

static void run_one(struct work *w, struct sample *s, struct str name)
{
	harness_run(w->harness, s);
	w->o->tried++;
	w->o->results[s->call.result]++;
	judge(w, w->harness, s, name);
	if (is_lost(s))
		revive(w);
}

static void run_hostile(struct work *w)
{
	bool has_deliver = adapter_has_deliver(harness_adapter(w->harness));
	char name[HOSTILE_NAME_MAX];
	struct sample s;

	for (unsigned i = 0; !w->is_over; i++) {
		if (hostile_make(&w->words, i, has_deliver, &s, name) != 1)
			return;
		run_one(w, &s, str_from(name));
		keep_again(w, &s, str_from(name));
		sample_done(&s);
	}
}

/* One user, then another of whom it is told nothing that the first one had. */
static void run_pair(struct work *w, struct sample *first, struct sample *other,
		     struct str name)
{
	const char *where;

	run_one(w, first, STR("a user before another"));
	if (w->is_over)
		return;
	run_one(w, other, name);
	where = hostile_find_mark(&other->call);
	if (where)
		findings_add(&w->o->findings, "state", name, "what one user "
			     "sent came back for the next one, in %s; keep "
			     "nothing of a request in the state or in static "
			     "variables", where);
}

static void run_two_users(struct work *w)
{
	struct sample first, other;

	if (w->is_over || hostile_mark(&w->words, &first))
		return;
	for (unsigned i = 0; !w->is_over; i++) {
		if (hostile_other(&w->words, i, &other) != 1)
			break;
		run_pair(w, &first, &other, STR("a user behind another"));
		if (!w->is_over &&
		    adapter_has_deliver(harness_adapter(w->harness)) &&
		    !sample_follow(&other))
			run_pair(w, &first, &other,
				 STR("deliver behind another user"));
		sample_done(&other);
	}
	for (unsigned i = 0; i < w->again_count && !w->is_over; i++)
		run_pair(w, &first, w->again[i].sample, w->again[i].name);
	sample_done(&first);
}

/* ---- again and again: time and memory ----------------------------------- */

/* False: something died, which a first run did not show. */
static bool run_again(struct work *w, unsigned index)
{
	struct sample *s = w->again[index].sample;

	harness_run(w->harness, s);
	if (is_lost(s)) {
		judge(w, w->harness, s, w->again[index].name);
		revive(w);
		return false;
	}
	if (w->time_count < TIMES_MAX) {
		w->in_hooks[w->time_count] = time_in_hooks(&s->trace);
		w->round_trip[w->time_count++] = s->took_ns;
	}
	return true;
}

struct size {
	uint64_t heap, mapped;
};

/* At the same place each time: behind the last hook of the last request. */
static bool run_round(struct work *w, unsigned first, unsigned end,
		      unsigned calls, struct size *size_r)
{
	const struct adapter_step *step;

	for (unsigned n = 0; n < calls;)
		for (unsigned i = first; i < end; i++, n++)
			if (!run_again(w, i))
				return false;
	step = last_step(w->again[end - 1].sample);
	*size_r = (struct size){step ? step->heap : 0,
				harness_memory(w->harness)};
	return true;
}

/*
 * Octets a call that it keeps: what grows in every round without exception.
 * A cache that fills up, or a library that draws something once, does not; so
 * the first two rounds do not count.
 */
static uint64_t growth_of(const struct size *sizes, unsigned calls)
{
	bool heap_grows = true, mapped_grows = true;
	const struct size *first = &sizes[2], *last = &sizes[FITNESS_ROUNDS - 1];
	unsigned counted = calls * (FITNESS_ROUNDS - 3);

	/* Another malloc than libc's, as sanitizers bring it, holds back what
	 * was freed. */
	if (!last->heap)
		return 0;
	for (const struct size *s = first; s < last; s++) {
		heap_grows &= s[1].heap > s->heap;
		mapped_grows &= s[1].mapped > s->mapped;
	}
	if (heap_grows)
		return (last->heap - first->heap + counted - 1) / counted;
	return mapped_grows ? (last->mapped - first->mapped + counted - 1) /
			      counted : 0;
}

static bool measure_growth(struct work *w, unsigned first, unsigned end,
			   unsigned calls, uint64_t *growth_r, uint64_t *heap_r)
{
	struct size sizes[FITNESS_ROUNDS];
	unsigned count = end - first;

	for (unsigned i = 0; i < FITNESS_ROUNDS; i++)
		if (!run_round(w, first, end, calls, &sizes[i]))
			return false;
	calls = (calls + count - 1) / count * count;
	*growth_r = growth_of(sizes, calls);
	*heap_r = sizes[FITNESS_ROUNDS - 1].heap;
	return true;
}

/* The request with which it keeps the most. */
static unsigned find_worst(struct work *w)
{
	uint64_t most = 0, growth, heap;
	unsigned worst = 0;

	for (unsigned i = 0; i < w->again_count; i++) {
		if (!measure_growth(w, i, i + 1, 32, &growth, &heap))
			break;
		if (growth > most) {
			most = growth;
			worst = i;
		}
	}
	return worst;
}

static void run_rounds(struct work *w)
{
	struct fitness *o = w->o;

	if (w->is_over || !w->again_count)
		return;
	if (!measure_growth(w, 0, w->again_count, FITNESS_ROUND_CALLS,
			    &o->growth, &o->heap))
		return;
	o->rounds_calls = w->time_count;
	o->in_hooks = sum_up(w->in_hooks, w->time_count);
	o->round_trip = sum_up(w->round_trip, w->time_count);
	if (o->growth)
		findings_add(&o->findings, "memory",
			     w->again[find_worst(w)].name, "it keeps about "
			     "%llu octets more with every call; what a hook "
			     "takes with malloc() it must free(), and what "
			     "alloc() gives goes by itself",
			     (unsigned long long)o->growth);
	if (o->in_hooks.median > HARNESS_SHOWN_MS * INT64_C(1000000))
		findings_note(&o->findings, "time", STR_NULL, "its hooks take "
			      "longer than deadline_ms allows by default "
			      "(%d ms)", HARNESS_SHOWN_MS);
}

/* ---- all of it ---------------------------------------------------------- */

static void work_done(struct work *w)
{
	harness_free(w->harness);
	for (unsigned i = 0; i < w->again_count; i++)
		sample_free(w->again[i].sample);
	free(w->in_hooks);
	free(w->round_trip);
	free(w);
}

static void try_all(struct work *w)
{
	const struct fitness_options *options = w->options;

	for (unsigned i = 0; i < options->fixture_count &&
			     i < FITNESS_FIXTURES_MAX; i++)
		run_fixture(w, &options->fixtures[i]);
	if (!load(w))
		return;
	choose_words(w);
	run_hostile(w);
	run_two_users(w);
	run_rounds(w);
}

struct fitness *fitness_run(const struct fitness_options *options)
{
	struct fitness *o = calloc(1, sizeof(*o));
	struct work *w = calloc(1, sizeof(*w));

	if (!o || !w)
		goto fail;
	o->pool = pool_new(POOL_MAX);
	w->in_hooks = calloc(TIMES_MAX, sizeof(*w->in_hooks));
	w->round_trip = calloc(TIMES_MAX, sizeof(*w->round_trip));
	if (!o->pool || !w->in_hooks || !w->round_trip)
		goto fail;
	w->o = o;
	w->options = options;
	findings_init(&o->findings, o->pool);
	buf_init(&o->transcript, TRANSCRIPT_MAX);
	o->is_linked = !linkage_read(options->trial.path, o->pool,
				     &o->findings, &o->linkage);
	/* What cannot be read as a shared object is not loaded either. */
	if (o->is_linked)
		try_all(w);
	work_done(w);
	return o;
fail:
	if (w)
		work_done(w);
	fitness_free(o);
	return NULL;
}

void fitness_free(struct fitness *o)
{
	if (!o)
		return;
	linkage_done(&o->linkage);
	buf_done(&o->transcript);
	pool_free(o->pool);
	free(o);
}
