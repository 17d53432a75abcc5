/*
 * The modes in which mailmond-collect prints something and ends: of log files, and of the configuration.
 */
#ifndef MAIN_MODES_H
#define MAIN_MODES_H

#include "alarm_rule.h"
#include "main_collect_options.h"

/* --read, --explain, or files without either: the exit code; -1: no file is named. */
int modes_of_files(const struct arguments *a);
/* --check, --dump-config, --detect, --settings: 0; -1: none of them was asked for. */
int modes_of_config(const struct arguments *a, const struct config *c,
                    const struct alarm_rules *rules, const struct err_list *notes);
/* For mailmond --dump and a faulty configuration: a daemon that has a better one may still run. */
void modes_print_run_dir(const char *file);
/* To the standard error. */
void modes_print_list(const struct err_list *list, const char *prefix);

#endif
