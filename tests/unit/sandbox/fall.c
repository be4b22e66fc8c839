/* Last words of a process: kept short, and said in ours. */
#include "sandbox/fall-watch.h"

#include <sched.h>
#include <sys/syscall.h>

#include "unit/unit.h"

static struct buf frame_bytes, said;
static struct wire_frame frame;

static void set_up(void)
{
	buf_init(&frame_bytes, WIRE_FRAME_MAX);
	buf_init(&said, 4096);
}

static void tear_down(void)
{
	buf_done(&frame_bytes);
	buf_done(&said);
}

/* As the gateway has it, once it was sent. */
static struct fall sent(const struct fall *fall)
{
	struct fall back;

	fall_write(fall, (struct wire_head){ WIRE_FELL, 7, 0 }, &frame_bytes);
	ck_assert(buf_is_ok(&frame_bytes));
	ck_assert_int_eq(wire_read(frame_bytes.ptr, frame_bytes.len, true,
				   &frame), ERR_OK);
	fall_read(&frame, &back);
	return back;
}

static const char *say(const struct fall *fall)
{
	struct fall back = sent(fall);

	buf_clear(&said);
	fall_say(&back, STR("acme.so"), &said);
	return said.ptr;
}

START_TEST(a_place_is_said)
{
	struct fall fall = { .signal = SIGSEGV, .place_count = 1,
			     .phase = ADAPTER_PHASE_MAP_FIELDS,
			     .places = { { true, "", 0x1a3 } } };

	ck_assert_str_eq(say(&fall), " at acme.so+0x1a3 in map_fields");
	fall.phase = ADAPTER_PHASE_NONE;
	ck_assert_str_eq(say(&fall), " at acme.so+0x1a3 outside of any hook");
	fall.place_count = 2;
	fall.phase = ADAPTER_PHASE_INIT;
	fall.places[1] = fall.places[0];
	fall.places[0] = (struct fall_place){ false, "libc.so.6", 0x10 };
	ck_assert_str_eq(say(&fall), " in libc.so.6+0x10, called at "
				     "acme.so+0x1a3, in init");
	fall.place_count = 1;
	fall.places[0].object[0] = '\0';
	ck_assert_str_eq(say(&fall), " in usher-adapter-host+0x10 in init");
	fall.place_count = 0;
	ck_assert_str_eq(say(&fall), " in init");
}
END_TEST

START_TEST(a_call_is_named)
{
	struct fall fall = { .signal = SIGSYS, .has_call = true,
			     .call = SYS_clone, .argument = CLONE_THREAD,
			     .phase = ADAPTER_PHASE_DELIVER };
	char wanted[128];

	snprintf(wanted, sizeof(wanted), ": clone (%d), which is how "
		 "pthread_create() starts a thread, in deliver", SYS_clone);
	ck_assert_str_eq(say(&fall), wanted);
	fall.argument = CLONE_VFORK | CLONE_VM;
	ck_assert_ptr_nonnull(strstr(say(&fall), "posix_spawn()"));
	fall.argument = 17;
	ck_assert_ptr_nonnull(strstr(say(&fall), "fork()"));
	fall.call = SYS_ptrace;
	snprintf(wanted, sizeof(wanted), ": ptrace (%d), at acme.so+0x5, in "
		 "deliver", SYS_ptrace);
	fall.place_count = 2;
	fall.places[0] = (struct fall_place){ false, "libc.so.6", 1 };
	fall.places[1] = (struct fall_place){ true, "", 5 };
	ck_assert_str_eq(say(&fall), wanted);
	fall.place_count = 0;
	fall.call = 0x7ffffff0;
	ck_assert_ptr_nonnull(strstr(say(&fall), ": number 2147483632, in"));
}
END_TEST

START_TEST(names_have_nothing_that_a_terminal_minds)
{
	struct fall fall = { .signal = SIGBUS, .place_count = 1,
			     .places = { { false, "a\x1b[31m/b c\xff.so", 1 } } };
	struct fall back = sent(&fall);

	ck_assert_str_eq(back.places[0].object, "a??31m?b?c?.so");
	ck_assert_int_eq(back.signal, SIGBUS);
	ck_assert(!back.has_call);
	/* nor is one longer than that, or a signal that there is not */
	memset(fall.places[0].object, 'a', FALL_OBJECT_MAX);
	back = sent(&fall);
	ck_assert_uint_eq(strlen(back.places[0].object), FALL_OBJECT_MAX);
	wire_begin(&frame_bytes, (struct wire_head){ WIRE_FELL, 7, 0 });
	wire_add_number(&frame_bytes, WIRE_SIGNAL, 65);
	ck_assert_int_ne(wire_read(frame_bytes.ptr, frame_bytes.len, true,
				   &frame), ERR_OK);
	wire_begin(&frame_bytes, (struct wire_head){ WIRE_FELL, 7, 0 });
	wire_add_number(&frame_bytes, WIRE_SIGNAL, 11);
	for (unsigned i = 0; i < FALL_PLACES_MAX + 1; i++)
		wire_add_number(&frame_bytes, WIRE_PLACE, 1);
	ck_assert_int_ne(wire_read(frame_bytes.ptr, frame_bytes.len, true,
				   &frame), ERR_OK);
}
END_TEST

static void fall_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_place_is_said);
	tcase_add_test(tc, a_call_is_named);
	tcase_add_test(tc, names_have_nothing_that_a_terminal_minds);
}

UNIT_MAIN("fall", fall_tests)
