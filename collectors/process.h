/*
 * Where a mail system's master writes its number, for those who look at its processes.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "collector.h"

#define PID_FILE_SIZE 512

/* The pid file of an instance; false: nobody says where it is. */
bool process_pid_file(const struct instance_of_mta *i, char path[PID_FILE_SIZE]);

#endif
