#include "config/nearby.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "codec/utf8.h"
#include "config/suggest.h"

struct str nearby_absolute(struct pool *pool, struct str path)
{
	char here[PATH_MAX];
	struct str whole;

	if (!path.len || path.ptr[0] == '/' || !getcwd(here, sizeof(here)))
		return path;
	while (str_has_prefix(path, STR("./"))) {
		path.ptr += 2;
		path.len -= 2;
	}
	whole = pool_printf(pool, "%s/%.*s", here, STR_ARG(path));
	return str_is_null(whole) ? path : whole;
}

static bool ends_in(struct str name, struct str suffix)
{
	return name.len >= suffix.len &&
	       !memcmp(name.ptr + name.len - suffix.len, suffix.ptr,
		       suffix.len);
}

/* The name without what people leave out or put in: "libacme.so" is "acme". */
static struct str stem_of(struct str name)
{
	for (size_t i = name.len; i-- > 1;)
		if (name.ptr[i] == '.') {
			name.len = i;
			break;
		}
	if (name.len > 3 && str_has_prefix(name, STR("lib"))) {
		name.ptr += 3;
		name.len -= 3;
	}
	return name;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What an operator may be shown, in the order of the alphabet. */
static unsigned list(DIR *d, struct pool *pool, struct str suffix,
		     const char **names)
{
	const struct dirent *entry;
	unsigned count = 0;

	while (count < NEARBY_NAMES_MAX && (entry = readdir(d)) != NULL) {
		struct str name = str_from(entry->d_name);

		if (name.ptr[0] == '.' || !ends_in(name, suffix) ||
		    utf8_check_text(name, NULL))
			continue;
		names[count] = pool_str(pool, name).ptr;
		count += names[count] != NULL;
	}
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	return count;
}

/* By the stems: what all names end in says nothing. */
static const char *nearest(struct pool *pool, struct str name,
			   const char *const *names, unsigned count)
{
	const char **stems = pool_calloc(pool, count + 1, sizeof(*stems));
	struct str stem = stem_of(name);
	const char *near;

	if (!stems)
		return NULL;
	for (unsigned i = 0; i < count; i++) {
		stems[i] = pool_str(pool, stem_of(str_from(names[i]))).ptr;
		if (!stems[i])
			return NULL;
	}
	near = suggest_nearest(stem, stems, count);
	for (unsigned i = 0; near && i < count; i++)
		if (stems[i] == near)
			return names[i];
	return NULL;
}

static void show(const char *const *names, unsigned count, struct str suffix,
		 struct str dir, struct buf *out)
{
	if (!count) {
		buf_printf(out, "%.*s holds no %s%.*s", STR_ARG(dir),
			   suffix.len ? "*" : "file", STR_ARG(suffix));
		return;
	}
	buf_printf(out, "%.*s holds ", STR_ARG(dir));
	for (unsigned i = 0; i < count && i < NEARBY_SHOWN_MAX; i++)
		buf_printf(out, "%s%s", i ? ", " : "", names[i]);
	if (count > NEARBY_SHOWN_MAX)
		buf_printf(out, " and %u more", count - NEARBY_SHOWN_MAX);
}

void nearby(struct pool *pool, struct str path, struct str suffix,
	    struct buf *out)
{
	const char **names = pool_calloc(pool, NEARBY_NAMES_MAX,
					 sizeof(*names));
	struct str dir = path, name = path;
	const char *near, *dir_z;
	unsigned count;
	DIR *d;

	while (dir.len && dir.ptr[dir.len - 1] != '/')
		dir.len--;
	name.ptr += dir.len;
	name.len -= dir.len;
	while (dir.len > 1 && dir.ptr[dir.len - 1] == '/')
		dir.len--;
	dir_z = pool_str(pool, dir).ptr;
	if (!names || !dir_z)
		return;
	d = opendir(*dir_z ? dir_z : ".");
	if (!d) {
		buf_printf(out, "the directory %s cannot be read: %s", dir_z,
			   errno_text(errno));
		return;
	}
	count = list(d, pool, suffix, names);
	closedir(d);
	near = nearest(pool, name, names, count);
	if (near)
		buf_printf(out, "did you mean %s?", near);
	else
		show(names, count, suffix, dir, out);
}
