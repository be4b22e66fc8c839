/* A chain and its key, from two files that may be anything. */
#include "http/cert.h"

#include <fcntl.h>

#include "unit/http/edge.h"

#define DAY_S INT64_C(86400)

static struct cert_trouble trouble;
static struct cert *cert;

static void set_up(void)
{
	edge_certify("one", "one.example", 3600, 365);
	edge_certify("two", "two.example", 3600, 365);
}

/* The whole of a file, and `extra` octets of '#' behind it, as another. */
static void copy(const char *from, unsigned times, size_t extra,
		 const char *to)
{
	static char text[2 * CERT_FILE_MAX];
	FILE *file = fopen(edge_path(from), "re");
	size_t len, all;

	ck_assert_ptr_nonnull(file);
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	for (all = len; times-- > 1; all += len)
		memcpy(text + all, text, len);
	memset(text + all, '#', extra);
	edge_write(to, text, all + extra);
}

static size_t size_of(const char *name)
{
	struct stat st;

	ck_assert_int_eq(stat(edge_path(name), &st), 0);
	return (size_t)st.st_size;
}

static enum err load(const char *chain, const char *key, struct cert *known)
{
	static char paths[2][PATH_MAX + 64];

	snprintf(paths[0], sizeof(paths[0]), "%s", edge_path(chain));
	snprintf(paths[1], sizeof(paths[1]), "%s", edge_path(key));
	cert = NULL;
	trouble = (struct cert_trouble){ NULL, NULL, NULL };
	return cert_load(paths[0], paths[1], known, &cert, &trouble);
}

START_TEST(a_pair_is_read)
{
	ck_assert_int_eq(load("one.pem", "one.key", NULL), ERR_OK);
	ck_assert_uint_eq(cert->chain_len, 1);
	ck_assert_ptr_nonnull(cert->key);
	ck_assert_str_eq(cert->cert_path, edge_path("one.pem"));
	ck_assert_str_eq(cert->key_path, edge_path("one.key"));
	cert_unref(cert);
	cert_unref(NULL);
}
END_TEST

START_TEST(what_did_not_change_is_not_read_again)
{
	struct cert *known;

	ck_assert_int_eq(load("one.pem", "one.key", NULL), ERR_OK);
	known = cert;
	ck_assert_int_eq(load("one.pem", "one.key", known), ERR_OK);
	ck_assert_ptr_eq(cert, known);
	cert_unref(cert);
	/* Another file in the place of either is another certificate, of
	 * whatever age it seems. */
	copy("one.key", 1, 0, "new");
	ck_assert_int_eq(utimensat(AT_FDCWD, edge_path("new"),
		(struct timespec[]){ known->key_stamp.mtime,
				     known->key_stamp.mtime }, 0), 0);
	ck_assert_int_eq(rename(edge_path("new"), edge_path("one.key")), 0);
	ck_assert_int_eq(load("one.pem", "one.key", known), ERR_OK);
	ck_assert_ptr_ne(cert, known);
	cert_unref(known);
	known = cert;
	copy("one.pem", 1, 1, "one.pem");
	ck_assert_int_eq(load("one.pem", "one.key", known), ERR_OK);
	ck_assert_ptr_ne(cert, known);
	cert_unref(cert);
	/* And one that is gone is not what it was. */
	ck_assert_int_eq(unlink(edge_path("one.pem")), 0);
	ck_assert_int_eq(load("one.pem", "one.key", known), ERR_IO);
	ck_assert_ptr_null(cert);
	cert_unref(known);
}
END_TEST

static const char locked[] =
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIFHDBOBgkqhkiG\n"
	"-----END ENCRYPTED PRIVATE KEY-----\n";
static const char old_locked[] =
	"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
	"DEK-Info: AES-128-CBC,0123456789ABCDEF\n\nMIIFHDBOBgkqhkiG\n"
	"-----END RSA PRIVATE KEY-----\n";

START_TEST(what_is_wrong_names_the_file)
{
	static const struct {
		const char *chain, *key;
		enum err err;
		bool is_key;
		const char *problem, *remedy;
	} cases[] = {
		{ "gone", "one.key", ERR_IO, false, "No such file", "PEM" },
		{ "one.pem", "gone", ERR_IO, true, "No such file", "PEM" },
		{ ".", "one.key", ERR_IO, false, "regular", "PEM" },
		{ "fifo", "one.key", ERR_IO, false, "regular", "PEM" },
		{ "one.pem", "fifo", ERR_IO, true, "regular", "PEM" },
		{ "large", "one.key", ERR_LIMIT, false, "large", "" },
		{ "one.pem", "large", ERR_LIMIT, true, "large", "" },
		{ "empty", "one.key", ERR_SYNTAX, false, "is empty",
		  "certificate" },
		{ "one.pem", "empty", ERR_SYNTAX, true, "is empty",
		  "one private" },
		{ "one.key", "one.key", ERR_SYNTAX, false, "a private key and "
		  "no certificate", "swapped" },
		{ "one.pem", "one.pem", ERR_SYNTAX, true, "a certificate and "
		  "no key", "swapped" },
		{ "der", "one.key", ERR_SYNTAX, false, "DER",
		  "x509 -inform der" },
		{ "one.pem", "der", ERR_SYNTAX, true, "DER",
		  "pkey -inform der" },
		{ "one.pem", "locked", ERR_SYNTAX, true, "passphrase",
		  "openssl pkey" },
		{ "one.pem", "old locked", ERR_SYNTAX, true, "passphrase",
		  "openssl pkey" },
		{ "words", "one.key", ERR_SYNTAX, false, "", "first" },
		{ "one.pem", "words", ERR_SYNTAX, true, "", "one private" },
		{ "long", "one.key", ERR_LIMIT, false, "more than 8",
		  "intermediate" },
		{ "one.pem", "two.key", ERR_CONFLICT, true, "not the key",
		  "belong together" },
	};
	char path[PATH_MAX + 64];

	edge_write("empty", "", 0);
	edge_write("words", "none", 4);
	edge_write("der", "\x30\x82\x01\x0a", 4);
	edge_write("locked", locked, sizeof(locked) - 1);
	edge_write("old locked", old_locked, sizeof(old_locked) - 1);
	copy("one.pem", 1, CERT_FILE_MAX + 1 - size_of("one.pem"), "large");
	copy("one.pem", CERT_CHAIN_MAX + 1, 0, "long");
	ck_assert_int_eq(mkfifo(edge_path("fifo"), 0600), 0);
	for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
		ck_assert_msg(load(cases[i].chain, cases[i].key, NULL) ==
			      cases[i].err, "%s %s: %s", cases[i].chain,
			      cases[i].key, trouble.problem);
		ck_assert_ptr_null(cert);
		snprintf(path, sizeof(path), "%s",
			 edge_path(cases[i].is_key ? cases[i].key
						   : cases[i].chain));
		ck_assert_str_eq(trouble.path, path);
		ck_assert_ptr_nonnull(strstr(trouble.problem,
					     cases[i].problem));
		ck_assert_ptr_nonnull(strstr(trouble.remedy,
					     cases[i].remedy));
	}
}
END_TEST

START_TEST(at_the_limits_it_is_read)
{
	copy("one.pem", 1, CERT_FILE_MAX - size_of("one.pem"), "largest");
	copy("one.pem", CERT_CHAIN_MAX, 0, "longest");
	ck_assert_msg(load("largest", "one.key", NULL) == ERR_OK, "%s",
		      trouble.problem);
	cert_unref(cert);
	ck_assert_msg(load("longest", "one.key", NULL) == ERR_OK, "%s",
		      trouble.problem);
	ck_assert_uint_eq(cert->chain_len, CERT_CHAIN_MAX);
	cert_unref(cert);
}
END_TEST

/* What there is to say `s` seconds after 1970; "": nothing. */
static const char *judged(int64_t s)
{
	static char text[256];
	const char *remedy;
	struct buf problem;

	buf_init_fixed(&problem, text, sizeof(text));
	remedy = cert_judge_dates(cert, s, &problem);
	ck_assert_int_eq(remedy != NULL, problem.len != 0);
	return problem.len ? text : "";
}

START_TEST(the_dates_are_told_before_it_is_too_late)
{
	const int64_t days = CERT_WARN_DAYS;
	int64_t from, until;

	ck_assert_int_eq(load("one.pem", "one.key", NULL), ERR_OK);
	from = cert->from_s;
	until = cert->until_s;
	ck_assert_int_eq(until - from, 365 * DAY_S);
	ck_assert_str_eq(judged(from - 1),
			 "which begins to hold only in 0 days");
	ck_assert_str_eq(judged(from), "");
	ck_assert_str_eq(judged(until - days * DAY_S - 1), "");
	ck_assert_str_eq(judged(until - days * DAY_S),
			 "which expires in 21 days");
	ck_assert_str_eq(judged(until - DAY_S), "which expires in 1 day");
	ck_assert_str_eq(judged(until - 1), "which expires in 0 days");
	ck_assert_str_eq(judged(until),
			 "which expired 0 days ago: browsers refuse it");
	ck_assert_str_eq(judged(until + 3 * DAY_S),
			 "which expired 3 days ago: browsers refuse it");
	cert_unref(cert);
}
END_TEST

START_TEST(a_certificate_is_for_its_names)
{
	static const struct {
		const char *names, *host;
		bool does;
	} cases[] = {
		{ "one.example", "one.example", true },
		{ "one.example", "two.example", false },
		{ "one.example", "sub.one.example", false },
		{ "*.one.example", "sub.one.example", true },
		{ "*.one.example", "a.b.one.example", false },
		{ "127.0.0.1", "127.0.0.1", true },
		{ "::1", "[::1]", true },
		{ "::1", "[::2]", false },
		/* a common name alone: browsers do not look at it */
		{ NULL, "named", false },
		{ "named@one.example", "named", false },
	};

	for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
		edge_certify_for("named", "named", cases[i].names, 3600, 365);
		ck_assert_int_eq(load("named.pem", "named.key", NULL), ERR_OK);
		ck_assert_msg(cert_covers(cert, str_from(cases[i].host)) ==
			      cases[i].does, "%s for %s", cases[i].names,
			      cases[i].host);
		cert_unref(cert);
	}
}
END_TEST

static void cert_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, a_pair_is_read);
	tcase_add_test(tcase, what_did_not_change_is_not_read_again);
	tcase_add_test(tcase, what_is_wrong_names_the_file);
	tcase_add_test(tcase, at_the_limits_it_is_read);
	tcase_add_test(tcase, the_dates_are_told_before_it_is_too_late);
	tcase_add_test(tcase, a_certificate_is_for_its_names);
}

UNIT_MAIN("cert", cert_tests)
