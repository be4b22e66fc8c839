/*
 * sample: a made-up request, to try an adapter with.
 *
 * What is handed in is copied.  Values are held to what the gateway lets
 * through: UTF-8 without control characters, names and values within the
 * limits of fields.
 */
#ifndef WORKBENCH_SAMPLE_H
#define WORKBENCH_SAMPLE_H

#include "module/call.h"

enum sample_part {
	SAMPLE_FIELD,
	SAMPLE_JSON,	  /* a field with nested JSON */
	SAMPLE_CLAIM,	  /* a field that an assertion vouches for: the
			   * request is a signed one */
	SAMPLE_ATTRIBUTE, /* stored about the user before */
};

struct sample {
	struct pool *pool, *out;	/* what goes in; what comes out */
	struct fields fields, attributes, claims;
	bool is_deliver;		/* the hook to run: else the handoff's */
	struct adapter_call call;
	struct adapter_trace trace;
	int64_t took_ns;		/* there and back, the last time */
};

/* An unsigned request with nothing in it. ERR_NOMEM. */
enum err sample_init(struct sample *s);
/* Accepts a zeroed one. */
void sample_done(struct sample *s);
/* A new one with the same in it, not yet run.  NULL: no memory. */
struct sample *sample_copy(const struct sample *s);
void sample_free(struct sample *s);

/* NULL, or for people why not; a name given again replaces its value. */
const char *sample_add(struct sample *s, enum sample_part part, struct str name,
		       struct str value);
/* What the gateway knows: "user.id" and so on, see USHER_INFO.  Likewise. */
const char *sample_info(struct sample *s, struct str name, struct str value);
void sample_sign(struct sample *s);
/* The request of the user's browser that follows a handoff which was let
 * through: what it changed is stored, and the user is known. ERR_NOMEM. */
enum err sample_follow(struct sample *s);

#endif
