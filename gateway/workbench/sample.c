#include "workbench/sample.h"

#include <stdlib.h>

#include "codec/utf8.h"

#define POOL_MAX (1024 * 1024)

static const struct adapter_info someone = {
	.tenant_slug = { "trial", 5 },
	.tenant_name = { "Trial", 5 },
	.tenant_url = { "https://desk.example", 20 },
	.dashboard = { "https://desk.example/dashboard", 30 },
	.request_id = { "00000000000000000000000000", 26 },
	.identity = { "unsigned", 8 },
};

enum err sample_init(struct sample *s)
{
	*s = (struct sample){
		.pool = pool_new(POOL_MAX),
		.out = pool_new(POOL_MAX),
	};
	if (!s->pool || !s->out) {
		sample_done(s);
		return ERR_NOMEM;
	}
	fields_init(&s->fields, s->pool);
	fields_init(&s->attributes, s->pool);
	fields_init(&s->claims, s->pool);
	s->call.info = someone;
	s->call.may_supply = true;
	return ERR_OK;
}

void sample_done(struct sample *s)
{
	pool_free(s->pool);
	pool_free(s->out);
	s->pool = s->out = NULL;
}

static bool copy_fields(struct fields *to, const struct fields *from)
{
	for (unsigned i = 0; i < from->count; i++)
		if (fields_set(to, from->v[i].name, from->v[i].value,
			       from->v[i].kind))
			return false;
	return true;
}

static bool copy_info(struct sample *to, const struct sample *from)
{
	const struct adapter_info *f = &from->call.info;
	struct adapter_info *t = &to->call.info;
	const struct str *values[] = {
		&f->user_id, &f->user_email, &f->user_name,
		&f->user_external_id, &f->redirect_url, &f->request_id,
		&f->identity, &f->dashboard, &f->tenant_home,
	};
	struct str *places[] = {
		&t->user_id, &t->user_email, &t->user_name,
		&t->user_external_id, &t->redirect_url, &t->request_id,
		&t->identity, &t->dashboard, &t->tenant_home,
	};

	for (size_t i = 0; i < N_ELEMENTS(places); i++) {
		if (str_is_null(*values[i]))
			continue;
		*places[i] = pool_str(to->pool, *values[i]);
		if (str_is_null(*places[i]))
			return false;
	}
	return true;
}

struct sample *sample_copy(const struct sample *s)
{
	struct sample *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	if (sample_init(copy) || !copy_fields(&copy->fields, &s->fields) ||
	    !copy_fields(&copy->attributes, &s->attributes) ||
	    !copy_fields(&copy->claims, &s->claims) || !copy_info(copy, s)) {
		sample_free(copy);
		return NULL;
	}
	copy->is_deliver = s->is_deliver;
	copy->call.may_supply = s->call.may_supply;
	copy->call.spent_ms = s->call.spent_ms;
	return copy;
}

void sample_free(struct sample *s)
{
	if (!s)
		return;
	sample_done(s);
	free(s);
}

void sample_sign(struct sample *s)
{
	s->call.may_supply = false;
	s->call.info.identity = STR("signed");
}

static const char *set(struct fields *to, struct str name, struct str value,
		       enum field_kind kind)
{
	switch (fields_set(to, name, value, kind)) {
	case ERR_OK:
		return NULL;
	case ERR_NOMEM:
		return "out of memory";
	default:
		return "too many or too long";
	}
}

const char *sample_add(struct sample *s, enum sample_part part, struct str name,
		       struct str value)
{
	const char *why;

	if (utf8_check_text(value, NULL))
		return "a value is UTF-8 without control characters";
	if (utf8_check_text(name, NULL))
		return "a name is UTF-8 without control characters";
	if (part == SAMPLE_ATTRIBUTE)
		return set(&s->attributes, name, value, FIELD_TEXT);
	why = set(&s->fields, name, value,
		  part == SAMPLE_JSON ? FIELD_JSON : FIELD_TEXT);
	if (why || part != SAMPLE_CLAIM)
		return why;
	sample_sign(s);
	return set(&s->claims, name, value, FIELD_TEXT);
}

const char *sample_info(struct sample *s, struct str name, struct str value)
{
	struct adapter_info *info = &s->call.info;
	const struct {
		const char *name;
		struct str *place;
	} known[] = {
		{ "user.id", &info->user_id },
		{ "user.email", &info->user_email },
		{ "user.name", &info->user_name },
		{ "user.external_id", &info->user_external_id },
		{ "redirect_url", &info->redirect_url },
		{ "request.id", &info->request_id },
	};

	if (utf8_check_text(value, NULL))
		return "a value is UTF-8 without control characters";
	for (size_t i = 0; i < N_ELEMENTS(known); i++) {
		struct str copy;

		if (!str_eq(name, str_from(known[i].name)))
			continue;
		copy = pool_str(s->pool, value);
		if (str_is_null(copy))
			return "out of memory";
		*known[i].place = copy;
		return NULL;
	}
	return "info is user.id, user.email, user.name, user.external_id, "
	       "redirect_url or request.id";
}

static bool store_changes(struct sample *s)
{
	for (unsigned i = 0; i < s->call.change_count; i++) {
		const struct adapter_change *change = &s->call.changes[i];

		if (str_is_null(change->value))
			fields_del(&s->attributes, change->name);
		else if (fields_set(&s->attributes, change->name,
				    change->value, FIELD_TEXT))
			return false;
	}
	return true;
}

static bool keep(struct sample *s, struct str *place, struct str supplied,
		 struct str posted, struct str otherwise)
{
	if (!str_is_null(*place))
		return true;
	*place = pool_str(s->pool, !str_is_null(supplied) ? supplied :
			  posted.len ? posted : otherwise);
	return !str_is_null(*place);
}

enum err sample_follow(struct sample *s)
{
	struct adapter_info *info = &s->call.info;

	if (!store_changes(s) ||
	    !keep(s, &info->user_id, STR_NULL, STR_NULL, STR("1")) ||
	    !keep(s, &info->user_email, s->call.email,
		  fields_value(&s->fields, STR("email")),
		  STR("user@partner.example")) ||
	    !keep(s, &info->user_name, s->call.name,
		  fields_value(&s->fields, STR("name")), STR("A User")) ||
	    !keep(s, &info->redirect_url, s->call.redirect, STR_NULL,
		  info->dashboard))
		return ERR_NOMEM;
	fields_init(&s->fields, s->pool);
	fields_init(&s->claims, s->pool);
	s->is_deliver = true;
	return ERR_OK;
}
