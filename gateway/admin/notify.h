/*
 * notify: tell the process that started us how far we are: the service manager,
 * as sd_notify(3) does, with systemd's protocol and without its library, and
 * the one that waits for a file.
 *
 * Each call but the last sends one datagram of NAME=VALUE lines to the socket that the
 * environment's NOTIFY_SOCKET names: a path, or with a leading '@' a name of
 * the abstract kind.  Where that is not set, or nobody listens, nothing
 * happens: a service manager that is not there is no trouble of ours.
 */
#ifndef ADMIN_NOTIFY_H
#define ADMIN_NOTIFY_H

#include "base/error.h"
#include "base/str.h"

/*
 * Up, or done with a reload, whatever came of it.  Names our process, which
 * is not the one that was started when we went into the background.
 */
void notify_ready(void);
/*
 * A reload begins; notify_ready() ends it.  Carries the monotonic clock, by
 * which a service of Type=notify-reload tells this reload from earlier ones.
 */
void notify_reloading(void);
void notify_stopping(void);

/*
 * The file that says that we are up: {"pid": ours, "listen": `addresses`}, a
 * line of JSON, mode 0600.  It is there whole or not at all, and what a name
 * beside it (base/file.h) links to is left alone.  ERR_IO (errno says more),
 * ERR_LIMIT, ERR_BUSY.
 */
enum err notify_ready_file(const char *path, struct str addresses);

#endif
