/*
 * What the MTA's programs write of themselves: dispatcher.log, job_controller.log, tcp_smtp_server.log, and the master
 * and slave log of each channel, each with a unique id behind it for each program that ran
 * (tcp_local_master.log-0JDJ00D02IBWDX00). A line of the dispatcher is "hh:mm:ss.cc (thread): text", cut at 79
 * columns and continued on lines that begin with blanks; the others have the time alone. Their words are documented
 * nowhere, so that what is counted is lines, and lines that tell of trouble by one of a few words. Source:
 * "Dispatcher Debugging and Log Files" and "Check the Log Files" of the Administration Guide and Reference.
 */
#ifndef SUN_PROGRAM_H
#define SUN_PROGRAM_H

#include "access_tally.h"

/* The files, below the directory of the logs; ends with NULL. */
extern const char *const sun_program_files[];

/*
 * Its parser gives EVENT_SERVER_LOG: service = the file's name up to ".log", text, event.entry = enum
 * sun_program_line. A time without a date is the last such time before the file was written to
 * (syslog_context.file_ms). Pure.
 */
extern const struct access_server access_sun_program;
enum sun_program_line {
    SUN_PROGRAM_RECORD = 1, /* it begins one; else it continues the one before */
    SUN_PROGRAM_TROUBLE = 2 /* it has a word of trouble */
};

/*
 * The counter of these logs, of one instance: log events "INSTANCE: dispatcher" for each record, "INSTANCE: dispatcher
 * trouble" for each line of trouble, for each program; and what access_sun_program knows by itself. t: whose clock
 * and users it has; source: sourceIndex of the log. NULL when memory is short; it lives as long as the log's reader.
 */
struct sun_program_log;
struct sun_program_log *sun_program_log(struct model *m, struct names *n,
                                        const struct access_tally *t, const char *instance,
                                        uint32_t source);
/* For maillog_add: counter is a struct sun_program_log. */
void sun_program_event(void *counter, const struct event *e);

#endif
