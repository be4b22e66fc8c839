#include "sandbox/fall.h"

#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/syscall.h>

/* Whatever it called itself. */
static void keep_name(struct str name, char out[FALL_OBJECT_MAX + 1])
{
	size_t len = name.len < FALL_OBJECT_MAX ? name.len : FALL_OBJECT_MAX;

	for (size_t i = 0; i < len; i++) {
		char c = name.ptr[i];

		out[i] = ascii_is_alpha(c) || ascii_is_digit(c) ||
			 (c && strchr("._+-", c)) ? c : '?';
	}
	out[len] = '\0';
}

void fall_read(const struct wire_frame *frame, struct fall *fall_r)
{
	const struct wire_item *call = wire_find(frame, WIRE_SYSCALL);
	const struct wire_item *argument = wire_find(frame, WIRE_ARGUMENT);
	const struct wire_item *hook = wire_find(frame, WIRE_HOOK);

	*fall_r = (struct fall){
		.signal = (int)wire_find(frame, WIRE_SIGNAL)->number,
		.has_call = call,
		.call = call ? (uint32_t)call->number : 0,
		.argument = argument ? (uint64_t)argument->number : 0,
		.phase = hook ? (enum adapter_phase)hook->number :
				ADAPTER_PHASE_NONE,
	};
	for (unsigned i = 0; i < frame->count; i++) {
		struct fall_place *p = &fall_r->places[fall_r->place_count];

		if (frame->items[i].tag != WIRE_PLACE)
			continue;
		p->offset = (uint64_t)frame->items[i].number;
		p->is_module = str_is_null(frame->items[i].a);
		if (!p->is_module)
			keep_name(frame->items[i].a, p->object);
		fall_r->place_count++;
	}
}

/* How libc's functions come to make it. */
static const char *way_to(const struct fall *fall)
{
	switch (fall->call) {
	case SYS_clone:
		if (fall->argument & CLONE_THREAD)
			return "pthread_create() starts a thread";
		if (fall->argument & CLONE_VFORK)
			return "posix_spawn(), system() and popen() start a "
			       "program";
		return "fork() makes a process";
#ifdef SYS_fork
	case SYS_fork:
		return "fork() makes a process";
#endif
#ifdef SYS_vfork
	case SYS_vfork:
		return "vfork() makes a process";
#endif
	case SYS_execve:
	case SYS_execveat:
		return "exec() and its kin run a program";
	case SYS_kill:
		return "kill() sends a signal";
	default:
		return NULL;
	}
}

static void say_call(const struct fall *fall, struct buf *out)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE,
						      (int)fall->call);
	const char *way = way_to(fall);

	if (name)
		buf_printf(out, ": %s (%u)", name, fall->call);
	else
		buf_printf(out, ": number %u", fall->call);
	free(name);
	if (way)
		buf_printf(out, ", which is how %s", way);
}

static void say_place(const struct fall_place *p, struct str file,
		      struct buf *out)
{
	if (p->is_module)
		buf_adds(out, file);
	else
		buf_puts(out, p->object[0] ? p->object : "usher-adapter-host");
	buf_printf(out, "+0x%llx", (unsigned long long)p->offset);
}

void fall_say(const struct fall *fall, struct str file, struct buf *out)
{
	const struct fall_place *p = fall->places;
	unsigned count = fall->place_count;

	if (fall->has_call)
		say_call(fall, out);
	/* Of a call it is the place in the module that matters. */
	if (fall->has_call && count && !p->is_module) {
		p++;
		count--;
	}
	if (count) {
		buf_puts(out, fall->has_call ? ", at " :
			 p->is_module ? " at " : " in ");
		say_place(p, file, out);
	}
	if (count == 2) {
		buf_puts(out, ", called at ");
		say_place(p + 1, file, out);
	}
	buf_printf(out, "%s %s%s", fall->has_call || count == 2 ? "," : "",
		   fall->phase == ADAPTER_PHASE_NONE ? "" : "in ",
		   call_phase_name(fall->phase));
}
