/* Keys by URL: fetched, kept on the disk, and taken away with their tenant. */
#include "admin/refresher.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/inotify.h>

#include "unit/config/rig.h"
#include "unit/crypto/jwks-keys.h"

#define SET JWKS("{" JWK_EC JWK_KID("one") "}")
#define DEVELOPMENT "gateway = { public_url = \"https://tickets.example\";\n" \
	"development = true; listen = ( { url = \"http://127.0.0.1:8080\"; } " \
	"); };\n"

/* ---- a server that answers each connection with the set ------------------- */

static struct {
	int fd, stop[2];
	unsigned port;
	bool is_mute;
	pthread_t thread;
	sem_t asked;
} server;

static void answer(int fd)
{
	struct pollfd over = { .fd = server.stop[0], .events = POLLIN };
	char seen[4096], head[sizeof(SET) + 128];

	if (recv(fd, seen, sizeof(seen), 0) <= 0)
		return;
	sem_post(&server.asked);
	if (server.is_mute) {
		poll(&over, 1, -1);
		return;
	}
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu"
		 "\r\n\r\n%s", strlen(SET), SET);
	(void)!send(fd, head, strlen(head), MSG_NOSIGNAL);
}

static void *serve(void *arg)
{
	struct pollfd fds[2] = { { .fd = server.fd, .events = POLLIN },
				 { .fd = server.stop[0], .events = POLLIN } };

	(void)arg;
	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		int fd = accept(server.fd, NULL, NULL);

		answer(fd);
		close(fd);
	}
	return NULL;
}

static void server_start(bool is_mute)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	server.is_mute = is_mute;
	sem_init(&server.asked, 0, 0);
	server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert(!bind(server.fd, (struct sockaddr *)&at, len));
	ck_assert(!listen(server.fd, 8));
	ck_assert(!getsockname(server.fd, (struct sockaddr *)&at, &len));
	server.port = ntohs(at.sin_port);
	ck_assert(!pipe(server.stop));
	ck_assert(!pthread_create(&server.thread, NULL, serve, NULL));
}

static void server_stop(void)
{
	ck_assert_int_eq(write(server.stop[1], "x", 1), 1);
	pthread_join(server.thread, NULL);
	close(server.fd);
	close(server.stop[0]);
	close(server.stop[1]);
}

/* ---- the gateway around it -------------------------------------------------- */

static char dir[PATH_MAX];

static const char *file(const char *name)
{
	static char path[PATH_MAX + 256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static bool is_there(const char *name)
{
	return !access(file(name), F_OK);
}

static void put(const char *name)
{
	int fd = open(file(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void write_signed(const char *slug)
{
	char name[64], text[512];

	snprintf(name, sizeof(name), "%s.conf", slug);
	snprintf(text, sizeof(text), "tenant = { slug = \"%s\"; identity = "
		 "\"signed\";\njwks_url = \"http://127.0.0.1:%u/keys\"; };\n",
		 slug, server.port);
	rig_write(name, text);
}

static void begin(bool is_mute)
{
	server_start(is_mute);
	rig_begin();
	rig_write("gateway.conf", DEVELOPMENT);
	snprintf(dir, sizeof(dir), "%.4000s/jwks", unit_dir());
}

static void end(void)
{
	rig_end();
	server_stop();
}

static unsigned keys(const struct snapshot *snapshot, const char *slug)
{
	struct key_source_report report;

	key_source_report(rig_tenant(snapshot, slug)->key_source, &report);
	return report.keys;
}

/* Until a file of that name takes its place. */
static void await_file(int watch, const char *name)
{
	union {
		char octets[4096];
		struct inotify_event event;
	} u;

	for (;;) {
		ssize_t n = read(watch, &u, sizeof(u));

		ck_assert_int_gt(n, 0);
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e =
				(const void *)(u.octets + at);

			if (!strcmp(e->name, name))
				return;
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	}
}

START_TEST(keys_come_and_are_kept_for_the_next_start)
{
	struct snapshot *snapshot;
	struct snapshot_slot *slot;
	struct fetcher *fetcher;
	struct refresher *r;
	struct stat st;
	int watch = inotify_init1(IN_CLOEXEC);

	begin(false);
	write_signed("acme");
	snapshot = rig_load_good(NULL);
	refresher_load(dir, snapshot);
	ck_assert_uint_eq(keys(snapshot, "acme"), 0);
	ck_assert_int_ge(inotify_add_watch(watch, dir, IN_MOVED_TO), 0);
	slot = snapshot_slot_new(snapshot);
	ck_assert(!fetcher_new(&(struct fetcher_options){ 0 },
			      &fetcher));
	r = refresher_new(dir, slot, fetcher);
	ck_assert_ptr_nonnull(r);
	await_file(watch, "acme");
	ck_assert_uint_eq(keys(snapshot, "acme"), 1);
	ck_assert_int_eq(stat(file("acme"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert(refresher_quit(r, 60000));
	ck_assert(fetcher_free(fetcher));
	refresher_free(r);
	snapshot_slot_free(slot);
	/* the next start has them before anybody asks */
	snapshot = rig_load_good(NULL);
	ck_assert_uint_eq(keys(snapshot, "acme"), 0);
	refresher_load(dir, snapshot);
	ck_assert_uint_eq(keys(snapshot, "acme"), 1);
	snapshot_unref(snapshot);
	close(watch);
	end();
}
END_TEST

START_TEST(an_end_does_not_wait_for_a_server)
{
	struct snapshot *snapshot;
	struct snapshot_slot *slot;
	struct fetcher *fetcher;
	struct refresher *r;

	begin(true);
	write_signed("acme");
	snapshot = rig_load_good(NULL);
	refresher_load(dir, snapshot);
	slot = snapshot_slot_new(snapshot);
	ck_assert(!fetcher_new(&(struct fetcher_options){ 0 },
			      &fetcher));
	r = refresher_new(dir, slot, fetcher);
	sem_wait(&server.asked);
	ck_assert(refresher_quit(r, 60000));
	ck_assert(fetcher_free(fetcher));
	refresher_free(r);
	ck_assert(!is_there("acme"));
	snapshot_slot_free(slot);
	ck_assert(refresher_quit(NULL, 0));
	refresher_free(NULL);
	end();
}
END_TEST

START_TEST(files_of_tenants_that_are_gone_go)
{
	struct snapshot *snapshot;

	begin(false);
	write_signed("acme");
	rig_write("plain.conf", TENANT("plain", ""));
	rig_write("broken.conf", "tenant = { slug = \"broken\"; identity = "
		  "\"what\"; };\n");
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	put("acme");
	put("plain");			/* it has no URL any more */
	put("gone");
	put("broken");			/* it may have one */
	put("gone.new");		/* no slugs */
	put("Gone");
	ck_assert_int_eq(mkdir(file("folder"), 0700), 0);
	snapshot = rig_load(NULL);
	ck_assert_ptr_nonnull(snapshot);
	refresher_load(dir, snapshot);
	ck_assert(is_there("acme") && is_there("broken"));
	ck_assert(is_there("gone.new") && is_there("Gone"));
	ck_assert(is_there("folder"));
	ck_assert(!is_there("gone") && !is_there("plain"));
	snapshot_unref(snapshot);
	end();
}
END_TEST

static void refresher_tests(TCase *tc)
{
	tcase_add_test(tc, keys_come_and_are_kept_for_the_next_start);
	tcase_add_test(tc, an_end_does_not_wait_for_a_server);
	tcase_add_test(tc, files_of_tenants_that_are_gone_go);
}

UNIT_MAIN("refresher", refresher_tests)
