/* The files of conf.d as they are shipped, and a thousand tenants. */
#include <time.h>

#include "base/clock.h"
#include "adapter/supervisor.h"
#include "unit/config/rig.h"
#include "unit/crypto/jws-keys.h"

static void ship(const char *name)
{
	const char *src = getenv("srcdir");
	char from[PATH_MAX], to[PATH_MAX + 256];

	snprintf(from, sizeof(from), "%s/../conf.d/%s", src ? src : ".", name);
	snprintf(to, sizeof(to), "%s", rig_path(name));
	copy_file(from, to, "");
	ck_assert_int_eq(chmod(to, 0644), 0);
}

static void plugin(const char *name)
{
	const char *dir = getenv("PLUGINS");
	char from[PATH_MAX], to[PATH_MAX + 256], file[64];

	ck_assert_msg(dir != NULL, "PLUGINS must name the directory of the "
				   "built plugins");
	snprintf(from, sizeof(from), "%s/%s/.libs/%s.so", dir, name, name);
	snprintf(file, sizeof(file), "%s.so", name);
	snprintf(to, sizeof(to), "%s", rig_path(file));
	copy_file(from, to, "");
}

/* They run as they stand: in processes of their own. */
static void begin_supervised(void)
{
	char text[512];
	struct buf why;

	rig_begin();
	buf_init_fixed(&why, text, sizeof(text));
	ck_assert_msg(supervisor_new(NULL, &rig_options.supervisor, &why) ==
		      ERR_OK, "%s", text);
}

static void end_supervised(void)
{
	supervisor_free(rig_options.supervisor);
	rig_end();
}

START_TEST(the_examples_hold)
{
	const struct tenant *t;
	struct snapshot *s;

	begin_supervised();
	ship("gateway.conf");
	ship("yourcompany.conf");
	ship("acme.conf");
	ck_assert_int_eq(mkdir(rig_path("tls"), 0700), 0);
	rig_write("tls/cert.pem", "certificate");
	rig_write("tls/key.pem", "key");
	plugin("fieldmap");
	plugin("plan-router");
	rig_options.plugins_override = rig_dir;
	s = rig_load_good(NULL);
	/* Both are unsigned, in a line, and nothing else is worth a word. */
	ck_assert_uint_eq(rig_report.count, 1);
	ck_assert_uint_eq(rig_report.v[0].more, 1);
	ck_assert(rig_found("is \"unsigned\""));
	ck_assert_uint_eq(s->tenant_count, 2);
	ck_str_is(s->gateway.state, "/var/lib/usher");
	t = rig_tenant(s, "yourcompany");
	ck_assert_int_eq(t->state, TENANT_SERVING);
	ck_assert(!t->is_shared);
	ck_str_is(adapter_name(t->adapter), "fieldmap");
	t = rig_tenant(s, "acme");
	ck_assert_int_eq(t->state, TENANT_SERVING);
	ck_assert(t->is_shared);
	ck_str_is(adapter_name(t->adapter), "plan-router");
	snapshot_unref(s);
	end_supervised();
}
END_TEST

/* Each setting that the comments show commented out is a known one. */
START_TEST(the_commented_examples_hold)
{
	struct snapshot *s;
	FILE *file;
	char line[1024], *hash, text[32768], other[4096];
	size_t len = 0, other_len = 0;
	bool is_other = false;
	const char *src = getenv("srcdir");
	char from[PATH_MAX];

	begin_supervised();
	snprintf(from, sizeof(from), "%s/../conf.d/yourcompany.conf",
		 src ? src : ".");
	file = fopen(from, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		bool is_setting = strchr(line, '=') || strchr(line, '{') ||
			strstr(line, "# );");

		hash = strstr(line, "\t# ");
		if (!hash)
			hash = strstr(line, "\t#\t");
		/* An adapter in place of the one above. */
		is_other = hash && (is_other || strstr(line, "# ... or"));
		if (is_other) {
			if (strpbrk(line, "={}") && !strstr(line, "... or"))
				other_len += (size_t)snprintf(other +
					other_len, sizeof(other) - other_len,
					"%s", hash + 2);
			continue;
		}
		/* Prose has no "name = value". */
		if (hash && is_setting && !strstr(line, "mkdir") &&
		    !strstr(line, "json = true") &&
		    !strstr(line, "secrets = ("))
			hash[1] = ' ';
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
					line);
	}
	fclose(file);
	rig_write("gateway.conf", GATEWAY);
	rig_write("yourcompany.conf", text);
	ck_assert_int_eq(mkdir(rig_path("secrets"), 0700), 0);
	ck_assert_int_eq(mkdir(rig_path("tls"), 0700), 0);
	rig_write("secrets/yourcompany-redeem", "0123456789abcdef");
	ck_assert_int_eq(mkdir(rig_path("keys"), 0700), 0);
	rig_write("secrets/yourcompany", "0123456789abcdef0123456789abcdef");
	rig_write("keys/yourcompany.pem", RFC7515_A3_PUBLIC);
	rig_write("tls/yourcompany.pem", "certificate");
	rig_write("tls/yourcompany.key", "key");
	rig_write("tls/yourcompany-ca.pem", "-----BEGIN CERTIFICATE-----");
	plugin("fieldmap");
	rig_options.plugins_override = rig_dir;
	s = rig_load_good(NULL);
	ck_assert(rig_found("are not used while identity is \"unsigned\""));
	ck_assert_uint_eq(rig_tenant(s, "yourcompany")->key_count, 2);
	ck_assert(rig_found("events are kept, and not sent"));
	ck_assert(secrets_has(&rig_tenant(s, "yourcompany")->redeem_secrets,
			      STR("0123456789abcdef")));
	ck_assert(rig_tenant(s, "yourcompany")->has_rate_limit);
	ck_assert(!str_is_null(rig_tenant(s, "yourcompany")->certificate));
	snapshot_unref(s);
	ck_assert(strstr(other, "zendesk.so") != NULL);
	snprintf(text, sizeof(text), TENANT("yourcompany", "%s"), other);
	rig_write("yourcompany.conf", text);
	rig_write("secrets/zendesk", "a shared secret");
	plugin("zendesk");
	s = rig_load_good(NULL);
	ck_str_is(adapter_name(rig_tenant(s, "yourcompany")->adapter),
		  "zendesk");
	snapshot_unref(s);
	end_supervised();
}
END_TEST

#define MANY 1000

static int64_t millis(int64_t from_ns)
{
	return (clock_mono_ns() - from_ns) / 1000000;
}

START_TEST(a_thousand_tenants)
{
	struct snapshot *s, *next;
	char name[64], text[2048];
	int64_t start;
	unsigned i;

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "t%u.conf", i);
		snprintf(text, sizeof(text), "tenant = {\n"
			 "slug = \"t%u\"; name = \"Tenant %u\";\n"
			 "url = \"https://desk.t%u.example\";\n"
			 "home = \"https://t%u.example\";\n"
			 "origins = [ \"https://t%u.example\", "
			 "\"https://www.t%u.example\" ];\n"
			 "redirects = [ \"https://t%u.example/support/\" ];\n"
			 "identity = \"unsigned\";\n"
			 "session = { idle = 1800; absolute = 28800; };\n"
			 "};\n", i, i, i, i, i, i, i);
		rig_write(name, text);
	}
	start = clock_mono_ns();
	s = rig_load_good(NULL);
	printf("%u tenants loaded in %lld ms", MANY,
	       (long long)millis(start));
	ck_assert_uint_eq(s->tenant_count, MANY);

	start = clock_mono_ns();
	next = rig_load_good(s);
	printf(", reloaded in %lld ms", (long long)millis(start));
	start = clock_mono_ns();
	snapshot_unref(s);
	printf(", freed in %lld ms\n", (long long)millis(start));
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		ck_assert_int_eq(rig_tenant(next, name)->state,
				 TENANT_SERVING);
		snprintf(name, sizeof(name), "desk.t%u.example", i);
		ck_assert_uint_eq(snapshot_host(next, str_from(name))
				  ->tenant_count, 1);
	}
	snapshot_unref(next);
	rig_end();
}
END_TEST

static void example_tests(TCase *tcase)
{
	tcase_add_test(tcase, the_examples_hold);
	tcase_add_test(tcase, the_commented_examples_hold);
	tcase_add_test(tcase, a_thousand_tenants);
}

UNIT_MAIN("examples", example_tests)
