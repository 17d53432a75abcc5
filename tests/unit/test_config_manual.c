/*
 * mailmond.conf(5) against the settings: each setting has one item in the list of its group, and there is no item that
 * is none; its kind, its default and the range that the page tells are those of the program.
 */
#include "../../agent/config_schema.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_MAX 64

/* The page, line by line; the next one is *next. */
static char page[1 << 16], *lines[4096];
static char **next;
static unsigned wrong;

static void read_page(void)
{
    FILE *in = fopen("docs/mailmond.conf.5", "r");
    assert_non_null(in); /* run the tests in the source's root */
    size_t n = fread(page, 1, sizeof page - 1, in), count = 0;
    fclose(in);
    assert_true(n < sizeof page - 1);
    for (char *line = strtok(page, "\n"); line; line = strtok(NULL, "\n")) {
        assert_true(count < sizeof lines / sizeof lines[0] - 1);
        lines[count++] = line;
    }
    next = lines;
}

static bool is(const char *macro)
{
    return *next && strncmp(*next, macro, strlen(macro)) == 0;
}

/* Adds a line to a text, without what only a formatter reads. */
static void add_line(char *text, size_t size, const char *line)
{
    size_t n = strlen(text);
    if (*line == '.')
        line += strcspn(line, " ") + (strchr(line, ' ') != NULL);
    for (text[n++] = ' '; *line && n < size - 1; line++)
        if (strncmp(line, "\\(dq", 4) == 0)
            line += 3;
        else if (*line != '\\' && *line != '"')
            text[n++] = *line;
    text[n] = '\0';
}

/* What is said of an item; where two have a text together it is that of the last. */
static void read_text(char *text, size_t size)
{
    for (*text = '\0'; *next && !is(".It") && !is(".Bl") && !is(".El"); next++)
        add_line(text, size, *next);
    for (char **at = next; !*text && *at && strncmp(*at, ".It", 3) == 0; at++)
        for (char **k = at + 1; *k && **k && strncmp(*k, ".It", 3) && strncmp(*k, ".El", 3); k++)
            add_line(text, size, *k);
}

static const char *kind_word(const struct setting *s)
{
    static const char *const words[] = {
        [SETTING_TEXT] = "text",
        [SETTING_PATH] = "path",
        [SETTING_LOG] = "path",
        [SETTING_WORD] = "text",
        [SETTING_CHOICE] = "text",
        [SETTING_BOOL] = "truth value",
        [SETTING_NUMBER] = "number",
        [SETTING_INTEGER] = "number",
        [SETTING_TIME] = "text",
        [SETTING_DURATION_MS] = "duration",
        [SETTING_GROUP] = "group",
        [SETTING_DURATION_S] = "duration",
        [SETTING_LIST] = "list of groups",
        [SETTING_TEXTS] = "list of texts",
        [SETTING_MTAS] = "list of groups",
    };
    return words[s->kind];
}

/* Is the text at `at` this number of the setting, in whatever unit? */
static bool is_number(const struct setting *s, const char *at, uint64_t number)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end, unit[4] = "";
    uint64_t told = strtoull(at, &end, 10);
    if (end == at)
        return false;
    if (s->kind != SETTING_DURATION_MS && s->kind != SETTING_DURATION_S)
        return told == number;
    sscanf(end, " %3[a-z]", unit);
    for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].name) == 0)
            return told * units[i].ms == number * (s->kind == SETTING_DURATION_S ? 1000 : 1);
    return false;
}

static bool tells_number(const struct setting *s, const char *text)
{
    for (const char *at = text; (at = strpbrk(at, "0123456789")); at += strspn(at, "0123456789"))
        if (is_number(s, at, s->number))
            return true;
    return false;
}

static bool tells_default(const struct setting *s, const char *text)
{
    if (strncmp(text, " As for ", 8) == 0) /* where it is told */
        return true;
    switch (s->kind) {
    case SETTING_BOOL:
        return !strstr(text, "default is") ||
               strstr(text, s->number ? "default is true" : "default is false");
    case SETTING_NUMBER:
    case SETTING_DURATION_MS:
    case SETTING_DURATION_S:
        return s->number == CONFIG_UNSET || s->number == 0 ||
               (strstr(text, "default") && tells_number(s, text));
    default:
        return !s->text || strstr(text, s->text);
    }
}

static bool tells_range(const struct setting *s, const char *text)
{
    const char *from = strstr(text, "from "), *to = from ? strstr(from, " to ") : NULL;
    if (!from || !to || !strchr("0123456789", from[5]))
        return true;
    return is_number(s, from + 5, s->low) && is_number(s, to + 4, s->high);
}

static void fault(const struct setting *s, const char *what, const char *text)
{
    print_error("mailmond.conf.5, %s: %s:%s\n", s->name, what, text);
    wrong++;
}

static void check_members(const struct setting *settings, bool told[SETTINGS_MAX]);

static void check_group(const struct setting *settings)
{
    bool told[SETTINGS_MAX] = {false};
    next++;
    check_members(settings, told);
    for (unsigned i = 0; settings[i].name; i++)
        if (!told[i])
            fault(&settings[i], "has no item", "");
}

static void check_item(const struct setting *s)
{
    char text[8192];
    const char *kind = strstr(*next++, " Ar ");
    if (!kind || strcmp(kind + 4, kind_word(s)) != 0)
        fault(s, "is called", kind ? kind + 3 : "");
    read_text(text, sizeof text);
    if (!tells_default(s, text))
        fault(s, "has another default", text);
    if (!tells_range(s, text))
        fault(s, "has another range", text);
    if (s->members && is(".Bl"))
        check_group(s->members);
    else if (s->members)
        fault(s, "has no list of its members", "");
}

/* The items of a list; `next` is behind its end then. */
static void check_members(const struct setting *settings, bool told[SETTINGS_MAX])
{
    while (is(".It Ic ")) {
        char name[64];
        sscanf(*next, ".It Ic %63s", name);
        const struct setting *s = config_find_setting(settings, name);
        if (!s)
            fail_msg("mailmond.conf.5: no such setting here: %s", name);
        if (told[s - settings])
            fault(s, "is told twice", "");
        told[s - settings] = true;
        check_item(s);
    }
    assert_true(is(".El"));
    next++;
}

static void test_settings(void **state)
{
    (void)state;
    bool told[SETTINGS_MAX] = {false};
    read_page();
    while (*next)
        if (strncmp(*next++, ".Bl", 3) == 0 && is(".It Ic "))
            check_members(config_settings, told);
    for (unsigned i = 0; config_settings[i].name; i++)
        if (!told[i])
            fault(&config_settings[i], "has no item", "");
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
