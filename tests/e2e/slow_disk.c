/*
 * slow_disk: loaded into usherd before the C library (LD_PRELOAD), a disk that
 * hangs: as long as the file SLOW_DISK names is there, fsync(2) and
 * fdatasync(2) do not return.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void hang(void)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	const char *path = getenv("SLOW_DISK");
	int saved = errno;

	while (path && access(path, F_OK) == 0)
		nanosleep(&pause, NULL);
	errno = saved;
}

int fsync(int fd)
{
	hang();
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	hang();
	return (int)syscall(SYS_fdatasync, fd);
}
