/*
 * running: where the gateway that serves a configuration listens now, as its
 * own socket tells: for a check beside it, which finds its ports in use.
 *
 * Lenient: a gateway of another version may not tell.  What it says is asked
 * for once, with RUNNING_MS to answer in.
 */
#ifndef ADMIN_RUNNING_H
#define ADMIN_RUNNING_H

#include "base/str.h"
#include "codec/ip.h"
#include "config/snapshot.h"

#define RUNNING_MS 5000
/* Its listeners, and the metrics'. */
#define RUNNING_PLACES_MAX (CONFIG_LISTENERS_MAX + 1)

/*
 * `status` tells it in a line that begins with this, and goes on "URL, URL,
 * URL (metrics)": a literal address and a port each.
 */
#define RUNNING_WORD "listening: "
#define RUNNING_LINE_MAX 2048

enum running_state {
	RUNNING_NONE,		/* nobody answers at the socket */
	RUNNING_TOLD,
	RUNNING_UNTOLD,		/* there may be one, but it did not tell */
};

struct running_place {
	struct ip ip;
	uint16_t port;
};

struct running {
	enum running_state state;
	struct running_place places[RUNNING_PLACES_MAX];
	unsigned count;
};

/* Ask at that socket, at most `ms` milliseconds. */
void running_ask(const char *path, int64_t ms, struct running *out_r);
/* Read what a status says, all of it. false: it does not tell. */
bool running_read(struct str status, struct running *out_r);

enum running_match {
	RUNNING_ELSEWHERE,
	RUNNING_THERE,		/* at that very address */
	RUNNING_OVERLAPS,	/* its address and that one hold a part of each
				 * other, so that who else is there is hidden */
};
/* Does it listen where `listener` would? *at_r: the place, if it does. */
enum running_match running_match(const struct running *running,
				 const struct listener *listener,
				 struct running_place *at_r);

#endif
