/*
 * Numbers in the documents that stand for a constant of the code: the phrase is
 * written from the constant, and has to be there as it is.  Whoever changes the
 * constant reads here which sentence to change with it.
 */
#include "unit/unit.h"

#include "admin/keeper.h"
#include "admin/watch.h"
#include "base/buf.h"
#include "base/log.h"
#include "config/secret.h"
#include "handoff/exchange.h"
#include "handoff/token.h"
#include "http/cert.h"
#include "http/daemon.h"
#include "http/deadline.h"
#include "policy/assertion.h"
#include "policy/refusals.h"
#include "policy/strangers.h"
#include "sandbox/sandbox.h"
#include "store/audit.h"
#include "store/health.h"
#include "store/outbox.h"
#include "store/redemptions.h"
#include "store/sessions.h"
#include "store/tickets.h"
#include "store/tombstones.h"
#include "store/user-keys-private.h"
#include "store/users.h"
#include "store/writer.h"
#include "usherd.h"

#define DOCUMENT_MAX (1024 * 1024)
#define USHERD "gateway/man/usherd.8"
#define CONF "gateway/man/usher.conf.5"
#define USHERCTL "gateway/man/usherctl.1"
#define README "README.md"
#define EXAMPLE "conf.d/yourcompany.conf"

/* Past an hour: a key is kept for the token's life, and the clocks' distance,
 * which the page leaves out. */
_Static_assert(KEYRING_KEEP_S == 3600 + TOKEN_TTL_S + TOKEN_SKEW_S,
	       "usherd(8): an hour and two minutes");

_Static_assert(REDEMPTION_KEPT_S == 4680,
	       "usherd(8): forgotten 78 minutes after they were minted");
_Static_assert(REDEMPTION_KEPT_S >= ASSERTION_AGE_MAX_S + ASSERTION_SKEW_S +
	       TOKEN_TTL_S + 3600, "no token of an assertion is forgotten");
_Static_assert(TOMBSTONE_KEPT_S >= ASSERTION_AGE_MAX_S + 240 &&
	       TOMBSTONE_SKEW_MS == ASSERTION_SKEW_S * 1000,
	       "nor is who was ended");
_Static_assert(USER_LATE_VOUCHED_MS == USER_LATE_MS +
	       (ASSERTION_AGE_MAX_S + ASSERTION_SKEW_S) * 1000,
	       "nor what was said later");
_Static_assert(WRITER_CHORE_SHARE == 20, "usherd(8): a twentieth");
_Static_assert(SESSION_ORDER_S == 60, "usherd(8): to the minute");
_Static_assert(WATCH_SETTLE_MS == 500, "usher.conf(5): half a second");

static const struct {
	const char *document;
	const char *phrase;
	int numbers[3];
} told[] = {
	{ CONF, "up to %d, a line each, of at least %d characters.",
	  { SECRETS_MAX, SECRET_OURS_MIN } },
	{ README, "The file may have up to %d, a line each", { SECRETS_MAX } },
	{ EXAMPLE, "up to %d lines of at least %d characters",
	  { SECRETS_MAX, SECRET_OURS_MIN } },
	{ USHERCTL, "At most %d users are listed.", { USERS_CONFLICTS_MAX } },
	{ USHERCTL, "at most %d of a tenant.", { STRANGERS_KEPT } },
	{ USHERD, "how many there are, of %d rows", { USERS_CONFLICTS_MAX } },
	{ USHERD, "looks for such rows, %d while it starts",
	  { USER_KEYS_AT_START } },
	{ USHERD, "Certificates that expire within %d days",
	  { CERT_WARN_DAYS } },
	{ USHERD, "is good for one use and %d seconds.", { TOKEN_TTL_S } },
	{ USHERD, "the token has %d octets at most", { TOKEN_LOCATION_MAX } },
	{ USHERD, "may have %d of these at a time, of %d KiB each, and one "
		  "tenant %d MiB",
	  { PARKED_CLIENT_MAX, PARKED_MAX / 1024,
	    PARKED_TENANT_MAX / 1024 / 1024 } },
	{ USHERD, "a user may open %d tickets, write %d messages",
	  { TICKETS_PER_HOUR, TICKET_MESSAGES_PER_HOUR } },
	{ USHERD, "once more after %d milliseconds", { EXCHANGE_PAUSE_MS } },
	{ USHERD, "At most %d are kept waiting so", { EXCHANGE_PAUSED_MAX } },
	{ USHERD, "reopen one ticket %d times", { TICKET_TURNS_PER_HOUR } },
	{ USHERD, "has up to %d characters, a message %d, a ticket %d "
		  "messages.",
	  { TICKET_SUBJECT_MAX / 4, TICKET_MESSAGE_MAX / 4,
	    TICKET_MESSAGES_MAX } },
	{ USHERD, "flushed; %d seconds at most, for all of it",
	  { STOP_MS / 1000 } },
	{ USHERD, "is told to come back after %d seconds",
	  { EXCHANGE_STORE_MS / 1000 } },
	{ USHERD, "the answer's head share %d KiB.",
	  { DAEMON_CONNECTION_MEMORY / 1024 } },
	{ USHERD, "A body may have %d KiB, one to the desk %d KiB",
	  { REQUEST_BODY_MAX / 1024, REQUEST_TEXT_MAX / 1024 } },
	{ USHERD, "an answer %d seconds to be read.",
	  { DEADLINE_ANSWER_MS / 1000 } },
	{ USHERD, "No more than %d sessions are open.", { SESSIONS_MAX } },
	{ USHERD, "the last %d origins of a tenant", { STRANGERS_KEPT } },
	{ USHERD, "It has %d origins of each tenant.", { STRANGERS_KEPT } },
	{ USHERD, "one client brings in %d of them at most",
	  { STRANGERS_OF_CLIENT } },
	{ USHERD, "so may %d of them stay.", { STRANGERS_SHARED } },
	{ USHERD, "an address without its last %d bits, or an IPv6 /%d,",
	  { 32 - AUDIT_NET4_BITS, AUDIT_NET6_BITS } },
	{ USHERD, "%d octets of attributes a user", { USER_ATTRIBUTES_MAX } },
	{ USHERD, "%d in all, with a share for each", { SESSIONS_MAX } },
	{ USHERD, "%d seconds; as many as sign-ins", { REDEMPTION_KEPT_S } },
	{ USHERD, "%d seconds and a sweep; %d of a client, %d MiB of a tenant",
	  { TOKEN_TTL_S, PARKED_CLIENT_MAX, PARKED_TENANT_MAX / 1048576 } },
	{ USHERD, "by user and hour %d tickets and %d messages, %d messages a "
		  "ticket",
	  { TICKETS_PER_HOUR, TICKET_MESSAGES_PER_HOUR,
	    TICKET_MESSAGES_MAX } },
	{ USHERD, "%d events", { OUTBOX_TENANT_MAX } },
	{ USHERD, "and %d MiB of a tenant",
	  { (int)(OUTBOX_TENANT_OCTETS_MAX / 1048576) } },
	{ USHERD, "%d days; %d records and %d MiB of what was done",
	  { AUDIT_DAYS_MAX, AUDIT_ROWS_MAX,
	    (int)(AUDIT_OCTETS_MAX / 1048576) } },
	{ USHERD, "%d and %d MiB of refusals",
	  { AUDIT_REFUSALS_MAX, (int)(AUDIT_REFUSAL_OCTETS_MAX / 1048576) } },
	{ USHERD, "%d seconds and a sweep; 16 octets each",
	  { TOMBSTONE_KEPT_S } },
	{ USHERD, "outbox is %d percent full", { OUTBOX_FILLING_PERCENT } },
	{ USHERD, "below %d percent again", { OUTBOX_WELL_PERCENT } },
	{ USHERD, "once more %d seconds after",
	  { WRITER_WIPE_AGAIN_MS / 1000 } },
	{ CONF, "they may have %d MiB besides",
	  { (int)(OUTBOX_TENANT_OCTETS_MAX / 1048576) } },
	{ USHERD, "the disk has not answered for %d seconds",
	  { HEALTH_STUCK_MS / 1000 } },
	{ USHERD, "It may use %d MiB of addresses",
	  { (int)(SANDBOX_ADDRESS_SPACE / (1024 * 1024)) } },
	{ USHERD, "Up to %d lines and %d MiB wait for a terminal",
	  { LOG_RING_LINES, LOG_RING_OCTETS / (1024 * 1024) } },
	{ USHERD, "is on record for %d days", { AUDIT_DAYS_MAX } },
	{ USHERD, "The newest %d requests that were served are kept, and "
		  "apart from them the newest %d that were refused",
	  { AUDIT_ROWS_MAX, AUDIT_REFUSALS_MAX } },
	{ USHERD, "no more than %d a day, and %d with a token that is no "
		  "good, and %d for their",
	  { REFUSALS_A_DAY, REFUSALS_TOKENS_A_DAY,
	    REFUSALS_ORIGINS_A_DAY } },
	{ USHERD, "%d a day of a client, and no samples",
	  { REFUSALS_CHECKS_A_DAY } },
	{ USHERD, "one of a client in %d minutes, %d a minute in all, of "
		  "which %d at most", { REFUSALS_CLIENT_S / 60,
	    REFUSALS_SAMPLES * 60 / REFUSALS_SAMPLES_S,
	    REFUSALS_SAMPLES / 3 * 60 / REFUSALS_SAMPLES_S } },
	{ CONF, "and its chain, at most %d in all", { CERT_CHAIN_MAX } },
	{ CONF, "come to rest, and %d seconds after the first change",
	  { WATCH_LATEST_MS / 1000 } },
	{ README, "mint a token: one use, %d s |", { TOKEN_TTL_S } },
	{ README, "Follow the `Location` within %d minutes",
	  { TOKEN_TTL_S / 60 } },
	{ README, "query string of `/auth/callback`, for %d minutes",
	  { TOKEN_TTL_S / 60 } },
};

/* The document on one line: where a line ends means nothing. */
static void read_document(const char *name, struct buf *out)
{
	const char *src = getenv("srcdir");
	char path[PATH_MAX];
	bool was_space = true;
	FILE *f;
	int c;

	snprintf(path, sizeof(path), "%s/../%s", src ? src : ".", name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s cannot be read", path);
	while ((c = fgetc(f)) != EOF) {
		bool is_space = c == '\n' || c == ' ' || c == '\t';

		if (!is_space || !was_space)
			buf_addc(out, is_space ? ' ' : (char)c);
		was_space = is_space;
	}
	fclose(f);
	buf_addc(out, '\0');
	ck_assert(buf_is_ok(out));
}

/* The README has "two minutes" where the pages have digits. */
static void in_words(char *phrase, size_t size)
{
	char *at = strstr(phrase, " 2 minutes");
	char rest[256];

	if (!at)
		return;
	snprintf(rest, sizeof(rest), "%s", at + 2);
	snprintf(at, size - (size_t)(at - phrase), " two%s", rest);
}

START_TEST(documents_tell_the_constants)
{
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		const int *n = told[i].numbers;
		char phrase[256];
		struct buf text;

		buf_init(&text, DOCUMENT_MAX);
		read_document(told[i].document, &text);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(phrase, sizeof(phrase), told[i].phrase, n[0], n[1],
			 n[2]);
#pragma GCC diagnostic pop
		in_words(phrase, sizeof(phrase));
		ck_assert_msg(strstr(text.ptr, phrase) != NULL,
			      "%s does not say '%s'", told[i].document,
			      phrase);
		buf_done(&text);
	}
}
END_TEST

static void numbers_tests(TCase *tcase)
{
	tcase_add_test(tcase, documents_tell_the_constants);
}

UNIT_MAIN("numbers", numbers_tests)
