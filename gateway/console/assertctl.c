#include "console/assertctl-private.h"

#include <errno.h>

#include "base/clock.h"
#include "codec/json.h"
#include "crypto/jws-mistake.h"
#include "handoff/vouch.h"

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
		fprintf(stderr, "usherctl: tenant \"%.*s\" is broken; see: "
			"usherctl check\n", STR_ARG(slug));
	if (!tenant || is_broken) {
		console_close(&console);
		return -1;
	}
	*console_r = console;
	*tenant_r = tenant;
	return 0;
}

/* ---- checks ------------------------------------------------------------- */

enum verdict { GOOD, REFUSED, UNSEEN };

struct row {
	const char *name;
	enum verdict verdict;
	enum code code;			/* of what is refused */
	struct str hint;
};

enum { FORM, ALGORITHM, KID, SIGNATURE, CLAIMS };	/* rows */
#define ROWS (CLAIMS + ASSERTION_CHECKS)

struct examination {
	const struct tenant *tenant;
	struct pool *pool;
	int64_t now_s;
	struct str text;
	struct row rows[ROWS];
	/* what the gateway would say */
	enum err result;
	struct vouch vouch;
	/* what went wrong with the signature, and with which key */
	enum jws_mistake mistake;
	struct str mistake_kid;
	struct str other_kid;		/* the key that it holds under */
};

/* The gateway's own words, where it is what the gateway refuses. */
static void refuse(struct examination *e, unsigned row, enum code code)
{
	e->rows[row].verdict = REFUSED;
	e->rows[row].code = code;
	e->rows[row].hint = e->result == ERR_AUTH && e->vouch.code == code ?
				    e->vouch.hint :
				    str_from(code_table[code].meaning);
}

static const struct tenant_key *find_key(const struct tenant *tenant,
					 const struct jws *jws)
{
	if (str_is_null(jws->kid))
		return tenant->key_count == 1 ? &tenant->keys[0] : NULL;
	for (unsigned i = 0; i < tenant->key_count; i++)
		if (str_eq(tenant->keys[i].kid, jws->kid))
			return &tenant->keys[i];
	return NULL;
}

/* Of all keys, for it may be another one's that was meant. */
static void find_mistake(struct examination *e, const struct jws *jws)
{
	const struct tenant *tenant = e->tenant;

	for (unsigned i = 0; i < tenant->key_count; i++) {
		const struct tenant_key *key = &tenant->keys[i];

		if (!jws_verify(key->key, jws)) {
			e->other_kid = key->kid;
			return;
		}
	}
	for (unsigned i = 0; i < tenant->key_count; i++) {
		e->mistake = jws_mistake_find(tenant->keys[i].key, jws);
		if (e->mistake) {
			e->mistake_kid = tenant->keys[i].kid;
			return;
		}
	}
}

static void examine_signature(struct examination *e, const struct jws *jws)
{
	const struct tenant_key *key = find_key(e->tenant, jws);
	enum err err = key ? jws_verify(key->key, jws) : ERR_NOT_FOUND;
	enum jws_algorithm known;

	if (!key)
		refuse(e, KID, CODE_assertion_key_unknown);
	if (err == ERR_UNSUPPORTED ||
	    (!key && jws_algorithm_parse(jws->alg, &known)))
		refuse(e, ALGORITHM, CODE_assertion_algorithm);
	if (!err)
		return;
	if (err == ERR_AUTH) {
		refuse(e, SIGNATURE, CODE_assertion_signature);
		/* not the gateway's, which sends people here */
		e->rows[SIGNATURE].hint = pool_printf(
			e->pool, "it does not hold under the key \"%s\" (%s)",
			key->kid.ptr,
			jws_algorithm_text(jws_key_algorithm(key->key)));
	} else {
		e->rows[SIGNATURE].verdict = UNSEEN;
	}
	find_mistake(e, jws);
}

static enum err examine_claims(struct examination *e, const struct jws *jws)
{
	const struct assertion_rules rules = {
		.issuer = e->tenant->issuer,
		.slug = e->tenant->slug,
		.url = e->tenant->handoff_url,
		.max_age_s = e->tenant->assertion_max_age_s,
		.now_s = e->now_s,
	};
	struct assertion_row rows[ASSERTION_CHECKS];
	struct assertion says;
	enum err err = assertion_check(&rules, jws->typ, jws->payload, e->pool,
				       &says, rows);

	if (err && err != ERR_AUTH)
		return err;
	for (unsigned i = 0; i < ASSERTION_CHECKS; i++)
		e->rows[CLAIMS + i] = (struct row){
			.name = rows[i].name,
			.verdict = rows[i].is_good ? GOOD : REFUSED,
			.code = rows[i].code,
			.hint = rows[i].hint,
		};
	return ERR_OK;
}

/* First what the gateway says, which counts; then the rest of the checks. */
static enum err examine(struct examination *e)
{
	static const char *const names[CLAIMS] = {
		[FORM] = "form", [ALGORITHM] = "alg", [KID] = "kid",
		[SIGNATURE] = "signature",
	};
	struct jws jws;
	enum err err;

	for (unsigned i = 0; i < CLAIMS; i++)
		e->rows[i] = (struct row){ .name = names[i] };
	e->result = vouch_read(e->tenant, e->text, e->now_s, e->pool,
			       &e->vouch);
	if (e->result && e->result != ERR_AUTH)
		return e->result;
	err = jws_parse(e->text, e->pool, &jws);
	if (err == ERR_NOMEM)
		return err;
	if (err) {
		refuse(e, FORM, e->vouch.code);
		for (unsigned i = FORM + 1; i < CLAIMS; i++)
			e->rows[i].verdict = UNSEEN;
		return ERR_OK;
	}
	examine_signature(e, &jws);
	return examine_claims(e, &jws);
}

/* ---- telling ------------------------------------------------------------ */

static void add_mistake(const struct examination *e, struct buf *out)
{
	if (e->other_kid.ptr)
		buf_printf(out, "%-*sit holds under the key \"%.*s\": send that "
			   "as kid, or sign with the other key\n", COLUMN,
			   "mistake", STR_ARG(e->other_kid));
	else if (e->mistake)
		buf_printf(out, "%-*swith the key \"%.*s\": %s\n", COLUMN,
			   "mistake", STR_ARG(e->mistake_kid),
			   jws_mistake_text(e->mistake));
	else if (e->rows[SIGNATURE].verdict == REFUSED)
		buf_printf(out, "%-*snone of the usual ones: it was another "
			   "secret or key, or what was signed has changed "
			   "since\n", COLUMN, "mistake");
}

/* What an assertion says has no control characters, or was refused as JSON. */
static void add_text(const struct examination *e, struct buf *out)
{
	static const char *const words[] = {
		[GOOD] = "good", [UNSEEN] = "not looked at",
	};

	for (unsigned i = 0; i < ROWS; i++) {
		const struct row *row = &e->rows[i];

		if (!row->name)
			break;
		buf_printf(out, "%-*s", COLUMN, row->name);
		if (row->verdict == REFUSED) {
			buf_printf(out, "REFUSED, %s: ",
				   code_table[row->code].name);
			buf_adds(out, row->hint);
			buf_addc(out, '\n');
		} else {
			buf_printf(out, "%s\n", words[row->verdict]);
		}
		if (i == SIGNATURE)
			add_mistake(e, out);
	}
	buf_addc(out, '\n');
	if (e->result) {
		buf_printf(out, "refused: %s\n",
			   code_table[e->vouch.code].name);
		return;
	}
	buf_puts(out, "good, and so signs in ");
	buf_adds(out, e->vouch.says.email);
	if (e->vouch.says.sub.ptr) {
		buf_puts(out, ", sub ");
		buf_adds(out, e->vouch.says.sub);
	}
	buf_printf(out, "%s\n", e->tenant->identity == IDENTITY_UNSIGNED ?
		   "; but the tenant's identity is \"unsigned\", and nobody "
		   "looks" : "");
}

static void add_row_json(const struct row *row, struct buf *out)
{
	static const char *const words[] = {
		[GOOD] = "good", [REFUSED] = "refused",
		[UNSEEN] = "not_looked_at",
	};

	if (out->ptr[out->len - 1] != '[')
		buf_addc(out, ',');
	buf_addc(out, '{');
	json_add_member(out, "name", str_from(row->name));
	json_add_member(out, "verdict", str_from(words[row->verdict]));
	if (row->verdict == REFUSED) {
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
	json_add_member(out, "kid", is_other ? e->other_kid : e->mistake_kid);
	json_add_member(out, "remedy", is_other ?
			STR("It holds under this key. Send that as kid, or "
			    "sign with the other key.") :
			str_from(jws_mistake_text(e->mistake)));
	buf_addc(out, '}');
}

static void add_json(const struct examination *e, struct buf *out)
{
	buf_addc(out, '{');
	json_add_member(out, "tenant", e->tenant->slug);
	json_add_member_bool(out, "good", !e->result);
	if (e->result) {
		json_add_member(out, "code",
				str_from(code_table[e->vouch.code].name));
		json_add_member(out, "hint", e->vouch.hint);
	} else {
		json_add_member_raw(out, "claims", STR(""));
		json_add_fields(out, &e->vouch.says.claims);
		if (e->vouch.says.sub.ptr)
			json_add_member(out, "sub", e->vouch.says.sub);
	}
	buf_puts(out, ",\"checks\":[");
	for (unsigned i = 0; i < ROWS && e->rows[i].name; i++)
		add_row_json(&e->rows[i], out);
	buf_addc(out, ']');
	add_mistake_json(e, out);
	buf_puts(out, "}\n");
}

static int verify(const struct command_line *line, struct examination *e)
{
	int status = COMMAND_REFUSED;
	struct buf out;
	enum err err = examine(e);

	buf_init(&out, OUTPUT_MAX);
	if (!err && line->general.json)
		add_json(e, &out);
	else if (!err)
		add_text(e, &out);
	if (!err && buf_is_ok(&out)) {
		fwrite(out.ptr, 1, out.len, stdout);
		status = e->result ? COMMAND_REFUSED : COMMAND_DONE;
	} else {
		fprintf(stderr, "usherctl: verify: %s\n",
			err_text(err ? err : ERR_NOMEM));
	}
	buf_done(&out);
	return status;
}

/* What a partner's server answers its page, {"assertion":"..."}, will do. */
static struct str find_assertion(struct str text, struct pool *pool)
{
	struct fields fields;
	struct str found;

	if (!str_has_prefix(text, STR("{")))
		return text;
	fields_init(&fields, pool);
	if (json_parse_fields(text, &fields, NULL))
		return text;
	found = fields_value(&fields, STR("assertion"));
	return str_is_null(found) ? text : found;
}

int assertctl_verify(const struct command_line *line)
{
	const char *path = line->count > 1 ? line->arguments[1] : "-";
	struct examination e = { .now_s = clock_wall_s() };
	struct console console;
	int status = COMMAND_REFUSED;
	struct buf text;

	if (assertctl_open(line, str_from(line->arguments[0]), &console,
			   &e.tenant))
		return COMMAND_REFUSED;
	/* More than can be one, so that its length is what is told. */
	buf_init(&text, 8 * JWS_MAX);
	e.pool = pool_new(POOL_BYTES);
	if (!e.pool)
		fputs("usherctl: verify: out of memory\n", stderr);
	else if (!e.tenant->key_count)
		fprintf(stderr, "usherctl: tenant \"%.*s\" has no keys: see "
			"keys in usher.conf(5)\n", STR_ARG(e.tenant->slug));
	else if (!assertctl_read(path, 4 * JWS_MAX, &text)) {
		/* as the gateway takes it from a field */
		e.text = find_assertion(str_trim(buf_str(&text), " \t\r\n"),
					e.pool);
		status = verify(line, &e);
	}
	pool_free(e.pool);
	buf_done(&text);
	console_close(&console);
	return status;
}
