#include "http/check.h"

#include "admin/inspect.h"
#include "admin/running.h"
#include "http/listen.h"
#include "http/server.h"
#include "store/db.h"

/* A check of the ports: who runs is asked once, when the first is in use. */
struct ports {
	const struct gateway_config *config;
	const char *socket;
	bool has_asked;
	struct running running;
};

/* In words of its own where the gateway that runs may be who is there. */
static void tell_apart(struct ports *ports, const struct listener *listener,
		       char *why, size_t size)
{
	struct running_place at = { .port = 0 };
	char ip[IP_TEXT_MAX];

	if (running_match(&ports->running, listener, &at) ==
	    RUNNING_OVERLAPS) {
		ip_text(&at.ip, ip);
		snprintf(why, size, "listener %.*s: in use by the running "
			 "gateway, which listens at %s port %u until its "
			 "restart; whether another program listens there too "
			 "shows then", STR_ARG(listener->url), ip, at.port);
	} else if (ports->running.state == RUNNING_UNTOLD) {
		snprintf(why, size, "listener %.*s: Address already in use; "
			 "it may be by this gateway, which did not tell at "
			 "unix:%s: check as its user, or as root",
			 STR_ARG(listener->url), ports->socket);
	}
}

static void ask_once(struct ports *ports)
{
	if (!ports->has_asked)
		running_ask(ports->socket, RUNNING_MS, &ports->running);
	ports->has_asked = true;
}

static void check_port(struct ports *ports, const struct listener *listener,
		       struct report *report)
{
	struct running_place at;
	char why[SERVER_WHY_MAX];
	enum err err = listen_try(listener, why, sizeof(why));

	if (!err)
		return;
	/* an address that is gone is gone, whoever listens there still */
	if (err != ERR_NOT_FOUND)
		ask_once(ports);
	if (err != ERR_NOT_FOUND &&
	    running_match(&ports->running, listener, &at) == RUNNING_THERE)
		return;
	if (err == ERR_CONFLICT)
		tell_apart(ports, listener, why, sizeof(why));
	report_add(report, (struct finding){ .level = REPORT_NOTE,
		.file = ports->config->file, .line = listener->line,
		.problem = str_from(why) });
}

/* Does the gateway that runs listen where this one would, somewhere? */
static bool is_running_here(struct ports *ports)
{
	const struct gateway_config *config = ports->config;
	struct running_place at;

	ask_once(ports);
	for (unsigned i = 0; i < config->listener_count; i++)
		if (!config->listeners[i].port ||	/* any will do */
		    running_match(&ports->running, &config->listeners[i],
				  &at) == RUNNING_THERE)
			return true;
	return config->has_metrics &&
	       running_match(&ports->running, &config->metrics, &at) ==
	       RUNNING_THERE;
}

/* That of the gateway that this configuration is of is in use as it should. */
static void check_state(struct ports *ports, struct report *report)
{
	const struct gateway_config *config = ports->config;
	pid_t pid = db_holder(config->state.ptr);
	char why[SERVER_WHY_MAX];

	if (!pid || is_running_here(ports))
		return;
	snprintf(why, sizeof(why), "is %.*s, which a gateway has that listens "
		 "elsewhere now (pid %d): this one starts when that has "
		 "stopped, or with a state of its own", STR_ARG(config->state), (int)pid);
	report_add(report, (struct finding){ .level = REPORT_NOTE,
		.file = config->file, .line = config->state_line,
		.setting = STR("state"), .problem = str_from(why) });
}

void check_place(const struct gateway_config *config, const char *socket,
		 struct report *report)
{
	struct ports ports = {
		.config = config,
		.socket = socket ? socket : config->admin.ptr,
	};

	inspect_place(config, false, report);
	check_state(&ports, report);
	for (unsigned i = 0; i < config->listener_count; i++)
		check_port(&ports, &config->listeners[i], report);
	if (config->has_metrics)
		check_port(&ports, &config->metrics, report);
}

void check_files(const struct snapshot *snapshot, struct report *report)
{
	server_check(snapshot, report);
	inspect_first_keyring(snapshot->gateway.state.ptr, report);
}
