/* From a directory of files to a snapshot. */
#include <fcntl.h>
#include <unistd.h>

#include "config/file.h"
#include "config/snapshot-private.h"

#define LOAD_BYTES_MAX (256u << 20)	/* names, paths and claims */
#define SCRATCH_BYTES_MAX (16u << 20)	/* while one tenant is read */

struct loader {
	const struct snapshot_options *options;
	const struct snapshot *previous;
	struct report *report;
	bool is_gateway_only;
	bool is_refused;	/* the gateway's file has an error */
	struct pool *pool, *scratch;
	struct str shown;	/* the directory as given, no '/' at its end */
	struct str dir;		/* absolute */
	struct str *names;	/* of the files, in byte order */
	struct config_file *files;
	bool *is_broken;	/* of each file: it has an error somewhere */
	unsigned file_count;
	struct claim *claims;
	unsigned claim_count, claim_cap;
	struct snapshot *out;
};

static void fatal(struct loader *l, struct str file, unsigned line,
		  const char *problem, const char *remedy)
{
	report_add(l->report, (struct finding){ .level = REPORT_FATAL,
		.file = file, .line = line, .problem = str_from(problem),
		.remedy = str_from(remedy) });
}

static int nomem(struct loader *l)
{
	fatal(l, l->shown, 0, "no memory", NULL);
	return -1;
}

static struct reader reader_for(struct loader *l, struct location *location)
{
	return (struct reader){ .options = l->options, .location = location,
		.pool = l->out->private->pool, .scratch = l->scratch,
		.dir = l->dir, .gateway = &l->out->gateway,
		.is_development = l->out->gateway.development };
}

/* ---- files ------------------------------------------------------------ */

static int find_directory(struct loader *l)
{
	struct str shown = str_from(l->options->config_dir);
	char *full = realpath(l->options->config_dir, NULL);

	while (shown.len > 1 && shown.ptr[shown.len - 1] == '/')
		shown.len--;
	l->shown = pool_str(l->pool, shown);
	l->dir = pool_str(l->pool, full ? str_from(full) : shown);
	free(full);
	return str_is_null(l->shown) || str_is_null(l->dir) ? nomem(l) : 0;
}

static int read_files(struct loader *l, struct report *report)
{
	unsigned i;
	int fd;

	if (config_file_list(l->options->config_dir, l->pool, &l->names,
			     &l->file_count, l->report))
		return -1;
	l->files = calloc(l->file_count + 1, sizeof(*l->files));
	l->is_broken = pool_calloc(l->pool, l->file_count + 1,
				   sizeof(*l->is_broken));
	if (!l->files || !l->is_broken)
		return nomem(l);
	fd = open(l->options->config_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		fatal(l, l->shown, 0, "the configuration directory cannot be "
		      "opened", NULL);
		return -1;
	}
	for (i = 0; i < l->file_count; i++) {
		l->files[i].path = pool_printf(l->pool, "%.*s/%.*s",
					       STR_ARG(l->shown),
					       STR_ARG(l->names[i]));
		if (str_is_null(l->files[i].path))
			break;
		l->is_broken[i] = config_file_read(&l->files[i], fd,
						   l->names[i].ptr, report);
	}
	close(fd);
	return i < l->file_count ? nomem(l) : 0;
}

static const config_setting_t *root_member(const struct config_file *file,
					   const char *name)
{
	if (!file->is_parsed)
		return NULL;
	return config_setting_get_member(config_root_setting(&file->config),
					 name);
}

/* ---- the gateway ------------------------------------------------------ */

/* The one file that has the group; NULL with findings. */
static struct config_file *find_gateway(struct loader *l)
{
	struct config_file *found = NULL;
	bool is_twice = false;
	unsigned i;

	for (i = 0; i < l->file_count; i++) {
		struct config_file *file = &l->files[i];
		const config_setting_t *at = root_member(file, "gateway");

		if (!at && !file->has_gateway)
			continue;
		if (found) {
			char problem[512];

			snprintf(problem, sizeof(problem),
				 "has a gateway group, but %.*s has one too",
				 STR_ARG(found->path));
			fatal(l, file->path, at ?
			      config_setting_source_line(at) : 0, problem,
			      "keep one of the two: exactly one file has this "
			      "group");
			is_twice = true;
		} else {
			found = file;
		}
	}
	if (!found)
		fatal(l, l->shown, 0, "no file has a gateway group",
		      "write one: gateway = { public_url = ...; listen = ...; "
		      "};");
	/* Broken: its own findings are fatal. */
	return is_twice || !found || !found->is_parsed ? NULL : found;
}

static int read_gateway(struct loader *l)
{
	struct config_file *file = find_gateway(l);
	struct location location = { .report = l->report,
				     .level = REPORT_FATAL };
	const config_setting_t *at;
	struct reader reader;

	if (!file)
		return -1;
	location.file = file->path;
	at = root_member(file, "gateway");
	reader = reader_for(l, &location);
	if (config_setting_type(at) != CONFIG_TYPE_GROUP)
		location_error(&location, config_setting_source_line(at),
			       "gateway", "write gateway = { ... };",
			       "must be a group");
	else
		gateway_read(&reader, (struct group){ at, schema_gateway },
			     &l->out->gateway);
	return location.errors ? -1 : 0;
}

/* ---- tenants ---------------------------------------------------------- */

static struct claim *claim_add(struct loader *l, enum claim_kind kind,
			       struct str slug, struct str file, unsigned line)
{
	if (l->claim_count == l->claim_cap) {
		unsigned cap = l->claim_cap ? l->claim_cap * 2 : 64;
		struct claim *more = reallocarray(l->claims, cap,
						  sizeof(*more));

		if (!more) {
			nomem(l);
			return NULL;
		}
		l->claims = more;
		l->claim_cap = cap;
	}
	l->claims[l->claim_count] = (struct claim){ .kind = kind,
		.slug = slug, .file = file, .line = line };
	return &l->claims[l->claim_count++];
}

/* What can still be told of a group that has errors. */
static void describe_broken(struct loader *l, struct group group,
			    const struct location *location,
			    struct claim *claim)
{
	int enabled = 1;
	const char *url;
	struct fault fault;

	config_setting_lookup_bool(group.at, "enabled", &enabled);
	claim->is_disabled = !enabled;
	claim->problem = pool_str(l->pool, str_from(location->first));
	if (location->first_line)
		claim->line = location->first_line;
	if (config_setting_lookup_string(group.at, "url", &url))
		claim->has_url = !url_parse(l->out->private->pool,
					    str_from(url), &claim->url,
					    &fault);
}

static int read_tenant(struct loader *l, unsigned i,
		       const config_setting_t *at)
{
	struct location location = { .report = l->report,
		.level = REPORT_TENANT, .file = l->files[i].path };
	struct group group = { at, schema_tenant };
	struct reader reader = reader_for(l, &location);
	struct draft *draft, *previous = NULL;
	struct claim *claim;

	pool_reset(l->scratch);
	location.tenant = slug_of(group);
	if (l->previous && !str_is_null(location.tenant))
		previous = snapshot_draft(l->previous, location.tenant);
	draft = draft_read(&reader, group, previous);
	if (!draft)
		l->is_broken[i] = true;
	if (str_is_null(location.tenant)) {
		/* then it is broken, and not kept */
		l->out->is_partial = true;
		return 0;
	}
	claim = claim_add(l, CLAIM_GROUP, location.tenant, location.file,
			  group_line(group, "slug"));
	if (!claim) {
		draft_unref(draft);
		return -1;
	}
	claim->draft = draft;
	claim->at = at;
	claim->file_index = i;
	if (!draft)
		describe_broken(l, group, &location, claim);
	return 0;
}

/* ---- their adapters ----------------------------------------------------- */

static bool has_begun(const struct claim *claim)
{
	return claim->draft && claim->draft->tenant.adapter;
}

/* All at once: each has its time, and none has that of another. */
static int await_adapters(struct loader *l)
{
	const struct snapshot_options *options = l->options;
	struct adapter **adapters = calloc(l->claim_count + 1,
					   sizeof(struct adapter *));
	unsigned i, count = 0;
	bool goes_on;

	if (!adapters)
		return nomem(l);
	for (i = 0; i < l->claim_count; i++)
		if (has_begun(&l->claims[i]))
			adapters[count++] = l->claims[i].draft->tenant.adapter;
	goes_on = adapter_wait(adapters, count, options->awaits_adapters ? -1 :
			       (int)l->out->gateway.adapter_start_s * 1000,
			       options->cancel);
	free(adapters);
	if (goes_on)
		return 0;
	fatal(l, l->shown, 0, "is not loaded: the gateway stops", NULL);
	return -1;
}

/* Those that cannot be loaded break their tenant. */
static void judge_adapters(struct loader *l)
{
	unsigned i, seconds = l->options->awaits_adapters ? 0 :
		l->out->gateway.adapter_start_s;

	for (i = 0; i < l->claim_count; i++) {
		struct claim *claim = &l->claims[i];
		struct location location = { .report = l->report,
			.level = REPORT_TENANT, .file = claim->file,
			.tenant = claim->slug };

		if (!has_begun(claim) ||
		    !draft_judge_adapter(&location, claim->draft, seconds))
			continue;
		l->is_broken[claim->file_index] = true;
		draft_unref(claim->draft);
		claim->draft = NULL;
		describe_broken(l, (struct group){ claim->at, schema_tenant },
				&location, claim);
	}
}

static void unknown_member(struct loader *l, unsigned i,
			   const config_setting_t *at)
{
	static const struct setting root[] = {
		{ .name = "gateway" }, { .name = "tenant" },
		{ .name = "tenants" }, { .name = NULL },
	};
	struct location location = { .report = l->report,
		.file = l->files[i].path,
		.level = l->files[i].has_gateway ? REPORT_FATAL :
			REPORT_TENANT };
	char remedy[400];
	struct buf fix;

	buf_init_fixed(&fix, remedy, sizeof(remedy));
	schema_suggest(root, config_setting_name(at), &fix);
	location_error(&location, config_setting_source_line(at),
		       config_setting_name(at), remedy,
		       "is not a known setting");
	l->is_broken[i] = true;
	l->is_refused |= l->files[i].has_gateway;
}

/* A member of a file's top level that should hold tenants. */
static int read_member(struct loader *l, unsigned i,
		       const config_setting_t *at)
{
	const char *name = config_setting_name(at);
	bool is_list = !strcmp(name, "tenants");
	struct location location = { .report = l->report,
		.level = REPORT_TENANT, .file = l->files[i].path };
	unsigned j, count;

	if (!is_list && config_setting_type(at) == CONFIG_TYPE_GROUP)
		return read_tenant(l, i, at);
	if (!is_list || config_setting_type(at) != CONFIG_TYPE_LIST) {
		location_error(&location, config_setting_source_line(at), name,
			       is_list ? "write tenants = ( { ... }, { ... } );"
				       : "write tenant = { ... };",
			       is_list ? "must be a list of groups"
				       : "must be a group");
		l->is_broken[i] = true;
		return 0;
	}
	count = (unsigned)config_setting_length(at);
	for (j = 0; j < count; j++) {
		const config_setting_t *item = config_setting_get_elem(
			(config_setting_t *)at, j);

		if (config_setting_type(item) == CONFIG_TYPE_GROUP) {
			if (read_tenant(l, i, item))
				return -1;
			continue;
		}
		location_error(&location, config_setting_source_line(item),
			       name, "write tenants = ( { ... }, { ... } );",
			       "must hold nothing but groups");
		l->is_broken[i] = true;
	}
	return 0;
}

/* Slugs that stand in a file of which not everything could be read. */
static int claim_texts(struct loader *l, unsigned i)
{
	const struct config_file *file = &l->files[i];
	unsigned j;

	for (j = 0; j < file->slug_count; j++)
		if (snapshot_is_slug(file->slugs[j].slug) &&
		    !claim_add(l, CLAIM_TEXT, file->slugs[j].slug, file->path,
			       file->slugs[j].line))
			return -1;
	return 0;
}

/* A file is broken: the slugs that can be read stay taken; where none can,
 * nobody knows whose they are. */
static int claim_broken(struct loader *l, unsigned i)
{
	if (claim_texts(l, i))
		return -1;
	for (unsigned c = 0; c < l->claim_count; c++)
		if (str_eq(l->claims[c].file, l->files[i].path))
			return 0;
	l->out->is_partial = true;
	return 0;
}

static int read_file(struct loader *l, unsigned i)
{
	const config_setting_t *root;
	unsigned j, count;

	if (l->files[i].is_parsed) {
		root = config_root_setting(&l->files[i].config);
		count = (unsigned)config_setting_length(root);
		/* nothing but the line end that we add: somebody is about to
		 * write it */
		if (l->files[i].text.len == 1) {
			l->is_broken[i] = true;
			report_add(l->report, (struct finding){
				.level = REPORT_TENANT,
				.file = l->files[i].path,
				.problem = STR("is empty"),
				.remedy = STR("write a tenant = { ... }; or "
					      "delete it: until then the "
					      "tenant that it held goes on") });
		} else if (!count) {
			report_add(l->report, (struct finding){
				.level = REPORT_WARNING,
				.file = l->files[i].path,
				.problem = STR("holds nothing"),
				.remedy = STR("write a tenant = { ... }; or "
					      "delete it") });
		}
		for (j = 0; j < count; j++) {
			const config_setting_t *at = config_setting_get_elem(
				(config_setting_t *)root, j);
			const char *name = config_setting_name(at);

			if (!strcmp(name, "gateway"))
				continue;
			if (strcmp(name, "tenant") && strcmp(name, "tenants"))
				unknown_member(l, i, at);
			else if (read_member(l, i, at))
				return -1;
		}
	}
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Of the file of that path: is it broken?  NULL: it is not there. */
static bool *broken_flag(const struct loader *l, struct str path)
{
	struct str name = path, *found;
	ptrdiff_t slash;

	while ((slash = str_find(name, '/')) >= 0) {
		name.ptr += slash + 1;
		name.len -= (size_t)slash + 1;
	}
	found = bsearch(&name, l->names, l->file_count, sizeof(name),
			by_bytes);
	return found ? &l->is_broken[found - l->names] : NULL;
}

/* Files that claim one slug are all broken, for what else they may mean. */
static void mark_twice(struct loader *l)
{
	unsigned i;

	claims_sort(l->claims, l->claim_count);
	for (i = 1; i < l->claim_count; i++) {
		const struct claim *one = &l->claims[i - 1];
		const struct claim *two = &l->claims[i];

		if (one->kind == CLAIM_GROUP && two->kind == CLAIM_GROUP &&
		    str_eq(one->slug, two->slug))
			*broken_flag(l, one->file) =
				*broken_flag(l, two->file) = true;
	}
}

/* A tenant whose file was deleted is gone, one whose file broke is not. */
static int claim_kept(struct loader *l)
{
	unsigned i;

	for (i = 0; l->previous && i < l->previous->tenant_count; i++) {
		const struct draft *draft = l->previous->private->drafts[i];
		const bool *is_broken = draft ?
			broken_flag(l, draft->tenant.file) : NULL;

		if (is_broken && *is_broken &&
		    !claim_add(l, CLAIM_KEPT, draft->tenant.slug,
			       draft->tenant.file, 0))
			return -1;
	}
	return 0;
}

static int read_tenants(struct loader *l)
{
	struct location location = {
		.report = l->report, .level = REPORT_FATAL, .file = l->shown };
	struct reader reader = reader_for(l, &location);
	struct keyring *throwaway = NULL;
	const struct keyring *keyring = l->options->keyring;
	unsigned i;
	int ret = -1;

	for (i = 0; i < l->file_count; i++)
		if (read_file(l, i))
			return -1;
	if (await_adapters(l))
		return -1;
	judge_adapters(l);
	for (i = 0; i < l->file_count; i++)
		if (l->is_broken[i] && claim_broken(l, i))
			return -1;
	mark_twice(l);
	if (claim_kept(l))
		return -1;
	if (!keyring) {
		keyring = throwaway = keyring_new_throwaway();
		if (!keyring)
			return nomem(l);
	}
	if (!l->claim_count && !l->out->is_partial)
		report_add(l->report, (struct finding){
			.level = REPORT_WARNING, .file = l->shown,
			.problem = STR("holds no tenant: nobody can sign in"),
			.remedy = STR("write one: tenant = { slug = ...; "
				      "identity = ...; };") });
	if (!claims_settle(&reader, l->claims, l->claim_count, l->previous,
			   keyring, l->out) &&
	    hosts_build(l->out))
		nomem(l);
	else if (!location.errors && !l->is_refused)
		ret = 0;
	keyring_free(throwaway);
	return ret;
}

/* ---- all of it -------------------------------------------------------- */

/*
 * Only the gateway is wanted: what is wrong with other files will be said when
 * they are, unless it is why there is no gateway.
 */
static int load_gateway_only(struct loader *l)
{
	struct report files;
	int ret;

	if (report_init(&files))
		return nomem(l);
	ret = read_files(l, &files);
	if (!ret)
		ret = read_gateway(l);
	if (ret)
		report_add_all(l->report, &files);
	report_done(&files);
	if (!ret && hosts_build(l->out))
		ret = nomem(l);
	return ret;
}

static int load_all(struct loader *l)
{
	return read_files(l, l->report) || read_gateway(l) ||
		read_tenants(l) ? -1 : 0;
}

static void loader_done(struct loader *l)
{
	unsigned i;

	for (i = 0; i < l->claim_count; i++)
		draft_unref(l->claims[i].draft);
	free(l->claims);
	for (i = 0; l->files && i < l->file_count; i++)
		config_file_done(&l->files[i]);
	free(l->files);
	pool_free(l->pool);
	pool_free(l->scratch);
}

static struct snapshot *load(struct loader *l)
{
	int ret = -1;

	l->pool = pool_new(LOAD_BYTES_MAX);
	l->scratch = pool_new(SCRATCH_BYTES_MAX);
	l->out = snapshot_new(l->previous);
	if (!l->pool || !l->scratch || !l->out)
		nomem(l);
	else if (!find_directory(l))
		ret = l->is_gateway_only ? load_gateway_only(l) : load_all(l);
	if (ret) {
		snapshot_unref(l->out);
		l->out = NULL;
	}
	loader_done(l);
	return l->out;
}

struct snapshot *snapshot_load(const struct snapshot_options *options,
			       const struct snapshot *previous,
			       struct report *report)
{
	struct loader l = { .options = options, .previous = previous,
		.report = report };

	return load(&l);
}

struct snapshot *snapshot_load_gateway(const struct snapshot_options *options,
				       struct report *report)
{
	struct loader l = { .options = options, .report = report,
		.is_gateway_only = true };

	return load(&l);
}
