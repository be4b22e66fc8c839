/* What is found out about an adapter before it meets a user. */
#include "workbench/fitness.h"

#include "workbench/hostile.h"
#include "adapter/supervisor.h"
#include "codec/utf8.h"
#include "unit/adapter/adapters.h"

static struct supervisor *supervisor;

static struct fitness *run(const char *name, bool is_isolated,
			   const char *fixture)
{
	struct fitness_fixture fixtures[] = {
		{ STR("the.fixture"), str_from(fixture) },
	};
	char path[ADAPTER_PATH_MAX], text[512];
	struct fitness_options options = {
		.trial = { .path = adapter_path(name, path),
			   .services = &test_services },
		.fixtures = fixtures, .fixture_count = fixture ? 1 : 0,
	};
	struct fitness *fitness;
	struct buf problem;

	buf_init_fixed(&problem, text, sizeof(text));
	if (is_isolated)
		ck_assert_msg(!supervisor_new(NULL, &supervisor, &problem),
			      "%s", text);
	options.trial.supervisor = supervisor;
	fitness = fitness_run(&options);
	ck_assert_ptr_nonnull(fitness);
	return fitness;
}

static void end(struct fitness *fitness)
{
	fitness_free(fitness);
	supervisor_free(supervisor);
	supervisor = NULL;
}

static const struct finding *finding_of(const struct fitness *o,
					const char *kind)
{
	for (unsigned i = 0; i < o->findings.count; i++)
		if (!strcmp(o->findings.v[i].kind, kind))
			return &o->findings.v[i];
	return NULL;
}

/* A sanitizer's malloc tells nothing of what is in use. */
static bool knows_memory(const struct fitness *o)
{
	return o->heap > 0;
}

static void is_fit(const struct fitness *o)
{
	for (unsigned i = 0; i < o->findings.count; i++)
		ck_assert_msg(o->findings.v[i].is_note, "%s: %.*s",
			      o->findings.v[i].kind,
			      STR_ARG(o->findings.v[i].text));
}

START_TEST(who_is_good_is_fit_wherever_it_runs)
{
	for (int isolated = 0; isolated < 2; isolated++) {
		struct fitness *o = run("acme", isolated,
					"field plan = pro\nhandoff\n"
					"expect attribute plan = pro\n");

		is_fit(o);
		ck_assert_int_eq(o->is_isolated, isolated);
		ck_str_is(o->name, "acme");
		ck_assert_uint_eq(o->facts.abi_major, USHER_ABI_MAJOR);
		ck_assert(o->facts.has_fini);
		ck_assert_uint_eq(o->fixtures[0].expectations, 1);
		ck_assert_uint_gt(o->tried, 500);
		ck_assert_uint_eq(o->attribute_count, 1);
		ck_str_is(o->attributes[0], "plan");
		ck_assert_uint_ge(o->rounds_calls,
				  FITNESS_ROUNDS * FITNESS_ROUND_CALLS);
		ck_assert_uint_eq(o->growth, 0);
		end(o);
	}
}
END_TEST

START_TEST(every_sin_that_its_constants_name_is_found)
{
	struct fitness *o = run("hostile", true, NULL);
	const struct finding *crash;

	crash = finding_of(o, "crash");
	ck_assert_ptr_nonnull(crash);
	ck_assert(str_icontains(crash->text, STR("in map_fields")));
	ck_assert(!str_is_null(crash->where));
	ck_assert_ptr_nonnull(finding_of(o, "forbidden"));
	ck_assert_ptr_nonnull(finding_of(o, "protocol"));
	ck_assert_ptr_nonnull(finding_of(o, "hang"));
	ck_assert_uint_le(o->losses, FITNESS_LOSSES_MAX);
	end(o);
}
END_TEST

START_TEST(outputs_and_results_that_are_none_are_found)
{
	struct fitness *o = run("misbehave", true, NULL);

	ck_assert_ptr_nonnull(finding_of(o, "refused"));
	ck_assert_ptr_nonnull(finding_of(o, "result"));
	/* To say that one cannot is no fault. */
	ck_assert_ptr_nonnull(finding_of(o, "failed"));
	ck_assert(finding_of(o, "failed")->is_note);
	ck_assert_uint_eq(o->losses, 0);
	end(o);
}
END_TEST

START_TEST(what_is_kept_is_found)
{
	for (int isolated = 0; isolated < 2; isolated++) {
		struct fitness *o = run("leaks", isolated, NULL);

		if (knows_memory(o)) {
			ck_assert_ptr_nonnull(finding_of(o, "memory"));
			ck_assert_uint_ge(o->growth, 100);
			ck_assert_uint_le(o->growth, 128);
		}
		ck_assert_ptr_null(finding_of(o, "crash"));
		end(o);
	}
}
END_TEST

START_TEST(what_one_user_sent_must_not_come_back_for_another)
{
	struct fitness *o = run("remembers", true, NULL);
	const struct finding *state = finding_of(o, "state");

	ck_assert_ptr_nonnull(state);
	ck_assert(str_icontains(state->text, STR("an attribute")));
	end(o);
}
END_TEST

START_TEST(a_fixture_that_does_not_hold_is_a_finding)
{
	struct fitness *o = run("acme", true,
				"field plan = pro\nhandoff\n"
				"expect attribute plan = free\n");

	ck_assert_ptr_nonnull(finding_of(o, "expectation"));
	ck_assert_uint_eq(o->fixtures[0].failures, 1);
	ck_assert(strstr(o->transcript.ptr, "the.fixture:3:") != NULL);
	end(o);
	o = run("acme", true, "feld plan = pro\n");
	ck_assert_ptr_nonnull(finding_of(o, "expectation"));
	ck_assert(!o->fixtures[0].was_read);
	end(o);
}
END_TEST

START_TEST(settings_of_the_first_fixture_hold_for_the_rest)
{
	struct fitness *o = run("init-fails", true, NULL);

	ck_assert(!o->is_loaded);
	ck_assert_ptr_nonnull(finding_of(o, "load"));
	end(o);
	o = run("plan-router", true,
		"config default = https://desk.example/\nhandoff\n"
		"expect redirect = https://desk.example/\n");
	is_fit(o);
	end(o);
}
END_TEST

/* Nothing that a partner could not send: each is within its limits. */
START_TEST(the_hostile_set_keeps_to_what_the_gateway_lets_through)
{
	static struct hostile_words words;
	char name[HOSTILE_NAME_MAX];
	struct sample s;
	unsigned count = 0;

	hostile_add_word(&words, STR("plan"));
	hostile_add_word(&words, STR("plan"));
	hostile_add_word(&words, STR("email"));
	ck_assert_uint_eq(words.count, 2);
	words.json[words.json_count++] = STR("tags");
	while (hostile_make(&words, count, true, &s, name) == 1) {
		size_t total = 0;

		for (unsigned i = 0; i < s.fields.count; i++) {
			const struct field *f = &s.fields.v[i];

			total += f->name.len + f->value.len + 2;
			ck_assert(!utf8_check_text(f->name, NULL));
			ck_assert(!utf8_check_text(f->value, NULL));
		}
		ck_assert_msg(total <= 16384, "%s: %zu", name, total);
		ck_assert_uint_gt(strlen(name), 0);
		ck_assert_uint_lt(strlen(name), HOSTILE_NAME_MAX);
		sample_done(&s);
		count++;
	}
	ck_assert_uint_gt(count, 200);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, who_is_good_is_fit_wherever_it_runs);
	tcase_add_test(t, every_sin_that_its_constants_name_is_found);
	tcase_add_test(t, outputs_and_results_that_are_none_are_found);
	tcase_add_test(t, what_is_kept_is_found);
	tcase_add_test(t, what_one_user_sent_must_not_come_back_for_another);
	tcase_add_test(t, a_fixture_that_does_not_hold_is_a_finding);
	tcase_add_test(t, settings_of_the_first_fixture_hold_for_the_rest);
	tcase_add_test(t,
		       the_hostile_set_keeps_to_what_the_gateway_lets_through);
}

UNIT_MAIN("fitness", add_tests)
