/* scheduler/daemon_main.h - nightshiftd as a function. */
#ifndef SCHEDULER_DAEMON_MAIN_H
#define SCHEDULER_DAEMON_MAIN_H

/* Read the configuration, open everything, run until SIGTERM or SIGINT; the exit status. */
int daemon_main(const char *config_path);

#endif
