/*
 * One walk along the schema: each setting of libconfig's tree into its member, or a fault that says what
 * would be right.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "config_schema.h"

#define NAME_MAX_LENGTH 64 /* longer names are not compared: nobody meant one of ours */

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

const struct setting *config_find_setting(const struct setting *settings, const char *name)
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
        if (s->members && config_find_setting(s->members, name))
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
    else if (settings != config_settings && config_find_setting(config_settings, name))
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
    else if (s->high && strlen(value) > s->high)
        config_fault(errors, at, "%s is longer than %u octets: \"%.100s\"", s->name, s->high,
                     value);
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
        config_read_group(errors, element, s->members, m);
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
        config_read_group(errors, element, s->members, item);
    }
}

void config_read_setting(struct err_list *errors, const config_setting_t *at,
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
            config_read_group(errors, at, s->members, base);
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

void config_read_group(struct err_list *errors, const config_setting_t *group,
                       const struct setting *settings, void *base)
{
    unsigned count = (unsigned)config_setting_length(group);
    for (unsigned i = 0; i < count; i++) {
        const config_setting_t *at = config_setting_get_elem(group, i);
        const struct setting *s = config_find_setting(settings, config_setting_name(at));
        if (s)
            config_read_setting(errors, at, s, base);
        else
            unknown(errors, at, settings);
    }
}
