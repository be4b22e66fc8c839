#include "config/place.h"

#include <stdarg.h>

static void add(struct place *place, enum report_level level, unsigned line,
		const char *setting, const char *remedy, const char *problem)
{
	report_add(place->report, (struct finding){
		.level = level, .file = place->file, .line = line,
		.tenant = place->tenant, .setting = str_from(setting),
		.problem = str_from(problem), .remedy = str_from(remedy) });
}

/* Text that was cut must not end in half a character. */
static void format(char out[PLACE_PROBLEM_MAX], const char *fmt, va_list ap)
{
	int n = vsnprintf(out, PLACE_PROBLEM_MAX, fmt, ap);
	size_t len = PLACE_PROBLEM_MAX - 1;

	if (n < PLACE_PROBLEM_MAX)
		return;
	while (len && ((unsigned char)out[len - 1] & 0xc0) == 0x80)
		len--;
	if (len && ((unsigned char)out[len - 1] & 0x80))
		len--;
	out[len] = '\0';
}

void place_error(struct place *place, unsigned line, const char *setting,
		 const char *remedy, const char *fmt, ...)
{
	char problem[PLACE_PROBLEM_MAX];
	va_list ap;

	va_start(ap, fmt);
	format(problem, fmt, ap);
	va_end(ap);
	if (!place->errors++) {
		struct buf first;

		buf_init_fixed(&first, place->first, sizeof(place->first));
		if (setting) {
			buf_puts(&first, setting);
			buf_addc(&first, ' ');
		}
		buf_puts(&first, problem);
		place->first_line = line;
	}
	add(place, place->level, line, setting, remedy, problem);
}

void place_warn(struct place *place, unsigned line, const char *setting,
		const char *remedy, const char *fmt, ...)
{
	char problem[PLACE_PROBLEM_MAX];
	va_list ap;

	va_start(ap, fmt);
	format(problem, fmt, ap);
	va_end(ap);
	add(place, REPORT_WARNING, line, setting, remedy, problem);
}
