#include "http/request.h"

#include "codec/url.h"

/* The same place in the copy. */
static struct str moved(struct str s, const char *from, const char *to)
{
	return (struct str){ to + (s.ptr - from), s.len };
}

static enum err copy_head(struct exchange *ex, const struct guard_head *head,
			  struct guard_target target, struct str *target_r)
{
	struct request *request = &ex->request;
	char *copy = pool_strndup(ex->pool, head->start, head->len);
	struct header *headers = pool_calloc(ex->pool, head->header_count + 1,
					     sizeof(*headers));

	if (!copy || !headers)
		return ERR_NOMEM;
	/* the library has decoded it in place: put the raw one back */
	memcpy(copy + (target.at - head->start), target.raw.ptr,
	       target.raw.len);
	*target_r = (struct str){ copy + (target.at - head->start),
				  target.raw.len };
	for (unsigned i = 0; i < head->header_count; i++) {
		headers[i].name = moved(head->headers[i].name, head->start,
					copy);
		headers[i].value = moved(head->headers[i].value, head->start,
					 copy);
	}
	request->headers = headers;
	request->header_count = head->header_count;
	return ERR_OK;
}

enum err request_fill(struct exchange *ex, const struct guard_head *head,
		      struct guard_target target, const struct ip *peer,
		      bool is_tls)
{
	struct request *request = &ex->request;
	struct str line;
	enum err err = copy_head(ex, head, target, &line);

	if (err)
		return err;
	request->method = head->method;
	request->path = str_cut(line, '?', &request->query);
	request->peer = *peer;
	request->is_tls = is_tls;
	err = url_parse_host(ex->pool, head->host, &request->host,
			     &request->port);
	return err == ERR_NOMEM ? ERR_NOMEM : err ? ERR_SYNTAX : ERR_OK;
}

enum body_plan body_begin(struct body *body, struct pool *pool, size_t max,
			  const struct guard_head *head)
{
	uint64_t len = head->content_length;

	body->is_too_large = false;
	body->drained = 0;
	body->max = max;
	buf_init_pool(&body->buf, pool, max + 1);
	if (len == GUARD_NO_LENGTH || len == 0)
		return BODY_READ;
	if (len <= max) {
		/* said to be this long: one allocation; a failure shows when
		 * the first octet comes */
		buf_reserve(&body->buf, (size_t)len);
		return BODY_READ;
	}
	body->is_too_large = true;
	if (head->expects_continue || len > REQUEST_DRAIN_MAX)
		return BODY_REFUSE;
	return BODY_READ;
}

enum err body_add(struct body *body, const char *data, size_t len)
{
	if (!body->is_too_large && len > body->max - body->buf.len)
		body->is_too_large = true;
	if (body->is_too_large) {
		body->drained += len;
		return body->drained > REQUEST_DRAIN_MAX ? ERR_LIMIT : ERR_OK;
	}
	buf_add(&body->buf, data, len);
	return buf_is_ok(&body->buf) ? ERR_OK : ERR_NOMEM;
}

void body_end(struct body *body, struct request *request)
{
	request->is_body_too_large = body->is_too_large;
	request->body = body->is_too_large ? STR("") : buf_str(&body->buf);
}
