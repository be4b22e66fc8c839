#include "console/snippet.h"

#include <stdint.h>
#include <stdlib.h>

#include "console/console.h"
#include "base/buf.h"
#include "codec/html.h"
#include "codec/json.h"
#include "crypto/digest.h"
#include "crypto/jws.h"
#include "desk/assets.h"

#define SNIPPET_MAX (64 * 1024)
#define NAMES "plain|fetch|embed|laravel|wordpress|react|php|python|node"
#define AT "/support/assertion"
#define PASTED "the page"
#define JS_IMPORT "import { createHmac, randomUUID } from 'node:crypto';"
#define INTEGRITY_MAX (sizeof("sha384-") + DIGEST_384_SIZE / 3 * 4)

const struct command_option snippet_options[] = {
	{ "framework", NAMES, "where it goes (default: plain)", 1 },
	{ "signed", NULL, "the partner's server says who it is: a signed "
	  "assertion at each click", 1 },
	{ "server", NULL, "as --signed, and the server posts it by itself", 1 },
	{ "part", "server|page", "of what has two files only this", 1 },
	{ 0 }
};

/*
 * The texts are console/snippets/.  What stands between two '@' in them is
 * replaced:
 *	@tenant@ @script@ @integrity@ @action@ @types@	plain in every context
 *	@title@		the desk's name for an attribute in HTML
 *	@title-js@	the same as a quoted string of JavaScript or JSX
 *	@sign@		where the partner's server signs
 *	@kid-js@ @kid-php@ @issuer-js@ @issuer-php@	quoted strings of Python
 *			too, and of PHP
 *	@js-import@ @js-sign@ @php-sign@	what several of them share
 *	@assertion@ and those of `assertions`	what a user's proof needs, where
 *			the tenant asks for one; else nothing, and a line of its
 *			own goes, too
 */
struct part {
	const char *file;
	const struct str *text;
};

static const struct framework {
	const char *name;
	enum way { PAGE, SIGNED, SERVER } way;
	bool needs_origin;	/* works from listed origins alone */
	const char *sign;	/* where its server signs */
	struct part server, page;
} frameworks[] = {
	{ "plain", PAGE, .page = { PASTED, &asset_plain_html } },
	{ "fetch", PAGE, true, .page = { PASTED, &asset_fetch_html } },
	{ "embed", PAGE, true, .page = { PASTED, &asset_embed_html } },
	{ "laravel", PAGE, .page = { PASTED, &asset_laravel_blade_php } },
	{ "wordpress", PAGE, .page = { PASTED, &asset_wordpress_php } },
	{ "react", PAGE, .page = { PASTED, &asset_react_jsx } },
	{ "plain", SIGNED, .sign = AT, .page = { PASTED, &asset_signed_html } },
	{ "laravel", SIGNED, .sign = AT,
	  .server = { "routes/support.php", &asset_signed_routes_php },
	  .page = { "resources/views/partials/support.blade.php",
		    &asset_signed_blade_php } },
	{ "wordpress", SIGNED, .sign = AT,
	  .page = { PASTED, &asset_signed_wordpress_php } },
	{ "react", SIGNED, .sign = AT,
	  .server = { "app/support/assertion/route.js", &asset_signed_next_js },
	  .page = { "SupportButton.jsx", &asset_signed_jsx } },
	{ "php", SIGNED, .sign = "/support.php",
	  .server = { "support.php", &asset_signed_php },
	  .page = { PASTED, &asset_signed_html } },
	{ "python", SIGNED, .sign = AT,
	  .server = { "support.py", &asset_signed_py },
	  .page = { PASTED, &asset_signed_html } },
	{ "node", SIGNED, .sign = AT,
	  .server = { "support.mjs", &asset_signed_mjs },
	  .page = { PASTED, &asset_signed_html } },
	{ "php", SERVER, .sign = "/support.php",
	  .server = { "support.php", &asset_signed_server_php },
	  .page = { PASTED, &asset_signed_server_html } },
	{ "node", SERVER, .sign = "/support/open",
	  .server = { "support.mjs", &asset_signed_server_mjs },
	  .page = { PASTED, &asset_signed_server_html } },
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
	const struct framework *framework;
	struct str origin;		/* the gateway's */
	struct str kid, issuer;		/* of the key that signs */
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

/* As a quoted string of PHP's, in which nothing is expanded. */
static void add_php(struct buf *out, struct str text)
{
	buf_addc(out, '\'');
	for (size_t i = 0; i < text.len; i++) {
		if (strchr("\\'", text.ptr[i]) && text.ptr[i])
			buf_addc(out, '\\');
		buf_addc(out, text.ptr[i]);
	}
	buf_addc(out, '\'');
}

/* Does a user of this tenant come with a proof? */
static bool is_signed(const struct tenant *tenant)
{
	return tenant->identity != IDENTITY_UNSIGNED;
}

static void expand(struct snippet *s, const char *text);

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
	else if (str_eq(name, STR("types")))
		buf_printf(out, "%.*s/sdk/usher.d.ts", STR_ARG(s->origin));
	else if (str_eq(name, STR("title")))
		add_title(out, s->tenant->name, false);
	else if (str_eq(name, STR("title-js")))
		add_title(out, s->tenant->name, true);
	else if (str_eq(name, STR("sign")))
		buf_puts(out, s->framework->sign);
	else if (str_eq(name, STR("kid-js")))
		json_add_str(out, s->kid);
	else if (str_eq(name, STR("kid-php")))
		add_php(out, s->kid);
	else if (str_eq(name, STR("issuer-js")))
		json_add_str(out, s->issuer);
	else if (str_eq(name, STR("issuer-php")))
		add_php(out, s->issuer);
	else if (str_eq(name, STR("js-import")))
		buf_puts(out, JS_IMPORT);
	else if (str_eq(name, STR("js-sign")))
		expand(s, asset_signed_sign_mjs.ptr);
	else if (str_eq(name, STR("php-sign")))
		expand(s, asset_signed_sign_php.ptr);
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
		"tenant", "script", "integrity", "action", "types", "title",
		"title-js", "sign", "kid-js", "kid-php", "issuer-js",
		"issuer-php", "js-import", "js-sign", "php-sign",
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
	if (f->way == PAGE && is_signed(tenant))
		fprintf(stderr, "usherctl: users of this tenant come with a "
			"signed assertion: the partner's server makes one for "
			"each page that it sends, or, with --signed, at each "
			"click, so that it cannot be too old\n");
	if (f->way != PAGE && !f->server.text && !strcmp(f->name, "plain"))
		fprintf(stderr, "usherctl: the server's side is up to the "
			"partner: POST %s, as with --framework php, python or "
			"node\n", f->sign);
	if (f->way != PAGE)
		fprintf(stderr, "usherctl: give the partner the key's secret, "
			"for its server alone; and until all of its pages sign "
			"leave identity at \"observe\": see usherctl identity "
			"%.*s\n", STR_ARG(tenant->slug));
}

/* Whether this file of two is asked for. */
static bool is_asked(const struct part *part, const char *only,
		     const char *name)
{
	return part->text && (!only || !strcmp(only, name));
}

static void add_parts(struct snippet *s, const char *only)
{
	const struct framework *f = s->framework;
	bool is_server = is_asked(&f->server, only, "server");
	bool is_page = is_asked(&f->page, only, "page");

	if (is_server && is_page)
		buf_printf(&s->out, "==> %s <==\n", f->server.file);
	if (is_server)
		expand(s, f->server.text->ptr);
	if (is_server && is_page)
		buf_printf(&s->out, "\n==> %s <==\n", f->page.file);
	if (is_page)
		expand(s, f->page.text->ptr);
}

/* The first that signs with a secret; 0 when there is none. */
static int find_key(struct snippet *s)
{
	const struct tenant *tenant = s->tenant;
	unsigned i;

	s->issuer = tenant->issuer.len ? tenant->issuer :
		    tenant->home.len ? tenant->home : tenant->slug;
	for (i = 0; i < tenant->key_count; i++)
		if (jws_key_algorithm(tenant->keys[i].key) == JWS_HS256) {
			s->kid = tenant->keys[i].kid;
			return 1;
		}
	return 0;
}

static int print(struct snippet *s, struct snippet_sdk sdk, const char *only)
{
	int status = COMMAND_REFUSED;

	buf_init(&s->script, SNIPPET_MAX);
	buf_init(&s->integrity, INTEGRITY_MAX);
	buf_init(&s->action, SNIPPET_MAX);
	buf_init(&s->out, SNIPPET_MAX);
	buf_adds(&s->script, s->origin);
	buf_puts(&s->script, sdk.path);
	buf_adds(&s->action, s->origin);
	buf_puts(&s->action, "/api/auth/redirect/");
	buf_adds(&s->action, s->tenant->slug);
	if (!add_integrity(&s->integrity, sdk.text))
		add_parts(s, only);
	if (buf_is_ok(&s->script) && buf_is_ok(&s->integrity) &&
	    buf_is_ok(&s->action) && buf_is_ok(&s->out) && s->out.len) {
		fwrite(s->out.ptr, 1, s->out.len, stdout);
		advise(s->tenant, s->framework);
		status = COMMAND_DONE;
	} else {
		fprintf(stderr, "usherctl: snippet: out of memory\n");
	}
	buf_done(&s->script);
	buf_done(&s->integrity);
	buf_done(&s->action);
	buf_done(&s->out);
	return status;
}

static const struct framework *find_framework(const char *name, enum way way)
{
	unsigned i;

	for (i = 0; i < N_ELEMENTS(frameworks); i++)
		if (frameworks[i].way == way &&
		    !strcmp(frameworks[i].name, name ? name : "plain"))
			return &frameworks[i];
	return NULL;
}

/* What is wrong with it, in the words of who can mend it. */
static int refuse(struct str slug, const struct tenant *tenant)
{
	if (tenant->state == TENANT_BROKEN)
		console_tell_broken(tenant);
	else
		fprintf(stderr, "usherctl: tenant \"%.*s\" is switched off "
			"(enabled = false)\n", STR_ARG(slug));
	return COMMAND_REFUSED;
}

static int refuse_keyless(struct str slug)
{
	fprintf(stderr, "usherctl: tenant \"%.*s\" has no key with algorithm = "
		"\"HS256\", which these snippets sign with: add keys = ( { kid "
		"= ...; algorithm = \"HS256\"; secret_file = ...; } );\n",
		STR_ARG(slug));
	return COMMAND_REFUSED;
}

/* NULL: what is wrong with the command line. */
static const char *misused(const struct framework *f, enum way way,
			   const char *only)
{
	if (!f && way == SERVER)
		return "with --server --framework is php or node";
	if (!f && way == SIGNED)
		return "with --signed --framework is plain, laravel, "
		       "wordpress, react, php, python or node";
	if (!f)
		return "--framework is plain, fetch, embed, laravel, wordpress "
		       "or react; with --signed php, python or node, too";
	if (only && strcmp(only, "page") &&
	    (strcmp(only, "server") || !f->server.text))
		return "--part is page, or server where there are two files";
	return NULL;
}

int snippet_run(const struct command_line *line, struct snippet_sdk sdk)
{
	enum way way = command_has(line, "server") ? SERVER :
		       command_has(line, "signed") ? SIGNED : PAGE;
	const char *only = command_value(line, "part");
	struct str slug = str_from(line->arguments[0]);
	struct snippet s = { .framework = find_framework(
		command_value(line, "framework"), way) };
	const char *trouble = misused(s.framework, way, only);
	struct console console;
	int status;

	if (trouble)
		return command_misused(line, "%s", trouble);
	if (console_open(&line->general, &console))
		return COMMAND_REFUSED;
	s.tenant = console_tenant(&console, slug);
	s.origin = console.snapshot->gateway.public_origin;
	if (!s.tenant)
		status = COMMAND_REFUSED;
	else if (s.tenant->state != TENANT_SERVING)
		status = refuse(slug, s.tenant);
	else if (way != PAGE && !find_key(&s))
		status = refuse_keyless(slug);
	else
		status = print(&s, sdk, only);
	console_close(&console);
	return status;
}
