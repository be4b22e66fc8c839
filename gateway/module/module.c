#include "module/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "module/descriptor.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif

#define COPY_CHUNK 65536

struct module {
	struct module *next;
	/*
	 * Stays open for ever: the loader knows a file by its name, and
	 * /proc/self/fd/N with a number that was used before gave the object
	 * loaded under that number then.
	 */
	int fd;
	size_t size;
	struct hash128 hash;
	_Atomic unsigned users;
	struct usher_adapter descriptor;
	/* Loaded, but no adapter: remembered, so that the same content is not
	 * loaded again at each reload. */
	enum err verdict;
	char *problem;
};

/* Loading is rare and must not be done twice for one content: one lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct module *modules;
static _Atomic unsigned modules_count;	/* changed under it */

static enum err io_problem(struct buf *problem, const char *what, int error)
{
	char text[128];

	/* The GNU form: may return a constant instead of filling `text`. */
	buf_printf(problem, "%s: %s", what,
		   strerror_r(error, text, sizeof(text)));
	return ERR_IO;
}

static enum err check_file(const struct stat *st, struct buf *problem)
{
	if (!S_ISREG(st->st_mode)) {
		buf_puts(problem, "it is not a regular file");
		return ERR_UNSUPPORTED;
	}
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		buf_printf(problem, "it belongs to user %u; adapters must "
			   "belong to root or to the gateway's own user (%u)",
			   (unsigned)st->st_uid, (unsigned)geteuid());
		return ERR_UNSUPPORTED;
	}
	if (st->st_mode & (S_IWGRP | S_IWOTH)) {
		buf_printf(problem, "others than its owner may write to it "
			   "(mode %04o); run chmod go-w on it",
			   (unsigned)(st->st_mode & 07777));
		return ERR_UNSUPPORTED;
	}
	if (st->st_size <= 0 || (uintmax_t)st->st_size > MODULE_SIZE_MAX) {
		buf_printf(problem, "its size is %jd bytes; 1 to %u are taken",
			   (intmax_t)st->st_size, MODULE_SIZE_MAX);
		return ERR_LIMIT;
	}
	return ERR_OK;
}

static int memory_file(void)
{
	/* Kernels from 6.3 want to be told that it may be executed; older
	 * ones do not know the flag. */
	int fd = memfd_create("usher-adapter",
			      MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("usher-adapter",
				  MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* All of `from` (at most `max` bytes) to `to`. -1: errno. */
static int copy_all(int from, int to, size_t max, size_t *size_r)
{
	char *chunk = malloc(COPY_CHUNK);
	size_t total = 0;
	ssize_t n = -1;

	if (!chunk)
		return -1;
	for (;;) {
		n = read(from, chunk, COPY_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		total += (size_t)n;
		if (total > max) {
			errno = EFBIG;
			n = -1;
			break;
		}
		if (write_all(to, chunk, (size_t)n)) {
			n = -1;
			break;
		}
	}
	free(chunk);
	if (n < 0)
		return -1;
	*size_r = total;
	return 0;
}

/* A sealed copy of the file: from here on nobody changes what we look at. */
static enum err seal_copy(const char *path, int *fd_r, size_t *size_r,
			  struct buf *problem)
{
	/* Non-blocking: a fifo of that name must not hold us. */
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int to = -1;
	size_t size = 0;
	struct stat st;
	enum err err;

	if (from < 0)
		return io_problem(problem, "it cannot be opened", errno);
	if (fstat(from, &st)) {
		err = io_problem(problem, "it cannot be examined", errno);
		goto out;
	}
	err = check_file(&st, problem);
	if (err)
		goto out;
	to = memory_file();
	if (to < 0) {
		err = io_problem(problem, "there is no memory file for it",
				 errno);
		goto out;
	}
	if (copy_all(from, to, MODULE_SIZE_MAX, &size) ||
	    fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
		  F_SEAL_WRITE)) {
		err = io_problem(problem, "it cannot be copied", errno);
		goto out;
	}
	*fd_r = to;
	*size_r = size;
	to = -1;
out:
	if (to >= 0)
		close(to);
	close(from);
	return err;
}

static bool is_content(int fd, size_t size, const void *content)
{
	void *other = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	bool same;

	if (other == MAP_FAILED)
		return false;
	same = !memcmp(other, content, size);
	munmap(other, size);
	return same;
}

static struct module *find_loaded(struct hash128 hash, size_t size,
				  const void *content)
{
	for (struct module *m = modules; m; m = m->next)
		if (m->size == size && m->hash.a == hash.a &&
		    m->hash.b == hash.b && is_content(m->fd, size, content))
			return m;
	return NULL;
}

/* What dlerror() says, without our private name for the file. */
static void add_dlerror(struct buf *problem, const char *name)
{
	const char *text = dlerror();
	size_t len = strlen(name);

	if (!text)
		text = "unknown error";
	if (!strncmp(text, name, len) && !strncmp(text + len, ": ", 2))
		text += len + 2;
	buf_puts(problem, text);
}

/* ERR_OK: it is in the process now, and stays whatever it turns out to be. */
static enum err open_object(int fd, void **handle_r, struct buf *problem)
{
	char self[32], name[64];
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);

	/*
	 * Under our number rather than "self": a debugger opens the name too,
	 * and its own descriptor would be another file, or a pipe that it
	 * would wait for.
	 */
	self[n > 0 ? n : 0] = '\0';
	snprintf(name, sizeof(name), "/proc/%s/fd/%d", n > 0 ? self : "self",
		 fd);
	*handle_r = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (*handle_r)
		return ERR_OK;
	buf_puts(problem, "it cannot be loaded: ");
	add_dlerror(problem, name);
	return ERR_UNSUPPORTED;
}

static enum err check_object(void *handle, struct usher_adapter *descriptor_r,
			     struct buf *problem)
{
	const struct usher_adapter *(*entry)(void) = NULL;
	void *symbol = dlsym(handle, USHER_ENTRY_NAME);

	if (!symbol) {
		buf_puts(problem, "it does not export " USHER_ENTRY_NAME "; is "
			 "it an adapter? USHER_ADAPTER_DEFINE() defines it");
		return ERR_UNSUPPORTED;
	}
	/* ISO C has no cast between the two kinds of pointer. */
	memcpy(&entry, &symbol, sizeof(entry));
	return descriptor_check(entry(), descriptor_r, problem);
}

/* *module_r, when set, has taken over `fd`, on failure too. */
static enum err load_new(int fd, size_t size, struct hash128 hash,
			 struct module **module_r, struct buf *problem)
{
	size_t before = problem->len;
	struct module *m;
	void *handle;
	enum err err;

	if (modules_count >= MODULES_MAX) {
		buf_printf(problem, "%u different adapters were loaded since "
			   "the gateway was started, and none is ever "
			   "unloaded; restart the gateway", modules_count);
		return ERR_LIMIT;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		buf_puts(problem, "out of memory");
		return ERR_NOMEM;
	}
	err = open_object(fd, &handle, problem);
	if (err) {
		free(m);
		return err;
	}
	m->verdict = check_object(handle, &m->descriptor, problem);
	if (m->verdict && problem->ptr)
		m->problem = strdup(problem->ptr + before);
	m->fd = fd;
	m->size = size;
	m->hash = hash;
	m->next = modules;
	modules = m;
	modules_count++;
	*module_r = m;
	return m->verdict;
}

/* Takes over `fd` in any case. */
static enum err load_sealed(int fd, size_t size, struct module **module_r,
			    struct buf *problem)
{
	void *content = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	struct module *m = NULL;
	struct hash128 hash;
	enum err err;

	if (content == MAP_FAILED) {
		err = io_problem(problem, "it cannot be mapped", errno);
		close(fd);
		return err;
	}
	hash = hash_wide(content, size);
	pthread_mutex_lock(&lock);
	m = find_loaded(hash, size, content);
	err = m ? m->verdict : ERR_OK;
	if (err)
		buf_puts(problem, m->problem ? m->problem : "it is no adapter");
	if (!m) {
		err = load_new(fd, size, hash, &m, problem);
		if (m)
			fd = -1;
	}
	if (!err) {
		atomic_fetch_add_explicit(&m->users, 1, memory_order_relaxed);
		*module_r = m;
	}
	pthread_mutex_unlock(&lock);
	munmap(content, size);
	if (fd >= 0)
		close(fd);
	return err;
}

enum err module_load(const char *path, struct module **module_r,
		     struct buf *problem)
{
	size_t size = 0;
	int fd = -1;
	enum err err = seal_copy(path, &fd, &size, problem);

	return err ? err : load_sealed(fd, size, module_r, problem);
}

enum err module_load_copy(const struct module_copy *copy,
			  struct module **module_r, struct buf *problem)
{
	int fd = fcntl(copy->fd, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? io_problem(problem, "it cannot be loaded", errno) :
			load_sealed(fd, copy->size, module_r, problem);
}

/* Without the lock: its holder may hang in a module. */
void module_unref(struct module *module)
{
	if (module)
		atomic_fetch_sub_explicit(&module->users, 1,
					  memory_order_relaxed);
}

int module_dup(const struct module *module)
{
	return fcntl(module->fd, F_DUPFD_CLOEXEC, 3);
}

const struct usher_adapter *module_descriptor(const struct module *module)
{
	return &module->descriptor;
}

/* ---- for a process of its own ---------------------------------------------- */

enum err module_copy(const char *path, struct module_copy *copy_r,
		     struct buf *problem)
{
	struct module_copy copy;
	void *content;
	enum err err = seal_copy(path, &copy.fd, &copy.size, problem);

	if (err)
		return err;
	content = mmap(NULL, copy.size, PROT_READ, MAP_PRIVATE, copy.fd, 0);
	if (content == MAP_FAILED) {
		err = io_problem(problem, "it cannot be mapped", errno);
		close(copy.fd);
		return err;
	}
	copy.hash = hash_wide(content, copy.size);
	munmap(content, copy.size);
	*copy_r = copy;
	return ERR_OK;
}

bool module_copy_is_same(const struct module_copy *a,
			 const struct module_copy *b)
{
	void *content;
	bool same;

	if (a->size != b->size || a->hash.a != b->hash.a ||
	    a->hash.b != b->hash.b)
		return false;
	content = mmap(NULL, a->size, PROT_READ, MAP_PRIVATE, a->fd, 0);
	if (content == MAP_FAILED)
		return false;
	same = is_content(b->fd, b->size, content);
	munmap(content, a->size);
	return same;
}

enum err module_load_fd(int fd, struct usher_adapter *descriptor_r,
			struct buf *problem)
{
	void *handle;
	enum err err = open_object(fd, &handle, problem);

	return err ? err : check_object(handle, descriptor_r, problem);
}

/* ---- the loader's directories ---------------------------------------------- */

unsigned module_search_dirs(struct pool *pool,
			    struct str dirs_r[static MODULE_DIRS_MAX])
{
	void *self = dlopen(NULL, RTLD_NOW);
	Dl_serinfo size, *info = NULL;
	unsigned count = 0;

	if (self && dlinfo(self, RTLD_DI_SERINFOSIZE, &size) == 0)
		info = calloc(1, size.dls_size);
	if (info && dlinfo(self, RTLD_DI_SERINFOSIZE, info) == 0 &&
	    dlinfo(self, RTLD_DI_SERINFO, info) == 0)
		while (count < info->dls_cnt && count < MODULE_DIRS_MAX) {
			dirs_r[count] = pool_str(pool, str_from(
				info->dls_serpath[count].dls_name));
			if (!dirs_r[count].ptr)
				break;
			count++;
		}
	free(info);
	if (self)
		dlclose(self);
	return count;
}
