#include "codec/query.h"

#include "codec/form.h"

enum err query_parse(struct str in, struct fields *out, struct fault *fault)
{
	const unsigned max = out->max;
	enum err err;

	if (in.len > QUERY_MAX)
		return fault_set(fault, ERR_LIMIT, QUERY_MAX,
				 "a query longer than 6144 octets");
	if (out->count + QUERY_FIELDS_MAX < max)
		out->max = out->count + QUERY_FIELDS_MAX;
	err = form_parse(in, out, fault);
	out->max = max;
	return err;
}
