/*
 * usher-adapter-host: the process of one isolated adapter.
 *
 * Started by the gateway and by nothing else: it needs the descriptors that
 * sandbox/host.h names.  Its one argument is the user to become.  Called as
 *
 *	usher-adapter-host spawner VERSION FIRST COUNT
 *
 * it is the spawner of sandbox/spawner.h instead.
 */
#include <stdio.h>
#include <sys/socket.h>

#include "sandbox/host.h"
#include "sandbox/spawner.h"
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

/* Both have their channel at the same place. */
static bool has_channel(void)
{
	socklen_t size = sizeof(int);
	int type = 0;

	return getsockopt(HOST_CHANNEL_FD, SOL_SOCKET, SO_TYPE, &type,
			  &size) == 0 && type == SOCK_SEQPACKET;
}

static bool is_spawner(int argc, char **argv, struct uid_range *range_r)
{
	uint64_t first, count;

	if (argc != 5 || !str_eq(str_from(argv[1]), STR("spawner")) ||
	    !str_eq(str_from(argv[2]), STR(USHER_VERSION)) ||
	    num_u64(str_from(argv[3]), 1, UINT32_MAX - UIDS_MAX, &first) ||
	    num_u64(str_from(argv[4]), 2, UIDS_MAX, &count))
		return false;
	*range_r = (struct uid_range){ (uid_t)first, (unsigned)count };
	return true;
}

int main(int argc, char **argv)
{
	struct uid_range range;
	uint64_t uid;

	if (is_spawner(argc, argv, &range) && has_channel())
		spawner_run(range);
	if (argc != 2 || num_u64(str_from(argv[1]), 0, 0xfffffffeu, &uid) ||
	    !has_channel()) {
		fputs("usher-adapter-host: the gateway starts this program; "
		      "it is of no use by itself\n", stderr);
		return 2;
	}
	hash_init();
	host_run((uid_t)uid);
}
