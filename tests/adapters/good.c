/* An adapter that uses every function of the host, as it should be used. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <usher/adapter.h>

struct state {
	unsigned calls;
	char greeting[64];
	int journal;		/* the file that the setting names; -1: none */
};

/* fini has no host to talk to, so both tell a file. */
static void note(const struct state *s, char what)
{
	if (s->journal >= 0 && write(s->journal, &what, 1) != 1)
		abort();
}

static int good_init(const struct usher_host *host, struct usher_call *call,
		     void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	struct usher_str greeting, journal;

	if (!s)
		return USHER_FAIL;
	if (!host->config(call, "greeting", &greeting) &&
	    greeting.len < sizeof(s->greeting))
		memcpy(s->greeting, greeting.ptr, greeting.len);
	s->journal = -1;
	if (!host->config(call, "journal", &journal))
		s->journal = open(journal.ptr, O_WRONLY | O_APPEND);
	note(s, 'i');
	host->log(call, USHER_LOG_INFO, "ready", 5);
	*state = s;
	return USHER_OK;
}

static void good_fini(void *state)
{
	struct state *s = state;

	note(s, 'f');
	if (s->journal >= 0)
		close(s->journal);
	free(s);
}

static int good_map(void *state, struct usher_call *call)
{
	const struct usher_host *host = call->host;
	struct state *s = state;
	struct usher_str plan;

	s->calls++;
	if (host->get(call, USHER_FIELD, "plan", &plan))
		return USHER_DECLINE;
	if (host->set_attribute(call, "plan", plan.ptr, plan.len) ||
	    host->set_attribute(call, "greeting", s->greeting,
				strlen(s->greeting)))
		return USHER_FAIL;
	return USHER_OK;
}

static int good_sync(void *state, struct usher_call *call)
{
	struct state *s = state;
	char count[2] = { (char)('0' + s->calls % 10), '\0' };

	if (call->host->set_attribute(call, "calls", count, 1) ||
	    call->host->emit(call, "seen", "{\"n\":1}", 7))
		return USHER_FAIL;
	return USHER_OK;
}

static int good_choose(void *state, struct usher_call *call)
{
	static const char url[] = "https://desk.example/pro";
	struct usher_str plan;

	(void)state;
	if (call->host->get(call, USHER_ATTRIBUTE, "plan", &plan) ||
	    strcmp(plan.ptr, "pro") != 0)
		return USHER_DECLINE;
	return call->host->set_redirect(call, url, sizeof(url) - 1) ?
		USHER_FAIL : USHER_OK;
}

static int good_deliver(void *state, struct usher_call *call)
{
	static const char url[] = "https://desk.example/login";
	unsigned char mac[USHER_MAC_LEN];
	struct usher_pair pair;
	struct usher_str id;

	(void)state;
	if (call->host->get(call, USHER_INFO, "user.id", &id))
		return USHER_FAIL;
	if (call->host->hmac_sha256(call, "desk", id.ptr, id.len, mac))
		return USHER_FAIL;
	pair.name.ptr = "user";
	pair.name.len = 4;
	pair.value = id;
	return call->host->set_post(call, url, sizeof(url) - 1, &pair, 1) ?
		USHER_FAIL : USHER_OK;
}

USHER_ADAPTER_DEFINE(.name = "good", .version = "1.2.3", .init = good_init,
		     .fini = good_fini, .map_fields = good_map,
		     .sync_user = good_sync, .choose_redirect = good_choose,
		     .deliver = good_deliver)
