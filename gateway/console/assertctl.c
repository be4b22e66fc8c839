#include "console/assertctl-private.h"

#include <errno.h>
#include <limits.h>

#include "base/clock.h"
#include "codec/json.h"
#include "handoff/examine.h"
#include "policy/body-mistake.h"
#include "policy/validate.h"

#define POOL_BYTES (1 << 20)
#define OUTPUT_MAX (256 * 1024)
#define COLUMN 11		/* where a verdict begins */

int assertctl_read(const char *path, size_t max, struct buf *out)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *f = is_stdin ? stdin : fopen(path, "re");
	char piece[4096];
	bool failed;
	size_t n;

	while (f && buf_is_ok(out) && out->len <= max &&
	       (n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_add(out, piece, n);
	failed = !f || ferror(f);
	if (failed)
		fprintf(stderr, "usherctl: %s: %s\n", path, strerror(errno));
	else if (!buf_is_ok(out) || out->len > max)
		fprintf(stderr, "usherctl: %s: has more than %zu octets\n",
			path, max);
	if (f && !is_stdin)
		fclose(f);
	explicit_bzero(piece, sizeof(piece));
	return failed || !buf_is_ok(out) || out->len > max ? -1 : 0;
}

int assertctl_open(const struct command_line *line, struct str slug,
		   struct console *console_r, const struct tenant **tenant_r)
{
	struct console console;
	const struct tenant *tenant;
	bool is_broken;

	if (console_open(&line->general, &console))
		return -1;
	tenant = console_tenant(&console, slug);
	is_broken = tenant && tenant->state == TENANT_BROKEN;
	if (is_broken)
		console_tell_broken(tenant);
	if (!tenant || is_broken) {
		console_close(&console);
		return -1;
	}
	*console_r = console;
	*tenant_r = tenant;
	return 0;
}

/* ---- what the handoff would say to it ----------------------------------- */

struct verification {
	struct examination assertion;
	/* of one that holds: what is wrong with whom it names */
	bool is_unfit, is_protected;
	struct invalid_list invalid;
	struct str hint;	/* absent: nothing usual */
};

/* As the handoff says it (handoff/handoff.c, of what nothing was posted beside). */
static struct str find_hint(const struct examination *e)
{
	const struct fields *claims = &e->vouch.says.claims;
	const struct body_refused refused = {
		.fields = claims, .kind = "claim",
		.name = body_mistake_field(claims, BODY_NAME),
	};

	return body_mistake_advice(e->pool, &refused).hint;
}

/* The step after the signature, with nothing posted beside it. */
static enum err judge_person(struct verification *v)
{
	struct examination *e = &v->assertion;
	const struct validation in = { &e->vouch.says.claims,
				       &e->tenant->redirects, e->pool };
	struct validated user;
	enum err err;

	if (e->result)
		return ERR_OK;
	invalid_list_init(&v->invalid, e->pool);
	err = validate(&in, &v->invalid, &user);
	if (err == ERR_NOMEM)
		return err;
	v->is_protected = !err && protected_has(&e->tenant->protected,
						user.email.key);
	v->is_unfit = err || v->is_protected;
	if (err)
		v->hint = find_hint(e);
	return ERR_OK;
}

static enum code unfit_code(const struct verification *v)
{
	return v->is_protected ? CODE_address_protected :
				 CODE_validation_failed;
}

static bool is_good(const struct verification *v)
{
	return !v->assertion.result && !v->is_unfit;
}

/* ---- telling ------------------------------------------------------------ */

static void add_mistake(const struct examination *e, struct buf *out)
{
	/* of what is no token the form's row has it */
	if (e->other_kid.ptr || e->mistake_kid.ptr)
		buf_printf(out, "%-*s%.*s\n", COLUMN, "mistake",
			   STR_ARG(examine_remedy(e)));
	else if (e->rows[EXAMINE_SIGNATURE].verdict == EXAMINE_REFUSED)
		buf_printf(out, "%-*snone of the usual ones: it was another "
			   "secret or key, or what was signed has changed "
			   "since\n", COLUMN, "mistake");
}

static void add_hint(const struct verification *v, struct buf *out)
{
	if (v->hint.len)
		buf_printf(out, "%-*s%.*s\n", COLUMN, "hint",
			   STR_ARG(v->hint));
}

static void add_unfit(const struct verification *v, struct buf *out)
{
	const struct code_info *code = &code_table[unfit_code(v)];

	for (unsigned i = 0; i < v->invalid.count; i++) {
		buf_printf(out, "%-*sREFUSED, %s: ", COLUMN, "fields",
			   code->name);
		buf_adds(out, v->invalid.v[i].message);
		buf_addc(out, '\n');
	}
	add_hint(v, out);
	buf_printf(out, "\nrefused: %s: the signature is good, but the handoff "
		   "answers %d%s\n", code->name, code->status,
		   v->is_protected ? "" :
		   ", unless the page posts what is missing beside it");
}

static void add_good(const struct examination *e, struct buf *out)
{
	buf_puts(out, "\ngood, and so signs in ");
	buf_adds(out, e->vouch.says.email);
	if (e->vouch.says.sub.ptr) {
		buf_puts(out, ", sub ");
		buf_adds(out, e->vouch.says.sub);
	}
	buf_printf(out, "%s\n", e->tenant->identity == IDENTITY_UNSIGNED ?
		   "; but the tenant's identity is \"unsigned\", and nobody "
		   "looks" : "");
}

/* What an assertion says has no control characters, or was refused as JSON. */
static void add_text(const struct verification *v, struct buf *out)
{
	const struct examination *e = &v->assertion;
	static const char *const words[] = {
		[EXAMINE_GOOD] = "good", [EXAMINE_UNSEEN] = "not looked at",
	};

	for (unsigned i = 0; i < EXAMINE_ROWS; i++) {
		const struct examine_row *row = &e->rows[i];

		if (!row->name)
			break;
		buf_printf(out, "%-*s", COLUMN, row->name);
		if (row->verdict == EXAMINE_REFUSED) {
			buf_printf(out, "REFUSED, %s: ",
				   code_table[row->code].name);
			buf_adds(out, row->hint);
			buf_addc(out, '\n');
		} else {
			buf_printf(out, "%s\n", words[row->verdict]);
		}
		if (i == EXAMINE_SIGNATURE)
			add_mistake(e, out);
	}
	if (e->result) {
		add_hint(v, out);
		buf_printf(out, "\nrefused: %s\n",
			   code_table[e->vouch.code].name);
	} else if (v->is_unfit) {
		add_unfit(v, out);
	} else {
		add_good(e, out);
	}
}

static void add_row_json(const struct examine_row *row, struct buf *out)
{
	static const char *const words[] = {
		[EXAMINE_GOOD] = "good", [EXAMINE_REFUSED] = "refused",
		[EXAMINE_UNSEEN] = "not_looked_at",
	};

	if (out->ptr[out->len - 1] != '[')
		buf_addc(out, ',');
	buf_addc(out, '{');
	json_add_member(out, "name", str_from(row->name));
	json_add_member(out, "verdict", str_from(words[row->verdict]));
	if (row->verdict == EXAMINE_REFUSED) {
		json_add_member(out, "code",
				str_from(code_table[row->code].name));
		json_add_member(out, "hint", row->hint);
	}
	buf_addc(out, '}');
}

static void add_mistake_json(const struct examination *e, struct buf *out)
{
	bool is_other = e->other_kid.ptr;

	if (!is_other && !e->mistake)
		return;
	buf_puts(out, ",\"mistake\":{");
	json_add_member(out, "name", str_from(is_other ? "other_kid" :
					      jws_mistake_name(e->mistake)));
	if (is_other || e->mistake_kid.ptr)
		json_add_member(out, "kid", is_other ? e->other_kid :
						       e->mistake_kid);
	json_add_member(out, "remedy", is_other ?
			STR("It holds under this key. Send that as kid, or "
			    "sign with the other key.") :
			str_from(jws_mistake_text(e->mistake)));
	buf_addc(out, '}');
}

static void add_unfit_json(const struct verification *v, struct buf *out)
{
	json_add_member(out, "code", str_from(code_table[unfit_code(v)].name));
	buf_puts(out, ",\"errors\":[");
	for (unsigned i = 0; i < v->invalid.count; i++) {
		buf_puts(out, i ? ",{" : "{");
		json_add_member(out, "field", v->invalid.v[i].field);
		json_add_member(out, "message", v->invalid.v[i].message);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
	if (v->hint.len)
		json_add_member(out, "hint", v->hint);
}

static void add_json(const struct verification *v, struct buf *out)
{
	const struct examination *e = &v->assertion;

	buf_addc(out, '{');
	json_add_member(out, "tenant", e->tenant->slug);
	json_add_member_bool(out, "good", is_good(v));
	if (v->is_unfit)
		add_unfit_json(v, out);
	if (e->result) {
		json_add_member(out, "code",
				str_from(code_table[e->vouch.code].name));
		json_add_member(out, "hint",
				v->hint.len ? v->hint : e->vouch.hint);
	} else {
		json_add_member_raw(out, "claims", STR(""));
		json_add_fields(out, &e->vouch.says.claims);
		if (e->vouch.says.sub.ptr)
			json_add_member(out, "sub", e->vouch.says.sub);
	}
	buf_puts(out, ",\"checks\":[");
	for (unsigned i = 0; i < EXAMINE_ROWS && e->rows[i].name; i++)
		add_row_json(&e->rows[i], out);
	buf_addc(out, ']');
	add_mistake_json(e, out);
	buf_puts(out, "}\n");
}

static int verify(const struct command_line *line, struct verification *v)
{
	int status = COMMAND_REFUSED;
	struct buf out;
	enum err err = examine(&v->assertion);

	if (!err)
		err = judge_person(v);
	buf_init(&out, OUTPUT_MAX);
	if (!err && line->general.json)
		add_json(v, &out);
	else if (!err)
		add_text(v, &out);
	if (!err && buf_is_ok(&out)) {
		fwrite(out.ptr, 1, out.len, stdout);
		status = is_good(v) ? COMMAND_DONE : COMMAND_REFUSED;
	} else {
		fprintf(stderr, "usherctl: verify: %s\n",
			err_text(err ? err : ERR_NOMEM));
	}
	buf_done(&out);
	return status;
}

/* What a partner's server answers its page, {"assertion":"..."}, will do. */
static struct str find_assertion(struct str text, struct pool *pool,
				 struct str *hint_r)
{
	struct fields fields;
	struct str found;

	if (!str_has_prefix(text, STR("{")))
		return text;
	fields_init(&fields, pool);
	if (json_parse_fields(text, &fields, NULL))
		return text;
	found = fields_value(&fields, STR("assertion"));
	if (found.len)
		return found;
	found = body_mistake_field(&fields, BODY_ASSERTION);
	if (found.len)
		*hint_r = body_mistake_assertion(pool, found);
	return text;
}

/*
 * Keys by URL: what the gateway had last, from its state directory; nothing is
 * fetched here.  False, with the reason printed: the tenant has no key at all.
 */
static bool has_keys(const struct console *console, const struct tenant *tenant)
{
	char path[PATH_MAX];
	enum err err = ERR_OK;

	if (tenant->key_source) {
		snprintf(path, sizeof(path), "%s/jwks/%s",
			 console->snapshot->gateway.state.ptr,
			 tenant->slug.ptr);
		err = key_source_load(tenant->key_source, path);
	}
	if (err)
		fprintf(stderr, "usherctl: verify: the keys by URL of tenant "
			"\"%s\" cannot be read from %s: %s; the gateway keeps "
			"them there once it has fetched them\n",
			tenant->slug.ptr, path, err_text(err));
	else if (!tenant->key_source && !tenant->key_count)
		fprintf(stderr, "usherctl: tenant \"%.*s\" has no keys: see "
			"keys in usher.conf(5)\n", STR_ARG(tenant->slug));
	return !err ? tenant->key_source || tenant->key_count :
		      tenant->key_count;
}

int assertctl_verify(const struct command_line *line)
{
	const char *path = line->count > 1 ? line->arguments[1] : "-";
	struct verification v = { .assertion.now_s = clock_wall_s() };
	struct examination *e = &v.assertion;
	struct console console;
	int status = COMMAND_REFUSED;
	struct buf text;

	if (assertctl_open(line, str_from(line->arguments[0]), &console,
			   &e->tenant))
		return COMMAND_REFUSED;
	/* More than can be one, so that its length is what is told. */
	buf_init(&text, 8 * JWS_MAX);
	e->pool = pool_new(POOL_BYTES);
	if (!e->pool)
		fputs("usherctl: verify: out of memory\n", stderr);
	else if (has_keys(&console, e->tenant) &&
		 !assertctl_read(path, 4 * JWS_MAX, &text)) {
		/* as the gateway takes it from a field */
		e->text = find_assertion(str_trim(buf_str(&text), " \t\r\n"),
					 e->pool, &v.hint);
		status = verify(line, &v);
	}
	pool_free(e->pool);
	buf_done(&text);
	console_close(&console);
	return status;
}
