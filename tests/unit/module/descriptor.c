#include "module/descriptor.h"

#include "unit/unit.h"

static int hook(void *state, struct usher_call *call)
{
	(void)state;
	(void)call;
	return USHER_OK;
}

static struct usher_adapter good(void)
{
	return (struct usher_adapter){ USHER_ADAPTER_HEAD(0), .name = "acme",
				       .version = "1.0", .map_fields = hook,
				       .deliver = hook };
}

static char message[1024];

static enum err check(const struct usher_adapter *raw,
		      struct usher_adapter *out)
{
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	return descriptor_check(raw, out, &problem);
}

START_TEST(a_descriptor_of_this_version_is_taken_as_it_is)
{
	struct usher_adapter raw = good(), out;

	ck_assert_int_eq(check(&raw, &out), ERR_OK);
	ck_assert_mem_eq(&raw, &out, sizeof(raw));
}
END_TEST

START_TEST(every_refusal_says_what_is_wrong_and_leaves_the_output_alone)
{
	static const char long_name[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct usher_adapter out, before;
	struct {
		struct usher_adapter raw;
		enum err err;
		const char *says;
	} cases[17];
	unsigned n = 0;

#define CASE(change, error, text)			\
	cases[n].raw = good();				\
	cases[n].raw.change;				\
	cases[n].err = error;				\
	cases[n++].says = text
	CASE(magic = 0x464c457f, ERR_SYNTAX, "USHER_MAGIC");
	CASE(abi_major = 2, ERR_UNSUPPORTED, "ABI 2.0");
	CASE(abi_major = 0, ERR_UNSUPPORTED, "ABI 0.0");
	CASE(abi_minor = 1, ERR_UNSUPPORTED, "newer adapter ABI 1.1");
	CASE(flags = 0x10, ERR_UNSUPPORTED, "flags 0x10");
	CASE(flags = USHER_ADVISORY | 0x8, ERR_UNSUPPORTED, "know 0x8;");
	CASE(struct_size = 0, ERR_SYNTAX, "struct_size is 0");
	CASE(struct_size = offsetof(struct usher_adapter, version),
	     ERR_SYNTAX, "struct_size");
	CASE(struct_size = sizeof(struct usher_adapter) - 3, ERR_SYNTAX,
	     "struct_size");
	CASE(struct_size = 0xfffffff8, ERR_SYNTAX, "struct_size");
	CASE(struct_size = DESCRIPTOR_SIZE_MAX + 8, ERR_SYNTAX, "struct_size");
	CASE(name = NULL, ERR_SYNTAX, "no name");
	CASE(name = "", ERR_SYNTAX, "unusable name");
	CASE(name = "a\nb", ERR_SYNTAX, "unusable name");
	CASE(name = long_name, ERR_SYNTAX, "unusable name");
	CASE(version = NULL, ERR_SYNTAX, "no version");
	CASE(version = "1\x1b[0m", ERR_SYNTAX, "unusable version");
#undef CASE
	memset(&out, 0x5a, sizeof(out));
	before = out;
	ck_assert_uint_eq(n, 17);
	for (unsigned i = 0; i < n; i++) {
		ck_assert_msg(check(&cases[i].raw, &out) == cases[i].err,
			      "case %u: %s", i, message);
		ck_assert_msg(strstr(message, cases[i].says) != NULL,
			      "case %u says '%s'", i, message);
		/* ... and what to do, after a semicolon. */
		ck_assert_msg(strchr(message, ';') != NULL,
			      "case %u: '%s'", i, message);
		ck_assert_mem_eq(&out, &before, sizeof(out));
	}
	ck_assert_int_eq(check(NULL, &out), ERR_SYNTAX);
	ck_assert(strstr(message, "NULL") != NULL);
}
END_TEST

START_TEST(a_shorter_struct_gets_no_hook_from_the_garbage_after_it)
{
	struct usher_adapter raw = good(), out;

	memset(&raw.sync_user, 0xa5,
	       sizeof(raw) - offsetof(struct usher_adapter, sync_user));
	raw.struct_size = offsetof(struct usher_adapter, sync_user);
	ck_assert_int_eq(check(&raw, &out), ERR_OK);
	ck_assert_ptr_eq(out.map_fields, hook);
	ck_assert_ptr_null(out.sync_user);
	ck_assert_ptr_null(out.choose_redirect);
	ck_assert_ptr_null(out.deliver);
	ck_assert_uint_eq(out.struct_size, sizeof(out));
}
END_TEST

START_TEST(the_shortest_struct_has_no_hook_at_all)
{
	struct usher_adapter raw = good(), out;

	raw.struct_size = offsetof(struct usher_adapter, init);
	ck_assert_int_eq(check(&raw, &out), ERR_OK);
	ck_assert_ptr_null(out.map_fields);
}
END_TEST

START_TEST(a_longer_struct_may_say_nothing_that_we_do_not_understand)
{
	struct {
		struct usher_adapter known;
		void *later[3];
	} raw = { .known = good() };
	struct usher_adapter out;

	raw.known.struct_size = sizeof(raw);
	ck_assert_int_eq(check(&raw.known, &out), ERR_OK);
	ck_assert_ptr_eq(out.deliver, hook);
	for (unsigned i = 0; i < 3; i++) {
		raw.later[i] = &raw;
		ck_assert_int_eq(check(&raw.known, &out), ERR_UNSUPPORTED);
		ck_assert(strstr(message, "a hook that this gateway") != NULL);
		raw.later[i] = NULL;
	}
}
END_TEST

START_TEST(who_only_advises_does_not_decide)
{
	struct usher_adapter raw = good(), out = { 0 };

	raw.flags = USHER_ADVISORY;
	ck_assert_int_eq(check(&raw, &out), ERR_OK);
	ck_assert_uint_eq(out.flags, USHER_ADVISORY);
	raw.sync_user = hook;
	ck_assert_int_eq(check(&raw, &out), ERR_SYNTAX);
	ck_assert_msg(strstr(message, "sync_user hook, which decides; leave")
		      != NULL, "%s", message);
	ck_assert_ptr_null(out.sync_user);
	/* Past the end of an older struct nothing is a hook. */
	raw.struct_size = offsetof(struct usher_adapter, sync_user);
	ck_assert_int_eq(check(&raw, &out), ERR_OK);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, who_only_advises_does_not_decide);
	tcase_add_test(t, a_descriptor_of_this_version_is_taken_as_it_is);
	tcase_add_test(t,
		every_refusal_says_what_is_wrong_and_leaves_the_output_alone);
	tcase_add_test(t,
		a_shorter_struct_gets_no_hook_from_the_garbage_after_it);
	tcase_add_test(t, the_shortest_struct_has_no_hook_at_all);
	tcase_add_test(t,
		a_longer_struct_may_say_nothing_that_we_do_not_understand);
}

UNIT_MAIN("descriptor", add_tests)
