#include "config/wildcard.h"

#include "codec/ip.h"

#include <libpsl.h>
#include <pthread.h>

#define LIKE "write it like https://*.yourcompany.com"
#define OWN_NAME \
	"put a name that is the partner's alone behind the star, or list each " \
	"site by itself"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const psl_ctx_t *suffixes;

static void load_suffixes(void)
{
	suffixes = psl_latest(NULL);
}

static enum err refuse(struct wildcard_fault *fault, const char *problem,
		       const char *remedy)
{
	fault->problem = problem;
	fault->remedy = remedy;
	return problem ? ERR_SYNTAX : ERR_NOMEM;
}

static bool is_ip(struct str host)
{
	struct ip ip;

	return host.ptr[0] == '[' || !ip_parse(host, &ip);
}

/* Of a name below which each is a suffix (*.ck) the library says that it is one
 * itself. */
static enum err check_suffix(struct pool *pool, struct str host,
			     struct wildcard_fault *fault)
{
	struct str name = pool_str(pool, host);

	if (!name.ptr)
		return ERR_NOMEM;
	pthread_once(&once, load_suffixes);
	if (!suffixes)
		return refuse(fault, "cannot be checked: there is no list of "
			      "public suffixes",
			      "install the package publicsuffix and restart, "
			      "or list each site by itself");
	if (!psl_is_public_suffix(suffixes, name.ptr))
		return ERR_OK;
	return refuse(fault, pool_printf(pool, "lets anybody in, *.%s: "
			"everybody may have a name under %s", name.ptr,
			name.ptr).ptr, OWN_NAME);
}

bool wildcard_is_meant(struct str text)
{
	return str_find(text, '*') >= 0;
}

/* The scheme's octets, "//" and all; 0: it is neither. */
static size_t scheme_len(struct str text)
{
	if (str_has_prefix(text, STR("https://")))
		return sizeof("https://") - 1;
	if (str_has_prefix(text, STR("http://")))
		return sizeof("http://") - 1;
	return 0;
}

enum err wildcard_parse(struct pool *pool, struct str text, struct url *url_r,
			struct wildcard_fault *fault)
{
	struct fault why = { .detail = NULL };
	size_t scheme = scheme_len(text);
	struct str behind, without;
	struct url url;
	enum err err;

	if (!scheme)
		return refuse(fault, "does not begin with https://", LIKE);
	behind = (struct str){ text.ptr + scheme, text.len - scheme };
	if (behind.ptr[0] != '*')
		return refuse(fault, "has a star that is not all of the first "
			      "label", LIKE);
	behind = (struct str){ behind.ptr + 1, behind.len - 1 };
	if (str_find(behind, '*') >= 0)
		return refuse(fault, "has two stars: one stands for one label",
			      LIKE);
	if (!behind.len || behind.ptr[0] == ':' || behind.ptr[0] == '/')
		return refuse(fault, "lets anybody in: the star stands alone",
			      LIKE);
	if (behind.ptr[0] != '.')
		return refuse(fault, "has a star that is not all of the first "
			      "label", LIKE);
	without = pool_printf(pool, "%.*s%.*s", (int)scheme, text.ptr,
			      (int)behind.len - 1, behind.ptr + 1);
	if (!without.ptr)
		return ERR_NOMEM;
	err = url_parse_origin(pool, without, &url, &why);
	if (err == ERR_NOMEM)
		return err;
	if (err)
		return refuse(fault, pool_printf(pool, "is not an origin "
				"behind its \"*.\": %s", why.detail ?
				why.detail : err_text(err)).ptr, LIKE);
	if (is_ip(url.host))
		return refuse(fault, "has an address behind its star, which "
			      "has no names below it",
			      "list the address without a star");
	err = check_suffix(pool, url.host, fault);
	if (!err)
		*url_r = url;
	return err;
}
