/*
 * specimen: a made-up request, to try an adapter with.
 *
 * What is handed in is copied.  Values are held to what the gateway lets
 * through: UTF-8 without control characters, names and values within the
 * limits of fields.
 */
#ifndef ADAPTER_SPECIMEN_H
#define ADAPTER_SPECIMEN_H

#include "adapter/call.h"

enum specimen_part {
	SPECIMEN_FIELD,
	SPECIMEN_JSON,		/* a field with nested JSON */
	SPECIMEN_CLAIM,		/* a field that an assertion vouches for: the
				 * request is a signed one */
	SPECIMEN_ATTRIBUTE,	/* stored about the user before */
};

struct specimen {
	struct pool *pool, *out;	/* what goes in; what comes out */
	struct fields fields, attributes, claims;
	bool is_deliver;		/* the hook to run: else the handoff's */
	struct adapter_call call;
	struct adapter_trace trace;
	int64_t took_ns;		/* there and back, the last time */
};

/* An unsigned request with nothing in it. ERR_NOMEM. */
enum err specimen_init(struct specimen *s);
/* Accepts a zeroed one. */
void specimen_done(struct specimen *s);
/* A new one with the same in it, not yet run.  NULL: no memory. */
struct specimen *specimen_copy(const struct specimen *s);
void specimen_free(struct specimen *s);

/* NULL, or for people why not; a name given again replaces its value. */
const char *specimen_add(struct specimen *s, enum specimen_part part,
			 struct str name, struct str value);
/* What the gateway knows: "user.id" and so on, see USHER_INFO.  Likewise. */
const char *specimen_info(struct specimen *s, struct str name,
			  struct str value);
void specimen_sign(struct specimen *s);
/* The request of the user's browser that follows a handoff which was let
 * through: what it changed is stored, and the user is known. ERR_NOMEM. */
enum err specimen_follow(struct specimen *s);

#endif
