#include "console/recipe.h"

#include "console/console.h"
#include "base/buf.h"
#include "codec/html.h"

#define RECIPE_MAX (64 * 1024)
#define ADDRESS_MAX 255
#define SHORT_SLUG_LEN 30	/* a longer one makes variables' names that
				 * do not fit nginx's usual hash */
#define PLAIN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"abcdefghijklmnopqrstuvwxyz0123456789.:-_/"
#define GATEWAY_DEFAULT "tickets.internal:8443"
#define DESK_DEFAULT "desk.internal:8080"

const struct command_option recipe_options[] = {
	{ "gateway", "HOST:PORT",
	  "where the web server reaches usher (default: " GATEWAY_DEFAULT ")",
	  1 },
	{ "desk", "HOST:PORT", "and the desk (default: " DESK_DEFAULT ")", 1 },
	{ 0 }
};

/* What there is a recipe for. */
struct kind {
	const char *name;
	struct str text;
	const char *why_no_address;	/* in names; NULL: there may be */
	bool is_server;			/* the web server's */
};

struct recipe {
	const struct kind *kind;
	const struct tenant *tenant;
	const char *gateway, *desk;
	struct str host;	/* with its port, unless that is the default */
	struct buf out;
};

/* The slug as a part of a variable's name. No slug has a '_'. */
static void add_id(struct recipe *r)
{
	size_t i;

	for (i = 0; i < r->tenant->slug.len; i++) {
		char c = r->tenant->slug.ptr[i];

		buf_addc(&r->out, c == '-' ? '_' : c);
	}
}

/* HTML inside a string of the web server's, which has signs of its own. */
static void add_html(struct buf *out, struct str text)
{
	struct buf html;
	size_t i;

	buf_init(&html, RECIPE_MAX);
	html_add(&html, text);
	for (i = 0; i < html.len; i++)
		if (strchr("$\\'{}", html.ptr[i]) && html.ptr[i])
			buf_printf(out, "&#%d;", html.ptr[i]);
		else
			buf_addc(out, html.ptr[i]);
	out->failed |= !buf_is_ok(&html);
	buf_done(&html);
}

static void add_way_back(struct recipe *r)
{
	if (!r->tenant->home.len) {
		buf_puts(&r->out, "Please go back to the site that you came "
			 "from, and open support from there.");
		return;
	}
	buf_puts(&r->out, "Please go back to <a href=\"");
	add_html(&r->out, r->tenant->home);
	buf_puts(&r->out, "\">");
	add_html(&r->out, r->tenant->name);
	buf_puts(&r->out, "</a>, and open support from there.");
}

/* Does it stand in quotation marks of the web server's as it is? */
static bool is_plain_url(struct str url)
{
	return strspn(url.ptr, PLAIN_CHARACTERS "~%?=&#+,") == url.len;
}

/* The guide's form sends everybody to /dashboard, which a desk of one's own
 * seldom has. */
static void add_landing(struct recipe *r)
{
	const struct tenant *tenant = r->tenant;
	struct str path = { tenant->dashboard.ptr + tenant->origin.len,
			    tenant->dashboard.len - tenant->origin.len };

	if (str_has_prefix(tenant->dashboard, tenant->origin) &&
	    str_has_prefix(path, STR("/dashboard")))
		return;
	if (is_plain_url(tenant->dashboard))
		buf_printf(&r->out, "\n\t# Where the integration guide's form "
			   "sends everybody.\n\tlocation = /dashboard {\n"
			   "\t\treturn 302 '%.*s';\n\t}\n",
			   STR_ARG(tenant->dashboard));
	else
		fprintf(stderr, "usherctl: /dashboard, where the integration "
			"guide's form sends everybody, is the desk's\n");
}

/* No address stands behind proxy_pass in a location of this kind. */
static const char login_location[] =
	"\t# Nobody is signed in: on to the partner, and back to this very page.\n"
	"\t# Who comes with no browser of a person's reads that it is so.\n"
	"\tlocation @login_@id@ {\n"
	"\t\trewrite ^ /auth/login?tenant=@slug@? break;\n"
	"\t\tproxy_pass https://usher_@id@;\n"
	"\t\tproxy_method GET;\n"
	"\t\tproxy_pass_request_body off;\n"
	"\t\tproxy_set_header Host @host@;\n"
	"\t\tproxy_set_header Connection '';\n"
	"\t\tproxy_set_header Content-Length '';\n"
	"\t\tproxy_set_header X-Forwarded-For $remote_addr;\n"
	"\t\tproxy_set_header X-Original-URI $request_uri;\n"
	"\t\tproxy_redirect off;\n"
	"\t\tproxy_intercept_errors on;\n"
	"\t\trecursive_error_pages on;\n"
	"\t\terror_page 401 @signed_out_@id@;\n"
	"\t\terror_page 502 503 504 =503 @down_@id@;\n"
	"\t}\n\n";

static void expand(struct recipe *r, const char *text);

static void add_value(struct recipe *r, struct str mark)
{
	if (str_eq(mark, STR("id")))
		add_id(r);
	else if (str_eq(mark, STR("slug")))
		buf_adds(&r->out, r->tenant->slug);
	else if (str_eq(mark, STR("host")))
		buf_adds(&r->out, r->host);
	else if (str_eq(mark, STR("port")))
		buf_printf(&r->out, "%u", (unsigned)r->tenant->url.port);
	else if (str_eq(mark, STR("hostname")))
		buf_adds(&r->out, r->tenant->url.host);
	else if (str_eq(mark, STR("gateway")))
		buf_puts(&r->out, r->gateway);
	else if (str_eq(mark, STR("desk")))
		buf_puts(&r->out, r->desk);
	else if (str_eq(mark, STR("landing")))
		add_landing(r);
	else if (str_eq(mark, STR("nobody")))
		expand(r, r->tenant->login_url.len ?
		       "= @login_@id@;\n\t\trecursive_error_pages on" :
		       "@signed_out_@id@");
	else if (str_eq(mark, STR("login")))
		expand(r, r->tenant->login_url.len ? login_location : "");
	else
		add_way_back(r);
}

/* The marks of the text; a name of its own ("@down_...") begins with an '@',
 * too, and stays. */
static const char *mark_end(const char *at)
{
	static const char *const marks[] = {
		"@id@", "@slug@", "@host@", "@hostname@", "@port@",
		"@gateway@", "@desk@", "@back@", "@landing@", "@nobody@",
		"@login@",
	};
	size_t i;

	for (i = 0; i < N_ELEMENTS(marks); i++)
		if (!strncmp(at, marks[i], strlen(marks[i])))
			return at + strlen(marks[i]);
	return NULL;
}

static void expand(struct recipe *r, const char *text)
{
	while (*text) {
		const char *end = *text == '@' ? mark_end(text) : NULL;

		if (!end) {
			buf_addc(&r->out, *text++);
			continue;
		}
		add_value(r, (struct str){ text + 1,
					   (size_t)(end - text) - 2 });
		text = end;
	}
}

static void advise(const struct command_line *line,
		   const struct tenant *tenant, bool is_server)
{
	if (tenant->desk)
		fprintf(stderr, "usherctl: the tenant still has the built-in "
			"desk: set desk = false; and dashboard = \"/\"; or "
			"where yours begins\n");
	if (!is_server)
		return;
	if (!command_value(line, "gateway") || !command_value(line, "desk"))
		fprintf(stderr, "usherctl: give --gateway and --desk, or write "
			"where usher and the desk are in place of "
			GATEWAY_DEFAULT " and " DESK_DEFAULT "\n");
	if (tenant->slug.len > SHORT_SLUG_LEN)
		fprintf(stderr, "usherctl: for a slug this long http { } needs "
			"variables_hash_bucket_size 256;\n");
	fprintf(stderr, "usherctl: the web server's own address belongs in "
		"the gateway's trusted_proxies\n");
}

static int print(const struct command_line *line, struct recipe *r)
{
	int status = COMMAND_REFUSED;

	buf_init(&r->out, RECIPE_MAX);
	expand(r, r->kind->text.ptr);
	if (buf_is_ok(&r->out)) {
		if (r->out.len)
			fwrite(r->out.ptr, 1, r->out.len, stdout);
		advise(line, r->tenant, r->kind->is_server);
		status = COMMAND_DONE;
	} else {
		fprintf(stderr, "usherctl: recipe: out of memory\n");
	}
	buf_done(&r->out);
	return status;
}

/* Why there is no recipe for this tenant; NULL: there is one. */
static const char *refusal(const struct snapshot *snapshot,
			   const struct tenant *tenant,
			   const struct kind *kind)
{
	if (tenant->state == TENANT_DISABLED)
		return "is switched off (enabled = false)";
	if (!tenant->url.is_https)
		return "has an http url, where browsers keep no session";
	if (str_eq(tenant->url.host, snapshot->gateway.public_url.host))
		return "lives on the gateway's own host, where the handoffs "
		       "arrive: give it a url of its own for a desk of its own";
	if (remote_has(&tenant->remote, REMOTE_EMAIL))
		return kind->why_no_address;
	return NULL;
}

/* A host and a port, as it stands in the web server's file. */
static bool is_address(const char *text)
{
	size_t len = strlen(text);

	return len && len <= ADDRESS_MAX &&
	       strspn(text, PLAIN_CHARACTERS "[]") == len;
}

static const char *option_or(const struct command_line *line,
			     const char *name, const char *other)
{
	const char *value = command_value(line, name);

	return value ? value : other;
}

static int run(const struct command_line *line, struct recipe *r)
{
	struct str slug = str_from(line->arguments[1]);
	struct console console;
	bool is_broken;
	const char *why;
	int status;

	if (console_open(&line->general, &console))
		return COMMAND_REFUSED;
	r->tenant = console_tenant(&console, slug);
	is_broken = r->tenant && r->tenant->state == TENANT_BROKEN;
	why = r->tenant && !is_broken ?
	      refusal(console.snapshot, r->tenant, r->kind) : NULL;
	if (is_broken)
		console_tell_broken(r->tenant);
	if (!r->tenant || is_broken) {
		status = COMMAND_REFUSED;
	} else if (why) {
		fprintf(stderr, "usherctl: tenant \"%.*s\" %s\n",
			STR_ARG(slug), why);
		status = COMMAND_REFUSED;
	} else {
		str_cut(r->tenant->origin, '/', &r->host);
		r->host.ptr++;
		r->host.len--;
		status = print(line, r);
	}
	console_close(&console);
	return status;
}

int recipe_run(const struct command_line *line, const struct recipes *recipes)
{
	const struct kind kinds[] = {
		{ "nginx", recipes->nginx, NULL, true },
		{ "rt", recipes->rt, NULL, false },
		{ "osticket", recipes->osticket,
		  "names users by an address, which osTicket cuts at its '@': "
		  "set desk_user = \"{slug}-{id}\"", false },
		{ "zammad", recipes->zammad, NULL, false },
		{ "znuny", recipes->znuny, NULL, false },
		{ "glpi", recipes->glpi,
		  "names users by an address, with a ':' before it, which "
		  "GLPI refuses: set desk_user = \"{slug}-{id}\"", false },
	};
	struct recipe r = {
		.gateway = option_or(line, "gateway", GATEWAY_DEFAULT),
		.desk = option_or(line, "desk", DESK_DEFAULT),
	};
	size_t i;

	for (i = 0; i < N_ELEMENTS(kinds); i++)
		if (!strcmp(line->arguments[0], kinds[i].name))
			r.kind = &kinds[i];
	if (!r.kind)
		return command_misused(line, "there are recipes for nginx, rt, "
				       "osticket, zammad, znuny and glpi");
	if (!is_address(r.gateway) || !is_address(r.desk))
		return command_misused(line, "--gateway and --desk are a host "
				       "and a port, as in 10.0.0.5:8443");
	return run(line, &r);
}
