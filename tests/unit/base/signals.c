/* Each signal that there is, sent to a process that asked for it. */
#include "base/signals.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

static bool is_fatal(int number)
{
	switch (number) {
	case SIGHUP: case SIGINT: case SIGQUIT: case SIGTERM: case SIGKILL:
	case SIGSEGV: case SIGBUS: case SIGILL: case SIGFPE: case SIGSYS:
	case SIGABRT: case SIGTRAP:
		return true;
	default:
		return false;
	}
}

static bool is_a_stop(int number)
{
	return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN;
}

/* Those of whoever runs the tests. */
static void forget_handlers(void)
{
	for (int i = 1; i <= SIGRTMAX; i++)
		signal(i, SIG_DFL);
}

START_TEST(only_orders_and_faults_end_it)
{
	const struct rlimit none = { 0, 0 };

	for (int number = 1; number <= SIGRTMAX; number++) {
		int status;
		pid_t pid;

		if (is_a_stop(number) || (number > 31 && number < SIGRTMIN))
			continue;
		pid = fork();
		if (pid == 0) {
			setrlimit(RLIMIT_CORE, &none);
			forget_handlers();
			signals_ignore_strays();
			raise(number);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(is_fatal(number) ?
			      WIFSIGNALED(status) &&
			      WTERMSIG(status) == number :
			      WIFEXITED(status), "signal %d", number);
	}
}
END_TEST

static void signals_tests(TCase *tcase)
{
	tcase_set_timeout(tcase, UNIT_PATIENCE_S);
	tcase_add_test(tcase, only_orders_and_faults_end_it);
}

UNIT_MAIN("signals", signals_tests)
