#include "sandbox/attest.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/num.h"

#define STATUS_MAX 8192		/* octets; the groups are the long line */
#define MODE_FILTER 2		/* proc(5): 0 none, 1 strict, 2 filter */

/* The number behind that name, a line's first word. */
static int number_of(struct str status, struct str name, uint64_t *number_r)
{
	while (status.len) {
		struct str line = str_cut(status, '\n', &status);

		if (!str_has_prefix(line, name))
			continue;
		line.ptr += name.len;
		line.len -= name.len;
		while (line.len && (*line.ptr == '\t' || *line.ptr == ' ')) {
			line.ptr++;
			line.len--;
		}
		return num_u64(line, 0, UINT32_MAX, number_r) ? -1 : 0;
	}
	return -1;
}

/* Whether there are any, and how many. */
static enum err read_filters(int fd, unsigned *filters_r, struct buf *problem)
{
	uint64_t mode, count;
	char text[STATUS_MAX];
	ssize_t n;

	do
		n = pread(fd, text, sizeof(text), 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		buf_puts(problem, "no sandbox: the kernel does not tell of its "
			 "filters (/proc/self/status)");
		return ERR_IO;
	}
	if (number_of((struct str){ text, (size_t)n }, STR("Seccomp:"),
		      &mode) ||
	    number_of((struct str){ text, (size_t)n },
		      STR("Seccomp_filters:"), &count)) {
		buf_puts(problem, "no sandbox: the kernel does not count its "
			 "filters; run the gateway on Linux 5.9 or later");
		return ERR_UNSUPPORTED;
	}
	*filters_r = mode == MODE_FILTER ? (unsigned)count : 0;
	return ERR_OK;
}

enum err attest_open(int *fd_r, unsigned *filters_r, struct buf *problem)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	enum err err;

	*fd_r = -1;
	if (fd < 0) {
		buf_puts(problem, "no sandbox: /proc/self/status cannot be "
			 "opened; is /proc mounted?");
		return ERR_IO;
	}
	err = read_filters(fd, filters_r, problem);
	if (!err && *filters_r > ATTEST_FILTERS_MAX) {
		buf_puts(problem, "no sandbox: there are more filters than "
			 "may be");
		err = ERR_UNSUPPORTED;
	}
	if (err)
		close(fd);
	else
		*fd_r = fd;
	return err;
}

enum err attest_check(int fd, unsigned filters, struct buf *problem)
{
	unsigned now;
	enum err err = read_filters(fd, &now, problem);

	if (err || now == filters)
		return err ? ERR_UNSUPPORTED : ERR_OK;
	buf_printf(problem, "it said that it is ready without having closed "
		   "its sandbox: it has %u filters of system calls rather "
		   "than %u", now, filters);
	return ERR_UNSUPPORTED;
}
