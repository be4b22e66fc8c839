/* Does what no adapter may: the field "sin" of a handoff, or the setting
 * "sin" at init, says what. Reports in the attribute "result". */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <usher/adapter.h>

static volatile unsigned sink;

/* Calls that the sandbox answers. */
static long refused(const char *sin)
{
	if (!strcmp(sin, "socket"))
		return socket(AF_INET, SOCK_STREAM, 0);
	if (!strcmp(sin, "open"))
		return open("/etc/passwd", O_RDONLY);
	if (!strcmp(sin, "library"))
		return open("/lib/x86_64-linux-gnu/libc.so.6", O_RDONLY);
	if (!strcmp(sin, "thread"))
		return syscall(435 /* clone3 */, NULL, 0);
	if (!strcmp(sin, "rwx"))
		return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			MAP_FAILED ? -1 : 0;
	if (!strcmp(sin, "allocate")) {
		char *p = mmap(NULL, (size_t)10 << 30, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		return p == MAP_FAILED ? -1 : 0;
	}
	if (!strcmp(sin, "abort_parent"))
		return syscall(SYS_tgkill, 1, 1, SIGABRT);
	if (!strcmp(sin, "uid"))
		return setuid(0);
	errno = 0;
	return 1;
}

/* What ends it. */
static void fatal(const char *sin)
{
	char junk[100];

	if (!strcmp(sin, "crash"))
		*(volatile int *)(size_t)sink = 1;
	if (!strcmp(sin, "abort"))
		abort();
	if (!strcmp(sin, "exit"))
		exit(0);
	if (!strcmp(sin, "hang"))
		for (;;)
			sink++;
	if (!strcmp(sin, "fork"))
		sink = (unsigned)syscall(SYS_fork);
	if (!strcmp(sin, "exec"))
		execl("/bin/true", "true", (char *)NULL);
	if (!strcmp(sin, "kill"))
		kill(1, 0);
	if (!strcmp(sin, "junk")) {
		memset(junk, 'J', sizeof(junk));
		send(3, junk, sizeof(junk), 0);
	}
	if (!strcmp(sin, "close"))
		syscall(SYS_close, 3);
}

static int map(void *state, struct usher_call *call)
{
	const struct usher_host *host = call->host;
	struct usher_str sin;
	unsigned char mac[USHER_MAC_LEN];
	char text[128];
	long rc;
	int i;

	(void)state;
	if (host->get(call, USHER_FIELD, "sin", &sin))
		return USHER_DECLINE;
	if (!strcmp(sin.ptr, "log")) {
		for (i = 0; i < 100000; i++)
			host->log(call, USHER_LOG_INFO, "spam", 4);
		return USHER_OK;
	}
	if (!strcmp(sin.ptr, "stderr")) {
		for (i = 0; i < 10000; i++)
			if (write(2, "spam\n", 5) < 0)
				sink++;
		return USHER_OK;
	}
	if (!strcmp(sin.ptr, "sign")) {
		rc = host->hmac_sha256(call, "desk", "data", 4, mac);
		for (i = 0; i < 4; i++)
			snprintf(text + 2 * i, 3, "%02x", mac[i]);
		return rc ? USHER_FAIL :
			host->set_attribute(call, "result", text, 8);
	}
	fatal(sin.ptr);
	errno = 0;
	rc = refused(sin.ptr);
	snprintf(text, sizeof(text), "%s", rc == -1 ? strerror(errno) :
		 "it was let");
	return host->set_attribute(call, "result", text, strlen(text));
}

static int init(const struct usher_host *host, struct usher_call *call,
		void **state)
{
	struct usher_str sin;

	(void)state;
	if (host->config(call, "sin", &sin))
		return USHER_OK;
	if (!strcmp(sin.ptr, "passwd"))
		return open("/etc/passwd", O_RDONLY) < 0 ? USHER_OK :
							   USHER_FAIL;
	fatal(sin.ptr);
	return USHER_OK;
}

USHER_ADAPTER_DEFINE(.name = "hostile", .version = "0", .init = init,
		     .map_fields = map)
