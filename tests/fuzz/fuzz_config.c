/*
 * A whole configuration directory, one of its files hostile: loaded, loaded
 * again, and loaded once more with that file broken.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "config/file.h"
#include "config/snapshot.h"
#include "fuzz/fuzz.h"

static const char gateway[] =
	"gateway = { public_url = \"https://tickets.example\";\n"
	"listen = ( { url = \"http://127.0.0.1:8080\"; } ); };\n"
	"tenant = { slug = \"kept\"; identity = \"unsigned\"; };\n";

static char dir[] = "/tmp/usher-fuzz-XXXXXX";
static char gateway_path[64], input_path[64];
static struct snapshot_options options;

static void clean_up(void)
{
	unlink(gateway_path);
	unlink(input_path);
	rmdir(dir);
}

static void write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	fuzz_assert(fd >= 0);
	fuzz_assert(write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static void begin(void)
{
	if (options.config_dir)
		return;
	hash_init();
	fuzz_assert(mkdtemp(dir));
	atexit(clean_up);
	snprintf(gateway_path, sizeof(gateway_path), "%s/gateway.conf", dir);
	snprintf(input_path, sizeof(input_path), "%s/input.conf", dir);
	write_file(gateway_path, gateway, strlen(gateway));
	options = (struct snapshot_options){ .config_dir = dir,
		.state_override = dir, .plugins_override = dir,
		.workers = 1, .keyring = keyring_new_throwaway() };
	fuzz_assert(options.keyring);
}

static void check_report(const struct report *report)
{
	struct pool *pool = pool_new(16 << 20);
	struct fields fields;
	struct buf out;
	enum err err;
	size_t i;

	buf_init_pool(&out, pool, 4 << 20);
	report_text(report, &out);
	fuzz_assert(buf_is_ok(&out));
	fuzz_assert(!utf8_check(buf_str(&out), NULL));
	for (i = 0; i < out.len; i++)
		fuzz_assert((unsigned char)out.ptr[i] >= 0x20 ||
			    out.ptr[i] == '\n');
	buf_init_pool(&out, pool, 4 << 20);
	report_json(report, &out);
	fields_init(&fields, pool);
	err = json_parse_fields(buf_str(&out), &fields, NULL);
	fuzz_assert(!err || err == ERR_LIMIT);
	for (i = 0; i < report->count; i++)
		fuzz_assert(report->v[i].problem.len);
	pool_free(pool);
}

static bool lives_there(const struct snapshot *s, const struct tenant *t)
{
	const struct host *host = snapshot_host(s, t->url.host);
	unsigned i;

	for (i = 0; host && i < host->tenant_count; i++)
		if (host->tenants[i] == t)
			return true;
	return false;
}

static void check_serving(const struct snapshot *s, const struct tenant *t)
{
	struct pool *pool = pool_new(1 << 20);
	struct str text;
	unsigned i;

	fuzz_assert(t->token_keys);
	fuzz_assert(lives_there(s, t));
	fuzz_assert(t->identity != IDENTITY_SIGNED || tenant_has_keys(t));
	fuzz_assert(t->session_idle_s <= t->session_absolute_s);
	fuzz_assert(str_has_prefix(t->origin, STR("https://")) ||
		    s->gateway.development);
	fuzz_assert(!redirect_check(&t->redirects, pool, t->dashboard, &text,
				    NULL));
	fuzz_assert(str_eq(text, t->dashboard));
	for (i = 0; i < t->cors.count; i++)
		fuzz_assert(cors_is_listed(&t->cors, t->cors.origins[i]));
	pool_free(pool);
}

static void check(const struct snapshot *s, const struct report *report)
{
	unsigned i;

	for (i = 0; i < s->tenant_count; i++) {
		const struct tenant *t = s->tenants[i];

		fuzz_assert(t->slug.len && t->slug.len <= 63);
		fuzz_assert(!i || str_cmp(s->tenants[i - 1]->slug,
					  t->slug) < 0);
		fuzz_assert(snapshot_tenant(s, t->slug) == t);
		fuzz_assert(t->file.len);
		if (t->state == TENANT_SERVING)
			check_serving(s, t);
		else
			fuzz_assert(!t->token_keys);
		if (t->state == TENANT_BROKEN) {
			fuzz_assert(t->problem.len);
			fuzz_assert(report_worst(report) >= REPORT_TENANT);
		}
	}
	fuzz_assert(snapshot_host(s, s->gateway.public_url.host)->is_gateway);
}

static struct snapshot *load(const struct snapshot *previous)
{
	struct report report;
	struct snapshot *s;

	fuzz_assert(!report_init(&report));
	s = snapshot_load(&options, previous, &report);
	fuzz_assert(!s == (report_worst(&report) == REPORT_FATAL));
	if (s)
		check(s, &report);
	check_report(&report);
	report_done(&report);
	return s;
}

/* Every tenant that serves in `a` serves in `b` too. */
static void check_kept(const struct snapshot *a, const struct snapshot *b)
{
	unsigned i;

	for (i = 0; i < a->tenant_count; i++) {
		const struct tenant *t = snapshot_tenant(b,
							 a->tenants[i]->slug);

		if (a->tenants[i]->state == TENANT_SERVING)
			fuzz_assert(t && t->state == TENANT_SERVING);
	}
}

/* What the scan lets through the library reads. */
static void check_parse(struct str text)
{
	struct config_file file = { .path = STR("input.conf") };
	struct text_scan *scan = malloc(sizeof(*scan));
	struct report report;

	fuzz_assert(scan && !report_init(&report));
	text_scan(text, scan);
	if (config_file_parse(&file, text, &report)) {
		fuzz_assert(report.count >= 1);
		fuzz_assert(scan->fault_count);
	}
	config_file_done(&file);
	report_done(&report);
	free(scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snapshot *first, *again, *broken;

	begin();
	check_parse(fuzz_str(data, size));
	write_file(input_path, data, size);
	first = load(NULL);
	if (!first)
		return 0;
	again = load(first);
	fuzz_assert(again);
	check_kept(first, again);
	snapshot_unref(first);
	write_file(input_path, "{", 1);
	broken = load(again);
	fuzz_assert(broken);
	check_kept(again, broken);
	snapshot_unref(again);
	snapshot_unref(broken);
	return 0;
}
