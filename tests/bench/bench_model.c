/*
 * A synthetic model behind a real publisher: for tests and measurements of mailmond-publish that
 * need no collector. Every cell is a function of its row and member alone, so a second run of this
 * program
 * (--cells) can say what the first must serve.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../agent/slots.h"
#include "../../agent/table.h"

struct settings {
    const char *publisher, *config, *engine_dir;
    uint32_t rows;        /* of mailmonDestinationTable */
    uint32_t groups;      /* of each application in mtaGroupTable */
    uint32_t interval_ms; /* publish anew so often; 0: once */
    int64_t base_ms;      /* CLOCK_MONOTONIC; all instants are relative to it */
    int64_t spread_ms;    /* how far they are from it at most */
    int64_t started_ms;   /* --cells: when sysUpTime was 0, by the monotonic clock */
    bool cells;
};

static volatile sig_atomic_t stop;

static int64_t clock_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* --- the cells ------------------------------------------------------------------------------- */

static void fill_text(unsigned char *member, uint32_t size, uint64_t h)
{
    char text[256];
    size_t n = (size_t)snprintf(text, sizeof text, "text-%" PRIx64, h);
    if (h % 11 == 0) { /* as long as there is room for */
        memset(text + n, 'x', sizeof text - 1 - n);
        n = sizeof text - 1;
    } else if (h % 11 == 1) {
        n = 0;
    }
    if (h % 11 == 2)
        member[0] = TEXT_ABSENT;
    else
        text_set(member, (char *)member + 1, size - 1, (struct slice){text, n});
}

static uint32_t count_labels(const struct column *c)
{
    uint32_t n = 0;
    while (c->labels && c->labels[n])
        n++;
    return n ? n : 6;
}

/* Small, large, wrapped and absent numbers. */
static uint64_t some_number(const struct column *c, uint64_t h)
{
    if (h % 13 == 0)
        return MODEL_ABSENT;
    if (c->kind == COLUMN_ENUM)
        return 1 + h % count_labels(c);
    if (c->kind == COLUMN_TRUTH)
        return h & 1;
    if (c->kind == COLUMN_PROTOCOL)
        return h % 3 ? 25 : 0;
    return h % 5 ? h % 100000 : h >> 1;
}

static void fill_cell(const struct column *c, unsigned char *row, uint64_t h,
                      const struct settings *s)
{
    int64_t distance = (int64_t)(h % (uint64_t)s->spread_ms);
    int64_t instant = h % 9 == 0 ? MODEL_NEVER : s->base_ms - distance;
    uint64_t number = some_number(c, h);
    switch (c->kind) {
    case COLUMN_TEXT:
    case COLUMN_TEXT_NEVER:
    case COLUMN_TEXT_EMPTY:
    case COLUMN_OLDEST_TEXT:
        fill_text(row + c->offset, c->size, h);
        break;
    case COLUMN_TIMESTAMP:
    case COLUMN_AGE_TI:
    case COLUMN_OLDEST_TI:
    case COLUMN_AGE_S:
    case COLUMN_DATE:
        memcpy(row + c->offset, &instant, sizeof instant);
        break;
    case COLUMN_UNTIL_TI:
    case COLUMN_UNTIL_S:
        instant = s->base_ms + distance;
        memcpy(row + c->offset, &instant, sizeof instant);
        break;
    case COLUMN_MODEL_AGE:
    case COLUMN_KEY:
    case COLUMN_ADDRESS:
        break; /* no member, or the index */
    default:
        memcpy(row + c->offset, &number, sizeof number);
    }
}

static void fill_row(enum model_table kind, void *row, uint32_t i, const struct settings *s)
{
    for (uint32_t t = 0; t < tables_count; t++) {
        if (tables[t]->rows != kind)
            continue;
        for (uint32_t c = 0; c < tables[t]->column_count; c++) {
            const struct column *column = &tables[t]->columns[c];
            uint64_t h = mix((uint64_t)kind << 48 | (uint64_t)column->offset << 32 | i);
            fill_cell(column, row, h, s);
        }
    }
    if (kind == MODEL_APPL)
        ((struct appl *)row)->is_mta = ((struct row *)row)->key[0] <= 2;
}

/* --- the rows -------------------------------------------------------------------------------- */

static void set_capacities(const struct settings *s, uint32_t capacities[MODEL_TABLES])
{
    memset(capacities, 0, MODEL_TABLES * sizeof *capacities);
    capacities[MODEL_DESTINATION] = s->rows;
    capacities[MODEL_GROUP] = 3 * s->groups;
}

static void place(struct model *m, enum model_table kind, uint32_t a, uint32_t b, uint32_t c,
                  const uint8_t *address, const struct settings *s)
{
    uint32_t key[3] = {a, b, c};
    void *row = model_place(m, kind, key, address);
    if (!row) {
        fprintf(stderr, "bench_model: table %d is full\n", (int)kind);
        exit(EXIT_FAILURE);
    }
    fill_row(kind, row, a * 31 + b * 17 + c, s);
    model_dirty(m, kind, row);
}

static void place_group(struct model *m, uint32_t appl, uint32_t group, const struct settings *s)
{
    static const uint32_t codes[] = {4000010, 4000011, 5000012};
    place(m, MODEL_GROUP, appl, group, 0, NULL, s);
    if (group > 8)
        return;
    for (uint32_t i = 1; i <= 3; i++)
        place(m, MODEL_GROUP_ASSOC, appl, group, i * group, NULL, s);
    for (uint32_t i = 0; i < 3; i++)
        place(m, MODEL_GROUP_ERROR, appl, group, codes[i], NULL, s);
    for (uint32_t i = 1; i <= AGE_BUCKETS; i++)
        place(m, MODEL_AGE, appl, group, i, NULL, s);
    for (uint32_t i = 1; i <= ENTRY_CODES; i += 2)
        place(m, MODEL_ENTRY, appl, group, i, NULL, s);
}

static void place_peers(struct model *m, uint32_t appl, const struct settings *s)
{
    for (uint32_t i = 0; i < 10; i++) {
        uint8_t v4[16] = {192, 0, 2, (uint8_t)(i * 25)};
        uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(i * 25)};
        place(m, MODEL_PEER, appl, 1, 0, v4, s);
        place(m, MODEL_PEER, appl, 2, 0, v6, s);
    }
}

static void fill(struct model *m, const struct settings *s)
{
    place(m, MODEL_AGENT, 1, 0, 0, NULL, s);
    for (uint32_t appl = 1; appl <= 3; appl++) {
        place(m, MODEL_APPL, appl, 0, 0, NULL, s);
        for (uint32_t i = 1; i <= 20; i++)
            place(m, MODEL_ASSOC, appl, i * 1000, 0, NULL, s);
        for (uint32_t i = 1; i <= s->groups; i++)
            place_group(m, appl, i, s);
        for (uint32_t i = 1; i <= 11; i++)
            place(m, MODEL_CONNECTION, appl, i, 0, NULL, s);
        place_peers(m, appl, s);
    }
    for (uint32_t i = 1; i <= 5; i++)
        place(m, MODEL_SOURCE, i, 0, 0, NULL, s);
    for (uint32_t i = 1; i <= s->rows; i++)
        place(m, MODEL_DESTINATION, 1 + i % 2, i, 0, NULL, s);
}

/* --- --cells --------------------------------------------------------------------------------- */

/* What a test may expect of the value as time goes by. */
static char moves(enum column_kind kind)
{
    switch (kind) {
    case COLUMN_TIMESTAMP:
        return 't'; /* stays, as exactly as sysUpTime is known */
    case COLUMN_DATE:
        return 'd'; /* stays */
    case COLUMN_AGE_TI:
    case COLUMN_OLDEST_TI:
    case COLUMN_UNTIL_TI:
        return 'c'; /* moves, hundredths of a second */
    case COLUMN_AGE_S:
    case COLUMN_UNTIL_S:
        return 's'; /* moves, seconds */
    case COLUMN_MODEL_AGE:
        return '?';
    default:
        return '=';
    }
}

static void print_value(const struct value *v)
{
    printf(" %d ", (int)v->type);
    if (v->type == SMI_OCTETS)
        for (uint32_t i = 0; i < v->length; i++)
            printf("%02x", v->octets[i]);
    else if (v->type == SMI_OID)
        for (uint32_t i = 0; i < v->length; i++)
            printf(".%" PRIu32, v->oid[i]);
    else if (v->type == SMI_INTEGER)
        printf("%" PRId64, (int64_t)v->number);
    else
        printf("%" PRIu64, v->number);
    putchar('\n');
}

static void print_cell(const struct table *t, const struct column *c, const struct view *view,
                       const void *row, const struct table_time *now)
{
    struct value value;
    uint32_t index[OID_MAX];
    if (!table_cell(t, c, view, row, now, &value))
        return;
    uint32_t n = table_index(t, row, index);
    putchar(moves(c->kind));
    for (uint32_t i = 0; i < t->entry_length; i++)
        printf(".%" PRIu32, t->entry[i]);
    printf(".%" PRIu32, c->id);
    for (uint32_t i = 0; i < n; i++)
        printf(".%" PRIu32, index[i]);
    print_value(&value);
}

/* Row by row through table_cell: none of the code that finds cells is used. */
static int print_cells(const struct model *m, const struct settings *s)
{
    struct view view;
    time_t seconds = time(NULL);
    struct tm tm;
    struct table_time now = {clock_ms(CLOCK_MONOTONIC), clock_ms(CLOCK_REALTIME), 0,
                             (int32_t)(localtime_r(&seconds, &tm)->tm_gmtoff / 60)};
    now.uptime_cs = (uint32_t)((now.monotonic_ms - s->started_ms) / 10);
    if (!slots_view_of(m, now.monotonic_ms, now.real_ms, &view))
        return EXIT_FAILURE;
    for (uint32_t t = 0; t < tables_count; t++) {
        const struct view_table *rows = &view.tables[tables[t]->rows];
        for (uint32_t c = 0; c < tables[t]->column_count; c++)
            for (uint32_t i = 0; i < rows->count; i++)
                print_cell(tables[t], &tables[t]->columns[c], &view,
                           rows->rows + (size_t)i * rows->row_size, &now);
    }
    slots_view_free(&view);
    return EXIT_SUCCESS;
}

/* --- serving --------------------------------------------------------------------------------- */

static pid_t start_publisher(const struct settings *s, int model_fd, int back_fd, int ready_fd)
{
    char model[16], back[16], ready[16];
    snprintf(model, sizeof model, "%d", model_fd);
    snprintf(back, sizeof back, "%d", back_fd);
    snprintf(ready, sizeof ready, "%d", ready_fd);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    execl(s->publisher, s->publisher, "--model-fd", model, "--back-fd", back, "--ready-fd", ready,
          "--engine-dir", s->engine_dir, "--foreground", "--config", s->config, (char *)NULL);
    perror(s->publisher);
    _exit(127);
}

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* Says "ready PID" when the publisher is, then publishes until somebody ends. */
static int serve(struct model *m, const struct settings *s)
{
    struct sigaction act = {.sa_handler = on_signal};
    uint32_t capacities[MODEL_TABLES];
    int model_fd, back_fd, ready[2], status = 0;
    char byte;
    set_capacities(s, capacities);
    if (slots_create(capacities, &model_fd, &back_fd) != 0 || pipe(ready) != 0) {
        perror("bench_model");
        return EXIT_FAILURE;
    }
    struct slots *slots = slots_open_writer(model_fd, back_fd);
    if (!slots) {
        perror("bench_model: slots");
        return EXIT_FAILURE;
    }
    slots_publish(slots, m, clock_ms(CLOCK_MONOTONIC), clock_ms(CLOCK_REALTIME));
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGCHLD, &act, NULL);
    pid_t pid = start_publisher(s, model_fd, back_fd, ready[1]);
    close(ready[1]);
    if (pid > 0 && read(ready[0], &byte, 1) == 1) {
        printf("ready %d\n", (int)pid);
        fflush(stdout);
    }
    struct slots_back told = {0}, back;
    while (!stop) {
        usleep((s->interval_ms ? s->interval_ms : 100) * 1000);
        for (int t = 0; s->interval_ms && t < MODEL_TABLES; t++)
            model_touch(m, (enum model_table)t);
        if (s->interval_ms)
            slots_publish(slots, m, clock_ms(CLOCK_MONOTONIC), clock_ms(CLOCK_REALTIME));
        slots_back_get(slots, &back);
        if (memcmp(&back, &told, sizeof back) != 0) {
            printf("back state=%" PRIu64 " refused=%" PRIu64 "\n", back.master_state,
                   back.registrations_refused);
            fflush(stdout);
            told = back;
        }
    }
    kill(pid, SIGTERM);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    slots_close(slots);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

static void parse(int argc, char **argv, struct settings *s)
{
    static const struct option options[] = {{"publisher", 1, NULL, 'p'},
                                            {"config", 1, NULL, 'c'},
                                            {"engine-dir", 1, NULL, 'e'},
                                            {"rows", 1, NULL, 'r'},
                                            {"groups", 1, NULL, 'g'},
                                            {"interval", 1, NULL, 'i'},
                                            {"base", 1, NULL, 'b'},
                                            {"spread", 1, NULL, 's'},
                                            {"started", 1, NULL, 'u'},
                                            {"cells", 0, NULL, 'l'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            s->publisher = optarg;
            break;
        case 'c':
            s->config = optarg;
            break;
        case 'e':
            s->engine_dir = optarg;
            break;
        case 'r':
            s->rows = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'g':
            s->groups = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'i':
            s->interval_ms = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'b':
            s->base_ms = strtoll(optarg, NULL, 10);
            break;
        case 's':
            s->spread_ms = strtoll(optarg, NULL, 10);
            break;
        case 'u':
            s->started_ms = strtoll(optarg, NULL, 10);
            break;
        case 'l':
            s->cells = true;
            break;
        default:
            exit(EXIT_FAILURE);
        }
    }
    if (s->cells || (s->publisher && s->config && s->engine_dir))
        return;
    fputs("usage: bench_model --publisher PROGRAM --config FILE --engine-dir DIR [--rows N] "
          "[--groups N]\n"
          "                   [--interval MS] [--base MS] [--spread MS]\n"
          "       bench_model --cells [--rows N] [--groups N] [--base MS] [--spread MS] [--started "
          "MS]\n",
          stderr);
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct settings s = {
        .rows = 100, .groups = 8, .spread_ms = 5000000, .base_ms = clock_ms(CLOCK_MONOTONIC)};
    struct model m;
    uint32_t capacities[MODEL_TABLES];
    parse(argc, argv, &s);
    set_capacities(&s, capacities);
    if (!model_init(&m, capacities)) {
        perror("bench_model");
        return EXIT_FAILURE;
    }
    fill(&m, &s);
    int code = s.cells ? print_cells(&m, &s) : serve(&m, &s);
    model_free(&m);
    return code;
}
