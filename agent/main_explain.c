/*
 * mailmond --explain: each line of a log and, below it, what its parser understood. The tool for a
 * report that a number is wrong. Reads packed logs too; keeps nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#include "../collectors/container.h"
#include "../collectors/escape.h"
#include "../collectors/explain.h"
#include "../collectors/maillog.h"
#include "../collectors/syslog_forms.h"
#include "host_name.h"
#include "main_explain.h"

#define LINE_MAX_OCTETS (256 * 1024) /* as follow.c: what is longer is cut */

struct counts {
    unsigned long long lines, foreign, unrecognised, silent;
};

/* host: that whose lines are explained; empty: all. */
static bool is_of(struct slice host, const struct syslog_context *c, struct slice line)
{
    struct syslog_context any = *c; /* another host's line leaves it as it is */
    return !host.n || slice_eq(host, SLICE(MAILLOG_EACH)) ||
           host_name_fits(host, syslog_host(syslog_host_word(&any, line)));
}

static void explain_line(const struct format *f, struct slice host, struct syslog_context *c,
                         struct slice line, struct counts *n)
{
    struct event e = {0};
    if (slice_ends(line, SLICE("\n")))
        line.n--;
    if (slice_ends(line, SLICE("\r")))
        line.n--;
    n->lines++;
    static char inner[LOG_LINE_MAX];
    struct slice plain = line;
    bool in_parts = false;
    if (container_is(line))
        plain = (struct slice){inner, container_line(line, &in_parts, inner)};
    plain.n -= plain.n && plain.p == inner;
    if (!is_of(host, c, plain))
        return;
    f->parse(c, plain, &e);
    struct slice nested = e.kind == EVENT_FOREIGN ? syslog_nested(plain) : slice_head(plain, 0);
    if (nested.n)
        f->parse(c, nested, &e);
    bool odd = e.kind == EVENT_FOREIGN || e.kind == EVENT_UNKNOWN;
    uint32_t again = odd ? maillog_times_again(plain, (struct slice){NULL, 0}) : 0;
    n->foreign += e.kind == EVENT_FOREIGN && !again;
    n->unrecognised += e.kind == EVENT_UNKNOWN && !again;
    n->silent += e.kind == EVENT_NONE;
    printf("%llu: ", n->lines);
    fwrite(line.p, 1, line.n, stdout);
    fputs("\n    -> ", stdout);
    struct escape_scratch scratch;
    e = escape_undone(&e, &scratch);
    if (again)
        printf("the line before, %u times more\n", again);
    else
        explain_event(&e, stdout);
}

static bool explain_file(const struct format *f, struct slice host, const char *name)
{
    static char line[LINE_MAX_OCTETS];
    bool is_input = strcmp(name, "-") == 0;
    struct stat st;
    gzFile in = is_input ? gzdopen(dup(0), "rb") : gzopen(name, "rb");
    if (!in) {
        fprintf(stderr, "mailmond: %s: %s\n", name, strerror(errno));
        return false;
    }
    struct syslog_context context;
    bool written = !is_input && stat(name, &st) == 0 && S_ISREG(st.st_mode);
    syslog_start(&context, (int64_t)(written ? st.st_mtim.tv_sec : time(NULL)) * 1000);
    const char *slash = strrchr(name, '/');
    context.file = slice_of(slash ? slash + 1 : name);
    context.file_ms = written ? (int64_t)st.st_mtim.tv_sec * 1000 : 0;
    struct counts n = {0};
    while (gzgets(in, line, sizeof line)) /* a line with a NUL octet ends there */
        explain_line(f, host, &context, slice_of(line), &n);
    int error;
    const char *why = gzerror(in, &error);
    if (error < 0 && error != Z_BUF_ERROR)
        fprintf(stderr, "mailmond: %s: %s\n", name, error == Z_ERRNO ? strerror(errno) : why);
    gzclose(in);
    fprintf(stderr,
            "%s: %llu lines, %llu of other programs, %llu not recognised, %llu that change no "
            "number\n",
            name, n.lines, n.foreign, n.unrecognised, n.silent);
    return error >= 0 || error == Z_BUF_ERROR;
}

int explain_files(const struct format *f, struct slice host, int count, char **files)
{
    bool ok = true;
    for (int i = 0; i < count; i++)
        ok &= explain_file(f, host, files[i]);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}
