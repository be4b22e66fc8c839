/*
 * audit-pack: a record of the audit in few octets, and back.
 *
 * A row's body is a version, then records one behind the other.  A record is
 *
 *	flags		one octet: PACK_*, and, where they say so, one of MORE_*
 *	id		16 octets where it is a ULID, else a text
 *	time		zigzag, where it is not the ULID's
 *	tenant		a text, where there is one
 *	network		of the client: 3 octets of IPv4, 6 of IPv6
 *	tags		AUDIT_TAG_LEN octets each, as many as MORE_* has bits
 *	status		a number up to AUDIT_STATUS_MAX
 *	code		a word, where there is one
 *	trail		the count of steps, and of each its name and verdict
 *			(words), its time doubled, and one more where a text
 *			follows that says why; or a text, which is JSON
 *
 * Numbers are varints of seven bits each, low ones first, never longer than
 * need be.  A text is its length and its octets, none of them NUL.  A word is
 * a number twice and one, of store/audit-words.def, or a text whose length is
 * told twice.
 *
 * What is stored may have been damaged, so reading is strict: what could not
 * have been written ends it with ERR_SYNTAX, and no slice leaves the body.
 * Nothing here knows the database.  Bodies of version 1, without networks, and
 * of version 2, without tags, are read as well.
 *
 * Tags say whom a record is about, and name nobody: `person` is a keyed hash of
 * tenant and address (users_tag()), `subject` one of tenant and external id,
 * `token` the last octets of the token's jti, which are random or a digest.  A
 * person who is erased goes out of all rows: audit_body_forget() leaves zeros in
 * the place of their tags.  `token` stays, and ties together records of nobody.
 */
#ifndef STORE_AUDIT_PACK_H
#define STORE_AUDIT_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"
#include "codec/ip.h"

#define AUDIT_ID_MAX 64			/* octets of a request id */
#define AUDIT_TENANT_MAX 64
#define AUDIT_CODE_MAX 64
#define AUDIT_NAME_MAX 64		/* of a step or verdict */
#define AUDIT_WHY_MAX 256
#define AUDIT_STEPS_MAX 32
#define AUDIT_STATUS_MAX 999
#define AUDIT_TRAIL_MAX 8192		/* octets of a trail that is a text */
#define AUDIT_PACKED_MAX 8704		/* of a packed record */
#define AUDIT_BODY_MAX 16384		/* of a row's */
#define AUDIT_RENDERED_MAX (64 * 1024)	/* of a trail that is shown */
#define AUDIT_VERSION 3
#define AUDIT_TAG_LEN 8
/* Bits of a client's address that are kept: no person is told from them. */
#define AUDIT_NET4_BITS 24
#define AUDIT_NET6_BITS 48
#define AUDIT_NETWORK_TEXT_MAX (IP_TEXT_MAX + 4)

struct audit_step {
	const char *step, *verdict;
	const char *why;		/* NULL: nothing more to say */
	int64_t us;
};

/* 0: none, or erased. */
struct audit_tags {
	uint64_t person, subject, token;
};

struct audit_record {
	int64_t id;		/* of one that was found: they count up */
	struct str request_id;
	int64_t time_ms;	/* wall clock */
	struct str tenant;	/* absent: none was found */
	struct ip network;	/* of the client: one that is written may be
				 * its whole address; family 0: none */
	struct audit_tags tags;
	/* it lies with the refusals whatever its status; not kept */
	bool is_refusal;
	int status;		/* HTTP, up to AUDIT_STATUS_MAX */
	struct str code;	/* of the outcome; absent: none */
	/* a JSON array; absent in one that is to be written: see `steps` */
	struct str trail;
	const struct audit_step *steps;	/* NULL in one that was found */
	unsigned step_count;
};

/* ERR_LIMIT, ERR_CONTROL (a NUL): it cannot be packed. */
enum err audit_check(const struct audit_record *record);
/* The same errors, and ERR_LIMIT past AUDIT_PACKED_MAX octets. */
enum err audit_pack(const struct audit_record *record,
		    unsigned char out[AUDIT_PACKED_MAX], size_t *len_r);

/* A record where it lies: slices of the body. */
struct audit_view {
	struct str id;			/* 16 octets where `is_ulid` */
	bool is_ulid;
	int64_t time_ms;
	struct str tenant, code;
	struct ip network;
	struct audit_tags tags;
	struct str tag_octets;		/* where they lie */
	int status;
	bool is_text;
	unsigned step_count;
	struct str trail;		/* the text, or the packed steps */
};

struct audit_body {
	const unsigned char *p, *end;
	unsigned flags;			/* that its version has */
};

/* ERR_SYNTAX: too long, empty or of another version. */
enum err audit_body_open(struct str body, struct audit_body *out_r);
/* 1: a record; 0: that was all; -1: damaged, and nothing more can be read. */
int audit_body_next(struct audit_body *body, struct audit_view *view_r);
bool audit_view_is(const struct audit_view *view, struct str request_id);
/* As it is shown, slices in the pool: with the trail as JSON. ERR_NOMEM. */
enum err audit_view_show(const struct audit_view *view, struct pool *pool,
			 struct audit_record *record_r);

/*
 * Take a person's tag out of a row's body, in place: of records whose `subject`
 * it is `person` too.  How many were changed; -1: the row is damaged (from
 * there on nothing was changed).
 */
int audit_body_forget(unsigned char *body, size_t len, uint64_t tag);

/* The tag of a token: what its jti ends with. */
uint64_t audit_token_tag(const uint8_t *jti, size_t len);

/* The members of a record that was found, as an object that the caller ends.
 * Tags are 16 hexadecimal digits each. */
void audit_record_json(const struct audit_record *record, struct buf *out);

/* "198.51.100.0/24"; "" where there is none. */
void audit_network_text(const struct ip *network,
			char out[AUDIT_NETWORK_TEXT_MAX]);

/*
 * The time that an id begins with: a ULID's, or that of an operator's deed
 * ("ctl-", eleven hexadecimal digits of milliseconds, five others).
 */
bool audit_id_time(struct str request_id, int64_t *time_ms_r);

#endif
