#include "workbench/linkage.h"

#include <sys/mman.h>
#include <unistd.h>

#include "module/module.h"

#define NAMES_SHOWN 8

/* What compilers put there for themselves, and coverage and sanitizers. */
static bool is_of_the_tools(struct str name)
{
	static const char *const whole[] = { "_init", "_fini" };
	static const char *const prefixes[] = {
		"__gcov_", "__llvm_", "__asan_", "__odr_asan", "__ubsan_",
		"__sanitizer_", "__bss_start", "_edata", "_end",
	};

	for (size_t i = 0; i < N_ELEMENTS(whole); i++)
		if (str_eq(name, str_from(whole[i])))
			return true;
	for (size_t i = 0; i < N_ELEMENTS(prefixes); i++)
		if (str_has_prefix(name, str_from(prefixes[i])))
			return true;
	return false;
}

static void add_name(struct buf *names, unsigned *count, struct str name)
{
	if (*count < NAMES_SHOWN)
		buf_printf(names, "%s%.*s", *count ? ", " : "", STR_ARG(name));
	++*count;
}

static void end_names(struct buf *names, unsigned count)
{
	if (count > NAMES_SHOWN)
		buf_printf(names, " and %u more", count - NAMES_SHOWN);
}

static void check_exports(const struct elf_file *file,
			  struct findings *findings)
{
	char text[FINDING_TEXT_MAX];
	unsigned count = 0;
	struct buf names;

	buf_init_fixed(&names, text, sizeof(text) / 2);
	for (unsigned i = 0; i < file->export_count; i++)
		if (!str_eq(file->exports[i].name, STR(USHER_ENTRY_NAME)) &&
		    !is_of_the_tools(file->exports[i].name))
			add_name(&names, &count, file->exports[i].name);
	end_names(&names, count);
	if (elf_find_export(file, STR(USHER_ENTRY_NAME)) < 0)
		findings_add(findings, "exports", STR_NULL,
			     "it does not export " USHER_ENTRY_NAME "; "
			     "USHER_ADAPTER_DEFINE() defines it");
	if (count)
		findings_add(findings, "exports", STR_NULL, "it exports more "
			     "than " USHER_ENTRY_NAME ": %s; compile with "
			     "-fvisibility=hidden, or it may call another's "
			     "function of the same name", text);
}

static void check_imports(const struct needs *needs,
			  struct findings *findings)
{
	for (unsigned i = 0; i < needs->absent_count; i++)
		findings_add(findings, "imports", STR_NULL, "the library %.*s, "
			     "which it needs, is not found where the loader "
			     "looks; link it in as a static one",
			     STR_ARG(needs->absent[i]));
	for (unsigned i = 0; i < needs->count; i++)
		if (needs->v[i].state == NEED_MISSING)
			findings_add(findings, "imports", STR_NULL, "no "
				     "library that it names has %.*s; link with "
				     "-Wl,-z,defs, and with the library that "
				     "has it",
				     STR_ARG(needs->v[i].symbol.name));
}

static void check_flags(const struct elf_file *file,
			struct findings *findings)
{
	if (file->has_text_relocations)
		findings_add(findings, "flags", STR_NULL, "its code is "
			     "changed while it loads (text relocations), "
			     "which the sandbox forbids; compile with -fPIC");
	if (file->has_executable_stack)
		findings_add(findings, "flags", STR_NULL, "it asks for an "
			     "executable stack, which the sandbox forbids; "
			     "link with -Wl,-z,noexecstack");
	if (file->has_writable_code)
		findings_add(findings, "flags", STR_NULL, "a part of it is to "
			     "be writable and executable at once");
	if (!str_is_null(file->search_path))
		findings_note(findings, "flags", STR_NULL, "it brings a search "
			      "path for libraries along (%.*s); in the "
			      "sandbox only the system's can be read",
			      STR_ARG(file->search_path));
}

enum err linkage_read(const char *path, struct pool *pool,
		      struct findings *findings, struct linkage *linkage_r)
{
	struct linkage l = { .data = MAP_FAILED };
	char text[FINDING_TEXT_MAX / 2];
	struct module_copy copy;
	struct buf problem;
	enum err err;

	buf_init_fixed(&problem, text, sizeof(text));
	err = module_copy(path, &copy, &problem);
	if (!err) {
		l.data = mmap(NULL, copy.size, PROT_READ, MAP_PRIVATE,
			      copy.fd, 0);
		l.size = copy.size;
		close(copy.fd);
		err = l.data == MAP_FAILED ? ERR_NOMEM :
			elf_read(l.data, l.size, pool, &l.file, &problem);
	}
	if (!err)
		err = dso_deps_resolve(&l.file, pool, &l.needs);
	if (err) {
		findings_add(findings, "load", STR_NULL, "%s",
			     problem.len ? text : err_text(err));
		if (l.data != MAP_FAILED)
			munmap(l.data, l.size);
		return err;
	}
	check_exports(&l.file, findings);
	check_imports(&l.needs, findings);
	check_flags(&l.file, findings);
	l.word_count = elf_words(l.data, l.size, l.words, LINKAGE_WORDS_MAX);
	*linkage_r = l;
	return ERR_OK;
}

void linkage_done(struct linkage *linkage)
{
	if (linkage->data)
		munmap(linkage->data, linkage->size);
	linkage->data = NULL;
}
