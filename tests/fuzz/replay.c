/*
 * replay: run a fuzz target over files instead of under a fuzzer, so that any
 * build can check that what was once found stays fixed.
 *
 *	fuzz_form FILE|DIRECTORY...
 *	CORPUS=tests/fuzz/corpus/form fuzz_form
 *
 * Directories are read with what is below them.  Ends with 1 when there was
 * nothing to read or something could not be read.
 */
#include <errno.h>
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1 << 20)	/* bytes of one input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A piece of memory of just its size: the sanitizers see a read past it. */
static int run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return -1;
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	return 0;
}

static int run_file(const char *path)
{
	static uint8_t data[INPUT_MAX + 1];
	FILE *f = fopen(path, "rb");
	size_t size;
	int rc = -1;

	if (!f)
		goto out;
	size = fread(data, 1, sizeof(data), f);
	if (ferror(f))
		goto out;
	if (size > INPUT_MAX) {
		errno = EFBIG;
		goto out;
	}
	/* Told before the run: if that aborts, this is the input to blame. */
	printf("%s\n", path);
	fflush(stdout);
	rc = run(data, size);
out:
	if (rc)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (f)
		fclose(f);
	return rc;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* All files at and below the paths; how many were run, or -1. */
static long run_tree(char *const *paths)
{
	FTS *tree = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, by_name);
	FTSENT *e;
	long count = 0;

	if (!tree) {
		perror("fts_open");
		return -1;
	}
	while ((e = fts_read(tree))) {
		switch (e->fts_info) {
		case FTS_F:
			if (run_file(e->fts_path))
				goto fail;
			count++;
			break;
		case FTS_DNR:
		case FTS_ERR:
		case FTS_NS:
		case FTS_SLNONE:
			fprintf(stderr, "%s: %s\n", e->fts_path,
				strerror(e->fts_errno));
			goto fail;
		default:
			break;
		}
	}
	fts_close(tree);
	return count;
fail:
	fts_close(tree);
	return -1;
}

int main(int argc, char **argv)
{
	char *corpus[] = { getenv("CORPUS"), NULL };
	long count;

	if (argc < 2 && !corpus[0]) {
		fprintf(stderr, "usage: %s FILE|DIRECTORY... (or CORPUS)\n",
			argv[0]);
		return EXIT_FAILURE;
	}
	count = run_tree(argc > 1 ? argv + 1 : corpus);
	if (count < 0)
		return EXIT_FAILURE;
	printf("%ld inputs\n", count);
	return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
