#include "http/response.h"

#include "http/daemon.h"

/* What the library keeps in the connection's memory besides both heads: its
 * status line, Date and the like, and what rounding wastes. */
#define LIBRARY_SHARE 640
/* Its record of a header, a cookie or a pair of the query. */
#define LIBRARY_RECORD 64

/* RFC 9110 section 5.5: a tab is the one control character in a value. */
static bool is_refused(char c)
{
	return ascii_is_control(c) && c != '\t';
}

/* Terminated: the library wants C strings. A Location has hundreds of octets,
 * so they are looked at by eight; singly where that finds something. */
static enum err copy_value(struct str value, char *out)
{
	size_t i = 0;

	while (i < value.len) {
		if (value.len - i >= sizeof(uint64_t) &&
		    !ascii_has_control8(value.ptr + i))
			i += sizeof(uint64_t);
		else if (is_refused(value.ptr[i++]))
			return ERR_CONTROL;
	}
	if (value.len)
		memcpy(out, value.ptr, value.len);
	out[value.len] = '\0';
	return ERR_OK;
}

/* Names are written by programmers, so the library's own check will do. */
static enum err add_header(struct MHD_Response *response,
			   const struct header *header, size_t *room)
{
	char name[64], value[RESPONSE_HEAD_MAX];
	size_t len = header->name.len + header->value.len + 4;
	enum err err;

	if (header->name.len >= sizeof(name) || len > *room)
		return ERR_LIMIT;
	*room -= len;
	memcpy(name, header->name.ptr, header->name.len);
	name[header->name.len] = '\0';
	err = copy_value(header->value, value);
	if (err)
		return err;
	return MHD_add_response_header(response, name, value) == MHD_YES ?
		       ERR_OK : ERR_NOMEM;
}

size_t response_room(struct MHD_Connection *connection,
		     const struct guard_head *head)
{
	const enum MHD_ValueKind kinds = (enum MHD_ValueKind)
		(MHD_HEADER_KIND | MHD_COOKIE_KIND | MHD_GET_ARGUMENT_KIND);
	int records = MHD_get_connection_values(connection,
						kinds, NULL, NULL);
	size_t used = head->len + LIBRARY_SHARE, room;

	if (records > 0)
		used += (size_t)records * LIBRARY_RECORD;
	for (unsigned i = 0; i < head->header_count; i++)
		if (str_ieq(head->headers[i].name, STR("Cookie")))
			used += head->headers[i].value.len + 1;
	room = used < DAEMON_CONNECTION_MEMORY ?
	       DAEMON_CONNECTION_MEMORY - used : 1;
	return room < RESPONSE_HEAD_MAX ? room : RESPONSE_HEAD_MAX;
}

enum err response_make(const struct answer *answer, bool closes, size_t room,
		       struct MHD_Response **response_r)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		answer->body.len,
		answer->body.len ? (void *)answer->body.ptr : (void *)"",
		MHD_RESPMEM_PERSISTENT);
	enum err err = ERR_OK;

	if (!response)
		return ERR_NOMEM;
	for (unsigned i = 0; !err && i < answer->header_count; i++)
		err = add_header(response, &answer->headers[i], &room);
	if (!err && closes &&
	    MHD_add_response_header(response, "Connection", "close") != MHD_YES)
		err = ERR_NOMEM;
	if (err)
		MHD_destroy_response(response);
	else
		*response_r = response;
	return err;
}
