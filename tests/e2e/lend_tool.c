/*
 * lend_tool PROGRAM ARGUMENT...: stand in for a service manager that lends a socket,
 * as sd_listen_fds(3) says.  It listens on two free ports of 127.0.0.1, prints them in
 * a line, and obeys lines on standard input: "start" runs the program with both
 * sockets, "stop" ends it by SIGTERM, waits, and prints "ended STATUS".
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int lend(int fd)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sa);
	int made = socket(AF_INET, SOCK_STREAM, 0);

	if (made < 0 || bind(made, (struct sockaddr *)&sa, len) ||
	    listen(made, 1024) ||
	    getsockname(made, (struct sockaddr *)&sa, &len) ||
	    (made != fd && (dup2(made, fd) < 0 || close(made)))) {
		perror("lend_tool");
		exit(1);
	}
	return ntohs(sa.sin_port);
}

static pid_t start(char **argv)
{
	pid_t pid = fork();
	char text[16];

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(text, sizeof(text), "%ld", (long)getpid());
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", "2", 1);
	execv(argv[0], argv);
	_exit(127);
}

int main(int argc, char **argv)
{
	char line[16];
	pid_t pid = -1;
	int ports[2], status;

	if (argc < 2)
		return 2;
	for (int i = 0; i < 2; i++)
		ports[i] = lend(3 + i);
	printf("%d %d\n", ports[0], ports[1]);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "start\n")) {
			pid = start(argv + 1);
		} else if (pid > 0 && !kill(pid, SIGTERM) &&
			   waitpid(pid, &status, 0) == pid) {
			printf("ended %d\n", status);
			fflush(stdout);
			pid = -1;
		}
	}
	return 0;
}
