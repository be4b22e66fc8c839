#include "http/refuse.h"

#include <time.h>

#include "base/log.h"

const struct steps refuse_steps = { .name = "refused" };

void refuse_answer(struct exchange *ex, struct meter *meter,
		   enum guard_verdict verdict)
{
	const struct guard_refusal *refusal = guard_refusal(verdict);

	metric_add(meter->refused[verdict], 1);
	log_debug(request_refused, LOG_TEXT("request", ex->id),
		  LOG_TEXT("reason", guard_reason(verdict)));
	ex->request = (struct request){ .method = METHOD_GET };
	answer_header(ex, "X-Request-Id", (struct str){ ex->id,
							REQUEST_ID_LEN });
	answer_header(ex, "Cache-Control", STR("no-store"));
	answer_header(ex, "X-Content-Type-Options", STR("nosniff"));
	if (verdict == GUARD_METHOD)
		answer_header(ex, "Allow", STR("GET, HEAD, POST, OPTIONS"));
	if (code_table[refusal->code].status == 503)
		answer_header(ex, "Retry-After", STR("2"));
	answer_error(ex, refusal->code, refusal->message);
}

enum guard_verdict refuse_verdict(enum tap_fault fault)
{
	switch (fault) {
	case TAP_HOST:
		return GUARD_HOST;
	case TAP_LENGTH:
	case TAP_CHUNKS:
		return GUARD_FRAMING;
	case TAP_COOKIES:
		return GUARD_COOKIES;
	case TAP_CROWD:
		return GUARD_NETWORK;
	case TAP_PLAIN:
	case TAP_PLAIN_HEAD:
		return GUARD_PLAIN;
	default:
		return GUARD_MALFORMED;
	}
}

/* RFC 9110 section 5.6.7. */
static void add_date(struct buf *out)
{
	time_t now = time(NULL);
	char text[40];
	struct tm tm;

	if (gmtime_r(&now, &tm) &&
	    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm))
		buf_printf(out, "Date: %s\r\n", text);
}

void refuse_render(const struct exchange *ex, enum tap_fault fault,
		   struct buf *out)
{
	const struct answer *answer = &ex->answer;
	bool is_plain = refuse_verdict(fault) == GUARD_PLAIN;
	/* a person reads it: their browser has asked the wrong port */
	struct str body = is_plain ?
		str_from(guard_refusal(GUARD_PLAIN)->message) : answer->body;

	buf_printf(out, "HTTP/1.1 %d %s\r\n", answer->status,
		   MHD_get_reason_phrase_for((unsigned)answer->status));
	for (unsigned i = 0; i < answer->header_count; i++) {
		const struct header *h = &answer->headers[i];

		if (!is_plain || !str_eq(h->name, STR("Content-Type")))
			buf_printf(out, "%.*s: %.*s\r\n", STR_ARG(h->name),
				   STR_ARG(h->value));
	}
	if (is_plain)
		buf_puts(out, "Content-Type: text/plain; charset=utf-8\r\n");
	add_date(out);
	buf_printf(out, "Content-Length: %zu\r\nConnection: close\r\n\r\n",
		   body.len);
	if (fault != TAP_PLAIN_HEAD)
		buf_adds(out, body);
}
