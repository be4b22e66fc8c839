#include "http/response.h"

#include "http/daemon.h"

/* What the library keeps in the connection's memory besides both heads: its
 * records of the request's headers, and a status line, Date and the like. */
#define LIBRARY_SHARE 3072

/* RFC 9110 section 5.5, and terminated: the library wants C strings. */
static enum err copy_value(struct str value, char *out)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return ERR_CONTROL;
		out[i] = (char)c;
	}
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

enum err response_make(const struct answer *answer, bool closes,
		       size_t head_len, struct MHD_Response **response_r)
{
	size_t used = head_len + LIBRARY_SHARE, room = RESPONSE_HEAD_MAX;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		answer->body.len,
		answer->body.len ? (void *)answer->body.ptr : (void *)"",
		MHD_RESPMEM_PERSISTENT);
	enum err err = ERR_OK;

	if (!response)
		return ERR_NOMEM;
	if (used >= DAEMON_CONNECTION_MEMORY)
		room = 1024;
	else if (room > DAEMON_CONNECTION_MEMORY - used)
		room = DAEMON_CONNECTION_MEMORY - used;
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
