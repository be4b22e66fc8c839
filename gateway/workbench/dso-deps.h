/*
 * dso-deps: which library has what a shared object asks for.
 *
 * Looks where the loader does by default, follows the libraries that the
 * libraries need, and reads their files; runs nothing.  Where a library is not
 * found, what it might have had is not called missing.
 */
#ifndef WORKBENCH_DSO_DEPS_H
#define WORKBENCH_DSO_DEPS_H

#include "workbench/elf.h"

#define DSO_DEPS_LIBRARIES_MAX 32	/* those of the libraries included */

enum need_state {
	NEED_FOUND,		/* `library` has it */
	NEED_OPTIONAL,		/* nobody has it; it is weak */
	NEED_UNKNOWN,		/* a library that might have it was not found */
	NEED_MISSING,		/* nobody has it: the file cannot be loaded */
};

struct need {
	struct elf_symbol symbol;
	enum need_state state;
	struct str library;	/* absent unless found */
};

struct needs {
	struct need *v;		/* one for each import, in their order */
	unsigned count;
	struct str absent[DSO_DEPS_LIBRARIES_MAX];	/* libraries not found */
	unsigned absent_count;
};

/* All of it in the pool, or in the file that elf_read() took. ERR_NOMEM. */
enum err dso_deps_resolve(const struct elf_file *file, struct pool *pool,
		       struct needs *dso_deps_r);

#endif
