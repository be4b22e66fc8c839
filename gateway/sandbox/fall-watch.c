#include "sandbox/fall-watch.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "base/sanitized.h"
#include "module/place.h"

#define STACK 65536		/* of the handler; the unwinder takes a part */
#define FRAMES_MAX 256

#if defined(__x86_64__)
#define WHERE(c) ((uintptr_t)(c)->uc_mcontext.gregs[REG_RIP])
#define FROM(c) (*(uintptr_t *)(c)->uc_mcontext.gregs[REG_RSP])
/* As if it had returned, having kept nothing on its stack. */
#define STEP_OUT(c)							     \
	((c)->uc_mcontext.gregs[REG_RIP] = (greg_t)FROM(c),		     \
	 (c)->uc_mcontext.gregs[REG_RSP] += (greg_t)sizeof(uintptr_t))
#elif defined(__aarch64__)
#define WHERE(c) ((uintptr_t)(c)->uc_mcontext.pc)
#define FROM(c) ((uintptr_t)(c)->uc_mcontext.regs[30])
#define STEP_OUT(c) ((c)->uc_mcontext.pc = FROM(c))
#else
#define WHERE(c) ((void)(c), (uintptr_t)0)
#define FROM(c) ((void)(c), (uintptr_t)0)
#define STEP_OUT(c) ((void)(c))
#endif

static void (*tell_it)(struct fall *fall);
static char stack[STACK];
static enum { NOTHING, SIGNAL, CALL } told;

void fall_write(const struct fall *fall, struct wire_head head,
		struct buf *out)
{
	wire_begin(out, head);
	wire_add_number(out, WIRE_SIGNAL, fall->signal);
	if (fall->has_call) {
		wire_add_number(out, WIRE_SYSCALL, fall->call);
		wire_add_number(out, WIRE_ARGUMENT,
				(int64_t)(fall->argument & INT64_MAX));
	}
	if (fall->phase >= ADAPTER_PHASE_INIT)
		wire_add_number(out, WIRE_HOOK, fall->phase);
	for (unsigned i = 0; i < fall->place_count; i++) {
		const struct fall_place *p = &fall->places[i];
		struct str name = { p->object, strlen(p->object) };

		wire_add(out, WIRE_PLACE, (int64_t)(p->offset & INT64_MAX),
			 p->is_module ? STR_NULL : name, STR_NULL);
	}
}

static bool add(struct fall *fall, uintptr_t address)
{
	struct fall_place *p = &fall->places[fall->place_count];
	struct module_place found;

	if (module_place(address, &found))
		return false;
	p->is_module = found.is_module;
	p->offset = found.offset;
	for (size_t i = 0; i < FALL_OBJECT_MAX && found.object[i]; i++)
		p->object[i] = found.object[i];
	fall->place_count++;
	return true;
}

static bool is_module(uintptr_t address)
{
	struct module_place found;

	return !module_place(address, &found) && found.is_module;
}

struct walk {
	uintptr_t from;		/* where the signal came in */
	bool has_begun;
	unsigned frames;
	uintptr_t found;	/* 0: not yet */
};

/* Behind the handler's own frames, the first one in the module. */
static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *arg)
{
	struct walk *w = arg;
	int is_before = 0;
	uintptr_t at = _Unwind_GetIPInfo(context, &is_before);

	if (++w->frames == FRAMES_MAX)
		return _URC_END_OF_STACK;
	if (!w->has_begun) {
		w->has_begun = at == w->from;
		return _URC_NO_REASON;
	}
	/* A return address is behind the call. */
	at -= !is_before;
	if (!is_module(at))
		return _URC_NO_REASON;
	w->found = at;
	return _URC_END_OF_STACK;
}

static uintptr_t walk_from(uintptr_t from)
{
	struct walk w = { .from = from };

	_Unwind_Backtrace(look, &w);
	return w.found;
}

/*
 * The way back from the system call in libc's clone() is not written down, as it
 * holds in the parent alone.  There the caller's address is still the last thing
 * on the stack: it is the module's, or the second walk begins there.
 */
static uintptr_t find_caller(const struct fall *fall, ucontext_t *context)
{
	uintptr_t found = walk_from(WHERE(context));

	if (found || !fall->has_call || fall->call != SYS_clone)
		return found;
	STEP_OUT(context);
	if (is_module(WHERE(context) - 1))
		return WHERE(context) - 1;
	return walk_from(WHERE(context));
}

/* Twice where it was not in the module: looking for the way back there may
 * itself be the last thing that it does. */
static void find_and_tell(struct fall *fall, ucontext_t *context)
{
	uintptr_t at = WHERE(context), caller = 0;
	bool is_known = at && add(fall, at);

	told = fall->has_call ? CALL : SIGNAL;
	tell_it(fall);
	if (is_known && fall->places[0].is_module)
		return;
	if (is_known)
		caller = find_caller(fall, context);
	else if (is_module(FROM(context) - 1))
		/* It jumped to nowhere. */
		caller = FROM(context) - 1;
	if (caller && add(fall, caller))
		tell_it(fall);
}

void fall_by_call(const siginfo_t *info, void *context, uint64_t argument)
{
	struct fall fall = {
		.signal = SIGSYS, .has_call = true,
		.call = (uint32_t)info->si_syscall, .argument = argument,
	};

	if (tell_it)
		find_and_tell(&fall, context);
}

void fall_end(void)
{
	for (;;) {
		syscall(SYS_execve, NULL, NULL, NULL);
		syscall(SYS_exit_group, 128 + SIGSYS);
	}
}

/* One that was sent is sent again, where the filter lets it. */
static void again(int number)
{
	static volatile char *volatile nowhere;

	if (syscall(SYS_tgkill, getpid(), gettid(), number))
		*nowhere = 0;
}

/*
 * The signal's own course is next: SA_RESETHAND.  What did wrong does it again
 * on the way back.  Where looking for the way to a system call did wrong, the
 * process ends by the call all the same: the stack is the adapter's, and the
 * call is what it did.
 */
static void fell(int number, siginfo_t *info, void *context)
{
	struct fall fall = { .signal = number };

	if (told == CALL)
		fall_end();
	if (told == SIGNAL)
		return;
	find_and_tell(&fall, context);
	if (info->si_code <= 0)
		again(number);
}

int fall_watch(void (*tell)(struct fall *fall))
{
	static const int watched[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE,
				       SIGABRT };
	const stack_t own = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = {
		.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND,
		.sa_sigaction = fell,
	};

	tell_it = tell;
	if (IS_SANITIZED)
		return 0;
	sigemptyset(&action.sa_mask);
	if (sigaltstack(&own, NULL))
		return -1;
	for (size_t i = 0; i < N_ELEMENTS(watched); i++)
		if (sigaction(watched[i], &action, NULL))
			return -1;
	return 0;
}
