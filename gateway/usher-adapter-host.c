/*
 * usher-adapter-host: the process of one isolated adapter.
 *
 * Started by the gateway and by nothing else: it needs the descriptors that
 * adapter/host.h names.  Its one argument is the user to become.
 */
#include <stdio.h>
#include <sys/socket.h>

#include "adapter/host.h"
#include "base/hash.h"
#include "base/num.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_LEAK_CHECK 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_LEAK_CHECK 1
#endif
#ifdef HAS_LEAK_CHECK
/* The leak check starts a process that looks into this one: nothing that the
 * sandbox allows. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

int main(int argc, char **argv)
{
	socklen_t size = sizeof(int);
	int type = 0;
	uint64_t uid;

	if (argc != 2 || num_u64(str_from(argv[1]), 0, 0xfffffffeu, &uid) ||
	    getsockopt(HOST_CHANNEL_FD, SOL_SOCKET, SO_TYPE, &type, &size) ||
	    type != SOCK_SEQPACKET) {
		fputs("usher-adapter-host: the gateway starts this program; "
		      "it is of no use by itself\n", stderr);
		return 2;
	}
	hash_init();
	host_run((uid_t)uid);
}
