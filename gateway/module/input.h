/*
 * input: the host's functions that tell an adapter something.
 *
 * Each has the signature and the contract of its namesake in struct
 * usher_host; only call.c's table refers to them.
 */
#ifndef MODULE_INPUT_H
#define MODULE_INPUT_H

#include "module/call.h"

void input_log(struct usher_call *call, int level, const char *text,
	       size_t len);
int input_config(struct usher_call *call, const char *key,
		 struct usher_str *value_r);
int input_config_at(struct usher_call *call, uint32_t index,
		    struct usher_str *key_r, struct usher_str *value_r);
void *input_alloc(struct usher_call *call, size_t size);
int64_t input_now(struct usher_call *call);
int64_t input_deadline(struct usher_call *call);
int input_random_bytes(struct usher_call *call, void *out, size_t size);
int input_hmac_sha256(struct usher_call *call, const char *secret,
		      const void *data, size_t len,
		      unsigned char mac_r[USHER_MAC_LEN]);
int input_email_key(struct usher_call *call, const char *email, size_t len,
		    struct usher_str *key_r);
int input_domain_key(struct usher_call *call, const char *domain, size_t len,
		     struct usher_str *key_r);
int input_get(struct usher_call *call, int kind, const char *name,
	      struct usher_str *value_r);
int input_at(struct usher_call *call, int kind, uint32_t index,
	     struct usher_str *name_r, struct usher_str *value_r);
int input_type(struct usher_call *call, int kind, const char *name);

/* The index'th of what the gateway knows, in an order of its own; NULL past
 * the last. */
struct str *input_info(struct adapter_info *info, unsigned index);

/* Did the adapter keep within what alloc() gave it, as far as one can see? */
bool input_is_intact(const struct adapter_call *call);

/* The same look-up for output.c: 0 or an enum usher_error. */
int input_find(struct adapter_call *call, int kind, struct str name,
	       const struct field **field_r);

#endif
