#include "module/input.h"

#include "base/clock.h"
#include "base/random.h"
#include "codec/domain.h"
#include "codec/email.h"
#include "codec/utf8.h"

#define INFO_MAX 12
/* set_field() knows two names. */
#define SUPPLIED_MAX 2
/* Bytes: a parser's leavings count too, so that asking on and on ends. */
#define KEY_COST 64

static const struct {
	const char *name;
	size_t offset;
} infos[] = {
	{ "tenant.slug", offsetof(struct adapter_info, tenant_slug) },
	{ "tenant.name", offsetof(struct adapter_info, tenant_name) },
	{ "tenant.url", offsetof(struct adapter_info, tenant_url) },
	{ "tenant.home", offsetof(struct adapter_info, tenant_home) },
	{ "tenant.dashboard", offsetof(struct adapter_info, dashboard) },
	{ "request.id", offsetof(struct adapter_info, request_id) },
	{ "identity", offsetof(struct adapter_info, identity) },
	{ "user.id", offsetof(struct adapter_info, user_id) },
	{ "user.email", offsetof(struct adapter_info, user_email) },
	{ "user.name", offsetof(struct adapter_info, user_name) },
	{ "user.external_id",
	  offsetof(struct adapter_info, user_external_id) },
	{ "redirect_url", offsetof(struct adapter_info, redirect_url) },
};

_Static_assert(N_ELEMENTS(infos) == INFO_MAX,
	       "INFO_MAX is their number");

struct str *input_info(struct adapter_info *info, unsigned index)
{
	if (index >= INFO_MAX)
		return NULL;
	return (struct str *)(void *)((char *)info + infos[index].offset);
}

static struct adapter_call *from_public(struct usher_call *public)
{
	return (struct adapter_call *)public;
}

void input_log(struct usher_call *public, int level, const char *text,
	       size_t len)
{
	struct adapter_call *call = from_public(public);
	const struct adapter_env *env = call->env;
	enum log_level to = LOG_LEVEL_ERROR;

	if (call->phase == ADAPTER_PHASE_NONE || !env->services->log || !text)
		return;
	if (call->log_lines >= USHER_LOG_LINES_MAX)
		return;
	call->log_lines++;
	if (len > USHER_LOG_MAX)
		len = USHER_LOG_MAX;
	if (level <= USHER_LOG_DEBUG)
		to = LOG_LEVEL_DEBUG;
	else if (level == USHER_LOG_INFO)
		to = LOG_LEVEL_INFO;
	else if (level == USHER_LOG_WARN)
		to = LOG_LEVEL_WARN;
	env->services->log(to, env->tenant, env->name,
			   (struct str){ text, len });
}

static struct usher_str to_usher(struct str s)
{
	return (struct usher_str){ s.ptr, s.len };
}

int input_config(struct usher_call *public, const char *key,
		 struct usher_str *value_r)
{
	struct adapter_call *call = from_public(public);
	const struct adapter_env *env = call->env;

	if (call->phase == ADAPTER_PHASE_NONE)
		return USHER_E_PHASE;
	if (!key)
		return USHER_E_INVAL;
	for (unsigned i = 0; i < env->setting_count; i++) {
		if (!str_eq(env->settings[i].key, str_from(key)))
			continue;
		*value_r = to_usher(env->settings[i].value);
		return 0;
	}
	return USHER_E_NOTFOUND;
}

int input_config_at(struct usher_call *public, uint32_t index,
		    struct usher_str *key_r, struct usher_str *value_r)
{
	struct adapter_call *call = from_public(public);
	const struct adapter_env *env = call->env;

	if (call->phase == ADAPTER_PHASE_NONE)
		return USHER_E_PHASE;
	if (index >= env->setting_count)
		return USHER_E_NOTFOUND;
	*key_r = to_usher(env->settings[index].key);
	*value_r = to_usher(env->settings[index].value);
	return 0;
}

/* Charge the arena, whose pool has room for the checks of outputs besides. */
static bool is_within(struct adapter_call *call, size_t size)
{
	if (call->phase == ADAPTER_PHASE_NONE ||
	    size > USHER_ALLOC_MAX - call->alloc_used)
		return false;
	call->alloc_used += size;
	return true;
}

/*
 * What alloc() gives stands between a guard and a seal.  Who writes past its
 * end breaks the seal, then the guard of what was given next.
 */
struct alloc_guard {
	uint64_t seal;		/* first: it breaks before the others do */
	struct alloc_guard *previous;
	size_t size;
	uint64_t unused;	/* what follows is aligned for any type */
};

static uint64_t seal_of(const struct alloc_guard *guard)
{
	return (uint64_t)(uintptr_t)guard ^ UINT64_C(0x5ca1ab1edeadbea7);
}

void *input_alloc(struct usher_call *public, size_t size)
{
	struct adapter_call *call = from_public(public);
	struct alloc_guard *guard;
	uint64_t seal;

	if (!is_within(call, size))
		return NULL;
	guard = pool_alloc(call->scratch, sizeof(*guard) + size + sizeof(seal));
	if (!guard)
		return NULL;
	seal = seal_of(guard);
	*guard = (struct alloc_guard){ seal, call->guards, size, 0 };
	memcpy((char *)(guard + 1) + size, &seal, sizeof(seal));
	call->guards = guard;
	return guard + 1;
}

bool input_is_intact(const struct adapter_call *call)
{
	const struct alloc_guard *guard = call->guards;

	for (; guard; guard = guard->previous) {
		uint64_t seal = seal_of(guard);

		/* The guard first: it says where to look. */
		if (guard->seal != seal ||
		    memcmp((const char *)(guard + 1) + guard->size, &seal,
			   sizeof(seal)) != 0)
			return false;
	}
	return true;
}

int64_t input_now(struct usher_call *public)
{
	return from_public(public)->now_ms;
}

int64_t input_deadline(struct usher_call *public)
{
	struct adapter_call *call = from_public(public);

	return call->start_mono_ms + call->env->deadline_ms - clock_mono_ms();
}

int input_random_bytes(struct usher_call *public, void *out, size_t size)
{
	if (from_public(public)->phase == ADAPTER_PHASE_NONE)
		return USHER_E_PHASE;
	if (!out)
		return USHER_E_INVAL;
	if (!size || size > USHER_RANDOM_MAX)
		return USHER_E_LIMIT;
	return random_bytes(out, size) ? USHER_E_FAILED : 0;
}

int input_hmac_sha256(struct usher_call *public, const char *secret,
		      const void *data, size_t len,
		      unsigned char mac_r[USHER_MAC_LEN])
{
	struct adapter_call *call = from_public(public);
	const struct adapter_env *env = call->env;

	if (call->phase == ADAPTER_PHASE_NONE)
		return USHER_E_PHASE;
	if (!secret || (!data && len) || !mac_r)
		return USHER_E_INVAL;
	if (env->services->sign)
		return env->services->sign(call, str_from(secret), data, len,
					   mac_r);
	for (unsigned i = 0; i < env->secret_count; i++) {
		if (!str_eq(env->secrets[i].name, str_from(secret)))
			continue;
		return env->services->hmac_sha256(env->secrets[i].value, data,
						  len, mac_r) ?
			USHER_E_FAILED : 0;
	}
	return USHER_E_NOTFOUND;
}

/* 0, or why no key can be made of it. */
static int key_begin(struct adapter_call *call, const char *text, size_t len)
{
	if (call->phase == ADAPTER_PHASE_NONE)
		return USHER_E_PHASE;
	if (!text && len)
		return USHER_E_INVAL;
	return is_within(call, KEY_COST) ? 0 : USHER_E_NOMEM;
}

/* `err`: of a parser that put its result into the scratch pool. */
static int key_end(struct adapter_call *call, enum err err, struct str key,
		   struct usher_str *key_r)
{
	if (err)
		return err == ERR_NOMEM ? USHER_E_NOMEM : USHER_E_INVAL;
	if (!is_within(call, key.len + 1))
		return USHER_E_NOMEM;
	*key_r = to_usher(key);
	return 0;
}

int input_email_key(struct usher_call *public, const char *text, size_t len,
		    struct usher_str *key_r)
{
	struct adapter_call *call = from_public(public);
	int rc = key_begin(call, text, len);
	struct email email = { 0 };
	enum err err;

	if (rc)
		return rc;
	err = email_parse(call->scratch, utf8_trim((struct str){ text, len }),
			  &email);
	return key_end(call, err, email.key, key_r);
}

int input_domain_key(struct usher_call *public, const char *text, size_t len,
		     struct usher_str *key_r)
{
	struct adapter_call *call = from_public(public);
	int rc = key_begin(call, text, len);
	struct str name, key = STR_NULL;
	enum err err;

	if (rc)
		return rc;
	name = utf8_trim((struct str){ text, len });
	err = utf8_check_text(name, NULL);
	if (!err)
		err = domain_to_ascii(call->scratch, name, &key);
	return key_end(call, err, key, key_r);
}

/*
 * Terminated copies of `from`, in one piece: what a parser hands over points
 * into the request.
 */
static int view_make(struct adapter_call *call, struct adapter_view *view,
		     const struct field *from, unsigned count, unsigned extra)
{
	size_t size = 1;
	char *text;

	for (unsigned i = 0; i < count; i++)
		size += from[i].name.len + from[i].value.len + 2;
	text = pool_alloc(call->pool, size);
	view->base = pool_calloc(call->pool, count + 1, sizeof(*view->base));
	view->v = pool_calloc(call->pool, count + extra + 1,
			      sizeof(*view->v));
	if (!text || !view->base || !view->v)
		return USHER_E_NOMEM;
	for (unsigned i = 0; i < count; i++) {
		struct field *to = &view->base[i];

		*to = from[i];
		if (to->name.len)
			memcpy(text, to->name.ptr, to->name.len);
		to->name.ptr = text;
		text += to->name.len + 1;
		if (to->value.len)
			memcpy(text, to->value.ptr, to->value.len);
		to->value.ptr = text;
		text += to->value.len + 1;
	}
	view->base_count = count;
	view->stamp = call->stamp - 1;
	view->is_made = true;
	return 0;
}

static int view_make_infos(struct adapter_call *call,
			   struct adapter_view *view)
{
	struct field list[INFO_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < INFO_MAX; i++) {
		struct str value;

		memcpy(&value, (const char *)&call->info + infos[i].offset,
		       sizeof(value));
		if (!str_is_null(value))
			list[count++] = (struct field){
				.name = str_from(infos[i].name),
				.value = value, .kind = FIELD_TEXT,
			};
	}
	return view_make(call, view, list, count, 0);
}

/* `value` absent: take the field out. */
static void view_change(struct adapter_view *view, struct str name,
			struct str value)
{
	unsigned i = 0;

	while (i < view->count && !str_eq(view->v[i].name, name))
		i++;
	if (!str_is_null(value)) {
		if (i == view->count)
			view->count++;
		view->v[i] = (struct field){
			.name = name, .value = value, .kind = FIELD_TEXT };
	} else if (i < view->count) {
		view->v[i] = view->v[--view->count];
	}
}

/* What was handed in, with what this call did since. */
static void view_update(struct adapter_call *call, int kind)
{
	struct adapter_view *view = &call->views[kind];

	if (view->stamp == call->stamp)
		return;
	view->stamp = call->stamp;
	view->count = view->base_count;
	memcpy(view->v, view->base, view->count * sizeof(*view->v));
	if (kind == USHER_ATTRIBUTE) {
		for (unsigned i = 0; i < call->change_count; i++)
			view_change(view, call->changes[i].name,
				    call->changes[i].value);
	} else if (kind == USHER_FIELD) {
		if (!str_is_null(call->email))
			view_change(view, STR("email"), call->email);
		if (!str_is_null(call->name))
			view_change(view, STR("name"), call->name);
	}
}

/* What is stored is fetched for who asks, and only then. */
static int look(struct adapter_call *call)
{
	enum err (*fetch)(struct adapter_call *call) = call->look;

	if (!fetch)
		return 0;
	call->look = NULL;
	/* It was made without the user. */
	call->views[USHER_INFO].is_made = false;
	return fetch(call) ? USHER_E_FAILED : 0;
}

/* `name`: of what is asked for; absent for all. */
static bool is_of_user(int kind, struct str name)
{
	return kind == USHER_ATTRIBUTE ||
	       (kind == USHER_INFO && (str_is_null(name) ||
				       str_has_prefix(name, STR("user."))));
}

static int view_get(struct adapter_call *call, int kind, struct str name,
		    const struct adapter_view **view_r)
{
	const struct fields *from;
	struct adapter_view *view;
	int rc = 0;

	if (kind < USHER_FIELD || kind > USHER_CLAIM)
		return USHER_E_INVAL;
	if (call->phase <= ADAPTER_PHASE_INIT)
		return USHER_E_PHASE;
	if (is_of_user(kind, name))
		rc = look(call);
	if (rc)
		return rc;
	view = &call->views[kind];
	if (!view->is_made && kind == USHER_INFO) {
		rc = view_make_infos(call, view);
	} else if (!view->is_made) {
		from = kind == USHER_FIELD ? call->fields :
		       kind == USHER_CLAIM ? call->claims : call->attributes;
		rc = view_make(call, view, from ? from->v : NULL,
			       from ? from->count : 0,
			       kind == USHER_FIELD ? SUPPLIED_MAX :
			       kind == USHER_CLAIM ? 0 : USHER_ATTRIBUTES_MAX);
	}
	if (rc)
		return rc;
	view_update(call, kind);
	*view_r = view;
	return 0;
}

int input_find(struct adapter_call *call, int kind, struct str name,
	       const struct field **field_r)
{
	const struct adapter_view *view;
	int rc = view_get(call, kind, name, &view);

	if (rc)
		return rc;
	for (unsigned i = 0; i < view->count; i++) {
		if (!str_eq(view->v[i].name, name))
			continue;
		*field_r = &view->v[i];
		return 0;
	}
	return USHER_E_NOTFOUND;
}

/* There is nobody to ask about yet: kept for the operator, should init fail
 * by it. */
static void note_misplaced(struct adapter_call *call, int rc,
			   const char *function)
{
	if (rc == USHER_E_PHASE && call->phase == ADAPTER_PHASE_INIT &&
	    !call->misplaced)
		call->misplaced = function;
}

int input_get(struct usher_call *public, int kind, const char *name,
	      struct usher_str *value_r)
{
	const struct field *field;
	int rc;

	if (!name)
		return USHER_E_INVAL;
	rc = input_find(from_public(public), kind, str_from(name), &field);
	note_misplaced(from_public(public), rc, "get");
	if (!rc)
		*value_r = to_usher(field->value);
	return rc;
}

int input_at(struct usher_call *public, int kind, uint32_t index,
	     struct usher_str *name_r, struct usher_str *value_r)
{
	const struct adapter_view *view;
	int rc = view_get(from_public(public), kind, STR_NULL, &view);

	note_misplaced(from_public(public), rc, "at");
	if (rc)
		return rc;
	if (index >= view->count)
		return USHER_E_NOTFOUND;
	*name_r = to_usher(view->v[index].name);
	*value_r = to_usher(view->v[index].value);
	return 0;
}

int input_type(struct usher_call *public, int kind, const char *name)
{
	const struct field *field;
	int rc;

	if (!name)
		return USHER_E_INVAL;
	rc = input_find(from_public(public), kind, str_from(name), &field);
	note_misplaced(from_public(public), rc, "type");
	if (rc)
		return rc;
	return field->kind == FIELD_JSON ? USHER_JSON : USHER_TEXT;
}
