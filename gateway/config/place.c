#include "config/place.h"

#include <fcntl.h>
#include <unistd.h>

#include "config/file.h"
#include "config/schema.h"
#include "config/secret.h"

#define PREFIX "unix:"

static struct str default_of(const char *name)
{
	const struct setting *s = schema_gateway;

	while (s->name && strcmp(s->name, name))
		s++;
	return str_from(s->text);
}

/* realpath(3), or as it is given. */
static struct str absolute(struct pool *pool, const char *path)
{
	char *full = realpath(path, NULL);
	struct str s = pool_str(pool, full ? str_from(full) : str_from(path));

	free(full);
	return s;
}

/* One that is not there yet has no real path. */
static struct str from_here(struct pool *pool, const char *path)
{
	char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
	struct str s = here ? secret_path(pool, str_from(here),
					  str_from(path)) :
			      pool_str(pool, str_from(path));

	free(here);
	return s;
}

/* What the file's text says, as gateway_read() would take it. */
static enum err read_place(const struct snapshot_options *options,
			   const struct config_file *file, struct pool *pool,
			   struct place *out)
{
	struct str dir = absolute(pool, options->config_dir);
	struct str state = file->state.len ? file->state : default_of("state");
	struct str admin = file->admin;

	if (admin.len <= strlen(PREFIX) || !str_has_prefix(admin, STR(PREFIX)))
		admin = default_of("admin");
	admin.ptr += strlen(PREFIX);
	admin.len -= strlen(PREFIX);
	if (str_is_null(dir))
		return ERR_NOMEM;
	out->is_state_guessed = out->is_broken && !file->state.len &&
		!options->state_override;
	/* a path of its own says it, wherever the state is */
	out->is_admin_guessed = out->is_state_guessed &&
		!(admin.len && admin.ptr[0] == '/');
	out->state = options->state_override ?
		from_here(pool, options->state_override) :
		secret_path(pool, dir, state);
	if (str_is_null(out->state))
		return ERR_NOMEM;
	out->admin = secret_path(pool, out->state, admin);
	return str_is_null(out->admin) ? ERR_NOMEM : ERR_OK;
}

/* ERR_NOT_FOUND: it is another file that has the group. */
static enum err look(const struct snapshot_options *options, int dirfd,
		     struct str name, struct pool *pool,
		     struct place *place_r, struct report *report)
{
	struct config_file file = { .path = pool_printf(pool, "%s/%.*s",
		options->config_dir, STR_ARG(name)) };
	enum err err = ERR_NOT_FOUND;
	struct place place = { 0 };
	struct report found;

	if (str_is_null(file.path) || report_init(&found))
		return ERR_NOMEM;
	place.is_broken = config_file_read(&file, dirfd, name.ptr,
					   &found) != 0;
	if (file.has_gateway)
		err = read_place(options, &file, pool, &place);
	/* it may have been the one */
	if (file.has_gateway || file.is_unreadable)
		report_add_all(report, &found);
	if (!err)
		*place_r = place;
	config_file_done(&file);
	report_done(&found);
	return err;
}

enum err place_find(const struct snapshot_options *options, struct pool *pool,
		    struct place *place_r, struct report *report)
{
	enum err err = ERR_NOT_FOUND;
	struct str *names;
	unsigned count;
	int fd;

	if (config_file_list(options->config_dir, pool, &names, &count, report))
		return ERR_NOT_FOUND;
	fd = open(options->config_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_NOT_FOUND;
	for (unsigned i = 0; i < count && err == ERR_NOT_FOUND; i++)
		err = look(options, fd, names[i], pool, place_r, report);
	close(fd);
	if (err == ERR_NOT_FOUND)
		report_add(report, (struct finding){ .level = REPORT_FATAL,
			.file = str_from(options->config_dir),
			.problem = STR("no file has a gateway group") });
	return err;
}
