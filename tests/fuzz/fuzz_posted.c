/*
 * Bodies as partners' pages post them (codec/posted.h).  The first line of the
 * input says which parser reads the rest: "form", "json", else it is the
 * boundary of a multipart body.
 */
#include "codec/form.h"
#include "codec/json.h"
#include "codec/multipart.h"
#include "codec/posted.h"
#include "fuzz/fields.h"
#include "policy/body-mistake.h"

static const struct str strict[] = { STR("email"), STR("name") };
static const struct str wanted[] = { STR("tags"), STR("address") };
static const struct posted rules = {
	.strict = strict, .strict_count = 2, .wanted = wanted, .wanted_count = 2,
};

static enum err parse(struct str kind, struct str in, struct fields *out,
		      struct fault *fault)
{
	if (str_eq(kind, STR("form")))
		return form_parse(in, out, fault);
	if (str_eq(kind, STR("json")))
		return json_parse_fields(in, out, fault);
	return multipart_parse(in, kind, out, fault);
}

static bool is_wanted(struct str name)
{
	return str_eq(name, wanted[0]) || str_eq(name, wanted[1]);
}

/* What everybody above relies on. */
static void check_kept(const struct fields *fields)
{
	fuzz_assert(!fields->posted && !fields->has_repeats);
	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *f = &fields->v[i];
		bool is_ours = posted_is_strict(&rules, f->name);

		fuzz_assert(f->name.len && f->name.len <= FIELD_NAME_MAX);
		fuzz_assert(f->value.ptr && f->value.len <= FIELD_VALUE_MAX);
		fuzz_assert(!utf8_check_text(f->name, NULL));
		fuzz_assert(fields_get(fields, f->name) == f);
		fuzz_assert(f->kind == FIELD_TEXT || f->kind == FIELD_JSON);
		if (f->kind == FIELD_JSON)
			fuzz_assert(is_ours || is_wanted(f->name));
		if (!is_ours) {
			fuzz_assert(!utf8_check_text(f->value, NULL));
			continue;
		}
		fuzz_assert(!utf8_check_lines(f->value, NULL));
		fuzz_assert(f->kind == FIELD_JSON ||
			    str_eq(f->value, utf8_trim(f->value)));
	}
}

/* What the strict rules take these take, too, and read the same. */
static void check_against_strict(struct pool *pool, struct str kind,
				 struct str in, enum err err,
				 const struct fields *kept)
{
	struct fields plain;

	fields_init(&plain, pool);
	if (parse(kind, in, &plain, NULL))
		return;
	fuzz_assert(!err);
	for (unsigned i = 0; i < kept->count; i++) {
		const struct field *f = &kept->v[i];
		const struct field *was = fields_get(&plain, f->name);

		if (!was) {	/* a null of ours */
			fuzz_assert(!f->value.len);
			continue;
		}
		fuzz_assert(f->kind == was->kind);
		fuzz_assert(f->kind == FIELD_JSON ||
			    str_eq(utf8_trim(f->value), utf8_trim(was->value)));
	}
	for (unsigned i = 0; i < plain.count; i++)
		fuzz_assert(plain.v[i].kind == FIELD_JSON ||
			    fields_get(kept, plain.v[i].name));
}

/* Whatever came, what is told of it is short and plain. */
static void check_mistakes(const struct fields *fields, struct str in)
{
	for (int said = BODY_FORM; said <= BODY_MULTIPART; said++)
		body_mistake_type(in, (enum body_type)said);
	for (int what = BODY_EMAIL; what < BODY_PURPOSES; what++) {
		struct str name = body_mistake_field(fields,
						     (enum body_purpose)what);

		fuzz_assert(!name.ptr || body_mistake_is_tellable(name));
	}
	for (unsigned i = 0; i < fields->count; i++)
		body_mistake_address(fields->v[i].value);
	for (size_t i = 0; i <= in.len; i++)
		body_mistake_json(in, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(FUZZ_POOL);
	struct str in, kind = str_cut(fuzz_str(data, size), '\n', &in);
	struct posted_drops drops = { 0 };
	struct fields fields;
	struct fault fault;
	unsigned came;
	enum err err;

	fields_init_posted(&fields, pool, &rules);
	err = parse(kind, in, &fields, &fault);
	if (err)
		fuzz_check_refusal(err, &fault, &fields, in);
	came = fields.count;
	check_mistakes(&fields, in);
	if (!err) {
		err = posted_settle(&fields, &drops, &fault);
		fuzz_assert(!err || (err == ERR_LIMIT && fault.detail));
	}
	if (!err) {
		fuzz_assert(came <= FIELDS_MAX);
		fuzz_assert(fields.count + drops.files + drops.nested +
			    drops.repeated <= came);
		check_kept(&fields);
	}
	check_against_strict(pool, kind, in, err, &fields);
	pool_free(pool);
	return 0;
}
