#include "config/location.h"

#include <stdarg.h>

static void add(struct location *location, enum report_level level,
		unsigned line, const char *setting, const char *remedy,
		const char *problem)
{
	report_add(location->report, (struct finding){
		.level = level, .file = location->file, .line = line,
		.tenant = location->tenant, .setting = str_from(setting),
		.problem = str_from(problem), .remedy = str_from(remedy) });
}

/* Text that was cut must not end in half a character. */
static void format(char out[LOCATION_PROBLEM_MAX], const char *fmt, va_list ap)
{
	int n = vsnprintf(out, LOCATION_PROBLEM_MAX, fmt, ap);
	size_t len = LOCATION_PROBLEM_MAX - 1;

	if (n < LOCATION_PROBLEM_MAX)
		return;
	while (len && ((unsigned char)out[len - 1] & 0xc0) == 0x80)
		len--;
	if (len && ((unsigned char)out[len - 1] & 0x80))
		len--;
	out[len] = '\0';
}

void location_error(struct location *location, unsigned line,
		    const char *setting, const char *remedy, const char *fmt,
		    ...)
{
	char problem[LOCATION_PROBLEM_MAX];
	va_list ap;

	va_start(ap, fmt);
	format(problem, fmt, ap);
	va_end(ap);
	if (!location->errors++) {
		struct buf first;

		buf_init_fixed(&first, location->first,
			       sizeof(location->first));
		if (setting) {
			buf_puts(&first, setting);
			buf_addc(&first, ' ');
		}
		buf_puts(&first, problem);
		location->first_line = line;
	}
	add(location, location->level, line, setting, remedy, problem);
}

void location_warn(struct location *location, unsigned line,
		   const char *setting, const char *remedy, const char *fmt,
		   ...)
{
	char problem[LOCATION_PROBLEM_MAX];
	va_list ap;

	va_start(ap, fmt);
	format(problem, fmt, ap);
	va_end(ap);
	add(location, REPORT_WARNING, line, setting, remedy, problem);
}
