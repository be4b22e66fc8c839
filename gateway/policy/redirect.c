#include "policy/redirect.h"

#include "base/num.h"

static const char reserved_detail[] =
	"/auth/, /api/, /embed/ and /sdk/ are never a target";

static bool is_slash(char c)
{
	return c == '/' || c == '\\';
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (ascii_is_control(s.ptr[i]))
			return true;
	return false;
}

/* The next segment without its parameters; *rest absent after the last. */
static struct str take_segment(struct str *rest)
{
	struct str segment, parameters;
	size_t n = 0;

	while (n < rest->len && !is_slash(rest->ptr[n]))
		n++;
	segment = (struct str){ rest->ptr, n };
	*rest = n < rest->len ? (struct str){ rest->ptr + n + 1,
					      rest->len - n - 1 }
			      : STR_NULL;
	return str_cut(segment, ';', &parameters);
}

static bool is_reserved(struct str path)
{
	static const struct str names[] = {
		STR("auth"), STR("api"), STR("embed"), STR("sdk"),
	};
	struct str rest = path, first = STR_NULL;

	while (!str_is_null(rest) && !first.len)
		first = take_segment(&rest);
	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		if (str_ieq(first, names[i]))
			return true;
	return false;
}

/* One layer of percent-encoding less; what is no encoding stays. */
static struct str decode(struct pool *pool, struct str in, bool *changed_r)
{
	char *out = pool_strndup(pool, in.ptr, in.len);
	size_t len = 0;

	*changed_r = false;
	if (!out)
		return STR_NULL;
	for (size_t i = 0; i < in.len; i++) {
		int high = -1, low = -1;

		if (in.ptr[i] == '%' && in.len - i > 2) {
			high = num_hex(in.ptr[i + 1]);
			low = num_hex(in.ptr[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			out[len++] = (char)(high << 4 | low);
			*changed_r = true;
			i += 2;
		} else {
			out[len++] = in.ptr[i];
		}
	}
	out[len] = '\0';
	return (struct str){ out, len };
}

/* What the most obliging of servers makes of a path. */
static struct str resolve(struct pool *pool, struct str path)
{
	char *out = pool_alloc(pool, path.len + 2);
	struct str rest = path;
	bool is_dir = false;
	size_t len = 0;

	if (!out)
		return STR_NULL;
	while (!str_is_null(rest)) {
		struct str segment = take_segment(&rest);

		is_dir = true;
		if (str_eq(segment, STR(".."))) {
			while (len && out[--len] != '/')
				;
		} else if (segment.len && !str_eq(segment, STR("."))) {
			out[len++] = '/';
			memcpy(out + len, segment.ptr, segment.len);
			len += segment.len;
			is_dir = false;
		}
	}
	if (is_dir || !len)
		out[len++] = '/';
	return (struct str){ out, len };
}

static bool has_path_prefix(struct str path, struct str prefix)
{
	if (!str_has_prefix(path, prefix))
		return false;
	return prefix.ptr[prefix.len - 1] == '/' || path.len == prefix.len ||
	       path.ptr[prefix.len] == '/';
}

/*
 * All readings of one path, from the one that was sent to the one decoded as
 * often as it can be.
 */
struct readings {
	struct str literal;
	struct str resolved[REDIRECT_DECODE_MAX + 1];
	unsigned count;
};

static enum err read_path(struct pool *pool, struct str path,
			  struct readings *out_r, struct fault *fault)
{
	struct readings all = { .literal = path };
	bool changed = true;

	for (; changed; all.count++) {
		struct str resolved, next;

		if (all.count > REDIRECT_DECODE_MAX)
			return fault_set(fault, ERR_UNSUPPORTED, 0,
					 "percent-encoded too many times");
		if (has_control(path))
			return fault_set(fault, ERR_CONTROL, 0, "an encoded "
					 "control character in the path");
		resolved = resolve(pool, path);
		next = decode(pool, path, &changed);
		if (str_is_null(resolved) || str_is_null(next))
			return fault_set(fault, ERR_NOMEM, 0, NULL);
		if (is_reserved(path) || is_reserved(resolved))
			return fault_set(fault, ERR_UNSUPPORTED, 0,
					 reserved_detail);
		all.resolved[all.count] = resolved;
		path = next;
	}
	*out_r = all;
	return ERR_OK;
}

static bool entry_has(const struct redirect_entry *entry,
		      const struct url *url, const struct readings *paths)
{
	if (!url_is_same_origin(&entry->url, url) ||
	    !has_path_prefix(paths->literal, entry->url.path) ||
	    !has_path_prefix(paths->resolved[0], entry->url.path))
		return false;
	for (unsigned i = 1; i < paths->count; i++)
		if (!has_path_prefix(paths->resolved[i], entry->decoded))
			return false;
	return true;
}

static bool is_listed(const struct redirect_policy *policy,
		      const struct url *url, const struct readings *paths)
{
	for (unsigned i = 0; i < policy->own_count; i++)
		if (url_is_same_origin(&policy->own[i], url))
			return true;
	for (unsigned i = 0; i < policy->entry_count; i++)
		if (entry_has(&policy->entries[i], url, paths))
			return true;
	return false;
}

enum err redirect_check(const struct redirect_policy *policy,
			struct pool *pool, struct str candidate,
			struct str *url_r, struct fault *fault)
{
	struct readings paths;
	struct url url;
	struct buf out;
	enum err err;

	err = url_parse(pool, candidate, &url, fault);
	if (err)
		return err;
	if (!url.is_https &&
	    !(policy->allow_http_loopback && url_is_loopback(&url)))
		return fault_set(fault, ERR_UNSUPPORTED, 0,
				 "plain http is no way to send a user on");
	err = read_path(pool, url.path, &paths, fault);
	if (err)
		return err;
	if (!is_listed(policy, &url, &paths))
		return fault_set(fault, ERR_NOT_FOUND, 0,
				 "not on the list of redirect targets");
	buf_init_pool(&out, pool, URL_MAX);
	url_add(&out, &url);
	if (!buf_is_ok(&out))
		return fault_set(fault, ERR_NOMEM, 0, NULL);
	*url_r = buf_str(&out);
	return ERR_OK;
}

enum err redirect_resolve_path(const struct redirect_policy *policy,
			       struct pool *pool, struct str path,
			       struct str *url_r, struct fault *fault)
{
	struct buf out;

	if (!policy->own_count)
		return fault_set(fault, ERR_INTERNAL, 0, "no own origin");
	if (!path.len || path.ptr[0] != '/' ||
	    (path.len > 1 && is_slash(path.ptr[1])))
		return fault_set(fault, ERR_SYNTAX, 0,
				 "a path must start with one slash");
	buf_init_pool(&out, pool, URL_MAX);
	url_add_origin(&out, &policy->own[0]);
	buf_adds(&out, path);
	if (!buf_is_ok(&out))
		return fault_set(fault, ERR_LIMIT, 0, "more than 2048 octets");
	return redirect_check(policy, pool, buf_str(&out), url_r, fault);
}

/* A prefix with one reading only, apart from its encoded letters. */
static bool is_plain_prefix(struct str path)
{
	static const char *const odd[] = { "//", ";", "%2f", "%5c", "%2e",
					   "%3b", "%25" };

	for (size_t i = 0; i < N_ELEMENTS(odd); i++)
		if (str_icontains(path, str_from(odd[i])))
			return false;
	return true;
}

enum err redirect_entry_parse(struct pool *pool, struct str text,
			      struct redirect_entry *out_r,
			      struct fault *fault)
{
	struct redirect_entry entry;
	struct readings paths;
	bool changed;
	enum err err;

	err = url_parse(pool, text, &entry.url, fault);
	if (err)
		return err;
	if (!entry.url.is_https && !url_is_loopback(&entry.url))
		return fault_set(fault, ERR_UNSUPPORTED, 0,
				 "plain http is for loopback names only");
	if (!str_is_null(entry.url.query) || !str_is_null(entry.url.fragment))
		return fault_set(fault, ERR_SYNTAX, 0, "an entry has neither "
				 "query nor fragment");
	if (!is_plain_prefix(entry.url.path))
		return fault_set(fault, ERR_SYNTAX, 0, "a path prefix must do "
				 "without ';', '//' and encoded '/', '\\', "
				 "'.', ';' and '%'");
	err = read_path(pool, entry.url.path, &paths, fault);
	if (err)
		return err;
	entry.decoded = decode(pool, entry.url.path, &changed);
	if (str_is_null(entry.decoded))
		return fault_set(fault, ERR_NOMEM, 0, NULL);
	*out_r = entry;
	return ERR_OK;
}
