/*
 * mailmond-report: the daily report, made from the history that mailmond keeps; mailmond may be running.
 * It is run by hand, by cron, or by mailmond itself.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "config.h"
#include "report.h"

#define PROGRAM    "mailmond-report"
#define EXIT_USAGE 2

struct arguments {
    const char *config, *state, *day, *template, *output, *host;
    bool print; /* to standard output as well */
};

static const char usage_text[] =
    "usage: " PROGRAM " [--day DAY] [--template FILE] [--output PATH] [--config FILE]\n"
    "                       [--state DIR] [--host NAME]\n"
    "       " PROGRAM " --print-template | --help | --version\n"
    "\n"
    "Prints the report of a day from the history that mailmond keeps.\n"
    "\n"
    "  --day DAY         today, yesterday (the default) or YYYY-MM-DD\n"
    "  --template FILE   what the report looks like; see --print-template\n"
    "  --output PATH     into this file; if it is a directory, into report-YYYY-MM-DD.txt there\n"
    "  --print           to standard output as well, with --output\n"
    "  --config FILE     mailmond's configuration, which says where the history is\n"
    "  --state DIR       where the history is\n"
    "  --host NAME       the name in the heading; left out: that of this host\n"
    "  --print-template  print the built-in template\n"
    "  --help, --version\n"
    "\n"
    "See mailmond-report(8).\n";

enum { CONFIG = 1, STATE, DAY, TEMPLATE, OUTPUT, PRINT, HOST, PRINT_TEMPLATE, HELP, SHOW_VERSION };

static const struct option options[] = {
    {"config", required_argument, NULL, CONFIG},
    {"state", required_argument, NULL, STATE},
    {"day", required_argument, NULL, DAY},
    {"template", required_argument, NULL, TEMPLATE},
    {"output", required_argument, NULL, OUTPUT},
    {"print", no_argument, NULL, PRINT},
    {"host", required_argument, NULL, HOST},
    {"print-template", no_argument, NULL, PRINT_TEMPLATE},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, SHOW_VERSION},
    {NULL, 0, NULL, 0},
};

/* false: the program is to end with *code. */
static bool take_option(int option, struct arguments *a, int *code)
{
    *code = 0;
    switch (option) {
    case CONFIG:
        a->config = optarg;
        return true;
    case STATE:
        a->state = optarg;
        return true;
    case DAY:
        a->day = optarg;
        return true;
    case TEMPLATE:
        a->template = optarg;
        return true;
    case OUTPUT:
        a->output = optarg;
        return true;
    case PRINT:
        a->print = true;
        return true;
    case HOST:
        a->host = optarg;
        return true;
    case PRINT_TEMPLATE:
        fputs(report_template, stdout);
        return false;
    case HELP:
        fputs(usage_text, stdout);
        return false;
    case SHOW_VERSION:
        puts(PROGRAM " " VERSION);
        return false;
    default:
        fputs(usage_text, stderr);
        *code = EXIT_USAGE;
        return false;
    }
}

/* Midnight to midnight, local time; summer time makes days of 23 and 25 hours. */
static bool find_day(const char *day, struct report *r)
{
    time_t now = time(NULL);
    struct tm from, to;
    char rest;
    if (!localtime_r(&now, &from))
        return false;
    if (!day || strcmp(day, "yesterday") == 0) {
        from.tm_mday--;
    } else if (strcmp(day, "today") != 0) {
        int year, month, mday;
        if (sscanf(day, "%4d-%2d-%2d%c", &year, &month, &mday, &rest) != 3 || year < 1970 ||
            month < 1 || month > 12 || mday < 1 || mday > 31)
            return false;
        from = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = mday};
    }
    from.tm_hour = from.tm_min = from.tm_sec = 0;
    from.tm_isdst = -1;
    to = from;
    to.tm_mday++;
    r->from_s = (int64_t)mktime(&from);
    r->to_s = (int64_t)mktime(&to);
    return r->from_s < r->to_s;
}

/* A file as a string, at most 1 MiB; NULL after a message. */
static char *read_file(const char *path)
{
    enum { LIMIT = 1 << 20 };
    FILE *in = fopen(path, "re");
    char *text = in ? malloc(LIMIT + 1) : NULL;
    size_t n = text ? fread(text, 1, LIMIT, in) : 0;
    if (!in || ferror(in)) {
        fprintf(stderr, PROGRAM ": %s: %s\n", path, strerror(errno));
        free(text);
        text = NULL;
    }
    if (text)
        text[n] = '\0';
    if (in)
        fclose(in);
    return text;
}

/* The state directory that the configuration names; the caller frees it. NULL after messages. */
static char *state_of(const char *config)
{
    struct err_list errors = {0};
    struct config *c = config_load(config, &errors);
    for (unsigned i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    err_free(&errors);
    char *state = c ? strdup(c->state_dir) : NULL;
    config_free(c);
    return state;
}

/* Where the report goes; a file is first written beside its name. */
struct output {
    FILE *file;
    char path[4096], temporary[4104];
};

static bool open_output(struct output *o, const char *path, const struct report *r)
{
    struct stat st;
    time_t from = (time_t)r->from_s;
    struct tm local;
    char name[32] = "";
    o->file = stdout;
    o->path[0] = '\0';
    if (!path)
        return true;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) && localtime_r(&from, &local))
        strftime(name, sizeof name, "/report-%Y-%m-%d.txt", &local);
    snprintf(o->path, sizeof o->path, "%s%s", path, name);
    snprintf(o->temporary, sizeof o->temporary, "%s.new", o->path);
    o->file = fopen(o->temporary, "we");
    if (!o->file)
        fprintf(stderr, PROGRAM ": %s: %s\n", o->temporary, strerror(errno));
    return o->file != NULL;
}

static bool close_output(struct output *o, bool good)
{
    bool written = fflush(o->file) == 0 && !ferror(o->file);
    if (o->path[0]) {
        written &= fclose(o->file) == 0;
        if (good && written && rename(o->temporary, o->path) == 0)
            return true;
        if (good)
            fprintf(stderr, PROGRAM ": %s: %s\n", o->path, strerror(errno));
        unlink(o->temporary);
        return false;
    }
    if (!written)
        fprintf(stderr, PROGRAM ": standard output: %s\n", strerror(errno));
    return good && written;
}

static int make(const struct arguments *a, const struct report *r, const char *state)
{
    char error[4352];
    struct output out;
    char *template = a->template ? read_file(a->template) : NULL;
    if (a->template && !template)
        return 1;
    struct history *h = history_open(state, false, error, sizeof error);
    bool ok = h != NULL;
    if (!ok)
        fprintf(stderr, PROGRAM ": %s\n", error);
    if (ok && (ok = open_output(&out, a->output, r))) {
        const char *text = template ? template : report_template;
        const char *name = template ? a->template : "built-in template";
        ok = report_write(r, h, text, name, out.file, error, sizeof error) &&
             (!a->print || out.file == stdout ||
              report_write(r, h, text, name, stdout, error, sizeof error));
        if (!ok)
            fprintf(stderr, PROGRAM ": %s\n", error);
        ok = close_output(&out, ok);
    }
    history_close(h);
    free(template);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct arguments a = {0};
    struct report r = {0};
    int code;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (!take_option(o, &a, &code))
            return code;
    if (optind < argc) {
        fprintf(stderr, PROGRAM ": %s: what is this for?\n%s", argv[optind], usage_text);
        return EXIT_USAGE;
    }
    if (!find_day(a.day, &r)) {
        fprintf(stderr, PROGRAM ": %s: a day is today, yesterday or YYYY-MM-DD\n", a.day);
        return EXIT_USAGE;
    }
    if (a.host)
        snprintf(r.host, sizeof r.host, "%s", a.host);
    else if (gethostname(r.host, sizeof r.host - 1) < 0)
        strcpy(r.host, "localhost");
    char *state = a.state ? strdup(a.state) : state_of(a.config);
    code = state ? make(&a, &r, state) : 1;
    free(state);
    return code;
}
