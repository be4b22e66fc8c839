#include "base/codes.h"

#define CODE(n, status, since, meaning, remedy, ...)			\
	[CODE_##n] = { #n, status, since, meaning, remedy },
#define OUTCOME CODE
const struct code_info code_table[CODES] = {
#include "base/codes.def"
};
#undef CODE
#undef OUTCOME

const struct code_info *code_find(struct str name, int status)
{
	for (unsigned i = 0; i < CODES; i++)
		if (code_table[i].status == status &&
		    str_eq(name, str_from(code_table[i].name)))
			return &code_table[i];
	return NULL;
}
