/*
 * place: whose code an address is, and how far from the object's beginning.
 *
 * Async-signal-safe, without locks and memory of its own (glibc's
 * _dl_find_object()), and true already while constructors run.
 */
#ifndef MODULE_PLACE_H
#define MODULE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

struct module_place {
	bool is_module;		/* of the adapter's own file */
	const char *object;	/* its file's name; "" is the program itself */
	uint64_t offset;	/* as addr2line(1) takes it */
};

/* -1: nobody's. */
int module_place(uintptr_t address, struct module_place *place_r);

#endif
