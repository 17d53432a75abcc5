/*
 * Prints a configuration as a file, with each setting's help as a comment. Read again, the file
 * gives the same configuration. A setting that has no value is printed as a comment with an
 * example.
 */
#include <string.h>
#include "config_schema.h"

#define WIDTH 96

/* A comment, folded at blanks. */
static void print_comment(FILE *out, const char *indent, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column == 0 || column + word + 1 > WIDTH) {
            fprintf(out, "%s%s#", column ? "\n" : "", indent);
            column = strlen(indent) + 1;
        }
        fprintf(out, " %.*s", (int)word, text);
        column += word + 1;
        text += word + (text[word] == ' ');
    }
    fputc('\n', out);
}

/* A string as libconfig reads it. */
static void print_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            fprintf(out, "\\x%02x", *p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

static void print_strings(FILE *out, const struct config_strings *list)
{
    fputs("(", out);
    for (unsigned i = 0; i < list->count; i++) {
        fputs(i ? ", " : " ", out);
        print_quoted(out, list->items[i]);
    }
    fputs(" )", out);
}

/* "10 min" is easier to read than "600 s": the largest unit that divides it. */
static void print_duration(FILE *out, uint64_t ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};
    unsigned i = ms ? 0 : 3;
    while (ms % units[i].ms != 0)
        i++;
    fprintf(out, "\"%llu %s\"", (unsigned long long)(ms / units[i].ms), units[i].name);
}

static void print_settings(FILE *out, const char *indent, const struct setting *settings,
                           const void *base);

static void print_mtas(FILE *out, const struct setting *s, const struct config *c)
{
    unsigned count = 0;
    for (unsigned i = 0; i < c->mta_count; i++)
        count += strcmp(c->mtas[i].type, s->name) == 0;
    if (count == 0) {
        fprintf(out, "# %s = %s;\n", s->name, s->example);
        return;
    }
    const char *separator = "";
    fprintf(out, "%s = (", s->name);
    for (unsigned i = 0; i < c->mta_count; i++) {
        if (strcmp(c->mtas[i].type, s->name) != 0)
            continue;
        fprintf(out, "%s\n{\n", separator);
        print_settings(out, "    ", s->members, &c->mtas[i]);
        fputc('}', out);
        separator = ",";
    }
    fputs("\n);\n", out);
}

static void print_list(FILE *out, const struct setting *s, const struct config_list *list)
{
    if (list->count == 0) {
        fprintf(out, "# %s = %s;\n", s->name, s->example);
        return;
    }
    fprintf(out, "%s = (", s->name);
    for (unsigned i = 0; i < list->count; i++) {
        fputs(i ? ",\n{\n" : "\n{\n", out);
        print_settings(out, "    ", s->members, (const char *)list->items + i * s->item_size);
        fputc('}', out);
    }
    fputs("\n);\n", out);
}

static bool is_set(const struct setting *s, const void *member)
{
    switch (s->kind) {
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_LOG:
    case SETTING_WORD:
        return *(char *const *)member != NULL;
    case SETTING_TEXTS:
        return ((const struct config_strings *)member)->count > 0;
    case SETTING_INTEGER:
        return *(const int64_t *)member != INT64_MIN;
    case SETTING_NUMBER:
    case SETTING_DURATION_S:
        return *(const uint32_t *)member != CONFIG_UNSET;
    default:
        return true;
    }
}

static void print_value(FILE *out, const struct setting *s, const void *member)
{
    switch (s->kind) {
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_LOG:
    case SETTING_WORD:
        print_quoted(out, *(char *const *)member);
        break;
    case SETTING_CHOICE:
        print_quoted(out, s->words[*(const bool *)member]);
        break;
    case SETTING_BOOL:
        fputs(*(const bool *)member ? "true" : "false", out);
        break;
    case SETTING_NUMBER:
        fprintf(out, "%u", *(const uint32_t *)member);
        break;
    case SETTING_INTEGER:
        fprintf(out, "%lld", (long long)*(const int64_t *)member);
        break;
    case SETTING_DURATION_MS:
        print_duration(out, *(const uint32_t *)member);
        break;
    case SETTING_DURATION_S:
        print_duration(out, *(const uint32_t *)member * (uint64_t)1000);
        break;
    case SETTING_TIME:
        fprintf(out, "\"%02u:%02u\"", *(const uint32_t *)member / 60,
                *(const uint32_t *)member % 60);
        break;
    case SETTING_TEXTS:
        print_strings(out, member);
        break;
    case SETTING_GROUP:
    case SETTING_LIST:
    case SETTING_MTAS:
        break; /* printed by print_settings */
    }
}

static void print_settings(FILE *out, const char *indent, const struct setting *settings,
                           const void *base)
{
    for (const struct setting *s = settings; s->name; s++) {
        const void *member = (const char *)base + s->offset;
        print_comment(out, indent, s->help);
        if (s->kind == SETTING_GROUP) {
            fprintf(out, "%s = {\n", s->name);
            print_settings(out, "    ", s->members, base);
            fputs("};\n", out);
        } else if (s->kind == SETTING_LIST) {
            print_list(out, s, member);
        } else if (s->kind == SETTING_MTAS) {
            print_mtas(out, s, base);
        } else if (is_set(s, member)) {
            fprintf(out, "%s%s = ", indent, s->name);
            print_value(out, s, member);
            fputs(";\n", out);
        } else {
            fprintf(out, "%s# %s = %s;\n", indent, s->name, s->example);
        }
        if (!*indent)
            fputc('\n', out);
    }
}

void config_dump(const struct config *c, FILE *out)
{
    fprintf(out, "# mailmond's configuration, all settings; see mailmond.conf(5).%s%s\n\n",
            c->file ? " Read from " : "", c->file ? c->file : "");
    print_settings(out, "", config_settings, c);
}
