/* Does in a hook what the field "<hook>" (map, sync, choose) says. */
#include <string.h>

#include <usher/adapter.h>

static int do_as_told(struct usher_call *call, const char *what)
{
	const struct usher_host *host = call->host;
	char name[32];
	int i;

	if (!strcmp(what, "ok"))
		return USHER_OK;
	if (!strcmp(what, "decline"))
		return USHER_DECLINE;
	if (!strcmp(what, "fail"))
		return USHER_FAIL;
	if (!strcmp(what, "deny"))
		return USHER_DENY;
	if (!strcmp(what, "deny_words"))
		host->set_deny(call, "not_member", "Members only.", 13);
	if (!strcmp(what, "unknown"))
		return 77;
	if (!strcmp(what, "error"))
		host->set_error(call, "plan", "Bad plan.", 9);
	if (!strcmp(what, "bad_utf8"))
		host->set_attribute(call, "plan", "\xff\xfe", 2);
	if (!strcmp(what, "wrong_hook"))
		host->set_post(call, "https://a.example/", 18, NULL, 0);
	if (!strcmp(what, "thousand")) {
		for (i = 0; i < 1000; i++) {
			name[0] = 'a';
			name[1] = (char)('0' + i / 100);
			name[2] = (char)('0' + i / 10 % 10);
			name[3] = (char)('0' + i % 10);
			name[4] = '\0';
			host->set_attribute(call, name, "x", 1);
		}
	}
	if (!strcmp(what, "set_decline")) {
		host->set_attribute(call, "left", "over", 4);
		return USHER_DECLINE;
	}
	if (!strcmp(what, "set"))
		host->set_attribute(call, "kept", "yes", 3);
	return USHER_OK;
}

static int follow(struct usher_call *call, const char *field)
{
	struct usher_str what;

	if (call->host->get(call, USHER_FIELD, field, &what))
		return USHER_DECLINE;
	return do_as_told(call, what.ptr);
}

static int map(void *state, struct usher_call *call)
{
	(void)state;
	return follow(call, "map");
}

static int sync_user(void *state, struct usher_call *call)
{
	(void)state;
	return follow(call, "sync");
}

static int choose(void *state, struct usher_call *call)
{
	(void)state;
	return follow(call, "choose");
}

USHER_ADAPTER_DEFINE(.name = "misbehave", .version = "0", .map_fields = map,
		     .sync_user = sync_user, .choose_redirect = choose)
