/*
 * elf: what a shared object says of itself, read from its bytes, none of
 * which is run.
 *
 * For people who want to know why a file loads or does not: which symbols it
 * offers and asks for, of which libraries, and how it was linked.  Reads the
 * dynamic segment, as the loader does, and not the sections, which a
 * stripped file may lack.  The file is hostile: every offset and length is
 * looked at, and what is not well-formed is refused as a whole.
 *
 * System V ABI (gABI 4.1), chapters 4 and 5; symbol versions and the GNU hash
 * table as the Linux Standard Base and binutils have them.
 */
#ifndef WORKBENCH_ELF_H
#define WORKBENCH_ELF_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define ELF_SEGMENTS_MAX 64
#define ELF_DYNAMIC_MAX 1024	/* entries of the dynamic segment */
#define ELF_SYMBOLS_MAX 65536
#define ELF_NAME_MAX 4096	/* octets */
#define ELF_NEEDED_MAX 64
#define ELF_VERSIONS_MAX 256
#define ELF_WORD_MAX 64		/* octets of a word */

struct elf_symbol {
	struct str name;
	struct str version;	/* asked for: "GLIBC_2.34"; absent: none */
	struct str library;	/* which has that version; absent: not said */
	bool is_weak;
};

/* The slices point into the file and are terminated; arrays: in the pool. */
struct elf_file {
	struct str soname;		/* absent: none */
	struct str search_path;		/* RPATH or RUNPATH; absent: none */
	struct str needed[ELF_NEEDED_MAX];
	unsigned needed_count;
	struct elf_symbol *exports, *imports;
	unsigned export_count, import_count;
	bool has_text_relocations;	/* code is changed while it loads */
	bool has_executable_stack;
	bool has_writable_code;		/* a segment both W and X */
};

/*
 * A shared object for this machine.  ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED
 * (no ELF, another machine, no shared object), ERR_NOMEM; *problem then gained
 * a sentence.
 */
enum err elf_read(const void *data, size_t len, struct pool *pool,
		  struct elf_file *file_r, struct buf *problem);
/* The index of an export, or -1. */
int elf_find_export(const struct elf_file *file, struct str name);

/*
 * Words among the constants of a file that elf_read() took: a letter or '_',
 * then letters, digits, '_', '.', '-', two to ELF_WORD_MAX octets between
 * NULs; no names of symbols.  Each once, at most `max`; how many.
 */
unsigned elf_words(const void *data, size_t len, struct str *words_r,
		   unsigned max);

#endif
