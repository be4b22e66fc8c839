#include "desk/sdk.h"

#include "codec/base64url.h"
#include "crypto/digest.h"
#include "desk/assets.h"

#define SCRIPT "text/javascript; charset=utf-8"
#define AN_HOUR "public, max-age=3600"
#define FOR_EVER "public, max-age=31536000, immutable"
#define TAG_MAX (BASE64URL_LEN(DIGEST_SIZE) + 3)	/* quoted, terminated */

/* Every version that was ever released, and the types of the newest. */
static const struct release {
	const char *name;
	const struct str *text;
	const char *cache, *type;
} releases[] = {
	{ "usher.js", &asset_usher_js, AN_HOUR, SCRIPT },
	{ "usher-" SDK_VERSION ".js", &asset_usher_js, FOR_EVER, SCRIPT },
	{ "usher-1.0.1.js", &asset_usher_1_0_1_js, FOR_EVER, SCRIPT },
	{ "usher-1.0.0.js", &asset_usher_1_0_0_js, FOR_EVER, SCRIPT },
	{ "usher.d.ts", &asset_usher_d_ts, AN_HOUR,
	  "text/plain; charset=utf-8" },
};

static const struct release *find_release(struct str name)
{
	unsigned i;

	for (i = 0; i < N_ELEMENTS(releases); i++)
		if (str_eq(name, str_from(releases[i].name)))
			return &releases[i];
	return NULL;
}

/* RFC 9110 section 8.8.3, a strong one. */
static enum err make_tag(struct exchange *ex, struct str text, struct str *tag)
{
	uint8_t hash[DIGEST_SIZE];
	char *out = pool_alloc(ex->pool, TAG_MAX);
	enum err err = out ? digest_sha256(text.ptr, text.len, hash)
			   : ERR_NOMEM;

	if (err)
		return err;
	out[0] = '"';
	base64url_encode(out + 1, hash, sizeof(hash));
	out[TAG_MAX - 2] = '"';
	out[TAG_MAX - 1] = '\0';
	*tag = (struct str){ out, TAG_MAX - 1 };
	return ERR_OK;
}

/* RFC 9110 section 13.1.2: "*", or a list in which weak ones count too. */
static bool is_known(const struct exchange *ex, struct str tag)
{
	const struct request *request = &ex->request;
	struct str rest;
	unsigned i;

	for (i = 0; i < request->header_count; i++) {
		if (!str_ieq(request->headers[i].name, STR("If-None-Match")))
			continue;
		rest = request->headers[i].value;
		while (rest.ptr) {
			struct str one = str_trim(str_cut(rest, ',', &rest),
						  " \t");

			if (str_has_prefix(one, STR("W/")))
				one = (struct str){ one.ptr + 2, one.len - 2 };
			if (str_eq(one, tag) || str_eq(one, STR("*")))
				return true;
		}
	}
	return false;
}

static enum step_result answer_script(struct exchange *ex)
{
	const struct release *release = find_release(ex->request.params[0]);
	struct str tag;
	enum err err;

	answer_header(ex, "Access-Control-Allow-Origin", STR("*"));
	answer_header(ex, "Cross-Origin-Resource-Policy", STR("cross-origin"));
	if (!release)
		return answer_error(ex, CODE_not_found,
				    "There is no such version of the SDK.");
	err = make_tag(ex, *release->text, &tag);
	if (err)
		return answer_failure(ex, err);
	answer_header(ex, "Cache-Control", str_from(release->cache));
	answer_header(ex, "ETag", tag);
	/* that of a 304 is not sent; its Content-Length tells of the 200's
	 * (RFC 9110 section 8.6) */
	ex->answer.body = *release->text;
	ex->answer.status = is_known(ex, tag) ? 304 : 200;
	if (ex->answer.status == 304)
		return STEP_ANSWER;
	answer_header(ex, "Content-Type", str_from(release->type));
	return STEP_ANSWER;
}

static const struct step sdk_list[] = {
	{ "answer_script", answer_script, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_sdk = {
	.name = "sdk",
	.list = sdk_list,
};
