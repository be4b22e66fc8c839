/*
 * assertion-private: how claims are judged, for the assertion and the partner's
 * logout: policy/logout-token.c.
 */
#ifndef POLICY_ASSERTION_PRIVATE_H
#define POLICY_ASSERTION_PRIVATE_H

#include "policy/assertion.h"

struct judge {
	const struct assertion_rules *rules;
	struct pool *pool;
	struct fields said;		/* all claims */
	struct assertion out;
	struct assertion_row *rows;
	bool is_out_of_memory;
};

/* All rows good, and the claims of `payload`: where it has none, every row says
 * so. ERR_OK; ERR_AUTH; ERR_NOMEM. */
enum err judge_begin(struct judge *judge, const struct assertion_rules *rules,
		     struct str payload, struct pool *pool,
		     struct assertion_row rows[ASSERTION_CHECKS]);
/* The first one of a row counts; an absent hint is a want of memory. */
void judge_refuse(struct judge *judge, enum assertion_check check,
		  enum code code, struct str hint);
/* ERR_OK, ERR_AUTH where any row is not good, or ERR_NOMEM. */
enum err judge_end(const struct judge *judge);

const struct field *judge_find(const struct judge *judge, const char *name);
/* A claim that is a date, where there is one: is there? */
bool judge_date(struct judge *judge, const char *name, bool is_required,
		int64_t *out);
/* "exp 09:04:10, here 09:06:31: 141 s late: ...", and whose clock it may be
 * (UTC). */
struct str judge_clocks(struct judge *judge, const char *claim, int64_t at_s);
/* A claim that is a text of so many octets, where there is one. */
void judge_text(struct judge *judge, const char *name, bool is_required,
		size_t min, size_t max, struct str *out);
/* iss, aud and sub, which becomes out.sub. */
void judge_issuer(struct judge *judge);
void judge_audience(struct judge *judge);
void judge_subject(struct judge *judge);

#endif
