/*
 * notify: tell the service manager how far we are, as sd_notify(3) does, with
 * systemd's protocol and without its library.
 *
 * Each call sends one datagram of NAME=VALUE lines to the socket that the
 * environment's NOTIFY_SOCKET names: a path, or with a leading '@' a name of
 * the abstract kind.  Where that is not set, or nobody listens, nothing
 * happens: a service manager that is not there is no trouble of ours.
 */
#ifndef ADMIN_NOTIFY_H
#define ADMIN_NOTIFY_H

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

#endif
