/* The template, built as a tenant's developer would, does what its own
 * fixture says. */
#include "workbench/fixture.h"

#include "unit/adapter/adapters.h"

START_TEST(the_template_does_what_its_fixture_says)
{
	char path[ADAPTER_PATH_MAX], name[ADAPTER_PATH_MAX];
	static char output[65536], text[16384];
	const char *srcdir = getenv("srcdir");
	struct fixture_options options = { .services = &test_services };
	struct fixture_result result;
	struct buf out;
	FILE *file;
	size_t len;

	snprintf(name, sizeof(name), "%s/../sdk/template/acme.fixture",
		 srcdir ? srcdir : ".");
	file = fopen(name, "r");
	ck_assert_msg(file != NULL, "%s", name);
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	buf_init_fixed(&out, output, sizeof(output));
	options.path = adapter_path("acme", path);
	ck_assert_msg(fixture_run(&options, str_from(name),
				  (struct str){text, len}, &out,
				  &result) == ERR_OK,
		      "%s", output);
	ck_assert_uint_eq(result.runs, 4);
	ck_assert_msg(result.failures == 0, "%s", output);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, the_template_does_what_its_fixture_says);
}

UNIT_MAIN("template", add_tests)
