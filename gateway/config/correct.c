#include "config/correct.h"

#include "codec/domain.h"
#include "codec/url.h"
#include "codec/utf8.h"

int correct_switch(struct str word)
{
	static const char *const words[2][5] = {
		{ "false", "no", "off", "0", "disabled" },
		{ "true", "yes", "on", "1", "enabled" },
	};

	for (int value = 0; value < 2; value++)
		for (size_t i = 0; i < N_ELEMENTS(words[0]); i++)
			if (str_ieq(word, str_from(words[value][i])))
				return value;
	return -1;
}

/* May it be repeated, between quotation marks of libconfig's? */
static bool is_quotable(struct str text)
{
	return text.len && text.len <= CORRECT_QUOTED_MAX &&
	       str_find(text, '"') < 0 && str_find(text, '\\') < 0 &&
	       str_find(text, '@') < 0 && !utf8_check_text(text, NULL);
}

static struct str text_of(const config_setting_t *at)
{
	return config_setting_type(at) == CONFIG_TYPE_STRING ?
		str_from(config_setting_get_string(at)) : STR_NULL;
}

static bool write_switch(const char *name, const config_setting_t *at,
			 struct buf *out)
{
	int value = correct_switch(text_of(at));

	if (config_setting_type(at) == CONFIG_TYPE_INT &&
	    config_setting_get_int(at) >> 1 == 0)
		value = config_setting_get_int(at);
	if (value < 0)
		return false;
	buf_printf(out, "write %s = %s;", name, value ? "true" : "false");
	return true;
}

static bool write_number(const char *name, const config_setting_t *at,
			 struct buf *out)
{
	struct str text = str_trim(text_of(at), " ");

	if (!text.len || text.len > 10)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_digit(text.ptr[i]))
			return false;
	while (text.len > 1 && text.ptr[0] == '0') {
		text.ptr++;
		text.len--;
	}
	buf_printf(out, "write %s = %.*s;", name, STR_ARG(text));
	return true;
}

/* One text where it should be several, several (or one) where it should be
 * one, a number or a switch without its quotation marks. */
static bool write_text(const char *name, const config_setting_t *at,
		       bool is_list, struct buf *out)
{
	const char *open = is_list ? "[ " : "", *close = is_list ? " ]" : "";

	if (config_setting_is_aggregate(at) && !is_list) {
		if (config_setting_is_group(at) ||
		    config_setting_length(at) != 1)
			return false;
		at = config_setting_get_elem((config_setting_t *)at, 0);
	}
	switch (config_setting_type(at)) {
	case CONFIG_TYPE_STRING:
		if (!is_quotable(text_of(at)))
			return false;
		buf_printf(out, "write %s = %s\"%s\"%s;", name, open,
			   config_setting_get_string(at), close);
		return true;
	case CONFIG_TYPE_INT:
		buf_printf(out, "write %s = %s\"%d\"%s;", name, open,
			   config_setting_get_int(at), close);
		return true;
	default:
		return false;
	}
}

/* A group that stands alone where there may be several of it, and the other
 * way round. */
static bool write_group(const char *name, const config_setting_t *at,
			bool is_list, struct buf *out)
{
	if (is_list && config_setting_is_group(at))
		buf_printf(out, "put ( ) around it: %s = ( { ... } );", name);
	else if (!is_list && config_setting_is_list(at) &&
		 config_setting_length(at) == 1 &&
		 config_setting_is_group(config_setting_get_elem(
			(config_setting_t *)at, 0)))
		buf_printf(out, "leave the ( ) out: %s = { ... };", name);
	else
		return false;
	return true;
}

bool correct_value(const struct setting *setting, const config_setting_t *at,
		   struct buf *out)
{
	switch (setting->type) {
	case SETTING_SWITCH:
		return write_switch(setting->name, at, out);
	case SETTING_NUMBER:
		return write_number(setting->name, at, out);
	case SETTING_TEXT:
	case SETTING_TEXTS:
		return write_text(setting->name, at,
				  setting->type == SETTING_TEXTS, out);
	case SETTING_GROUP:
	case SETTING_GROUPS:
		return write_group(setting->name, at,
				   setting->type == SETTING_GROUPS, out);
	case SETTING_WORD:
	case SETTING_FREE:
		break;
	}
	return false;
}

/* ---- URLs ------------------------------------------------------------------ */

/* "HTTPS:/" and the like; what follows it in *rest_r.  Without one: https,
 * which is what may be used. */
static const char *scheme_of(struct str text, struct str *rest_r)
{
	const char *scheme = "https";
	ptrdiff_t colon = str_find(text, ':');
	struct str name = { text.ptr, colon < 0 ? 0 : (size_t)colon };

	if (str_ieq(name, STR("https")) || str_ieq(name, STR("http"))) {
		scheme = name.len == 5 ? "https" : "http";
		text.ptr += name.len + 1;
		text.len -= name.len + 1;
	} else if (text.len > name.len + 2 && name.len &&
		   !memcmp(text.ptr + colon, "://", 3)) {
		return NULL;
	}
	while (text.len && (*text.ptr == '/' || *text.ptr == '\\')) {
		text.ptr++;
		text.len--;
	}
	*rest_r = text;
	return scheme;
}

/* As far as the host, and what may follow it. */
static struct str host_of(struct str rest, struct str *more_r)
{
	struct str host = rest;

	for (size_t i = 0; i < rest.len; i++)
		if (strchr(":/?#\\", rest.ptr[i])) {
			host.len = i;
			break;
		}
	*more_r = (struct str){ rest.ptr + host.len, rest.len - host.len };
	return host;
}

static bool is_host(struct str host)
{
	return str_find(host, '.') > 0 || str_find(host, '[') == 0 ||
	       str_ieq(host, STR("localhost"));
}

static bool read_meant(struct pool *pool, struct str text, struct url *url_r)
{
	struct str rest, more, host, ascii;
	const char *scheme;
	struct str whole;

	text = str_trim(text, " \t");
	if (text.len > CORRECT_QUOTED_MAX || utf8_check_text(text, NULL) ||
	    str_find(text, '@') >= 0 || str_find(text, '*') >= 0)
		return false;
	scheme = scheme_of(text, &rest);
	if (!scheme)
		return false;
	host = host_of(rest, &more);
	if (host.len && host.ptr[0] != '[') {
		if (domain_to_ascii(pool, host, &ascii))
			return false;
		host = ascii;
	} else {
		host = rest;
		more = STR("");
	}
	if (!is_host(host))
		return false;
	whole = pool_printf(pool, "%s://%.*s%.*s", scheme, STR_ARG(host),
			    STR_ARG(more));
	return !str_is_null(whole) && !url_parse(pool, whole, url_r, NULL);
}

static bool write_meant(struct pool *pool, struct str text,
			void (*write)(struct buf *, const struct url *),
			struct buf *out)
{
	struct url url;
	struct buf meant;

	if (!read_meant(pool, text, &url))
		return false;
	buf_init_pool(&meant, pool, URL_MAX + 1);
	write(&meant, &url);
	if (!buf_is_ok(&meant) || str_eq(buf_str(&meant), text) ||
	    !is_quotable(buf_str(&meant)))
		return false;
	buf_printf(out, "write \"%.*s\"", STR_ARG(buf_str(&meant)));
	return true;
}

bool correct_origin(struct pool *pool, struct str text, struct buf *out)
{
	return write_meant(pool, text, url_add_origin, out);
}

bool correct_url(struct pool *pool, struct str text, struct buf *out)
{
	struct url url;

	/* It was refused for what it says, not for how it is written. */
	if (!url_parse(pool, text, &url, NULL))
		return false;
	return write_meant(pool, text, url_add, out);
}
