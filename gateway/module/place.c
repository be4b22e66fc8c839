#include "module/place.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

/* How module.c names the file that it loads. */
#define MODULE_PREFIX "/proc/"

int module_place(uintptr_t address, struct module_place *place_r)
{
	struct dl_find_object found;
	const char *name, *slash;

	if (_dl_find_object((void *)address, &found))
		return -1;
	name = found.dlfo_link_map->l_name;
	slash = strrchr(name, '/');
	place_r->is_module = !strncmp(name, MODULE_PREFIX,
				      sizeof(MODULE_PREFIX) - 1);
	place_r->object = slash ? slash + 1 : name;
	place_r->offset = address - found.dlfo_link_map->l_addr;
	return 0;
}
