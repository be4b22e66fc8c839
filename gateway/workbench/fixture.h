/*
 * fixture: run an adapter over written-down requests, and say what came out.
 *
 * For `usherctl adapter check` and `run`: the same loading, the same calls, the
 * same checks as in the gateway, and no gateway.  A fixture is text, a
 * statement on a line:
 *
 *	# a comment; empty lines are skipped
 *	config plan.default = free	a setting of adapter.config, flattened
 *	secret desk = s3cret		what adapter.secrets would name
 *	load				load now rather than at the first run
 *	field plan = pro		a field of the next request
 *	json tags = ["a"]		the same, nested JSON
 *	claim role = agent		the same, vouched for by an assertion
 *	attribute plan = free		stored about the user before it
 *	info user.id = 42		what the gateway knows: see USHER_INFO
 *	signed				the next request carries an assertion
 *	handoff				run the three hooks of the handoff
 *	deliver				run deliver
 *	expect ok			and after a run what must have come out:
 *	expect attribute plan = pro	    set by it
 *	expect removed plan		    deleted by it
 *	expect unchanged plan		    neither
 *	expect email = a@b.example	    supplied; name likewise
 *	expect redirect = https://...	    chosen; "none": not
 *	expect post = https://...	    and its fields:
 *	expect posted user = 42
 *	expect event seen = {"n":1}
 *	expect invalid plan = The selected plan is invalid.
 *	expect denied not_member = Members only.
 *	expect failed
 *
 * A statement about a request after a run begins the next request.
 */
#ifndef WORKBENCH_FIXTURE_H
#define WORKBENCH_FIXTURE_H

#include "workbench/harness.h"

#define FIXTURE_TEXT_MAX (256 * 1024)	/* octets of a fixture */
#define FIXTURE_LINE_MAX (16 * 1024)
#define FIXTURE_SETTINGS_MAX 256

struct fixture_result {
	unsigned runs;		/* hooks ran that often */
	unsigned expectations;	/* statements that begin with `expect` */
	unsigned failures;	/* of them */
};

/* `settings` and `secrets` take the place of the fixture's of these names. */
struct fixture_options {
	const char *path;		/* of the module */
	struct supervisor *supervisor;	/* NULL: in this process */
	const struct adapter_services *services;
	const struct adapter_setting *settings;
	unsigned setting_count;
	const struct adapter_secret *secrets;
	unsigned secret_count;
	/* Called after the loading and after each run; may be NULL. */
	void *ctx;
	void (*loaded)(void *ctx, const struct harness_options *with);
	void (*ran)(void *ctx, const struct harness *harness,
		    const struct sample *sample);
};

/* "ok", "invalid (422)" and so on. */
const char *fixture_result_name(enum adapter_result result);

/*
 * Report to *out: what each run gave, each expectation that did not hold,
 * with `name` and the line.  ERR_OK when the fixture was read to its end
 * (*result_r says how it went); else the adapter could not be loaded or a line
 * could not be understood, and *out says so.
 */
enum err fixture_run(const struct fixture_options *options, struct str name,
		     struct str fixture, struct buf *out,
		     struct fixture_result *result_r);

#endif
