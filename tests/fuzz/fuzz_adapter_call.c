/*
 * An adapter that does anything: the input is a program of calls to the host's
 * functions, in any hook, with any arguments.  Whatever it does, what comes
 * out is within the limits and is text, and nothing that was refused passes.
 */
#include "module/call.h"
#include "codec/url.h"
#include "codec/utf8.h"
#include "fuzz/fuzz.h"

struct program {
	const uint8_t *p, *end;
};

static unsigned byte(struct program *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

/* Up to 255 bytes, terminated; long ones by repeating. NULL for a marker. */
static char *text(struct program *in, size_t *len_r)
{
	unsigned n = byte(in), times = n >= 0xf0 ? 64 : 1;
	size_t len;
	char *out;

	*len_r = 0;
	if (n == 0xff)
		return NULL;
	n &= 0x3f;
	if (n > (size_t)(in->end - in->p))
		n = (unsigned)(in->end - in->p);
	len = (size_t)n * times;
	out = malloc(len + 1);
	fuzz_assert(out != NULL);
	for (size_t i = 0; i < len; i++)
		out[i] = (char)in->p[i % n];
	out[len] = '\0';
	in->p += n;
	*len_r = len;
	return out;
}

static void is_text(struct str s, size_t max)
{
	fuzz_assert(s.ptr && s.len <= max && !s.ptr[s.len]);
	fuzz_assert(!utf8_check_text(s, NULL));
}

static void check_outputs(const struct adapter_call *call)
{
	struct pool *pool = pool_new(65536);
	struct url url;

	fuzz_assert(call->change_count <= USHER_ATTRIBUTES_MAX);
	for (unsigned i = 0; i < call->change_count; i++) {
		is_text(call->changes[i].name, USHER_NAME_MAX);
		if (!str_is_null(call->changes[i].value))
			is_text(call->changes[i].value, USHER_VALUE_MAX);
	}
	fuzz_assert(call->error_count <= USHER_ERRORS_MAX);
	for (unsigned i = 0; i < call->error_count; i++) {
		is_text(call->errors[i].field, USHER_NAME_MAX);
		is_text(call->errors[i].text, USHER_MESSAGE_MAX);
	}
	fuzz_assert(call->event_count <= USHER_EVENTS_MAX);
	for (unsigned i = 0; i < call->event_count; i++) {
		is_text(call->events[i].name, USHER_CODE_MAX + 8);
		fuzz_assert(call->events[i].json.len <= USHER_EVENT_MAX);
	}
	if (!str_is_null(call->redirect))
		fuzz_assert(!url_parse(pool, call->redirect, &url, NULL));
	if (!str_is_null(call->post_url))
		fuzz_assert(!url_parse(pool, call->post_url, &url, NULL));
	fuzz_assert(str_is_null(call->redirect) || str_is_null(call->post_url));
	fuzz_assert(call->post_field_count <= USHER_POST_FIELDS_MAX);
	fuzz_assert(call->output_used <= USHER_OUTPUT_MAX);
	if (call->result == ADAPTER_INVALID)
		fuzz_assert(call->error_count > 0);
	if (call->result == ADAPTER_DENIED) {
		is_text(call->deny_code, USHER_CODE_MAX);
		is_text(call->deny_reason, USHER_MESSAGE_MAX);
	}
	if (call->result == ADAPTER_FAILED)
		fuzz_assert(call->problem[0]);
	if (call->result != ADAPTER_OK)
		fuzz_assert(!call->change_count && !call->event_count &&
			    str_is_null(call->redirect) &&
			    str_is_null(call->post_url));
	pool_free(pool);
}

static void look(struct adapter_call *call, int kind, const char *name,
		 unsigned index)
{
	const struct usher_host *host = call->public.host;
	struct usher_str n, v;

	if (!host->get(&call->public, kind, name, &v))
		fuzz_assert(!v.ptr[v.len]);
	if (!host->at(&call->public, kind, index, &n, &v))
		fuzz_assert(!n.ptr[n.len] && !v.ptr[v.len]);
	host->type(&call->public, kind, name);
}

/* A key is its own key. */
static void make_keys(struct adapter_call *call, const char *text, size_t len)
{
	const struct usher_host *host = call->public.host;
	struct usher_str key, again;

	if (!host->domain_key(&call->public, text, len, &key) &&
	    !host->domain_key(&call->public, key.ptr, key.len, &again))
		fuzz_assert(!strcmp(key.ptr, again.ptr) && !key.ptr[key.len]);
	if (!host->email_key(&call->public, text, len, &key) &&
	    !host->email_key(&call->public, key.ptr, key.len, &again))
		fuzz_assert(!strcmp(key.ptr, again.ptr) && !key.ptr[key.len]);
	fuzz_assert(call->alloc_used <= USHER_ALLOC_MAX);
}

/* Did the host refuse something that is an output? */
static bool do_one(struct adapter_call *call, struct program *in)
{
	const struct usher_host *host = call->public.host;
	struct usher_call *c = &call->public;
	unsigned what = byte(in);
	size_t name_len, len;
	char *name = text(in, &name_len), *value = text(in, &len);
	struct usher_pair pairs[2] = { { { name, name_len }, { value, len } },
				       { { value, len }, { name, name_len } } };
	int rc = 0;

	switch (what % 11) {
	case 0:
		rc = host->set_attribute(c, name, value, len);
		break;
	case 1:
		rc = host->del_attribute(c, name);
		break;
	case 2:
		rc = host->set_field(c, name, value, len);
		break;
	case 3:
		rc = host->set_redirect(c, value, len);
		break;
	case 4:
		rc = host->set_post(c, name, name_len, pairs, what / 11 % 3);
		break;
	case 5:
		rc = host->set_error(c, name, value, len);
		break;
	case 6:
		rc = host->set_deny(c, name, value, len);
		break;
	case 7:
		rc = host->emit(c, name, value, len);
		break;
	case 8:
		look(call, (int)(what / 11 % 6) - 1, name, (unsigned)len);
		break;
	case 9:
		if (host->alloc(c, len * 64))
			fuzz_assert(call->alloc_used <= USHER_ALLOC_MAX);
		break;
	default:
		if (what / 11 % 2)
			make_keys(call, value, len);
		else
			host->log(c, (int)what, value, len);
	}
	free(name);
	free(value);
	return rc && rc != USHER_E_NOTFOUND && rc != USHER_E_EXISTS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct adapter_services services;
	static const int returns[] = { USHER_OK, USHER_DECLINE, USHER_DENY,
				       USHER_FAIL, 42 };
	struct adapter_env env = { .services = &services,
				   .deadline_ms = 50 };
	struct program in = { data, data + size };
	struct pool *pool = pool_new(256 * 1024);
	struct pool *scratch = pool_new(CALL_SCRATCH_MAX);
	struct fields fields, attributes, claims;
	struct adapter_call call;
	bool goes_on = true;

	fields_init(&fields, pool);
	fields_init(&attributes, pool);
	fields_init(&claims, pool);
	fields_set(&claims, STR("plan"), STR("pro"), FIELD_TEXT);
	fields_set(&fields, STR("plan"), STR("pro"), FIELD_TEXT);
	fields_set(&attributes, STR("plan"), STR("free"), FIELD_TEXT);
	fields_set(&attributes, STR("a"), STR("b"), FIELD_TEXT);
	call = (struct adapter_call){ .pool = pool, .fields = &fields,
				      .attributes = &attributes,
				      .claims = &claims, .may_supply = true };
	call_begin(&call, &env, scratch);
	while (goes_on && in.p < in.end) {
		unsigned phase = 1 + byte(&in) % 5, steps = byte(&in) % 32;
		int returned = returns[byte(&in) % 5];
		struct call_mark mark = call_enter(&call,
						   (enum adapter_phase)phase);
		bool is_refused = false;

		while (steps--)
			is_refused |= do_one(&call, &in);
		goes_on = call_leave(&call, &mark, returned);
		fuzz_assert(goes_on == (call.result == ADAPTER_OK));
		if (is_refused || returned == USHER_DENY ||
		    returned == USHER_FAIL || returned == 42)
			fuzz_assert(call.result != ADAPTER_OK);
		check_outputs(&call);
	}
	pool_free(scratch);
	pool_free(pool);
	return 0;
}
