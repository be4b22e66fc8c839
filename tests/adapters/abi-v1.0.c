/*
 * Built with the header as version 1.0 of the adapter ABI froze it, for ever:
 * calls every function of the host and has every hook, so that each gateway of
 * the same major version shows that it still keeps what 1.0 promised.
 *
 * Each function leaves an attribute of its name with what it gave, so
 * that what does not work is seen by name.
 */
#include <stdlib.h>
#include <string.h>

#include <usher/adapter.h>

_Static_assert(USHER_ABI_MAJOR == 1 && USHER_ABI_MINOR == 0,
	       "built with the frozen header");

#define TEXT(s) (s), sizeof(s) - 1

struct state {
	char greeting[32];
	char made_in_init[32];
};

/* A digit for what a function returned. */
static int keep(struct usher_call *call, const char *name, const char *text,
		size_t len)
{
	return call->host->set_attribute(call, name, text, len);
}

static int keep_str(struct usher_call *call, const char *name,
		    struct usher_str s)
{
	return keep(call, name, s.ptr, s.len);
}

static int keep_number(struct usher_call *call, const char *name, int number)
{
	char text[2] = { number < 0 ? '-' : '+',
			 (char)('0' + (number < 0 ? -number : number) % 10) };

	return keep(call, name, text, sizeof(text));
}

static int init(const struct usher_host *host, struct usher_call *call,
		void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	struct usher_str greeting, key;

	if (!s)
		return USHER_FAIL;
	if (host->config(call, "greeting", &greeting) ||
	    host->domain_key(call, TEXT("Example.COM"), &key) ||
	    greeting.len >= sizeof(s->greeting) ||
	    key.len >= sizeof(s->made_in_init)) {
		host->set_error(call, "greeting", TEXT("must be there"));
		free(s);
		return USHER_FAIL;
	}
	memcpy(s->greeting, greeting.ptr, greeting.len);
	memcpy(s->made_in_init, key.ptr, key.len);
	host->log(call, USHER_LOG_INFO, TEXT("loaded"));
	*state = s;
	return USHER_OK;
}

static int look_at_inputs(struct usher_call *call)
{
	const struct usher_host *host = call->host;
	struct usher_str name, value;
	int rc = 0;

	if (!host->get(call, USHER_FIELD, "plan", &value))
		rc |= keep_str(call, "get.field", value);
	if (!host->get(call, USHER_CLAIM, "group", &value))
		rc |= keep_str(call, "get.claim", value);
	if (!host->get(call, USHER_ATTRIBUTE, "stored", &value))
		rc |= keep_str(call, "get.attribute", value);
	if (!host->get(call, USHER_INFO, "tenant.slug", &value))
		rc |= keep_str(call, "get.info", value);
	if (!host->at(call, USHER_FIELD, 0, &name, &value))
		rc |= keep_str(call, "at", name);
	rc |= keep_number(call, "type.json",
			  host->type(call, USHER_FIELD, "tags"));
	rc |= keep_number(call, "type.missing",
			  host->type(call, USHER_FIELD, "missing"));
	return rc;
}

static int use_services(struct usher_call *call)
{
	static const char hex[] = "0123456789abcdef";
	const struct usher_host *host = call->host;
	unsigned char mac[USHER_MAC_LEN], random[8];
	struct usher_str key, value;
	char text[4], *memory;
	int rc = 0;

	if (!host->config_at(call, 0, &key, &value))
		rc |= keep_str(call, "config_at", key);
	memory = (char *)host->alloc(call, 8);
	if (memory && !memory[0] && !memory[7])
		rc |= keep(call, "alloc", TEXT("zeroed"));
	if (host->now(call) > 0 && host->deadline(call) <= 60000)
		rc |= keep(call, "times", TEXT("told"));
	rc |= keep_number(call, "random_bytes",
			  host->random_bytes(call, random, sizeof(random)));
	if (!host->hmac_sha256(call, "desk", TEXT("message"), mac)) {
		text[0] = hex[mac[0] >> 4];
		text[1] = hex[mac[0] & 15];
		text[2] = hex[mac[31] >> 4];
		text[3] = hex[mac[31] & 15];
		rc |= keep(call, "hmac_sha256", text, sizeof(text));
	}
	rc |= keep_number(call, "hmac_sha256.missing",
			  host->hmac_sha256(call, "none", TEXT("x"), mac));
	if (!host->email_key(call, TEXT(" Ann@Example.COM "), &key))
		rc |= keep_str(call, "email_key", key);
	return rc;
}

static int map_fields(void *state, struct usher_call *call)
{
	const struct usher_host *host = call->host;
	const struct state *s = (const struct state *)state;
	struct usher_str value;

	if (!host->get(call, USHER_FIELD, "error", &value))
		return host->set_error(call, "error", TEXT("As asked.")) ?
			USHER_FAIL : USHER_OK;
	if (look_at_inputs(call) || use_services(call) ||
	    keep(call, "config", s->greeting, strlen(s->greeting)) ||
	    keep(call, "domain_key", s->made_in_init,
		 strlen(s->made_in_init)) ||
	    keep_number(call, "has", USHER_HAS(host, emit)) ||
	    host->set_field(call, "email", TEXT("ann@example.com")) ||
	    keep_number(call, "set_field.there",
			host->set_field(call, "name", TEXT("x"))))
		return USHER_FAIL;
	return host->del_attribute(call, "stored") ? USHER_FAIL : USHER_OK;
}

static int sync_user(void *state, struct usher_call *call)
{
	const struct usher_host *host = call->host;
	struct usher_str value;

	(void)state;
	if (!host->get(call, USHER_FIELD, "deny", &value))
		return host->set_deny(call, "as_asked", TEXT("As asked.")) ?
			USHER_FAIL : USHER_DENY;
	if (!host->get(call, USHER_FIELD, "fail", &value))
		return USHER_FAIL;
	return host->emit(call, "seen", TEXT("{\"n\":1}")) ? USHER_FAIL :
							     USHER_OK;
}

static int choose_redirect(void *state, struct usher_call *call)
{
	struct usher_str value;

	(void)state;
	if (call->host->get(call, USHER_FIELD, "plan", &value))
		return USHER_DECLINE;
	return call->host->set_redirect(call, TEXT("https://desk.example/")) ?
		USHER_FAIL : USHER_OK;
}

static int deliver(void *state, struct usher_call *call)
{
	struct usher_pair form[2] = { { { "user", 4 }, { NULL, 0 } },
				      { { "said", 4 }, { NULL, 0 } } };
	const struct state *s = (const struct state *)state;

	if (call->host->get(call, USHER_INFO, "user.email", &form[0].value))
		return USHER_FAIL;
	form[1].value.ptr = s->greeting;
	form[1].value.len = strlen(s->greeting);
	return call->host->set_post(call, TEXT("https://desk.example/in"),
				    form, 2) ? USHER_FAIL : USHER_OK;
}

USHER_ADAPTER_DEFINE(.name = "abi-1.0", .version = "1", .init = init,
		     .fini = free, .map_fields = map_fields,
		     .sync_user = sync_user,
		     .choose_redirect = choose_redirect, .deliver = deliver)
