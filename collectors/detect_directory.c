/*
 * Directory servers of this host: the local sockets on which one listens, as proc_net_unix(5) lists
 * them. Nobody is connected to. See detect.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "detect.h"

#define LISTENS 0x10000 /* __SO_ACCEPTCON */
#define MOST    16

/* The n-th word from 0 of a line; n == 0: none. */
static struct slice word(struct slice line, unsigned n)
{
    struct slice w = {NULL, 0};
    for (unsigned i = 0; i <= n; i++) {
        line = slice_trim(line);
        w = slice_head(line, slice_find(line, ' '));
        line = slice_skip(line, w.n);
    }
    return w;
}

/* "/run/slapd/ldapi", "/run/slapd-NAME.socket" (389); not below /tmp, where things are tried out. */
static bool is_directory_socket(struct slice path)
{
    struct slice tail = path;
    while (slice_find(tail, '/') < tail.n)
        tail = slice_skip(tail, slice_find(tail, '/') + 1);
    return path.n > 1 && *path.p == '/' && !slice_starts(path, SLICE("/tmp/")) &&
           (slice_eq(tail, SLICE("ldapi")) ||
            (slice_starts(tail, SLICE("slapd-")) && slice_ends(tail, SLICE(".socket"))));
}

struct slice detect_directory_socket(struct slice line)
{
    char flags[20];
    struct slice f = word(line, 3), path = word(line, 7);
    snprintf(flags, sizeof flags, "%.*s", (int)(f.n < 16 ? f.n : 16), f.p ? f.p : "");
    if (f.n == 0 || !(strtoul(flags, NULL, 16) & LISTENS) || !is_directory_socket(path))
        return (struct slice){NULL, 0};
    return path;
}

/* "/run/slapd/ldapi" -> "slapd", "/run/slapd-lab.socket" -> "slapd-lab" */
void detect_directory_name(struct slice path, char name[64])
{
    if (!slice_ends(path, SLICE("/ldapi")))
        path.n -= slice_ends(path, SLICE(".socket")) ? strlen(".socket") : 0;
    else
        path.n -= strlen("/ldapi");
    size_t at = path.n;
    while (at && path.p[at - 1] != '/')
        at--;
    path = slice_skip(path, at);
    if (path.n == 0 || slice_eq(path, SLICE("run")))
        path = SLICE("slapd");
    snprintf(name, 64, "%.*s", (int)path.n, path.p);
}

void detect_directory_uri(struct slice path, char uri[512])
{
    size_t n = (size_t)snprintf(uri, 512, "ldapi://");
    for (size_t i = 0; i < path.n && n < 512 - 5; i++) {
        char c = path.p[i];
        bool plain = slice_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '-' || c == '_' || c == '.';
        n += (size_t)snprintf(uri + n, 512 - n, plain ? "%c" : "%%%02X", (unsigned char)c);
    }
    snprintf(uri + n, 512 - n, "/");
}

static bool named(const struct config *c, const char *name)
{
    const struct config_directory *list = c->directories.items;
    for (unsigned i = 0; i < c->directories.count; i++)
        if (strcmp(list[i].name, name) == 0)
            return true;
    return false;
}

static void add(struct config *c, struct slice path, struct err_list *notes)
{
    char name[64], uri[512], file[PATH_MAX];
    struct stat st;
    snprintf(file, sizeof file, "%.*s", (int)path.n, path.p);
    detect_directory_name(path, name);
    detect_directory_uri(path, uri);
    if (c->directories.count == MOST || named(c, name) || stat(file, &st) != 0 ||
        !S_ISSOCK(st.st_mode))
        return;
    config_add_directory(c, name, uri);
    err_add(notes, NULL, 0, "directory server %s: found: %s%s", name, file,
            access(file, W_OK) == 0 ? "" : ", which this account may not use");
}

void detect_directories(struct config *c, const char *list, struct err_list *notes)
{
    if (!c->detect || c->directories.count > 0)
        return;
    char *line = NULL;
    size_t room = 0;
    FILE *in = fopen(list ? list : "/proc/net/unix", "re");
    for (ssize_t n; in && (n = getline(&line, &room, in)) > 0;) {
        struct slice s = {line, (size_t)n - (line[n - 1] == '\n')};
        struct slice path = detect_directory_socket(s);
        if (path.p)
            add(c, path, notes);
    }
    free(line);
    if (in)
        fclose(in);
}
