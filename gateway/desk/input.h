/*
 * input: what a request to the desk asks for and says, checked.
 *
 * Numbers and cursors have exactly one spelling each; what users wrote is
 * brought into one form: white space at the ends of every text is dropped as
 * Laravel's TrimStrings does (codec/utf8.h), CRLF and CR become LF.
 */
#ifndef DESK_INPUT_H
#define DESK_INPUT_H

#include "codec/fields.h"
#include "config/snapshot.h"
#include "policy/validate.h"
#include "store/tickets.h"

#define INPUT_SUBJECT_MAX 200		/* characters */
#define INPUT_MESSAGE_MAX 5000		/* characters */
#define INPUT_LIST_MAX 50		/* tickets of one page of the list */

/* Which page of the list. */
struct input_query {
	enum { INPUT_ALL, INPUT_OPEN, INPUT_CLOSED } state;
	int64_t before_ms, before_number;	/* 0, 0: from the top */
	unsigned limit;
};

/*
 * A query string, without its '?' or absent: state=open|closed,
 * before=CURSOR, limit=1...50, each of them optional, others passed over.
 * ERR_SYNTAX with *why_r a sentence; ERR_NOMEM.
 */
enum err input_query_read(struct pool *pool, struct str query,
			  struct input_query *out_r, const char **why_r);
/* Only before=ID, of a message: 0 where there is none. Errors as above. */
enum err input_before_read(struct pool *pool, struct str query,
			   int64_t *id_r, const char **why_r);

/* A ticket's number as a path has it: 1 or more. ERR_SYNTAX, ERR_RANGE. */
enum err input_number_read(struct str text, int64_t *number_r);
/* "MS-NUMBER": the ticket that a page of the list ends with. ERR_SYNTAX,
 * ERR_RANGE. */
enum err input_cursor_read(struct str text, int64_t *ms_r, int64_t *number_r);
void input_cursor_add(struct buf *out, int64_t ms, int64_t number);

/* What somebody wrote. Slices live in the pool or in the fields. */
struct input_text {
	struct str subject, category, message;	/* category: may be empty */
	struct str key;
};

/*
 * Of a new ticket: subject, category, message, and the key of the request's
 * Idempotency-Key header (absent: there is none).  Each failing field is added
 * to `list`.  ERR_OK only when none is; ERR_SYNTAX; ERR_NOMEM.
 */
enum err input_ticket_read(struct pool *pool, const struct tenant *tenant,
			   const struct fields *fields, struct str key,
			   struct invalid_list *list,
			   struct input_text *out_r);
/* Of a reply: message and key. */
enum err input_reply_read(struct pool *pool, const struct fields *fields,
			  struct str key, struct invalid_list *list,
			  struct input_text *out_r);

#endif
