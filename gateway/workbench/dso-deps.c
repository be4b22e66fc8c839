#include "workbench/dso-deps.h"

#include "module/module.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARY_SIZE_MAX (512u * 1024 * 1024)

struct library {
	struct str name;
	void *data;		/* NULL: not found */
	size_t size;
	struct elf_file file;
};

struct search {
	struct pool *pool;
	struct str dirs[MODULE_DIRS_MAX];
	unsigned dir_count;
	struct library libraries[DSO_DEPS_LIBRARIES_MAX];
	unsigned count;
	bool has_more;		/* than are looked at */
};

static void *map_file(const char *path, size_t *size_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	void *data = MAP_FAILED;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (uintmax_t)st.st_size <= LIBRARY_SIZE_MAX)
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
			    fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return NULL;
	*size_r = (size_t)st.st_size;
	return data;
}

/* Is this the one?  Another machine's of the same name is passed over. */
static bool open_library(struct search *s, struct library *l, const char *path)
{
	l->data = map_file(path, &l->size);
	if (!l->data)
		return false;
	if (!elf_read(l->data, l->size, s->pool, &l->file, NULL))
		return true;
	munmap(l->data, l->size);
	l->data = NULL;
	return false;
}

static void find_library(struct search *s, struct library *l)
{
	char path[PATH_MAX];

	if (str_find(l->name, '/') >= 0) {
		snprintf(path, sizeof(path), "%.*s", STR_ARG(l->name));
		open_library(s, l, path);
		return;
	}
	for (unsigned i = 0; i < s->dir_count; i++) {
		snprintf(path, sizeof(path), "%.*s/%.*s", STR_ARG(s->dirs[i]),
			 STR_ARG(l->name));
		if (open_library(s, l, path))
			return;
	}
}

static void add_libraries(struct search *s, const struct elf_file *file)
{
	for (unsigned i = 0; i < file->needed_count; i++) {
		bool is_known = false;

		for (unsigned k = 0; k < s->count; k++)
			if (str_eq(s->libraries[k].name, file->needed[i]))
				is_known = true;
		if (is_known)
			continue;
		if (s->count == DSO_DEPS_LIBRARIES_MAX) {
			s->has_more = true;
			return;
		}
		s->libraries[s->count++] = (struct library){
			.name = pool_str(s->pool, file->needed[i])
		};
	}
}

static void resolve(const struct search *s, bool may_be_elsewhere,
		    struct need *need)
{
	need->state = need->symbol.is_weak ? NEED_OPTIONAL :
		may_be_elsewhere ? NEED_UNKNOWN : NEED_MISSING;
	for (unsigned i = 0; i < s->count; i++) {
		const struct library *l = &s->libraries[i];

		if (!l->data ||
		    elf_find_export(&l->file, need->symbol.name) < 0)
			continue;
		need->state = NEED_FOUND;
		need->library = l->name;
		return;
	}
}

/* Breadth first, as the loader goes. */
static void gather(struct search *s, const struct elf_file *file,
		   struct needs *needs)
{
	add_libraries(s, file);
	for (unsigned i = 0; i < s->count; i++) {
		struct library *l = &s->libraries[i];

		find_library(s, l);
		if (l->data)
			add_libraries(s, &l->file);
		else
			needs->absent[needs->absent_count++] = l->name;
	}
}

enum err dso_deps_resolve(const struct elf_file *file, struct pool *pool,
			  struct needs *dso_deps_r)
{
	struct search *s = calloc(1, sizeof(*s));
	struct needs needs = { .count = file->import_count };

	needs.v = pool_calloc(pool, needs.count + 1, sizeof(*needs.v));
	if (!s || !needs.v) {
		free(s);
		return ERR_NOMEM;
	}
	s->pool = pool;
	s->dir_count = module_search_dirs(pool, s->dirs);
	gather(s, file, &needs);
	for (unsigned i = 0; i < needs.count; i++) {
		needs.v[i].symbol = file->imports[i];
		resolve(s, needs.absent_count || s->has_more, &needs.v[i]);
	}
	for (unsigned i = 0; i < s->count; i++)
		if (s->libraries[i].data)
			munmap(s->libraries[i].data, s->libraries[i].size);
	free(s);
	*dso_deps_r = needs;
	return ERR_OK;
}
