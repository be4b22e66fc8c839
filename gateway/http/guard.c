#include "http/guard.h"

#include "base/num.h"

/* How far the tiles reach so far, and what was counted on the way. */
struct tiling {
	const char *next;	/* the first byte that no tile has covered */
	const char *end;	/* one past the head */
	struct guard_head *head;
	enum guard_verdict verdict;
	unsigned hosts, lengths, codings;
	struct str length, coding;
};

/*
 * The bytes of a line's end as the library leaves them: version 0.9 writes
 * NUL over CR and over LF; version 1.0 writes one NUL over the first byte
 * after the value (a trailing blank or the CR) and leaves the rest.  Returns
 * the next line's start, NULL where there is no such end.
 */
static const char *line_end(const char *p, const char *end)
{
	if (end - p < 2 || p[0] != '\0')
		return NULL;
	if (p[1] == '\0' || p[1] == '\n')
		return p + 2;
	for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
		;
	if (end - p >= 2 && p[0] == '\r' && p[1] == '\n')
		return p + 2;
	return NULL;
}

static bool is_token(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_token(s[i]))
			return false;
	return len > 0;
}

/* RFC 9110 section 5.5: VCHAR, obs-text, SP and HTAB.  By eight: a browser's
 * values have hundreds of octets. */
static bool is_field_value(const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		if (len - i >= 8 && !ascii_has_control8(s + i))
			i += 8;
		else if (ascii_is_control(s[i]) && s[i] != '\t')
			return false;
		else
			i++;
	}
	return true;
}

/* Several servers turn '-' and '_' into one: X_Forwarded_For would pass a
 * proxy that only knows to replace X-Forwarded-For (CVE-2025-64484). */
static bool is_disguised(struct str name)
{
	static const char *const heads[] = {
		"content-", "transfer-", "x-forwarded-", "x-real-",
		"x-purpose", "x-moz", "sec-", "remote-", "access-control-",
	};
	char folded[24];
	size_t len = name.len < sizeof(folded) ? name.len : sizeof(folded);

	if (str_find(name, '_') < 0)
		return false;
	for (size_t i = 0; i < len; i++)
		folded[i] = name.ptr[i] == '_' ? '-' : ascii_lower(name.ptr[i]);
	for (size_t i = 0; i < N_ELEMENTS(heads); i++)
		if (str_has_prefix((struct str){ folded, len },
				   str_from(heads[i])))
			return true;
	return false;
}

/* The few names that decide how the request is framed and routed. */
static void note_header(struct tiling *t, struct str name, struct str value)
{
	switch (name.len) {
	case 4:
		if (str_ieq(name, STR("host"))) {
			t->hosts++;
			t->head->host = value;
		}
		break;
	case 6:
		if (str_ieq(name, STR("expect")) &&
		    str_ieq(value, STR("100-continue")))
			t->head->expects_continue = true;
		break;
	case 14:
		if (str_ieq(name, STR("content-length"))) {
			t->lengths++;
			t->length = value;
		}
		break;
	case 17:
		if (str_ieq(name, STR("transfer-encoding"))) {
			t->codings++;
			t->coding = value;
		}
		break;
	}
}

static enum MHD_Result stop(struct tiling *t, enum guard_verdict verdict)
{
	t->verdict = verdict;
	return MHD_NO;
}

/* One header: does it lie where the last one ended? */
static enum MHD_Result lay_header(void *cls, enum MHD_ValueKind kind,
				  const char *name, size_t name_len,
				  const char *value, size_t value_len)
{
	struct tiling *t = cls;
	const char *next;

	(void)kind;
	/* a name elsewhere: a folded, dropped or bare-LF line before it */
	if (name != t->next || !value || value < name + name_len + 1 ||
	    value > t->end || value_len > (size_t)(t->end - value))
		return stop(t, GUARD_MALFORMED);
	if (!is_token(name, name_len))
		return stop(t, GUARD_MALFORMED);
	for (const char *p = name + name_len + 1; p < value; p++)
		if (*p != ' ' && *p != '\t')
			return stop(t, GUARD_MALFORMED);
	if (!is_field_value(value, value_len))
		return stop(t, GUARD_MALFORMED);
	next = line_end(value + value_len, t->end);
	if (!next)
		return stop(t, GUARD_MALFORMED);
	t->next = next;
	if (t->head->header_count == REQUEST_HEADERS_MAX)
		return stop(t, GUARD_HEADERS);
	if (is_disguised((struct str){ name, name_len }))
		return stop(t, GUARD_NAME);
	t->head->headers[t->head->header_count++] = (struct header){
		.name = { name, name_len },
		.value = str_trim((struct str){ value, value_len }, " \t"),
	};
	note_header(t, (struct str){ name, name_len },
		    (struct str){ value, value_len });
	return MHD_YES;
}

static bool find_method(struct str name, enum method *method_r)
{
	static const struct {
		struct str name;
		enum method method;
	} methods[] = {
		{ { "GET", 3 }, METHOD_GET },
		{ { "POST", 4 }, METHOD_POST },
		{ { "OPTIONS", 7 }, METHOD_OPTIONS },
		{ { "HEAD", 4 }, METHOD_HEAD },
	};

	for (size_t i = 0; i < N_ELEMENTS(methods); i++)
		if (str_eq(name, methods[i].name)) {
			*method_r = methods[i].method;
			return true;
		}
	return false;
}

/* Are eight octets of a target surely good?  One with a token has hundreds.
 * False says nothing. */
static bool is_plain8(const char *at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	/* none from 0x80, none up to '#' (a borrow only adds alarms), no DEL */
	return !((word | (word - ones * ('#' + 1)) | (word + ones)) & high);
}

/* Origin-form: '/' and then visible ASCII without '#'. */
static bool is_target(struct str raw)
{
	if (raw.len == 0 || raw.ptr[0] != '/')
		return false;
	for (size_t i = 0; i < raw.len;) {
		unsigned char c = (unsigned char)raw.ptr[i];

		if (raw.len - i >= 8 && is_plain8(raw.ptr + i)) {
			i += 8;
			continue;
		}
		if (c <= 0x20 || c >= 0x7f || c == '#')
			return false;
		i++;
	}
	return true;
}

static enum guard_verdict lay_request_line(struct tiling *t, const char *method,
					   const char *version,
					   struct guard_target target)
{
	size_t method_len = strnlen(method, (size_t)(t->end - method));
	const char *next;

	if (!is_token(method, method_len))
		return GUARD_MALFORMED;
	if (target.at != method + method_len + 1 || target.raw.len == 0 ||
	    target.raw.len > (size_t)(t->end - target.at))
		return GUARD_MALFORMED;
	/* a NUL or a second SP in the target moves the version */
	if (version != target.at + target.raw.len + 1 ||
	    t->end - version < 10)
		return GUARD_MALFORMED;
	if (memcmp(version, "HTTP/", 5) != 0 || strnlen(version, 9) != 8)
		return GUARD_MALFORMED;
	next = line_end(version + 8, t->end);
	if (!next)
		return GUARD_MALFORMED;
	t->next = next;
	if (memcmp(version, "HTTP/1.1", 8) != 0 &&
	    memcmp(version, "HTTP/1.0", 8) != 0)
		return GUARD_VERSION;
	t->head->is_http10 = version[7] == '0';
	if (!find_method((struct str){ method, method_len }, &t->head->method))
		return GUARD_METHOD;
	if (!is_target(target.raw))
		return GUARD_TARGET;
	return GUARD_OK;
}

/* RFC 9112 section 6.3, without any of its "may": one framing, plainly said. */
static enum guard_verdict check_framing(struct tiling *t)
{
	struct guard_head *head = t->head;

	if (t->lengths > 1 || t->codings > 1 || (t->lengths && t->codings))
		return GUARD_FRAMING;
	if (t->codings) {
		if (head->is_http10 || !str_ieq(t->coding, STR("chunked")))
			return GUARD_FRAMING;
		head->is_chunked = true;
	}
	if (t->lengths && num_u64(t->length, 0, INT64_MAX,
				  &head->content_length) != ERR_OK)
		return GUARD_FRAMING;
	return GUARD_OK;
}

static bool is_head_end(const char *p, const char *end)
{
	return end - p == 2 && ((p[0] == '\0' && p[1] == '\0') ||
				(p[0] == '\r' && p[1] == '\n'));
}

/* Did the octets that came end where the library says the head does?  One that
 * was not seen did not. */
static bool is_as_received(const struct tap *tap, const struct guard_head *head)
{
	if (!tap || !tap_is_live())
		return true;
	return tap->state == TAP_WHOLE && tap->len == head->len;
}

enum guard_verdict guard_check(struct MHD_Connection *connection,
			       const char *method, const char *version,
			       struct guard_target target,
			       const struct tap *tap,
			       struct guard_head *head)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct tiling t = { .head = head };
	enum guard_verdict verdict;

	if (!info || !method || !version || !target.at)
		return GUARD_MALFORMED;
	head->start = method;
	head->len = info->header_size;
	head->is_chunked = head->expects_continue = false;
	head->content_length = GUARD_NO_LENGTH;
	head->header_count = 0;
	t.end = method + info->header_size;
	verdict = lay_request_line(&t, method, version, target);
	/* how the head ends is looked at even where the line was refused:
	 * a malformed one is never called anything else */
	if (verdict == GUARD_MALFORMED)
		return verdict;
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, lay_header,
				    &t);
	if (t.verdict != GUARD_OK)
		return t.verdict;
	if (!is_head_end(t.next, t.end) || !is_as_received(tap, head))
		return GUARD_MALFORMED;
	if (verdict != GUARD_OK)
		return verdict;
	verdict = check_framing(&t);
	if (verdict == GUARD_OK && t.hosts != 1)
		verdict = GUARD_HOST;
	return verdict;
}

const struct guard_refusal *guard_refusal(enum guard_verdict verdict)
{
	static const struct guard_refusal refusals[GUARD_COUNT] = {
		[GUARD_MALFORMED] = {
			CODE_bad_request,
			"The request's head is malformed." },
		[GUARD_METHOD] = {
			CODE_method_not_allowed,
			"Only GET, HEAD, POST and OPTIONS are understood." },
		[GUARD_TARGET] = {
			CODE_bad_target,
			"The request's target must be a path." },
		[GUARD_VERSION] = {
			CODE_bad_version,
			"Only HTTP/1.0 and HTTP/1.1 are understood." },
		[GUARD_HOST] = {
			CODE_bad_host,
			"A request needs exactly one valid Host." },
		[GUARD_FRAMING] = {
			CODE_bad_framing,
			"The request's length is not said in one valid way." },
		[GUARD_NAME] = {
			CODE_bad_header_name,
			"A header's name is spelled with an underscore." },
		[GUARD_HEADERS] = {
			CODE_too_many_headers,
			"The request has too many headers." },
		[GUARD_COOKIES] = {
			CODE_headers_too_long,
			"The request's headers are too long. Fewer cookies may "
			"help." },
		[GUARD_PLAIN] = {
			CODE_bad_request,
			"This port speaks https. Write https:// in the "
			"address." },
		[GUARD_NETWORK] = {
			CODE_busy,
			"There are too many connections from your network. "
			"Please try again in a moment." },
	};

	return &refusals[verdict];
}

const char *guard_reason(enum guard_verdict verdict)
{
	static const char *const names[GUARD_COUNT] = {
		"ok", "malformed", "method", "target", "version",
		"host", "framing", "name", "headers", "cookies", "plain",
		"network",
	};

	return names[verdict];
}
