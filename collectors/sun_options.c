/*
 * The MTA option file: NAME=VALUE lines, names in either case, '!' or '#' begins a comment. Only
 * what concerns the log is taken; a later line wins.
 */
#include "sun_record.h"

static const struct {
    const char *name;
    unsigned field;
} fields[] = {
    {"LOG_NODE", SUN_NODE},
    {"LOG_PROCESS", SUN_PROCESS},
    {"LOG_NOTARY", SUN_NOTARY},
    {"LOG_FILENAME", SUN_FILENAME},
    {"LOG_ENVELOPE_ID", SUN_ENVELOPE_ID},
    {"LOG_MESSAGE_ID", SUN_MESSAGE_ID},
    {"LOG_USERNAME", SUN_USERNAME},
    {"LOG_CONNECTION", SUN_CONNECTION},
    {"LOG_SENSITIVITY", SUN_SENSITIVITY},
    {"LOG_PRIORITY", SUN_PRIORITY},
    {"LOG_INTERMEDIATE", SUN_INTERMEDIATE},
    {"LOG_FILTER", SUN_FILTER},
    {"LOG_REASON", SUN_REASON},
    {"LOG_REMOTE_MTA", SUN_REMOTE_MTA},
    {"LOG_QUEUE_TIME", SUN_QUEUE_TIME},
};

/* Those that add no field to a text entry. */
static const char *const harmless[] = {
    "LOG_FORMAT", "LOG_MESSAGES_SYSLOG", "LOG_CONNECTIONS_SYSLOG",
    "LOG_SNDOPR", "LOG_LOCAL",           "LOG_DIAGNOSTICS",
    "LOG_HEADER", "LOG_HEADER_OPTIONS",  "LOG_HEADERS_MAXCHARS",

};

static struct slice trim(struct slice s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s = slice_skip(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

static bool is_log_option(struct slice name)
{
    return name.n > 4 && slice_starts_same(name, "LOG_");
}

static void set(struct sun_options *o, struct slice name, int64_t value)
{
    bool known = !is_log_option(name) || value == 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (slice_same(name, fields[i].name)) {
            o->fields = (o->fields & ~fields[i].field) | (value & 1 ? fields[i].field : 0);
            known = true;
        }
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        known |= slice_same(name, harmless[i]);
    o->other |= !known;
    if (slice_same(name, "LOG_FORMAT") && value >= 1 && value <= 6)
        o->format = (uint32_t)value;
    if (slice_same(name, "BLOCK_SIZE") && value >= 1 && value <= 1 << 30)
        o->block_size = (uint32_t)value;
    if (slice_same(name, "LOG_MESSAGES_SYSLOG"))
        o->syslog = (int32_t)value;
}

static void take_line(struct sun_options *o, struct slice line)
{
    line = slice_head(line, slice_find(line, '!'));
    line = trim(slice_head(line, slice_find(line, '#')));
    struct slice name = slice_cut(&line, '=');
    if (!name.p)
        return;
    uint64_t value;
    line = trim(line);
    bool negative = slice_take(&line, SLICE("-"));
    if (slice_number(&line, &value) && value <= INT32_MAX)
        set(o, trim(name), negative ? -(int64_t)value : (int64_t)value);
}

void sun_options_parse(struct slice text, struct sun_options *o)
{
    *o = (struct sun_options){.format = 1, .block_size = SUN_BLOCK_SIZE};
    while (text.n) {
        size_t end = slice_find(text, '\n');
        take_line(o, slice_head(text, end));
        text = slice_skip(text, end + 1);
    }
}
