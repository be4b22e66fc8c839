#include "workbench/elf.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__i386__)
#define MACHINE EM_386
#elif defined(__arm__)
#define MACHINE EM_ARM
#elif defined(__riscv)
#define MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define MACHINE EM_PPC64
#elif defined(__s390x__)
#define MACHINE EM_S390
#else
#error "say which EM_ constant this machine has"
#endif

#if __SIZEOF_POINTER__ == 8
#define CLASS ELFCLASS64
#else
#define CLASS ELFCLASS32
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ORDER ELFDATA2LSB
#else
#define ORDER ELFDATA2MSB
#endif

struct segment {
	uint64_t address, offset, size;	/* in the file */
	unsigned flags;
};

/* Where the dynamic segment says that things are: addresses, 0: nowhere. */
struct dynamic {
	uint64_t names, names_size, symbols, symbol_size;
	uint64_t hash, gnu_hash, versions, needs, need_count;
	uint64_t soname, search_path;
	uint64_t needed[ELF_NEEDED_MAX];
	unsigned needed_count;
	bool has_soname, has_search_path, has_text_relocations;
};

/* A version asked for: what the symbols' table refers to by number. */
struct version {
	unsigned number;
	struct str name, library;
};

struct reader {
	const char *data;
	size_t len;
	struct segment loads[ELF_SEGMENTS_MAX];
	unsigned load_count;
	struct segment dynamic_segment;
	bool has_dynamic, has_stack;
	struct dynamic dynamic;
	struct version versions[ELF_VERSIONS_MAX];
	unsigned version_count;
	uint32_t symbol_count;
	struct pool *pool;
	struct elf_file file;
	struct buf *problem;
};

static enum err refuse(struct reader *r, enum err err, const char *why)
{
	if (r->problem)
		buf_puts(r->problem, why);
	return err;
}

/* ---- places ------------------------------------------------------------- */

/* `size` octets at an offset of the file; NULL: not all of them are there. */
static const void *at_offset(const struct reader *r, uint64_t offset,
			     uint64_t size)
{
	return offset <= r->len && size <= r->len - offset ?
		r->data + offset : NULL;
}

/* The same at an address: all in one segment's part of the file. */
static const void *at(const struct reader *r, uint64_t address, uint64_t size)
{
	for (unsigned i = 0; i < r->load_count; i++) {
		const struct segment *s = &r->loads[i];
		uint64_t into = address - s->address;

		if (address >= s->address && into <= s->size &&
		    size <= s->size - into)
			return at_offset(r, s->offset + into, size);
	}
	return NULL;
}

/* The offset of the index'th element of an array at `address`; 0: it is past
 * what an address can be. */
static uint64_t element(uint64_t address, uint64_t index, uint64_t size)
{
	uint64_t place;

	return __builtin_mul_overflow(index, size, &place) ||
	       __builtin_add_overflow(address, place, &place) ? 0 : place;
}

/* A terminated name of the names' table; absent: there is none. */
static struct str name_at(const struct reader *r, uint64_t offset)
{
	const struct dynamic *d = &r->dynamic;
	const char *names = at(r, d->names, d->names_size);
	uint64_t left;
	size_t len;

	if (!names || offset >= d->names_size)
		return STR_NULL;
	left = d->names_size - offset;
	if (left > ELF_NAME_MAX + 1)
		left = ELF_NAME_MAX + 1;
	len = strnlen(names + offset, left);
	return len == left ? STR_NULL : (struct str){ names + offset, len };
}

/* ---- head and segments -------------------------------------------------- */

static enum err read_head(struct reader *r, ElfW(Ehdr) *head)
{
	const void *p = at_offset(r, 0, sizeof(*head));

	if (!p || memcmp(p, ELFMAG, SELFMAG))
		return refuse(r, ERR_UNSUPPORTED, "it is not an ELF file");
	memcpy(head, p, sizeof(*head));
	if (head->e_ident[EI_CLASS] != CLASS ||
	    head->e_ident[EI_DATA] != ORDER || head->e_machine != MACHINE)
		return refuse(r, ERR_UNSUPPORTED,
			      "it was built for another machine");
	if (head->e_type != ET_DYN)
		return refuse(r, ERR_UNSUPPORTED, "it is not a shared object; "
			      "link it with -shared");
	if (head->e_phentsize != sizeof(ElfW(Phdr)) || !head->e_phnum)
		return refuse(r, ERR_SYNTAX, "its program headers are "
			      "malformed");
	if (head->e_phnum > ELF_SEGMENTS_MAX)
		return refuse(r, ERR_LIMIT, "it has more than 64 segments");
	return ERR_OK;
}

static enum err take_segment(struct reader *r, const ElfW(Phdr) *p)
{
	struct segment s = { p->p_vaddr, p->p_offset, p->p_filesz,
			     p->p_flags };

	switch (p->p_type) {
	case PT_LOAD:
		r->loads[r->load_count++] = s;
		if ((p->p_flags & PF_W) && (p->p_flags & PF_X))
			r->file.has_writable_code = true;
		break;
	case PT_DYNAMIC:
		if (r->has_dynamic)
			return refuse(r, ERR_SYNTAX, "it has two dynamic "
				      "segments");
		r->dynamic_segment = s;
		r->has_dynamic = true;
		break;
	case PT_GNU_STACK:
		r->has_stack = true;
		r->file.has_executable_stack = p->p_flags & PF_X;
		return ERR_OK;
	default:
		return ERR_OK;
	}
	if (!at_offset(r, s.offset, s.size) || p->p_filesz > p->p_memsz ||
	    s.address + s.size < s.address)
		return refuse(r, ERR_SYNTAX, "a segment lies outside of the "
			      "file; was it copied in full?");
	return ERR_OK;
}

static enum err read_segments(struct reader *r)
{
	ElfW(Ehdr) head;
	enum err err = read_head(r, &head);

	for (unsigned i = 0; !err && i < head.e_phnum; i++) {
		const void *p = at_offset(r, element(head.e_phoff, i,
						     sizeof(ElfW(Phdr))),
					  sizeof(ElfW(Phdr)));
		ElfW(Phdr) segment;

		if (!p || !head.e_phoff)
			return refuse(r, ERR_SYNTAX, "its program headers lie "
				      "outside of the file; was it copied in "
				      "full?");
		memcpy(&segment, p, sizeof(segment));
		err = take_segment(r, &segment);
	}
	/* What says nothing about its stack gets one that can be executed. */
	if (!err && !r->has_stack)
		r->file.has_executable_stack = true;
	if (!err && !r->has_dynamic)
		return refuse(r, ERR_UNSUPPORTED, "it has no dynamic segment: "
			      "it is not a shared object");
	return err;
}

/* ---- the dynamic segment ------------------------------------------------ */

static enum err take_entry(struct reader *r, const ElfW(Dyn) *entry)
{
	struct dynamic *d = &r->dynamic;
	uint64_t value = entry->d_un.d_val;

	switch (entry->d_tag) {
	case DT_STRTAB: d->names = value; break;
	case DT_STRSZ: d->names_size = value; break;
	case DT_SYMTAB: d->symbols = value; break;
	case DT_SYMENT: d->symbol_size = value; break;
	case DT_HASH: d->hash = value; break;
	case DT_GNU_HASH: d->gnu_hash = value; break;
	case DT_VERSYM: d->versions = value; break;
	case DT_VERNEED: d->needs = value; break;
	case DT_VERNEEDNUM: d->need_count = value; break;
	case DT_TEXTREL: d->has_text_relocations = true; break;
	case DT_FLAGS:
		if (value & DF_TEXTREL)
			d->has_text_relocations = true;
		break;
	case DT_SONAME:
		d->soname = value;
		d->has_soname = true;
		break;
	case DT_RPATH:
	case DT_RUNPATH:
		d->search_path = value;
		d->has_search_path = true;
		break;
	case DT_NEEDED:
		if (d->needed_count == ELF_NEEDED_MAX)
			return refuse(r, ERR_LIMIT, "it needs more than 64 "
				      "libraries");
		d->needed[d->needed_count++] = value;
		break;
	}
	return ERR_OK;
}

static enum err read_dynamic(struct reader *r)
{
	const struct segment *s = &r->dynamic_segment;
	ElfW(Dyn) entry = { .d_tag = DT_DEBUG };
	enum err err = ERR_OK;
	uint64_t i;

	for (i = 0; !err && entry.d_tag != DT_NULL; i++) {
		if (i == ELF_DYNAMIC_MAX)
			return refuse(r, ERR_LIMIT, "its dynamic segment has "
				      "more than 1024 entries");
		if ((i + 1) * sizeof(entry) > s->size)
			return refuse(r, ERR_SYNTAX, "its dynamic segment "
				      "has no end");
		memcpy(&entry, at_offset(r, s->offset + i * sizeof(entry),
					 sizeof(entry)), sizeof(entry));
		err = take_entry(r, &entry);
	}
	if (err)
		return err;
	r->file.has_text_relocations = r->dynamic.has_text_relocations;
	if (!at(r, r->dynamic.names, r->dynamic.names_size) ||
	    r->dynamic.symbol_size != sizeof(ElfW(Sym)))
		return refuse(r, ERR_SYNTAX, "its tables of symbols and names "
			      "are malformed");
	return ERR_OK;
}

static enum err take_name(struct reader *r, uint64_t offset, struct str *name)
{
	*name = name_at(r, offset);
	return str_is_null(*name) ? refuse(r, ERR_SYNTAX, "a name lies outside "
					   "of its table of names") : ERR_OK;
}

static enum err read_names(struct reader *r)
{
	const struct dynamic *d = &r->dynamic;
	enum err err = ERR_OK;

	if (d->has_soname)
		err = take_name(r, d->soname, &r->file.soname);
	if (!err && d->has_search_path)
		err = take_name(r, d->search_path, &r->file.search_path);
	for (unsigned i = 0; !err && i < d->needed_count; i++)
		err = take_name(r, d->needed[i], &r->file.needed[i]);
	r->file.needed_count = d->needed_count;
	return err;
}

/* ---- how many symbols --------------------------------------------------- */

static bool read_u32(const struct reader *r, uint64_t address, uint64_t index,
		     uint32_t *value)
{
	const void *p = at(r, element(address, index, sizeof(*value)),
			   sizeof(*value));

	if (p)
		memcpy(value, p, sizeof(*value));
	return p;
}

/*
 * The GNU table does not tell: the highest number that a bucket begins with,
 * and from there to the end of its chain.  Below the first hashed one are
 * those that are asked for.
 */
static enum err count_gnu(struct reader *r, uint32_t *count)
{
	uint32_t buckets, first, words, last = 0, value = 0;
	uint64_t table, chains;

	if (!read_u32(r, r->dynamic.gnu_hash, 0, &buckets) ||
	    !read_u32(r, r->dynamic.gnu_hash, 1, &first) ||
	    !read_u32(r, r->dynamic.gnu_hash, 2, &words))
		return ERR_SYNTAX;
	if (buckets > ELF_SYMBOLS_MAX || words > ELF_SYMBOLS_MAX)
		return ERR_LIMIT;
	table = r->dynamic.gnu_hash + 16 +
		(uint64_t)words * sizeof(ElfW(Addr));
	chains = table + (uint64_t)buckets * 4;
	for (uint32_t i = 0; i < buckets; i++) {
		if (!read_u32(r, table, i, &value))
			return ERR_SYNTAX;
		if (value > last)
			last = value;
	}
	*count = first;
	if (!last)
		return ERR_OK;
	if (last < first)
		return ERR_SYNTAX;
	do {
		if (last > ELF_SYMBOLS_MAX)
			return ERR_LIMIT;
		if (!read_u32(r, chains, last - first, &value))
			return ERR_SYNTAX;
		last++;
	} while (!(value & 1));
	*count = last;
	return ERR_OK;
}

static enum err count_symbols(struct reader *r)
{
	uint32_t count = 0;
	enum err err = ERR_SYNTAX;

	if (r->dynamic.hash)
		err = read_u32(r, r->dynamic.hash, 1, &count) ? ERR_OK :
								ERR_SYNTAX;
	else if (r->dynamic.gnu_hash)
		err = count_gnu(r, &count);
	if (!err && count > ELF_SYMBOLS_MAX)
		err = ERR_LIMIT;
	if (!err && !at(r, r->dynamic.symbols,
			(uint64_t)count * sizeof(ElfW(Sym))))
		err = ERR_SYNTAX;
	r->symbol_count = count;
	if (err == ERR_LIMIT)
		return refuse(r, err, "it has more than 65536 symbols");
	return err ? refuse(r, err, "its hash table of symbols is malformed") :
		ERR_OK;
}

/* ---- versions ----------------------------------------------------------- */

static bool take_version(struct reader *r, uint64_t address, struct str library,
			 uint64_t *next)
{
	const void *p = at(r, address, sizeof(ElfW(Vernaux)));
	ElfW(Vernaux) aux;
	struct str name;

	if (!p || r->version_count == ELF_VERSIONS_MAX)
		return false;
	memcpy(&aux, p, sizeof(aux));
	name = name_at(r, aux.vna_name);
	if (str_is_null(name))
		return false;
	r->versions[r->version_count++] = (struct version){
		aux.vna_other & 0x7fff, name, library
	};
	*next = aux.vna_next ? address + aux.vna_next : 0;
	return true;
}

/* Every step takes a place in the table, so that a ring has an end. */
static enum err read_versions(struct reader *r)
{
	uint64_t address = r->dynamic.needs;
	bool is_good = true;

	for (uint64_t i = 0; is_good && address && i < r->dynamic.need_count;
	     i++) {
		const void *p = at(r, address, sizeof(ElfW(Verneed)));
		ElfW(Verneed) need = { 0 };
		uint64_t aux;
		struct str library = STR_NULL;

		if (p)
			memcpy(&need, p, sizeof(need));
		if (p)
			library = name_at(r, need.vn_file);
		is_good = p && !str_is_null(library) && need.vn_cnt &&
			  i < ELF_NEEDED_MAX;
		aux = address + need.vn_aux;
		for (unsigned k = 0; is_good && aux && k < need.vn_cnt; k++)
			is_good = take_version(r, aux, library, &aux);
		address = need.vn_next ? address + need.vn_next : 0;
	}
	return is_good ? ERR_OK : refuse(r, ERR_SYNTAX, "its table of needed "
					 "versions is malformed");
}

static void find_version(const struct reader *r, uint32_t index,
			 struct elf_symbol *symbol)
{
	const void *p = r->dynamic.versions ?
		at(r, element(r->dynamic.versions, index, 2), 2) : NULL;
	uint16_t number;

	if (!p)
		return;
	memcpy(&number, p, sizeof(number));
	/* 0 and 1: of no version. */
	number &= 0x7fff;
	for (unsigned i = 0; number > 1 && i < r->version_count; i++) {
		if (r->versions[i].number != number)
			continue;
		symbol->version = r->versions[i].name;
		symbol->library = r->versions[i].library;
	}
}

/* ---- symbols ------------------------------------------------------------ */

static bool is_seen(const ElfW(Sym) *symbol)
{
	unsigned bind = symbol->st_info >> 4;
	unsigned visibility = symbol->st_other & 3;

	return (bind == STB_GLOBAL || bind == STB_WEAK ||
		bind == STB_GNU_UNIQUE) &&
	       (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

static enum err take_symbol(struct reader *r, uint32_t index)
{
	const void *p = at(r, element(r->dynamic.symbols, index,
				      sizeof(ElfW(Sym))), sizeof(ElfW(Sym)));
	struct elf_symbol out = { 0 };
	ElfW(Sym) symbol;
	enum err err;

	if (!p)
		return refuse(r, ERR_SYNTAX, "its table of symbols is "
			      "malformed");
	memcpy(&symbol, p, sizeof(symbol));
	if (!is_seen(&symbol))
		return ERR_OK;
	err = take_name(r, symbol.st_name, &out.name);
	if (err)
		return err;
	out.is_weak = symbol.st_info >> 4 == STB_WEAK;
	if (symbol.st_shndx != SHN_UNDEF) {
		/* A version's own name is no symbol that anybody calls. */
		if (symbol.st_shndx != SHN_ABS)
			r->file.exports[r->file.export_count++] = out;
		return ERR_OK;
	}
	find_version(r, index, &out);
	r->file.imports[r->file.import_count++] = out;
	return ERR_OK;
}

static enum err read_symbols(struct reader *r)
{
	enum err err = count_symbols(r);

	if (err)
		return err;
	r->file.exports = pool_calloc(r->pool, r->symbol_count + 1,
				      sizeof(*r->file.exports));
	r->file.imports = pool_calloc(r->pool, r->symbol_count + 1,
				      sizeof(*r->file.imports));
	if (!r->file.exports || !r->file.imports)
		return refuse(r, ERR_NOMEM, "out of memory");
	/* The first one is none. */
	for (uint32_t i = 1; !err && i < r->symbol_count; i++)
		err = take_symbol(r, i);
	return err;
}

enum err elf_read(const void *data, size_t len, struct pool *pool,
		  struct elf_file *file_r, struct buf *problem)
{
	struct reader *r = pool_alloc(pool, sizeof(*r));
	enum err err;

	if (!r)
		return ERR_NOMEM;
	*r = (struct reader){ .data = data, .len = len, .pool = pool,
			      .problem = problem };
	err = read_segments(r);
	if (!err)
		err = read_dynamic(r);
	if (!err)
		err = read_names(r);
	if (!err)
		err = read_versions(r);
	if (!err)
		err = read_symbols(r);
	if (!err)
		*file_r = r->file;
	return err;
}

int elf_find_export(const struct elf_file *file, struct str name)
{
	for (unsigned i = 0; i < file->export_count; i++)
		if (str_eq(file->exports[i].name, name))
			return (int)i;
	return -1;
}

/* ---- words -------------------------------------------------------------- */

static bool is_word(struct str s)
{
	if (s.len < 2 || s.len > ELF_WORD_MAX ||
	    (!ascii_is_alpha(s.ptr[0]) && s.ptr[0] != '_'))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alpha(s.ptr[i]) && !ascii_is_digit(s.ptr[i]) &&
		    !strchr("_.-", s.ptr[i]))
			return false;
	return true;
}

static unsigned add_word(struct str word, struct str *words, unsigned count,
			 unsigned max)
{
	if (count == max || !is_word(word))
		return count;
	for (unsigned i = 0; i < count; i++)
		if (str_eq(words[i], word))
			return count;
	words[count] = word;
	return count + 1;
}

/* From one NUL to the next, without what lies in [skip, skip_end). */
static unsigned words_of(struct str part, const char *skip,
			 const char *skip_end, struct str *words,
			 unsigned count, unsigned max)
{
	while (!str_is_null(part) && count < max) {
		struct str word = str_cut(part, '\0', &part);

		/* The last piece has no NUL behind it. */
		if (str_is_null(part))
			break;
		if (word.ptr < skip || word.ptr >= skip_end)
			count = add_word(word, words, count, max);
	}
	return count;
}

unsigned elf_words(const void *data, size_t len, struct str *words_r,
		   unsigned max)
{
	struct reader r = { .data = data, .len = len };
	const char *names = NULL;
	unsigned count = 0;

	if (read_segments(&r) || read_dynamic(&r))
		return 0;
	names = at(&r, r.dynamic.names, r.dynamic.names_size);
	for (unsigned i = 0; i < r.load_count; i++) {
		const struct segment *s = &r.loads[i];

		if (s->flags & (PF_W | PF_X))
			continue;
		count = words_of((struct str){ r.data + s->offset, s->size },
				 names, names + r.dynamic.names_size, words_r,
				 count, max);
	}
	return count;
}
