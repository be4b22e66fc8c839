#include "adapter/stderr-lines-private.h"

#define SECOND INT64_C(1000000000)

int64_t stderr_lines_until(const struct stderr_lines *lines)
{
	return lines->since_ns + SECOND;
}

/* The lines in it, empty ones aside. */
static unsigned count_lines(struct str text)
{
	unsigned count = 0;

	while (text.len)
		count += str_cut(text, '\n', &text).len > 0;
	return count;
}

void stderr_lines_take(struct stderr_lines *lines,
		       const struct adapter_env *env, struct str name,
		       struct str text, int64_t now_ns)
{
	if (now_ns >= stderr_lines_until(lines)) {
		lines->since_ns = now_ns;
		lines->count = 0;
	}
	while (text.len && lines->count < LINES_MAX) {
		struct str line = str_cut(text, '\n', &text);

		lines->count++;
		if (line.len > USHER_LOG_MAX)
			line.len = USHER_LOG_MAX;
		if (line.len && env->services->stray)
			env->services->stray(env->tenant, name, line);
		else if (line.len && env->services->log)
			env->services->log(LOG_LEVEL_WARN, env->tenant, name,
					   line);
	}
	lines->is_muted = lines->count >= LINES_MAX;
	if (env->services->dropped)
		env->services->dropped(env->tenant, count_lines(text));
}
