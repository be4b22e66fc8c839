#include "console/snippet.h"

#include <stdint.h>
#include <stdlib.h>

#include "console/console.h"
#include "base/buf.h"
#include "codec/html.h"
#include "codec/json.h"
#include "crypto/digest.h"
#include "desk/assets.h"

#define SNIPPET_MAX (64 * 1024)
#define INTEGRITY_MAX (sizeof("sha384-") + DIGEST_384_SIZE / 3 * 4)

const struct command_option snippet_options[] = {
	{ "framework", "plain|fetch|embed|laravel|wordpress|react",
	  "where it goes (default: plain)", 1 },
	{ 0 }
};

/*
 * The texts are console/snippets/.  What stands between two '@' in them is
 * replaced:
 *	@tenant@ @script@ @integrity@ @action@	plain in every context
 *	@title@		the desk's name for an attribute in HTML
 *	@title-js@	the same as a quoted string of JavaScript or JSX
 *	@assertion@ and those of `assertions`	what a user's proof needs, where
 *			the tenant asks for one; else nothing, and a line of its
 *			own goes, too
 */
static const struct framework {
	const char *name;
	const struct str *text;
	bool needs_origin;	/* works from listed origins alone */
} frameworks[] = {
	{ "plain", &asset_plain_html, false },
	{ "fetch", &asset_fetch_html, true },
	{ "embed", &asset_embed_html, true },
	{ "laravel", &asset_laravel_blade_php, false },
	{ "wordpress", &asset_wordpress_php, false },
	{ "react", &asset_react_jsx, false },
};

static const struct assertion {
	const char *name, *text;
} assertions[] = {
	{ "assertion", ", assertion" },
	{ "assertion-php", "        'assertion' => your_signed_assertion(), "
			   "// a JWT, made with your secret" },
	{ "assertion-input",
	  "    <input type=\"hidden\" name=\"assertion\">" },
	{ "assertion-fill", "            form.elements.assertion.value = "
			    "user.assertion || '';" },
	{ "assertion-fill-fetch", "        form.elements.assertion.value = "
				  "user.assertion || '';" },
	{ "assertion-blade", "        <input type=\"hidden\" "
			     "name=\"assertion\" "
			     "value=\"{{ $supportUser['assertion'] }}\">" },
	{ "assertion-jsx", "            <input type=\"hidden\" "
			   "name=\"assertion\" "
			   "value={user.assertion || ''} />" },
};

struct snippet {
	const struct tenant *tenant;
	struct buf script, integrity, action, out;
};

/* Blade and JSX read braces and '@' where HTML and JavaScript do not. */
static void add_guarded(struct buf *out, struct str text, const char *format)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (strchr("{}@", c) && c)
			buf_printf(out, format, c);
		else
			buf_addc(out, (char)c);
	}
}

static void add_title(struct buf *out, struct str name, bool is_js)
{
	struct buf title, escaped;

	buf_init(&title, SNIPPET_MAX);
	buf_init(&escaped, SNIPPET_MAX);
	buf_puts(&title, "Support: ");
	buf_adds(&title, name);
	if (is_js)
		json_add_str(&escaped, buf_str(&title));
	else
		html_add(&escaped, buf_str(&title));
	add_guarded(out, buf_str(&escaped), is_js ? "\\u%04x" : "&#%d;");
	buf_done(&title);
	buf_done(&escaped);
}

/* Does a user of this tenant come with a proof? */
static bool is_signed(const struct tenant *tenant)
{
	return tenant->identity != IDENTITY_UNSIGNED;
}

static void add_value(struct snippet *s, struct str name)
{
	struct buf *out = &s->out;
	unsigned i;

	if (str_eq(name, STR("tenant")))
		buf_adds(out, s->tenant->slug);
	else if (str_eq(name, STR("script")))
		buf_adds(out, buf_str(&s->script));
	else if (str_eq(name, STR("integrity")))
		buf_adds(out, buf_str(&s->integrity));
	else if (str_eq(name, STR("action")))
		buf_adds(out, buf_str(&s->action));
	else if (str_eq(name, STR("title")))
		add_title(out, s->tenant->name, false);
	else if (str_eq(name, STR("title-js")))
		add_title(out, s->tenant->name, true);
	else if (is_signed(s->tenant))
		for (i = 0; i < N_ELEMENTS(assertions); i++)
			if (str_eq(name, str_from(assertions[i].name)))
				buf_puts(out, assertions[i].text);
}

/* The end of `name` as a mark that begins at `at`, or NULL. */
static const char *end_of(const char *at, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(at + 1, name, len) && at[len + 1] == '@' ?
	       at + len + 2 : NULL;
}

/* The end of a mark that begins at `at`, or NULL: Blade and PHP have an '@' of
 * their own. */
static const char *mark_end(const char *at)
{
	static const char *const marks[] = {
		"tenant", "script", "integrity", "action", "title", "title-js",
	};
	const char *end = NULL;
	unsigned i;

	for (i = 0; !end && i < N_ELEMENTS(marks); i++)
		end = end_of(at, marks[i]);
	for (i = 0; !end && i < N_ELEMENTS(assertions); i++)
		end = end_of(at, assertions[i].name);
	return end;
}

static void expand(struct snippet *s, const char *text)
{
	bool begins = true;	/* a line */

	while (*text) {
		const char *end = *text == '@' ? mark_end(text) : NULL;
		size_t len = s->out.len;

		if (!end) {
			begins = *text == '\n';
			buf_addc(&s->out, *text++);
			continue;
		}
		add_value(s, (struct str){ text + 1,
					   (size_t)(end - text) - 2 });
		text = end;
		if (begins && *text == '\n' && s->out.len == len)
			text++;
		else
			begins = false;
	}
}

/* Subresource Integrity, section 3.5: plain base64. */
static enum err add_integrity(struct buf *out, struct str text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
				     "opqrstuvwxyz0123456789+/";
	uint8_t hash[DIGEST_384_SIZE];
	enum err err = digest_sha384(text.ptr, text.len, hash);
	unsigned i, j;

	if (err)
		return err;
	buf_puts(out, "sha384-");
	for (i = 0; i < sizeof(hash); i += 3) {
		uint32_t bits = (uint32_t)hash[i] << 16 |
				(uint32_t)hash[i + 1] << 8 | hash[i + 2];

		for (j = 0; j < 4; j++)
			buf_addc(out, digits[bits >> (18 - 6 * j) & 63]);
	}
	return ERR_OK;
}

static void advise(const struct tenant *tenant, const struct framework *f)
{
	if (f->needs_origin && !tenant->cors.count)
		fprintf(stderr, "usherctl: %s works only from sites that the "
			"tenant lists: add the partner's to its origins\n",
			f->name);
	if (is_signed(tenant))
		fprintf(stderr, "usherctl: users of this tenant come with a "
			"signed assertion: the partner's server makes one for "
			"each page that it sends\n");
}

static int print(const struct snapshot *snapshot, const struct tenant *tenant,
		 const struct framework *f, struct snippet_sdk sdk)
{
	struct snippet s = { .tenant = tenant };
	int status = COMMAND_REFUSED;

	buf_init(&s.script, SNIPPET_MAX);
	buf_init(&s.integrity, INTEGRITY_MAX);
	buf_init(&s.action, SNIPPET_MAX);
	buf_init(&s.out, SNIPPET_MAX);
	buf_adds(&s.script, snapshot->gateway.public_origin);
	buf_puts(&s.script, sdk.path);
	buf_adds(&s.action, snapshot->gateway.public_origin);
	buf_puts(&s.action, "/api/auth/redirect/");
	buf_adds(&s.action, tenant->slug);
	if (!add_integrity(&s.integrity, sdk.text))
		expand(&s, f->text->ptr);
	if (buf_is_ok(&s.script) && buf_is_ok(&s.integrity) &&
	    buf_is_ok(&s.action) && buf_is_ok(&s.out) && s.out.len) {
		fwrite(s.out.ptr, 1, s.out.len, stdout);
		advise(tenant, f);
		status = COMMAND_DONE;
	} else {
		fprintf(stderr, "usherctl: snippet: out of memory\n");
	}
	buf_done(&s.script);
	buf_done(&s.integrity);
	buf_done(&s.action);
	buf_done(&s.out);
	return status;
}

static const struct framework *find_framework(const char *name)
{
	unsigned i;

	for (i = 0; i < N_ELEMENTS(frameworks); i++)
		if (!strcmp(frameworks[i].name, name ? name : "plain"))
			return &frameworks[i];
	return NULL;
}

/* What is wrong with it, in the words of who can mend it. */
static int refuse(struct str slug, const struct tenant *tenant)
{
	if (!tenant)
		fprintf(stderr, "usherctl: there is no tenant \"%.*s\" in this "
			"configuration; see: usherctl check\n", STR_ARG(slug));
	else if (tenant->state == TENANT_BROKEN)
		fprintf(stderr, "usherctl: tenant \"%.*s\" is broken: %.*s\n",
			STR_ARG(slug), STR_ARG(tenant->problem));
	else
		fprintf(stderr, "usherctl: tenant \"%.*s\" is switched off "
			"(enabled = false)\n", STR_ARG(slug));
	return COMMAND_REFUSED;
}

int snippet_run(const struct command_line *line, struct snippet_sdk sdk)
{
	const struct framework *f =
		find_framework(command_value(line, "framework"));
	struct str slug = str_from(line->arguments[0]);
	const struct tenant *tenant;
	struct console console;
	int status;

	if (!f)
		return command_misused(line, "--framework is plain, fetch, "
				       "embed, laravel, wordpress or react");
	if (console_open(&line->general, &console))
		return COMMAND_REFUSED;
	tenant = snapshot_tenant(console.snapshot, slug);
	status = tenant && tenant->state == TENANT_SERVING ?
		 print(console.snapshot, tenant, f, sdk) :
		 refuse(slug, tenant);
	console_close(&console);
	return status;
}
