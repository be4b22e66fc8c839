#include "admin/notify.h"

#include "base/file.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LINES_MAX 128

static void send_lines(const char *lines)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len < 2 || len >= sizeof(sa.sun_path))
		return;
	memcpy(sa.sun_path, path, len);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Never wait for a listener that does not read. */
	sendto(fd, lines, strlen(lines), MSG_NOSIGNAL | MSG_DONTWAIT,
	       (struct sockaddr *)&sa,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

void notify_ready(void)
{
	char lines[LINES_MAX];

	snprintf(lines, sizeof(lines), "READY=1\nMAINPID=%ld\n",
		 (long)getpid());
	send_lines(lines);
}

void notify_reloading(void)
{
	char lines[LINES_MAX];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%lld\n",
		 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	send_lines(lines);
}

void notify_stopping(void)
{
	send_lines("STOPPING=1\n");
}

enum err notify_ready_file(const char *path, struct str addresses)
{
	static const char end[] = "}\n";
	char head[LINES_MAX];
	struct file_draft draft;
	enum err err = file_draft_begin(&draft, path);
	int n = snprintf(head, sizeof(head), "{\"pid\":%ld,\"listen\":",
			 (long)getpid());

	if (err)
		return err;
	err = file_draft_write(&draft, head, (size_t)n);
	if (!err)
		err = file_draft_write(&draft, addresses.ptr, addresses.len);
	if (!err)
		err = file_draft_write(&draft, end, sizeof(end) - 1);
	if (!err)
		return file_draft_commit(&draft, true);
	file_draft_abort(&draft);
	return err;
}
