/*
 * output: the host's functions that take something from an adapter.
 *
 * Each has the signature and the contract of its namesake in struct
 * usher_host; only call.c's table refers to them.
 */
#ifndef MODULE_OUTPUT_H
#define MODULE_OUTPUT_H

#include "module/call.h"

int output_set_field(struct usher_call *call, const char *name,
		     const char *value, size_t len);
int output_set_attribute(struct usher_call *call, const char *name,
			 const char *value, size_t len);
int output_del_attribute(struct usher_call *call, const char *name);
int output_set_redirect(struct usher_call *call, const char *url, size_t len);
int output_set_post(struct usher_call *call, const char *url, size_t len,
		    const struct usher_pair *fields, uint32_t count);
int output_set_error(struct usher_call *call, const char *field,
		     const char *text, size_t len);
int output_set_deny(struct usher_call *call, const char *code,
		    const char *reason, size_t len);
int output_emit(struct usher_call *call, const char *event, const char *json,
		size_t len);

#endif
