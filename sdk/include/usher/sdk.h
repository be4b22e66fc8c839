/*
 * usher/sdk.h: a small library for adapters, on top of <usher/adapter.h>.
 *
 * Optional: an adapter needs none of it.  It is linked into the adapter
 * (libusher-sdk.a), keeps no state, and takes memory only from the call's
 * arena (call->host->alloc), so nothing is to be freed but what
 * usher_str_keep() gave.  All functions may be called in every hook unless
 * said otherwise.
 */
#ifndef USHER_SDK_H
#define USHER_SDK_H

#include <usher/adapter.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- slices ------------------------------------------------------------ */

/* A terminated string as a slice; NULL gives an empty one. */
struct usher_str usher_str_from(const char *text);
/* 1 or 0. Byte for byte. */
int usher_str_eq(struct usher_str a, struct usher_str b);
/* The same with a terminated string. */
int usher_str_is(struct usher_str a, const char *text);
/* ASCII letters without regard to case, all else byte for byte. */
int usher_str_ieq(struct usher_str a, struct usher_str b);
int usher_str_has_prefix(struct usher_str s, const char *prefix);
int usher_str_has_suffix(struct usher_str s, const char *suffix);
/* Without spaces and tabs at both ends. Borrowed from `s`: its end need not
 * be terminated any more. */
struct usher_str usher_str_trim(struct usher_str s);
/*
 * Split at the first `separator`: returns what stands before it, *rest is what
 * stands after it; without one returns all, and rest->ptr is NULL.
 */
struct usher_str usher_str_cut(struct usher_str s, char separator,
			       struct usher_str *rest /* out */);
/* Characters (code points) of UTF-8 text. */
size_t usher_str_chars(struct usher_str s);
/*
 * Decimal digits, perhaps after a '-', without leading zeros, all of `s`, from
 * `min` to `max`: 0, else USHER_E_INVAL or USHER_E_LIMIT.
 */
int usher_str_number(struct usher_str s, int64_t min, int64_t max,
		     int64_t *number /* out */);
/* A terminated copy in the arena: 0 or USHER_E_NOMEM. */
int usher_str_copy(struct usher_call *call, struct usher_str s,
		   struct usher_str *copy /* out */);
/* The same with ASCII letters made small. */
int usher_str_lower(struct usher_call *call, struct usher_str s,
		    struct usher_str *copy /* out */);
/* A terminated copy for the adapter's state, which outlives the call as the
 * host's texts do not: malloc(3)'s, so free(3) it in fini. NULL: no memory. */
char *usher_str_keep(struct usher_str s);

/* ---- text that grows ---------------------------------------------------- */

/*
 * A buffer of a fixed size.  Failure is sticky: once something did not fit,
 * later additions do nothing and usher_buf_end() says so; ask once, at the end.
 */
struct usher_buf {
	char *ptr;
	size_t len, size;
	int failed;
};

/* `size` bytes in the arena, the terminator included. */
void usher_buf_init(struct usher_buf *buf, struct usher_call *call,
		    size_t size);
/* The same in memory of the caller's. */
void usher_buf_init_array(struct usher_buf *buf, char *array, size_t size);
void usher_buf_add(struct usher_buf *buf, const void *data, size_t len);
void usher_buf_puts(struct usher_buf *buf, const char *text);
void usher_buf_str(struct usher_buf *buf, struct usher_str s);
void usher_buf_int(struct usher_buf *buf, int64_t number);
/* As a part of a URL: all but RFC 3986's unreserved characters escaped. */
void usher_buf_percent(struct usher_buf *buf, struct usher_str s);
/* The whole, terminated: 0, or USHER_E_LIMIT when it did not fit. */
int usher_buf_end(struct usher_buf *buf, struct usher_str *text /* out */);

/* ---- JSON, piece by piece (RFC 8259) ------------------------------------- */

/*
 * An opening brace or bracket, with a comma first where one belongs; the
 * closing one is usher_buf_puts(buf, "}").
 */
void usher_json_open(struct usher_buf *buf, char bracket);
/* A quoted string, with a comma first where one belongs. */
void usher_json_str(struct usher_buf *buf, struct usher_str s);
/* `"name":` and a value; a comma first where one belongs. `name` is escaped. */
void usher_json_member(struct usher_buf *buf, const char *name,
		       struct usher_str value);
void usher_json_member_int(struct usher_buf *buf, const char *name,
			   int64_t value);
void usher_json_member_bool(struct usher_buf *buf, const char *name,
			    int value);
/* `json` is JSON already. */
void usher_json_member_raw(struct usher_buf *buf, const char *name,
			   struct usher_str json);
/* `"name":` and an opening bracket. */
void usher_json_member_open(struct usher_buf *buf, const char *name,
			    char bracket);

/*
 * The elements of a JSON array of plain values, one at a time: *rest is the
 * array at first, and afterwards what is left of it.  1: *item is the next
 * one, a text with its escapes undone (in the arena), or the letters of a
 * number, true, false or null.  0: there are no more.  USHER_E_INVAL: *rest is
 * no such array, or not as the host gives JSON; USHER_E_NOMEM.
 */
int usher_json_next(struct usher_call *call, struct usher_str *rest,
		    struct usher_str *item /* out */);

/* ---- tokens -------------------------------------------------------------- */

/* RFC 4648 section 5, without padding. */
void usher_base64url(struct usher_buf *buf, const void *data, size_t len);
/*
 * A JSON Web Token (RFC 7519) signed with HS256 (RFC 7518 section 3.2) and the
 * named secret of `adapter.secrets`.  `kid` may be NULL; `claims` is one JSON
 * object.  The token is in the arena.  USHER_E_NOTFOUND (no such secret),
 * USHER_E_NOMEM, USHER_E_LIMIT, USHER_E_FAILED.
 */
int usher_jwt_hs256(struct usher_call *call, const char *secret,
		    const char *kid, struct usher_str claims,
		    struct usher_str *token /* out */);

/* ---- settings ------------------------------------------------------------ */

/* A setting, or `fallback` (terminated; may be NULL) where it is not set. */
struct usher_str usher_config_str(struct usher_call *call, const char *key,
				  const char *fallback);
/*
 * [init] A number from `min` to `max`, `true` or `false` (as 1 or 0), or
 * `fallback` where it is not set: 0.  For anything else it calls set_error()
 * under the setting's key and returns USHER_E_INVAL: return USHER_FAIL then.
 */
int usher_config_int(struct usher_call *call, const char *key, int64_t min,
		     int64_t max, int64_t fallback,
		     int64_t *value /* out */);
int usher_config_bool(struct usher_call *call, const char *key, int fallback,
		      int *value /* out */);
/*
 * [init] set_error() under a setting whose key is a slice, as config_at() gives
 * it; `problem` goes on after the key ("must be ...").  Always USHER_FAIL, for
 * init to return.
 */
int usher_config_refuse(struct usher_call *call, struct usher_str key,
			const char *problem);
/*
 * [init] `true` or `false` (as 1 or 0) of a setting that config_at() gave:
 * USHER_OK, or the refusal above, and *flag as it was.
 */
int usher_config_flag(struct usher_call *call, struct usher_str key,
		      struct usher_str value, int *flag /* out */);

#ifdef __cplusplus
}
#endif
#endif
