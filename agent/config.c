/*
 * From a file to struct config: libconfig parses it, config_read.c takes over what is right and reports
 * what is not, config_check looks at the whole. The libconfig tree lives only during config_load;
 * everything in struct config is a copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config_schema.h"

#define INCLUDE_DEPTH 10 /* libconfig's own limit */
#define INCLUDES_MAX  1000

/*
 * The path of a file that libconfig names. Version 1.5 names an included file as the @include does,
 * relative to the include directory; later ones give the path.
 */
static const char *path_of(const struct config *c, const config_t *tree, const char *file,
                           char path[PATH_MAX])
{
    if (!file || *file == '/' || strcmp(file, c->file) == 0)
        return file ? file : c->file;
    snprintf(path, PATH_MAX, "%s/%s", config_get_include_dir(tree), file);
    return path;
}

const char *config_source(const config_setting_t *at, char path[PATH_MAX])
{
    const config_t *tree = at->config;
    return path_of(config_setting_get_hook(config_root_setting(tree)), tree,
                   config_setting_source_file(at), path);
}

void config_fault(struct err_list *errors, const config_setting_t *at, const char *format, ...)
{
    char text[1024], path[PATH_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_add(errors, config_source(at, path), at->line, "%s", text);
}

/* The text of a line of a file without the blanks around it, at most size - 1 octets. */
static void quote_line(const char *file, unsigned number, char *text, size_t size)
{
    char *line = NULL;
    size_t room = 0;
    FILE *in = fopen(file, "re");
    *text = '\0';
    while (in && number && getline(&line, &room, in) >= 0)
        if (--number == 0) {
            line[strcspn(line, "\r\n")] = '\0';
            snprintf(text, size, "%s", line + strspn(line, " \t"));
        }
    free(line);
    if (in)
        fclose(in);
}

static void syntax_fault(struct err_list *errors, const struct config *c, const config_t *tree)
{
    char path[PATH_MAX], text[80];
    const char *file = path_of(c, tree, config_error_file(tree), path);
    const char *what = config_error_text(tree);
    unsigned line = (unsigned)config_error_line(tree);
    quote_line(file, line, text, sizeof text);
    size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
    if (name && text[name + strspn(text + name, " ")] == '{')
        err_add(errors, file, line, "%s: a group is written %.*s = { ... };", what, (int)name,
                text);
    else
        err_add(errors, file, line, "%s at or before: %s", what, *text ? text : "the end");
}

/* Why a file cannot be read, or NULL. A directory can be opened, but ends libconfig's scanner. */
static const char *unreadable(const char *file, bool *is_directory)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    *is_directory = fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    if (fd >= 0)
        close(fd);
    if (fd < 0)
        return strerror(errno);
    return *is_directory ? strerror(EISDIR) : NULL;
}

/*
 * Faults of @include lines, also in the files they include. libconfig stops at the first file that
 * is missing, and ends the process at a directory: directories are looked for before it runs,
 * missing files after it complained (the line may be inside a comment).
 */
struct includes {
    const char *directory;
    bool missing_too;
    unsigned left; /* how many to look at yet: a file may include itself */
    struct err_list *errors;
};

static void check_includes(struct includes *k, const char *file, int depth)
{
    char line[1024], name[512], path[PATH_MAX];
    FILE *in = fopen(file, "re");
    for (unsigned number = 1; in && fgets(line, sizeof line, in); number++) {
        bool is_directory;
        if (sscanf(line, " @include \"%511[^\"]\"", name) != 1 || k->left == 0)
            continue;
        k->left--;
        snprintf(path, sizeof path, "%s/%s", k->directory, name);
        const char *why = unreadable(path, &is_directory);
        if (why && (is_directory || k->missing_too))
            err_add(k->errors, file, number, "cannot include %s: %s", path, why);
        else if (!why && depth < INCLUDE_DEPTH)
            check_includes(k, path, depth + 1);
    }
    if (in)
        fclose(in);
}

static void read_tree(struct config *c, config_t *tree, struct err_list *errors)
{
    struct includes all = {config_get_include_dir(tree), false, INCLUDES_MAX, errors};
    unsigned before = errors->count;
    check_includes(&all, c->file, 0);
    if (errors->count > before)
        return;
    if (!config_read_file(tree, c->file)) {
        all.missing_too = strstr(config_error_text(tree), "open include") != NULL;
        all.left = INCLUDES_MAX;
        if (all.missing_too)
            check_includes(&all, c->file, 0);
        if (errors->count == before)
            syntax_fault(errors, c, tree);
        const config_setting_t *run_dir = config_lookup(tree, "run_dir"); /* what stood before */
        if (run_dir)
            config_read_setting(errors, run_dir, config_find_setting(config_settings, "run_dir"),
                                c);
        return;
    }
    config_setting_set_hook(config_root_setting(tree), c);
    config_read_group(errors, config_root_setting(tree), config_settings, c);
    if (!config_lookup(tree, "detect"))
        c->detect = c->mta_count == 0 && c->dovecots.count == 0 && c->cyruses.count == 0;
    config_read_configutil(c, tree, errors);
    config_check(c, tree, errors);
}

static void read_file(struct config *c, struct err_list *errors)
{
    bool is_directory;
    const char *why = unreadable(c->file, &is_directory);
    if (why) {
        err_add(errors, c->file, 0, "cannot be read: %s", why);
        return;
    }
    config_t tree;
    char *copy = config_copy(c->file);
    config_init(&tree);
    config_set_include_dir(&tree, dirname(copy));
    read_tree(c, &tree, errors);
    config_destroy(&tree);
    free(copy);
}

/* With its faults: what of it is right is taken over. */
static struct config *load(const char *file, struct err_list *errors)
{
    struct config *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    config_defaults(config_settings, c);
    if (!file && access(CONFIG_FILE, F_OK) == 0)
        file = CONFIG_FILE;
    if (file) {
        c->file = config_copy(file);
        read_file(c, errors);
    }
    return c;
}

struct config *config_load(const char *file, struct err_list *errors)
{
    unsigned before = errors->count;
    struct config *c = load(file, errors);
    if (errors->count == before)
        return c;
    config_free(c);
    return NULL;
}

char *config_run_dir(const char *file)
{
    struct err_list errors = {0};
    struct config *c = load(file, &errors);
    char *run_dir = config_copy(c->run_dir);
    config_free(c);
    err_free(&errors);
    return run_dir;
}

unsigned config_systems(const struct config *c)
{
    return c->mta_count + c->dovecots.count + c->cyruses.count + c->directories.count;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    config_release(config_settings, c);
    for (unsigned i = 0; i < c->mta_count; i++)
        config_mta_release(&c->mtas[i]);
    free(c->mtas);
    const struct setting seed = {.members = config_alarm_settings,
                                 .item_size = sizeof(struct config_alarm)};
    config_release_list(&seed, &c->seed_alarms);
    free(c->notice.template);
    err_free(&c->warnings);
    free(c->file);
    free(c);
}
