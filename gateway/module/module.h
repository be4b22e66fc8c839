/*
 * module: a shared object, loaded once for each content.
 *
 * A file is checked on its open descriptor, copied to a sealed memory file,
 * and loaded from there, so that replacing or overwriting it later touches
 * nothing that runs.  The same content is loaded once.  Nothing
 * is ever unloaded: code that left a thread, a thread-exit handler
 * or a signal handler behind would take the process with it.  So each new
 * content costs its memory until the process ends, and MODULES_MAX bounds it.
 *
 * Loading runs the object's constructors in this process.
 */
#ifndef MODULE_MODULE_H
#define MODULE_MODULE_H

#include <usher/adapter.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/pool.h"

#define MODULE_SIZE_MAX (64u * 1024 * 1024)	/* octets of the file */
#define MODULES_MAX 1024	/* contents in the life of the process */
#define MODULE_DIRS_MAX 64	/* directories of the loader that are told */

struct module;

/*
 * For tests: module_copy() and module_load_copy() in one.  Load the file, or
 * find its content loaded already, and count one user more.
 * The file must be regular, owned by root or by us, and writable by its owner
 * only.  ERR_IO, ERR_UNSUPPORTED, ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM; *problem
 * then gained a sentence for people.  Any thread.
 */
enum err module_load(const char *path, struct module **module_r,
		     struct buf *problem);
/* One user less. Accepts NULL. Waits for nobody, whatever hangs in a load. */
void module_unref(struct module *module);

/* The checked descriptor, valid for ever. */
const struct usher_adapter *module_descriptor(const struct module *module);

/*
 * For a process of its own: only the checked and sealed copy, close-on-exec,
 * the caller's to close.  Runs nothing of it.  Errors as module_load().
 */
struct module_copy {
	int fd;
	size_t size;
	struct hash128 hash;
};

enum err module_copy(const char *path, struct module_copy *copy_r,
		     struct buf *problem);
bool module_copy_is_same(const struct module_copy *a,
			 const struct module_copy *b);
/* Into this process after all: as module_load(), of that very content. */
enum err module_load_copy(const struct module_copy *copy,
			  struct module **module_r, struct buf *problem);
/* A descriptor of what was loaded, the caller's own; -1: errno. */
int module_dup(const struct module *module);
/* In that process: load what the descriptor holds, once. */
enum err module_load_fd(int fd, struct usher_adapter *descriptor_r,
			struct buf *problem);

/*
 * Where the loader looks for this program's own libraries, in its order; the
 * texts are in the pool.  Returns how many, 0 where that is not known.
 */
unsigned module_search_dirs(struct pool *pool,
			    struct str dirs_r[static MODULE_DIRS_MAX]);


#endif
