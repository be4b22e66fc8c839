#include "console/snippet.h"

#include <stdint.h>
#include <stdlib.h>

#include "console/console.h"
#include "base/buf.h"
#include "codec/html.h"
#include "codec/json.h"
#include "crypto/digest.h"

#define SNIPPET_MAX (64 * 1024)
#define INTEGRITY_MAX (sizeof("sha384-") + DIGEST_384_SIZE / 3 * 4)

const struct command_option snippet_options[] = {
	{ "framework", "plain|fetch|embed|laravel|wordpress|react",
	  "where it goes (default: plain)", 1 },
	{ 0 }
};

/*
 * What stands between two '@' is replaced:
 *	@tenant@ @script@ @integrity@	plain in every context
 *	@title@		the desk's name for an attribute in HTML, Blade or PHP
 *	@title-js@	the same as a quoted string of JavaScript or JSX
 *	@assertion@	a member of the user, where the tenant asks for it
 */
#define SCRIPT_TAG						\
	"<script src=\"@script@\"\n"				\
	"        integrity=\"@integrity@\"\n"			\
	"        crossorigin=\"anonymous\" data-tenant=\"@tenant@\"></script>\n"

#define WHO							\
	"<!-- Who is signed in on this page: your server fills this in, as JSON.\n" \
	"     null while nobody is. -->\n"			\
	"<script>\n"						\
	"    window.authUser = null; // { email: \"user@example.com\", " \
	"name: \"User Name\"@assertion@ }\n"			\
	"</script>\n"

static const char plain[] =
	WHO
	SCRIPT_TAG
	"\n"
	"<!-- Anywhere on the page: opens the desk in a new tab, signed in. -->\n"
	"<button type=\"button\" data-usher=\"form\">Contact support</button>\n";

static const char fetch[] =
	WHO
	SCRIPT_TAG
	"\n"
	"<button type=\"button\" id=\"contact-support\">Contact support</button>\n"
	"<p id=\"contact-support-error\" role=\"alert\"></p>\n"
	"<script>\n"
	"    // Asks in the background first: what is wrong can be shown here.\n"
	"    document.getElementById('contact-support').addEventListener('click', function (event) {\n"
	"        Usher.contactSupport({\n"
	"            event: event,\n"
	"            tenant: '@tenant@',\n"
	"            method: 'fetch',\n"
	"            onerror: function (error) {\n"
	"                document.getElementById('contact-support-error').textContent =\n"
	"                    error.code === 'no_user' ? 'Please sign in first.' :\n"
	"                    error.code === 'too_many_requests' ? 'Please try again later.' :\n"
	"                    'Support cannot be reached right now. Please try again.';\n"
	"            },\n"
	"        });\n"
	"    });\n"
	"</script>\n";

static const char embed[] =
	WHO
	SCRIPT_TAG
	"\n"
	"<!-- The desk opens inside this element, as large as that is. -->\n"
	"<button type=\"button\" data-usher=\"embed\" data-usher-target=\"#support-desk\"\n"
	"        data-usher-title=\"@title@\">Contact support</button>\n"
	"<div id=\"support-desk\"></div>\n";

static const char laravel[] =
	"{{-- resources/views/partials/support.blade.php: "
	"@include('partials.support') in your layout. --}}\n"
	"<script>\n"
	"    window.authUser = @json(auth()->check() ? [\n"
	"        'email' => auth()->user()->email,\n"
	"        'name' => auth()->user()->name,\n"
	"@assertion-php@"
	"    ] : null);\n"
	"</script>\n"
	SCRIPT_TAG
	"\n"
	"<button type=\"button\" data-usher=\"form\"\n"
	"        data-usher-login=\"{{ Route::has('login') ? route('login') : url('/') }}\">Contact support</button>\n";

static const char wordpress[] =
	"<?php\n"
	"// In your theme's functions.php, or as a file of its own in wp-content/mu-plugins/.\n"
	"add_action('wp_footer', function () {\n"
	"    $user = is_user_logged_in() ? wp_get_current_user() : null;\n"
	"    $data = $user ? [\n"
	"        'email' => $user->user_email,\n"
	"        'name' => $user->display_name,\n"
	"@assertion-php@"
	"    ] : null;\n"
	"    $flags = JSON_HEX_TAG | JSON_HEX_AMP | JSON_HEX_APOS | JSON_HEX_QUOT;\n"
	"    ?>\n"
	"<script>window.authUser = <?php echo wp_json_encode($data, $flags); ?>;</script>\n"
	SCRIPT_TAG
	"    <?php\n"
	"});\n"
	"\n"
	"// [contact_support] in any page or post.\n"
	"add_shortcode('contact_support', function () {\n"
	"    return sprintf(\n"
	"        '<button type=\"button\" data-usher=\"form\" data-usher-login=\"%s\">Contact support</button>',\n"
	"        esc_url(wp_login_url(get_permalink()))\n"
	"    );\n"
	"});\n";

static const char react[] =
	"// SupportButton.jsx\n"
	"import React, { useEffect } from 'react';\n"
	"\n"
	"const SCRIPT = '@script@';\n"
	"const INTEGRITY = '@integrity@';\n"
	"\n"
	"function load() {\n"
	"    if (document.querySelector(`script[src=\"${SCRIPT}\"]`)) return;\n"
	"    const script = document.createElement('script');\n"
	"    script.src = SCRIPT;\n"
	"    script.integrity = INTEGRITY;\n"
	"    script.crossOrigin = 'anonymous';\n"
	"    document.head.appendChild(script);\n"
	"}\n"
	"\n"
	"// user: { email, name@assertion@ }, or null while nobody is signed in.\n"
	"export default function SupportButton({ user, onSignIn, children = 'Contact support' }) {\n"
	"    useEffect(load, []);\n"
	"    useEffect(() => {\n"
	"        if (!user && window.Usher) window.Usher.signOut();\n"
	"    }, [user]);\n"
	"\n"
	"    const contactSupport = (event) => {\n"
	"        event.preventDefault();\n"
	"        if (!user) {\n"
	"            if (onSignIn) onSignIn();\n"
	"            return;\n"
	"        }\n"
	"        window.Usher?.contactSupport({ tenant: '@tenant@', user, title: @title-js@ });\n"
	"    };\n"
	"\n"
	"    return <button type=\"button\" onClick={contactSupport}>{children}</button>;\n"
	"}\n";

static const struct framework {
	const char *name, *text;
	bool needs_origin;	/* works from listed origins alone */
} frameworks[] = {
	{ "plain", plain, false },
	{ "fetch", fetch, true },
	{ "embed", embed, true },
	{ "laravel", laravel, false },
	{ "wordpress", wordpress, false },
	{ "react", react, false },
};

struct snippet {
	const struct tenant *tenant;
	struct buf script, integrity, out;
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

	if (str_eq(name, STR("tenant")))
		buf_adds(out, s->tenant->slug);
	else if (str_eq(name, STR("script")))
		buf_adds(out, buf_str(&s->script));
	else if (str_eq(name, STR("integrity")))
		buf_adds(out, buf_str(&s->integrity));
	else if (str_eq(name, STR("title")))
		add_title(out, s->tenant->name, false);
	else if (str_eq(name, STR("title-js")))
		add_title(out, s->tenant->name, true);
	else if (str_eq(name, STR("assertion")))
		buf_puts(out, is_signed(s->tenant) ? ", assertion" : "");
	else if (is_signed(s->tenant))
		buf_puts(out, "        'assertion' => your_signed_assertion(), "
			 "// a JWT, made with your secret\n");
}

/* The end of a mark that begins at `at`, or NULL: Blade and PHP have an '@' of
 * their own. */
static const char *mark_end(const char *at)
{
	static const char *const marks[] = {
		"@tenant@", "@script@", "@integrity@", "@title@",
		"@title-js@", "@assertion@", "@assertion-php@",
	};
	unsigned i;

	for (i = 0; i < N_ELEMENTS(marks); i++)
		if (!strncmp(at, marks[i], strlen(marks[i])))
			return at + strlen(marks[i]);
	return NULL;
}

static void expand(struct snippet *s, const char *text)
{
	while (*text) {
		const char *end = *text == '@' ? mark_end(text) : NULL;

		if (!end) {
			buf_addc(&s->out, *text++);
			continue;
		}
		add_value(s, (struct str){ text + 1,
					   (size_t)(end - text) - 2 });
		text = end;
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
	buf_init(&s.out, SNIPPET_MAX);
	buf_adds(&s.script, snapshot->gateway.public_origin);
	buf_puts(&s.script, sdk.path);
	if (!add_integrity(&s.integrity, sdk.text))
		expand(&s, f->text);
	if (buf_is_ok(&s.script) && buf_is_ok(&s.integrity) &&
	    buf_is_ok(&s.out) && s.out.len) {
		fwrite(s.out.ptr, 1, s.out.len, stdout);
		advise(tenant, f);
		status = COMMAND_DONE;
	} else {
		fprintf(stderr, "usherctl: snippet: out of memory\n");
	}
	buf_done(&s.script);
	buf_done(&s.integrity);
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
