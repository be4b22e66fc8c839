/* Settings, read and refused: part of <usher/sdk.h>. */
#include <usher/sdk.h>

#define TEXT_SIZE 128

struct usher_str usher_config_str(struct usher_call *call, const char *key,
				  const char *fallback)
{
	struct usher_str value;

	if (call->host->config(call, key, &value))
		return usher_str_from(fallback);
	return value;
}

static int refuse(struct usher_call *call, const char *key,
		  struct usher_str text)
{
	call->host->set_error(call, key, text.ptr, text.len);
	return USHER_E_INVAL;
}

int usher_config_refuse(struct usher_call *call, struct usher_str key,
			const char *problem)
{
	struct usher_str name;

	if (!usher_str_copy(call, key, &name))
		refuse(call, name.ptr, usher_str_from(problem));
	return USHER_FAIL;
}

int usher_config_flag(struct usher_call *call, struct usher_str key,
		      struct usher_str value, int *flag)
{
	if (!usher_str_is(value, "true") && !usher_str_is(value, "false"))
		return usher_config_refuse(call, key, "must be true or false");
	*flag = usher_str_is(value, "true");
	return USHER_OK;
}

int usher_config_int(struct usher_call *call, const char *key, int64_t min,
		     int64_t max, int64_t fallback, int64_t *value)
{
	char array[TEXT_SIZE];
	struct usher_str text;
	struct usher_buf buf;

	*value = fallback;
	if (call->host->config(call, key, &text))
		return 0;
	if (!usher_str_number(text, min, max, value))
		return 0;
	usher_buf_init_array(&buf, array, sizeof(array));
	usher_buf_puts(&buf, "must be a number from ");
	usher_buf_int(&buf, min);
	usher_buf_puts(&buf, " to ");
	usher_buf_int(&buf, max);
	usher_buf_end(&buf, &text);
	return refuse(call, key, text);
}

int usher_config_bool(struct usher_call *call, const char *key, int fallback,
		      int *value)
{
	struct usher_str text;

	*value = fallback;
	if (call->host->config(call, key, &text))
		return 0;
	return usher_config_flag(call, usher_str_from(key), text, value) ?
		USHER_E_INVAL : 0;
}
