/*
 * trialshow: what came of trying an adapter, as text for people or JSON for
 * programs.
 *
 * What an adapter or its file said is shown escaped, so that it cannot speak
 * to a terminal.
 */
#ifndef CONSOLE_TRIALSHOW_H
#define CONSOLE_TRIALSHOW_H

#include "workbench/fitness.h"

/* Characters that a terminal would not show become \xNN. */
void trialshow_text(struct buf *out, struct str text);

/* The last line says "FILE: fit", or "FILE: 2 findings". */
void trialshow_report(const struct fitness *fitness, struct str file,
		      struct buf *out);
void trialshow_report_json(const struct fitness *fitness, struct str file,
			   struct buf *out);

/* One run, hook by hook, with what was logged. */
void trialshow_run(const struct sample *sample,
		   const struct harness_line *lines, unsigned count,
		   struct buf *out);
void trialshow_run_json(const struct sample *sample,
			const struct harness_line *lines, unsigned count,
			struct buf *out);
/* What is handed in. */
void trialshow_request(const struct sample *sample, struct buf *out);

#endif
