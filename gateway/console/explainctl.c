#include "console/explainctl.h"

#include <time.h>

#include "admin/socket.h"
#include "base/clock.h"
#include "base/num.h"
#include "console/console.h"
#include "store/audit.h"

#define SINCE "1h"			/* unless told */
#define AROUND_MS 300000		/* of --at, before and after */
#define TIME_TEXT_MAX 24
#define WORDS 4

const struct command_option explainctl_options[] = {
	{ "since", "SPAN", "of a person: 90s, 10m, 2h or 3d back (" SINCE ")",
	  1 },
	{ "at", "TIME", "... or five minutes around 2026-11-28 10:05, UTC", 1 },
	{ 0 }
};

int explainctl_span(struct str text, int64_t *ms_r)
{
	static const struct { char unit; int64_t s; } units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	int64_t n;

	for (size_t i = 0; text.len && i < N_ELEMENTS(units); i++) {
		const struct str digits = { text.ptr, text.len - 1 };

		if (text.ptr[text.len - 1] != units[i].unit)
			continue;
		if (num_i64(digits, 1, AUDIT_DAYS_MAX * 86400 / units[i].s,
			    &n))
			return -1;
		*ms_r = n * units[i].s * 1000;
		return 0;
	}
	return -1;
}

/* Of the digits that stand for `0` in a pattern; else the same octet. */
static int take_digits(struct str text, const char *pattern, int *values)
{
	int field = -1;
	bool was_digit = false;

	if (text.len != strlen(pattern))
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		bool is_digit = pattern[i] == '0';

		if (is_digit ? !ascii_is_digit(text.ptr[i]) :
			       text.ptr[i] != pattern[i])
			return -1;
		if (is_digit && !was_digit)
			values[++field] = 0;
		if (is_digit)
			values[field] = values[field] * 10 + text.ptr[i] - '0';
		was_digit = is_digit;
	}
	return 0;
}

int explainctl_moment(struct str text, int64_t *ms_r)
{
	static const char *const patterns[] = {
		"0000-00-00 00:00", "0000-00-00 00:00:00",
		"0000-00-00T00:00Z", "0000-00-00T00:00:00Z",
		"0000-00-00T00:00:00.000Z",
	};

	for (size_t i = 0; i < N_ELEMENTS(patterns); i++) {
		int v[7] = { 0 };
		struct tm tm, made;
		time_t s;

		if (take_digits(text, patterns[i], v))
			continue;
		tm = (struct tm){ .tm_year = v[0] - 1900, .tm_mon = v[1] - 1,
				  .tm_mday = v[2], .tm_hour = v[3],
				  .tm_min = v[4], .tm_sec = v[5] };
		made = tm;
		s = timegm(&made);
		/* the 31st of a month that has 30, say */
		if (made.tm_mon != tm.tm_mon || made.tm_mday != tm.tm_mday ||
		    made.tm_hour != tm.tm_hour || made.tm_min != tm.tm_min ||
		    made.tm_sec != tm.tm_sec)
			return -1;
		*ms_r = (int64_t)s * 1000 + v[6];
		return 0;
	}
	return -1;
}

static int ask_for_person(const struct command_line *line)
{
	const char *since = command_value(line, "since");
	const char *at = command_value(line, "at");
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
	struct str words[WORDS + 1] = { STR("explain") };
	int64_t ms = 0, to_ms = clock_wall_ms();

	if (since && at)
		return command_misused(line, "--since or --at, not both");
	if (!strchr(line->arguments[1], '@'))
		return command_misused(line, "behind the tenant stands an "
				       "address");
	if (at && explainctl_moment(str_from(at), &to_ms))
		return command_misused(line, "--at is like \"2026-11-28 "
				       "10:05\", in UTC");
	if (!at && explainctl_span(str_from(since ? since : SINCE), &ms))
		return command_misused(line, "--since is like 90s, 10m, 2h or "
				       "3d, %d days at most", AUDIT_DAYS_MAX);
	if (at)
		ms = AROUND_MS;
	snprintf(from, sizeof(from), "%lld", (long long)(to_ms - ms));
	snprintf(to, sizeof(to), "%lld", (long long)(to_ms + AROUND_MS));
	words[1] = str_from(line->arguments[0]);
	words[2] = str_from(line->arguments[1]);
	words[3] = str_from(from);
	words[4] = str_from(to);
	return console_send(line, words, WORDS + 1);
}

int explainctl_explain(const struct command_line *line)
{
	const struct str words[] = { STR("explain"),
				     str_from(line->arguments[0]) };

	if (line->count == 2)
		return ask_for_person(line);
	if (line->given_count && (command_has(line, "since") ||
				  command_has(line, "at")))
		return command_misused(line, "--since and --at are of a "
				       "person: TENANT ADDRESS");
	return console_send(line, words, 2);
}
