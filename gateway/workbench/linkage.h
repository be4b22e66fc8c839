/*
 * linkage: is a shared object linked as an adapter should be?
 *
 * Reads the file, runs nothing of it.  What would keep it from loading, and
 * what would let it meddle with another's symbols, is a finding.
 */
#ifndef WORKBENCH_LINKAGE_H
#define WORKBENCH_LINKAGE_H

#include "workbench/finding.h"
#include "workbench/dso-deps.h"

#define LINKAGE_WORDS_MAX 96

struct linkage {
	struct elf_file file;
	struct needs needs;
	/* Names that it might ask for, from its constants. */
	struct str words[LINKAGE_WORDS_MAX];
	unsigned word_count;
	/* private */
	void *data;
	size_t size;
};

/*
 * The file is held to what module_load() demands.  On failure there is a
 * finding that says why.  Slices live as long as the linkage and the pool.
 */
enum err linkage_read(const char *path, struct pool *pool,
		      struct findings *findings, struct linkage *linkage_r);
/* Accepts a zeroed one. */
void linkage_done(struct linkage *linkage);

#endif
