/*
 * What the code of an adapter does to its own process, to be rid of its
 * sandbox or to see more than is its to see: the first filter holds, and the
 * gateway takes nobody's word for the second.
 */
#include "sandbox/sandbox.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "sandbox/landlock.h"
#include "unit/sandbox/rig.h"

/* One that answers seccomp(2) and prlimit64(2) by 0, and does nothing. */
START_TEST(a_filter_of_its_own_is_refused)
{
	static const char *const ways[] = {
		"filter", "filter prctl", "filter listener",
	};
	char got[512], words[64];

	begin();
	for (unsigned i = 0; i < COUNT(ways); i++) {
		struct adapter *adapter;

		last_log[0] = '\0';
		adapter = load(ways[i]);
		ck_assert_msg(adapter != NULL, "%s: %s", ways[i], message);
		snprintf(got, sizeof(got), "%s", strrchr(last_log, ' ') + 1);
		ck_assert_msg(is(got, EPERM, true), "%s: %s", ways[i], got);
		/* And the steady phase is what it should be. */
		snprintf(words, sizeof(words), "%ld -100 @/usr/lib 0",
			 (long)SYS_openat);
		ask(adapter, words, got, sizeof(got));
		ck_assert_msg(is(got, EPERM, true), "%s: %s", ways[i], got);
		adapter_unref(adapter);
	}
	end(NULL);
}
END_TEST

START_TEST(who_says_ready_without_is_ended)
{
	char words[64], got[512];

	begin();
	/* Our own code in it no longer makes the last step, and goes on. */
	ck_assert_ptr_null(load("patch"));
	ck_assert_msg(strstr(message, "without having closed its sandbox: it "
			     "has") != NULL, "%s", message);
	/* What it may do itself is to make that step before its time. */
	snprintf(words, sizeof(words), "%ld 1 0 0x%llx", (long)SYS_seccomp,
		 (unsigned long long)FILTER_STEADY_AT);
	ask_at_load(words, got, sizeof(got));
	ck_assert_msg(strstr(got, "no sandbox") != NULL, "%s", got);
	end(NULL);
}
END_TEST

START_TEST(the_filters_cannot_be_written)
{
	char got[512];

	if (IS_SANITIZED) {
		puts("skipped: a sanitizer has an end of its own for it");
		return;
	}
	begin();
	ask_at_load("overwrite", got, sizeof(got));
	ck_assert_msg(strstr(got, "signal 11") != NULL, "%s", got);
	end(NULL);
}
END_TEST

/* As under a service manager that filters, too. */
static void filtered_already(void)
{
	struct adapter *adapter;
	char got[512];

	for (unsigned i = 0; i < 3; i++) {
		scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

		ck_assert_int_eq(seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
						  SCMP_SYS(acct), 0), 0);
		ck_assert_int_eq(seccomp_load(ctx), 0);
		seccomp_release(ctx);
	}
	begin();
	adapter = load(NULL);
	ck_assert_msg(adapter != NULL, "%s", message);
	ask(adapter, "constructor", got, sizeof(got));
	ck_assert_ptr_null(load("patch"));
	ck_assert_msg(strstr(message, "without having closed") != NULL, "%s",
		      message);
	end(adapter);
}

START_TEST(born_with_filters_it_serves)
{
	in_a_process(filtered_already);
}
END_TEST

/* Below a library directory of our own, which no one else sees. */
static void hidden(void)
{
	static const struct {
		const char *name;
		int is_let;
	} places[] = {
		{ "/usr/local/lib", true },
		{ "/usr/local/lib/libx.so", true },
		{ "/usr/local/lib/sub", true },
		{ "/usr/local/lib/sub/libx.so", true },
		{ "/usr/local/lib/usher", true },
		{ "/usr/local/lib/usher/beside", true },
		{ "/usr/local/lib/usher/adapters", true },
		{ "/usr/local/lib/usher/adapters/other.so", false },
		{ "/usr/local/lib/usher/adapters/sub/other.so", false },
		{ "/usr/local/lib/link/other.so", false },
		{ "/usr/local/lib/link.so", false },
		{ "/usr/local/lib/away/passwd", false },
	};
	char words[256], got[512];

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL),
			 0);
	ck_assert_int_eq(mount("none", "/usr/local/lib", "tmpfs", 0,
			       "mode=755"), 0);
	ck_assert_int_eq(system(
		"cd /usr/local/lib && umask 022 && "
		"mkdir -p sub usher/adapters/sub usher/beside && "
		"touch libx.so sub/libx.so usher/adapters/other.so "
		"usher/adapters/sub/other.so && ln -s usher/adapters link && "
		"ln -s usher/adapters/other.so link.so && ln -s /etc away"),
		0);
	copy_file(adapter_path("probe", path),
		  "/usr/local/lib/usher/adapters/probe.so", "");
	begin();
	snprintf(path, sizeof(path), "/usr/local/lib/usher/adapters/probe.so");
	for (unsigned i = 0; i < COUNT(places); i++)
		for (unsigned by = 0; by < 2; by++) {
			struct adapter *adapter;

			snprintf(words, sizeof(words), "%ld -100 @%s %s 0",
				 (long)(by ? SYS_newfstatat : SYS_openat),
				 places[i].name, by ? "*" : "0");
			last_log[0] = '\0';
			adapter = load_file(path, words);
			ck_assert_msg(adapter != NULL, "%s", message);
			snprintf(got, sizeof(got), "%s",
				 strrchr(last_log, ' ') + 1);
			adapter_unref(adapter);
			/* No directory is listed by anybody. */
			ck_assert_msg(is(got, places[i].is_let ? LET : EACCES,
					 true), "%s: %s", words, got);
		}
	end(NULL);
}

START_TEST(the_adapters_of_others_are_not_its_to_read)
{
	if (geteuid() != 0 || !landlock_version()) {
		puts("skipped: needs root, for a mount, and Landlock");
		return;
	}
	in_a_process(hidden);
}
END_TEST

static void breakout_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_filter_of_its_own_is_refused);
	tcase_add_test(tcase, who_says_ready_without_is_ended);
	tcase_add_test(tcase, the_filters_cannot_be_written);
	tcase_add_test(tcase, born_with_filters_it_serves);
	tcase_add_test(tcase, the_adapters_of_others_are_not_its_to_read);
}

UNIT_MAIN("breakout", breakout_tests)
