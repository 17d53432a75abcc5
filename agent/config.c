/*
 * From a file to struct config: libconfig parses it, one walk along the schema takes over what is
 * right and reports what is not, config_check looks at the whole. The libconfig tree lives only
 * during config_load; everything in struct config is a copy.
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

#define INCLUDE_DEPTH   10 /* libconfig's own limit */
#define INCLUDES_MAX    1000
#define NAME_MAX_LENGTH 64 /* longer names are not compared: nobody meant one of ours */

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

static void wrong_type(struct err_list *errors, const config_setting_t *at, const struct setting *s)
{
    static const char *const wants[] = {
        [SETTING_TEXT] = "a text in quotes",
        [SETTING_PATH] = "an absolute path in quotes",
        [SETTING_LOG] = "an absolute path or \"journal\" in quotes",
        [SETTING_WORD] = "a word in quotes",
        [SETTING_CHOICE] = "a word in quotes",
        [SETTING_BOOL] = "true or false",
        [SETTING_NUMBER] = "a whole number",
        [SETTING_INTEGER] = "a whole number",
        [SETTING_DURATION_MS] =
            "a duration with its unit in quotes, or a whole number of milliseconds",
        [SETTING_DURATION_S] = "a duration with its unit in quotes, or a whole number of seconds",
        [SETTING_TIME] = "a time of day in quotes",
        [SETTING_TEXTS] = "a list of texts",
        [SETTING_GROUP] = "a group in braces",
        [SETTING_LIST] = "a list of groups",
        [SETTING_MTAS] = "a list of groups",
    };
    config_fault(errors, at, "%s must be %s, such as: %s = %s;", s->name, wants[s->kind], s->name,
                 s->example);
}

unsigned config_distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_LENGTH + 1];
    size_t n = strlen(b);
    if (n > NAME_MAX_LENGTH)
        return UINT_MAX;
    for (unsigned j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned i = 0; a[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            unsigned change = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            unsigned other = (row[j] < diagonal ? row[j] : diagonal) + 1;
            row[j + 1] = change < other ? change : other;
        }
    }
    return row[n];
}

static const struct setting *find(const struct setting *settings, const char *name)
{
    for (const struct setting *s = settings; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

/* The name of a group of the file that has a setting of this name, or NULL. */
static const char *group_with(const char *name)
{
    for (const struct setting *s = config_settings; s->name; s++)
        if (s->members && find(s->members, name))
            return s->name;
    return NULL;
}

static const char *nearest(const struct setting *settings, const char *name)
{
    if (strlen(name) > NAME_MAX_LENGTH)
        return NULL;
    const char *best = NULL;
    unsigned best_distance = (unsigned)strlen(name) / 3 + 2;
    for (const struct setting *s = settings; s->name; s++) {
        bool begins = strlen(name) >= 4 && strncmp(s->name, name, strlen(name)) == 0;
        unsigned d = begins ? 1 : config_distance(name, s->name);
        if (d < best_distance) {
            best_distance = d;
            best = s->name;
        }
    }
    return best;
}

static void unknown(struct err_list *errors, const config_setting_t *at,
                    const struct setting *settings)
{
    const char *name = config_setting_name(at);
    const char *near = nearest(settings, name);
    const char *group = settings == config_settings ? group_with(name) : NULL;
    if (group)
        config_fault(errors, at, "unknown setting %s: it belongs into the group %s", name, group);
    else if (settings != config_settings && find(config_settings, name))
        config_fault(errors, at,
                     "unknown setting %s: it belongs to the top level, outside this group", name);
    else if (near)
        config_fault(errors, at, "unknown setting %s; did you mean %s?", name, near);
    else
        config_fault(errors, at, "unknown setting %.100s; see mailmond.conf(5)", name);
}

static void read_number(struct err_list *errors, const config_setting_t *at,
                        const struct setting *s, void *member)
{
    long long value = config_setting_get_int64(at), unit = 1;
    bool is_text = config_setting_type(at) == CONFIG_TYPE_STRING;
    bool is_number =
        config_setting_type(at) == CONFIG_TYPE_INT || config_setting_type(at) == CONFIG_TYPE_INT64;
    const char *unit_name = s->kind == SETTING_DURATION_MS  ? " ms"
                            : s->kind == SETTING_DURATION_S ? " s"
                                                            : "";
    if (is_text && s->kind != SETTING_NUMBER) {
        value = config_duration(config_setting_get_string(at));
        if (value < 0) {
            config_fault(
                errors, at,
                "%s is not a duration: write a whole number and ms, s, min, h or d, such as: %s = "
                "%s;",
                s->name, s->name, s->example);
            return;
        }
        unit = s->kind == SETTING_DURATION_S ? 1000 : 1;
    } else if (!is_number) {
        wrong_type(errors, at, s);
        return;
    }
    if (value % unit != 0)
        config_fault(errors, at, "%s must be a whole number of seconds", s->name);
    else if (value / unit < s->low || value / unit > s->high)
        config_fault(errors, at, "%s is %lld%s, but must be from %u%s to %u%s", s->name,
                     value / unit, unit_name, s->low, unit_name, s->high, unit_name);
    else
        *(uint32_t *)member = (uint32_t)(value / unit);
}

static void read_integer(struct err_list *errors, const config_setting_t *at,
                         const struct setting *s, int64_t *member)
{
    int type = config_setting_type(at);
    long long value = config_setting_get_int64(at);
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
        wrong_type(errors, at, s);
    else if (value < INT32_MIN || value > INT32_MAX)
        config_fault(errors, at, "%s is %lld, but must be from %d to %d", s->name, value, INT32_MIN,
                     INT32_MAX);
    else
        *member = value;
}

static void read_time(struct err_list *errors, const config_setting_t *at, const struct setting *s,
                      uint32_t *minutes)
{
    struct slice rest = slice_of(config_setting_get_string(at)), text = rest;
    uint64_t hour, minute;
    if (slice_number(&rest, &hour) && slice_take(&rest, SLICE(":")) &&
        slice_number(&rest, &minute) && rest.n == 0 && text.n <= 5 && hour < 24 && minute < 60)
        *minutes = (uint32_t)(hour * 60 + minute);
    else
        config_fault(errors, at, "%s is no time of day: write such as %s = %s;", s->name, s->name,
                     s->example);
}

static bool one_of(const char *const *words, const char *value, unsigned *which)
{
    for (*which = 0; words[*which]; ++*which)
        if (strcmp(words[*which], value) == 0)
            return true;
    return false;
}

static void not_a_word(struct err_list *errors, const config_setting_t *at, const struct setting *s,
                       const char *value)
{
    char all[128] = "";
    for (unsigned i = 0; s->words[i]; i++) {
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s\"%s\"",
                 i == 0            ? ""
                 : s->words[i + 1] ? ", "
                                   : " or ",
                 s->words[i]);
    }
    config_fault(errors, at, "%s cannot be \"%.100s\": it must be %s", s->name, value, all);
}

static bool is_log(const char *value)
{
    return *value == '/' || strcmp(value, "journal") == 0 || strncmp(value, "journal:/", 9) == 0 ||
           strncmp(value, "fifo:/", 6) == 0;
}

static void read_text(struct err_list *errors, const config_setting_t *at, const struct setting *s,
                      void *member)
{
    const char *value = config_setting_get_string(at);
    unsigned which = 0;
    if (config_setting_type(at) != CONFIG_TYPE_STRING || !value)
        wrong_type(errors, at, s);
    else if (!*value)
        config_fault(errors, at, "%s must not be empty; leave it out, or write such as: %s = %s;",
                     s->name, s->name, s->example);
    else if (s->kind == SETTING_PATH && *value != '/')
        config_fault(errors, at,
                     "%s must be an absolute path (one that begins with /), not \"%.200s\"",
                     s->name, value);
    else if (s->kind == SETTING_LOG && !is_log(value))
        config_fault(errors, at,
                     "%s cannot be \"%.200s\": write an absolute path (one that begins with /), "
                     "\"journal\", \"journal:/directory\" or \"fifo:/path\"",
                     s->name, value);
    else if (s->words && !one_of(s->words, value, &which))
        not_a_word(errors, at, s, value);
    else if (s->kind == SETTING_CHOICE)
        *(bool *)member = which == 1;
    else {
        free(*(char **)member);
        *(char **)member = config_copy(value);
    }
}

/* Of a longer list than not_a_word prints. */
static void not_in_list(struct err_list *errors, const config_setting_t *at,
                        const struct setting *s, const char *value)
{
    unsigned best = 0;
    for (unsigned i = 1; s->words[i]; i++)
        if (config_distance(value, s->words[i]) < config_distance(value, s->words[best]))
            best = i;
    config_fault(errors, at, "%s has no \"%.100s\"; did you mean \"%s\"?", s->name, value,
                 s->words[best]);
}

static void read_texts(struct err_list *errors, const config_setting_t *at, const struct setting *s,
                       struct config_strings *list)
{
    if (!config_setting_is_array(at) && !config_setting_is_list(at)) {
        wrong_type(errors, at, s);
        return;
    }
    unsigned count = (unsigned)config_setting_length(at), which;
    if (count == 0)
        return;
    list->items = calloc(count, sizeof *list->items);
    if (!list->items)
        abort();
    for (unsigned i = 0; i < count; i++) {
        const config_setting_t *element = config_setting_get_elem(at, i);
        const char *value = config_setting_get_string(element);
        if (!value)
            wrong_type(errors, element, s);
        else if (!*value)
            config_fault(errors, element, "%s: a text in the list is empty", s->name);
        else if (s->words && !one_of(s->words, value, &which))
            not_in_list(errors, element, s, value);
        else
            list->items[list->count++] = config_copy(value);
    }
}

static void read_group(struct err_list *errors, const config_setting_t *group,
                       const struct setting *settings, void *base);

static void read_mtas(struct err_list *errors, const config_setting_t *at, const struct setting *s,
                      struct config *c)
{
    if (!config_setting_is_list(at)) {
        wrong_type(errors, at, s);
        return;
    }
    unsigned count = (unsigned)config_setting_length(at);
    c->mtas = realloc(c->mtas, (c->mta_count + count + 1) * sizeof *c->mtas);
    if (!c->mtas)
        abort();
    memset(c->mtas + c->mta_count, 0, (count + 1) * sizeof *c->mtas);
    for (unsigned i = 0; i < count; i++) {
        const config_setting_t *element = config_setting_get_elem(at, i);
        if (!config_setting_is_group(element)) {
            wrong_type(errors, element, s);
            continue;
        }
        struct config_mta *m = &c->mtas[c->mta_count++];
        char path[PATH_MAX];
        config_defaults(s->members, m);
        m->type = config_copy(s->name);
        m->source_file = config_copy(config_source(element, path));
        m->source_line = element->line;
        read_group(errors, element, s->members, m);
    }
}

static void read_list(struct err_list *errors, const config_setting_t *at, const struct setting *s,
                      struct config_list *list)
{
    if (!config_setting_is_list(at)) {
        wrong_type(errors, at, s);
        return;
    }
    unsigned count = (unsigned)config_setting_length(at);
    if (count && !(list->items = calloc(count, s->item_size)))
        abort();
    for (unsigned i = 0; i < count; i++) {
        const config_setting_t *element = config_setting_get_elem(at, i);
        char path[PATH_MAX], *item = (char *)list->items + list->count * s->item_size;
        if (!config_setting_is_group(element)) {
            wrong_type(errors, element, s);
            continue;
        }
        list->count++;
        config_defaults(s->members, item);
        *(struct config_at *)(void *)item =
            (struct config_at){config_copy(config_source(element, path)), element->line};
        read_group(errors, element, s->members, item);
    }
}

static void read_setting(struct err_list *errors, const config_setting_t *at,
                         const struct setting *s, void *base)
{
    void *member = (char *)base + s->offset;
    switch (s->kind) {
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_LOG:
    case SETTING_WORD:
    case SETTING_CHOICE:
        read_text(errors, at, s, member);
        break;
    case SETTING_BOOL:
        if (config_setting_type(at) == CONFIG_TYPE_BOOL)
            *(bool *)member = config_setting_get_bool(at);
        else
            wrong_type(errors, at, s);
        break;
    case SETTING_NUMBER:
    case SETTING_DURATION_MS:
    case SETTING_DURATION_S:
        read_number(errors, at, s, member);
        break;
    case SETTING_INTEGER:
        read_integer(errors, at, s, member);
        break;
    case SETTING_TIME:
        if (config_setting_type(at) == CONFIG_TYPE_STRING)
            read_time(errors, at, s, member);
        else
            wrong_type(errors, at, s);
        break;
    case SETTING_TEXTS:
        read_texts(errors, at, s, member);
        break;
    case SETTING_GROUP:
        if (config_setting_is_group(at))
            read_group(errors, at, s->members, base);
        else
            wrong_type(errors, at, s);
        break;
    case SETTING_LIST:
        read_list(errors, at, s, member);
        break;
    case SETTING_MTAS:
        read_mtas(errors, at, s, base);
        break;
    }
}

static void read_group(struct err_list *errors, const config_setting_t *group,
                       const struct setting *settings, void *base)
{
    unsigned count = (unsigned)config_setting_length(group);
    for (unsigned i = 0; i < count; i++) {
        const config_setting_t *at = config_setting_get_elem(group, i);
        const struct setting *s = find(settings, config_setting_name(at));
        if (s)
            read_setting(errors, at, s, base);
        else
            unknown(errors, at, settings);
    }
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
            read_setting(errors, run_dir, find(config_settings, "run_dir"), c);
        return;
    }
    config_setting_set_hook(config_root_setting(tree), c);
    read_group(errors, config_root_setting(tree), config_settings, c);
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
