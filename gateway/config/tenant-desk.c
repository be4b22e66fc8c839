/* What a tenant's desk looks like, and what one behind a proxy is told. */
#include "base/num.h"
#include "codec/utf8.h"
#include "config/snapshot-private.h"

#define ACCENT_LEN 7		/* "#rrggbb" */

/*
 * A channel of sRGB, 0 to 255, as light: WCAG 2.2, "relative luminance".  The
 * power of 2.4 is x^2 times the fifth root of x^2, by Newton's method from
 * above, which converges for all of [0.09, 1].
 */
static double linear(unsigned channel)
{
	double x = channel / 255.0, root = 1;
	unsigned i;

	if (x <= 0.04045)
		return x / 12.92;
	x = (x + 0.055) / 1.055;
	for (i = 0; i < 12; i++)
		root -= (root - x * x / (root * root * root * root)) / 5;
	return x * x * root;
}

/*
 * Of black and white text the one with more contrast, which is 4.58:1 at the
 * least, whatever the colour: more than the 4.5:1 that WCAG asks of text.
 */
static struct str ink_for(const unsigned char rgb[3])
{
	double light = 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) +
		       0.0722 * linear(rgb[2]);

	return 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 ?
		STR("#ffffff") : STR("#000000");
}

static bool parse_colour(struct str text, unsigned char rgb_r[3])
{
	unsigned i;

	if (text.len != ACCENT_LEN || text.ptr[0] != '#')
		return false;
	for (i = 0; i < 3; i++) {
		int high = num_hex(text.ptr[1 + 2 * i]);
		int low = num_hex(text.ptr[2 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		rgb_r[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static void read_accent(const struct reader *reader, struct group group,
			struct tenant *out)
{
	unsigned char rgb[3];

	if (reader_text(reader, group, "accent", &out->accent) ||
	    str_is_null(out->accent))
		return;
	if (!parse_colour(out->accent, rgb)) {
		location_error(reader->location, group_line(group, "accent"),
			       "accent",
			       "write it like #0b57d0: red, green and "
			       "blue with two digits of 0-9 and a-f each",
			       "is not a colour");
		return;
	}
	out->accent_ink = ink_for(rgb);
}

static void read_category(const struct reader *reader, struct group group,
			  unsigned i, struct tenant *out)
{
	struct str text = group_text_at(group, "categories", i);
	unsigned j, line = group_line(group, "categories");
	char setting[32];

	snprintf(setting, sizeof(setting), "categories[%u]", i);
	if (utf8_trim(text).len != text.len) {
		location_error(reader->location, line, setting,
			       "leave the blanks out",
			       "begins or ends with white space");
		return;
	}
	for (j = 0; j < out->category_count; j++)
		if (str_eq(out->categories[j], text)) {
			location_error(reader->location, line, setting,
				       "keep one of the two",
				       "is listed twice");
			return;
		}
	text = pool_str(reader->pool, text);
	if (str_is_null(text))
		reader_nomem(reader);
	else
		out->categories[out->category_count++] = text;
}

static void read_categories(const struct reader *reader, struct group group,
			    struct tenant *out)
{
	unsigned i, count = group_count(group, "categories");

	out->categories = pool_calloc(reader->pool, count + 1,
				      sizeof(*out->categories));
	if (!out->categories) {
		reader_nomem(reader);
		return;
	}
	for (i = 0; i < count; i++)
		read_category(reader, group, i, out);
}

static void read_terms(const struct reader *reader, struct group group,
		       struct tenant *out)
{
	struct url url;

	if (!group_has(group, "terms") ||
	    reader_url(reader, group_line(group, "terms"), "terms",
		       group_text(group, "terms"), HTTP_DEVELOPMENT, &url))
		return;
	out->terms = url_text(reader->pool, &url);
	if (str_is_null(out->terms))
		reader_nomem(reader);
}

/* What a template cannot show by itself, for whom it names here. */
static void check_desk_user(const struct reader *reader, unsigned line,
			    const struct tenant *out)
{
	if (out->identity != IDENTITY_SIGNED &&
	    remote_has(&out->remote, REMOTE_EXTERNAL_ID))
		location_error(
			reader->location, line, "desk_user",
			"write for example \"{slug}:{email}\"",
			"names users by {external_id}, which those of a "
			"tenant whose identity is not \"signed\" do not have");
	if (!out->desk && out->on_conflict == ON_CONFLICT_UPDATE &&
	    remote_has(&out->remote, REMOTE_EMAIL))
		location_warn(
			reader->location, line, "desk_user",
			"write for example \"{slug}:{external_id}\"",
			"names users by {email}, and on_conflict is "
			"\"update\": who gets an address gets what the desk "
			"keeps under it");
	if (!out->desk && out->remote.parts[0].kind == REMOTE_SLUG &&
	    out->slug.len && ascii_is_digit(out->slug.ptr[0]))
		location_warn(
			reader->location, line, "desk_user",
			"put a word before it, as in "
			"\"t-{slug}:{email}\"",
			"begins with a digit, because the slug does: a desk "
			"that compares it with a number takes it for the id "
			"of one of its rows");
}

static void read_remote(const struct reader *reader, struct group group,
			struct tenant *out)
{
	unsigned line = group_line(group, "desk_user");
	struct fault fault = { .detail = NULL };
	struct str text = STR_NULL;

	/* The words stand in the order of the enum. */
	out->remote.encoding = (enum remote_encoding)
		group_word(group, "desk_header_encoding");
	if (reader_text(reader, group, "desk_user", &text))
		return;
	if (remote_parse(text, &out->remote, &fault))
		location_error(reader->location, line, "desk_user",
			       "write for example \"{slug}:{email}\" or "
			       "\"{slug}-{id}\"",
			       "%s", fault.detail);
	else
		check_desk_user(reader, line, out);
}

/* A desk elsewhere has staff, and takes names for its own. */
static void warn_of_desk(const struct reader *reader, struct group group,
			 const struct tenant *out)
{
	if (out->desk || out->identity == IDENTITY_SIGNED)
		return;
	location_warn(
		reader->location, group_line(group, "desk"), "desk",
		"have your desk give whom Remote-Verified does not call "
		"true no more than a form to write in, and take them for "
		"nobody who has an account there already",
		"is false while identity is \"%s\": a desk of your "
		"own is told addresses that anybody can post, its staff's "
		"too", identity_mode_text(out->identity));
}

void tenant_read_desk(const struct reader *reader, struct group group,
		      struct tenant *out)
{
	out->desk = group_switch(group, "desk");
	read_remote(reader, group, out);
	warn_of_desk(reader, group, out);
	read_accent(reader, group, out);
	read_categories(reader, group, out);
	read_terms(reader, group, out);
	reader_text(reader, group, "attribution", &out->attribution);
}
