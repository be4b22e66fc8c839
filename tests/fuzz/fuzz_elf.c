/*
 * A shared object, read from its bytes: whatever is taken lies inside the
 * file, is terminated there, and keeps to its limits.
 */
#include "workbench/elf.h"
#include "fuzz/fuzz.h"

static void check_slice(struct str s, const uint8_t *data, size_t size)
{
	const char *from = (const char *)data;

	if (str_is_null(s))
		return;
	fuzz_assert(s.ptr >= from && s.ptr + s.len < from + size);
	fuzz_assert(s.ptr[s.len] == '\0');
	fuzz_assert(strlen(s.ptr) == s.len);
	fuzz_assert(s.len <= ELF_NAME_MAX);
}

static void check_symbols(const struct elf_symbol *symbols, unsigned count,
			  const uint8_t *data, size_t size)
{
	fuzz_assert(count <= ELF_SYMBOLS_MAX);
	for (unsigned i = 0; i < count; i++) {
		fuzz_assert(!str_is_null(symbols[i].name));
		check_slice(symbols[i].name, data, size);
		check_slice(symbols[i].version, data, size);
		check_slice(symbols[i].library, data, size);
	}
}

static void check_words(const uint8_t *data, size_t size)
{
	struct str words[32];
	unsigned count = elf_words(data, size, words, 32);

	fuzz_assert(count <= 32);
	for (unsigned i = 0; i < count; i++) {
		check_slice(words[i], data, size);
		fuzz_assert(words[i].len >= 2 && words[i].len <= ELF_WORD_MAX);
		for (unsigned k = 0; k < i; k++)
			fuzz_assert(!str_eq(words[i], words[k]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(16 * 1024 * 1024);
	struct elf_file file;
	char text[256];
	struct buf problem;
	enum err err;

	buf_init_fixed(&problem, text, sizeof(text));
	err = elf_read(data, size, pool, &file, &problem);
	fuzz_assert(!err == !problem.len);
	fuzz_assert(buf_is_ok(&problem));
	if (!err) {
		fuzz_assert(file.needed_count <= ELF_NEEDED_MAX);
		for (unsigned i = 0; i < file.needed_count; i++)
			check_slice(file.needed[i], data, size);
		check_slice(file.soname, data, size);
		check_slice(file.search_path, data, size);
		check_symbols(file.exports, file.export_count, data, size);
		check_symbols(file.imports, file.import_count, data, size);
	}
	check_words(data, size);
	pool_free(pool);
	return 0;
}
