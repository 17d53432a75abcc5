/*
 * Records in SQLite. One table, one transaction for each checkpoint; the database is made at the first
 * start and refused when a later version of mailmond made it. Invariant: what a reader of this file
 * finds is the state after some checkpoint, whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include "store.h"
#include "store_file.h"

#define PUT_SOME 16    /* rows of put_some */
#define KEY_BITS 44    /* of a record's key, at least: a kind and a slot */
#define DIGIT    11    /* bits of a key that are sorted at once */
#define BUSY_MS  10000 /* for a predecessor that writes its last checkpoint */

struct item {
    int32_t kind;
    uint32_t slot;
    uint32_t size; /* of the octets that follow, padded to 8; DELETED: none */
    uint32_t pad;
};
#define DELETED UINT32_MAX

/* What was offered last for a record. */
struct offered {
    int kind;
    uint32_t slot;
    size_t size;
    void *data;
};

struct checkpoint {
    unsigned char *octets;
    size_t used, room, count;
    struct offered *offered;
    size_t offered_count;
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *put, *put_some, *remove, *load;
    char *path;
    dev_t device; /* of the file at the start, with inode */
    ino_t inode;
    int version; /* of the file; 0: it is empty */
    bool damaged;
    bool read_only; /* opened on a file system that is read-only */
    char error[256];
};

struct checkpoint *checkpoint_new(void)
{
    return calloc(1, sizeof(struct checkpoint));
}

void checkpoint_free(struct checkpoint *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->offered_count; i++)
        free(c->offered[i].data);
    free(c->offered);
    free(c->octets);
    free(c);
}

/* Keeps a moderate buffer: one busy moment shall not be paid for ever. */
void checkpoint_clear(struct checkpoint *c)
{
    if (c->room > 1 << 20) {
        free(c->octets);
        c->octets = NULL;
        c->room = 0;
    }
    c->used = c->count = 0;
}

static struct item *append(struct checkpoint *c, size_t size)
{
    size_t need = sizeof(struct item) + ((size + 7) & ~(size_t)7);
    if (c->used + need > c->room) {
        size_t room = c->room ? c->room * 2 : 4096;
        while (room < c->used + need)
            room *= 2;
        unsigned char *octets = realloc(c->octets, room);
        if (!octets)
            return NULL;
        c->octets = octets;
        c->room = room;
    }
    struct item *i = (void *)(c->octets + c->used);
    c->used += need;
    c->count++;
    return i;
}

bool checkpoint_put(struct checkpoint *c, int kind, uint32_t slot, const void *data, size_t size)
{
    struct item *i = size < DELETED ? append(c, size) : NULL;
    if (!i)
        return false;
    *i = (struct item){kind, slot, (uint32_t)size, 0};
    memcpy(i + 1, data, size);
    return true;
}

/* What was offered for this record, made at the first time; NULL: no memory. */
static struct offered *offered_of(struct checkpoint *c, int kind, uint32_t slot)
{
    for (size_t i = 0; i < c->offered_count; i++)
        if (c->offered[i].kind == kind && c->offered[i].slot == slot)
            return &c->offered[i];
    struct offered *more = realloc(c->offered, (c->offered_count + 1) * sizeof *more);
    if (!more)
        return NULL;
    c->offered = more;
    more[c->offered_count] = (struct offered){.kind = kind, .slot = slot};
    return &more[c->offered_count++];
}

bool checkpoint_offer(struct checkpoint *c, int kind, uint32_t slot, const void *data, size_t size)
{
    struct offered *o = offered_of(c, kind, slot);
    if (!o)
        return false;
    if (o->data && o->size == size && memcmp(o->data, data, size) == 0)
        return true;
    void *copy = realloc(o->data, size + 1);
    if (!copy)
        return false;
    memcpy(copy, data, size);
    o->data = copy;
    o->size = size;
    return checkpoint_put(c, kind, slot, data, size);
}

bool checkpoint_delete(struct checkpoint *c, int kind, uint32_t slot)
{
    struct item *i = append(c, 0);
    if (!i)
        return false;
    *i = (struct item){kind, slot, DELETED, 0};
    return true;
}

size_t checkpoint_count(const struct checkpoint *c)
{
    return c->count;
}

static bool means_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

/* Why the system refused what SQLite asked of it; 0: that was not the fault. */
static int system_error(sqlite3 *db)
{
    int code = sqlite3_errcode(db) & 0xff;
    return code == SQLITE_CANTOPEN || code == SQLITE_IOERR ? sqlite3_system_errno(db) : 0;
}

static void note_error(struct store *s)
{
    int number = system_error(s->db);
    snprintf(s->error, sizeof s->error, "%s%s%s", sqlite3_errmsg(s->db), number ? ": " : "",
             number ? strerror(number) : "");
}

static bool run(struct store *s, const char *sql)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    note_error(s);
    return false;
}

static int user_version(struct store *s)
{
    sqlite3_stmt *q = NULL;
    int version = -1;
    if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW)
        version = sqlite3_column_int(q, 0);
    else
        note_error(s);
    sqlite3_finalize(q);
    return version;
}

/*
 * Exclusive: a collector that is still ending must not write behind the back of its successor.
 * cache_size bounds the memory that a burst leaves behind. Small pages, because with many messages in
 * flight changes lie far apart: SQLite's 4 KiB cost a third more then, though less where they lie close.
 * The log grows to 4 MiB before its pages are copied into the database: most are written again and again.
 */
static const char before[] = "PRAGMA page_size=1024; PRAGMA locking_mode=EXCLUSIVE;";
static const char set_up[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                             "PRAGMA cache_size=-2048; PRAGMA wal_autocheckpoint=4000;"
                             "PRAGMA journal_size_limit=4194304;";
#define TEXT_OF(x)  #x
#define VERSION_(x) "PRAGMA user_version=" TEXT_OF(x) ";"
#define VERSION_SQL VERSION_(STORE_VERSION)
/*
 * key: kind << 32 | slot. No constraint on the data: a statement of several rows that may fail in its midst keeps a
 * copy of each page it changes, to take back the rows before.
 */
static const char schema[] = "BEGIN; CREATE TABLE IF NOT EXISTS record(key INTEGER PRIMARY KEY,"
                             " data BLOB);" VERSION_SQL "COMMIT;";

static bool prepare(struct store *s)
{
    s->version = run(s, before) ? user_version(s) : -1;
    if (s->version < 0 && !s->error[0])
        snprintf(s->error, sizeof s->error, "it was not made by mailmond");
    if (s->version > STORE_VERSION)
        snprintf(
            s->error, sizeof s->error,
            "a later mailmond wrote it (version %d of its records, %d is known here): install that "
            "one again",
            s->version, STORE_VERSION);
    if (s->version < 0 || s->version > STORE_VERSION || !run(s, set_up) ||
        (s->version == 0 && !run(s, schema)))
        return false;
    struct {
        const char *sql;
        sqlite3_stmt **statement;
    } all[] = {
        {"INSERT OR REPLACE INTO record VALUES(?,?)", &s->put},
        {"INSERT OR REPLACE INTO record VALUES(?,?),(?,?),(?,?),(?,?),(?,?),(?,?),(?,?),(?,?),"
         "(?,?),(?,?),(?,?),(?,?),(?,?),(?,?),(?,?),(?,?)",
         &s->put_some},
        {"DELETE FROM record WHERE key = ?", &s->remove},
        {"SELECT key & 0xffffffff, data FROM record"
         " WHERE key BETWEEN ?1 << 32 AND (?1 << 32) + 0xffffffff ORDER BY key",
         &s->load}};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (sqlite3_prepare_v3(s->db, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].statement,
                               NULL) != SQLITE_OK) {
            note_error(s);
            return false;
        }
    }
    return true;
}

static bool is_read_only(const char *path)
{
    struct statvfs fs;
    return statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

/* Which file it is that the path names. */
static bool learn_file(struct store *s)
{
    struct stat st;
    if (stat(s->path, &st) != 0) {
        snprintf(s->error, sizeof s->error, "%s", strerror(errno));
        return false;
    }
    s->device = st.st_dev;
    s->inode = st.st_ino;
    return true;
}

/* SQLite writes to a file that was removed as to any other. */
static bool still_there(struct store *s)
{
    struct stat st;
    bool seen = stat(s->path, &st) == 0;
    if (seen ? st.st_dev == s->device && st.st_ino == s->inode
             : errno != ENOENT && errno != ENOTDIR) /* who may not look cannot know */
        return true;
    snprintf(s->error, sizeof s->error, "%.200s was removed", s->path);
    return false;
}

bool store_put_aside(const char *dir)
{
    static const char *const ends[] = {"-wal", "-shm", ""}; /* the database last of all */
    char from[4096], to[4096];
    struct stat st;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(to, sizeof to, "%s/state.db.damaged", dir);
    if (stat(to, &st) == 0 && st.st_ctim.tv_sec <= now.tv_sec &&
        now.tv_sec - st.st_ctim.tv_sec < 60) {
        errno = EAGAIN;
        return false;
    }
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(from, sizeof from, "%s/state.db%s", dir, ends[i]);
        snprintf(to, sizeof to, "%s/state.db.damaged%s", dir, ends[i]);
        if (rename(from, to) != 0 && errno != ENOENT)
            return false;
    }
    return true;
}

static bool may_write(const char *path)
{
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 || errno == ENOENT;
}

/* The database as a URI that says that nobody changes it (https://www.sqlite.org/uri.html). */
static void name_unchanging(const char *path, char *uri, size_t size)
{
    size_t n = (size_t)snprintf(uri, size, "file:");
    for (; *path && n + 4 < size; path++)
        n += (size_t)snprintf(uri + n, size - n, strchr("%?#", *path) ? "%%%02x" : "%c", *path);
    snprintf(uri + n, size - n, "?immutable=1");
}

/*
 * On a read-only file system. Nobody need be locked out, and a lock could not be had. SQLite reads its log where there
 * is one, and would make one where there is none, unless it is told that nothing changes.
 */
static int open_read_only(struct store *s)
{
    char name[4096];
    snprintf(name, sizeof name, "%s-wal", s->path);
    if (access(name, F_OK) == 0)
        return sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                               "unix-none");
    name_unchanging(s->path, name, sizeof name);
    return sqlite3_open_v2(name, &s->db,
                           SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
}

static bool open_database(struct store *s)
{
    s->read_only = is_read_only(s->path);
    s->error[0] = 0;
    mode_t mask = umask(0077); /* it holds addresses of peers and domains */
    int rc = s->read_only
                 ? open_read_only(s)
                 : sqlite3_open_v2(s->path, &s->db,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                                   store_file_functions());
    sqlite3_busy_timeout(s->db, BUSY_MS);
    if (rc != SQLITE_OK)
        note_error(s);
    bool ok = rc == SQLITE_OK && prepare(s) && learn_file(s);
    umask(mask);
    return ok;
}

static void close_database(struct store *s)
{
    sqlite3_stmt **const all[] = {&s->put, &s->put_some, &s->remove, &s->load};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        sqlite3_finalize(*all[i]);
        *all[i] = NULL;
    }
    sqlite3_close(s->db);
    s->db = NULL;
}

/* What would mend it. */
static const char *remedy(struct store *s, const char *dir)
{
    int code = sqlite3_errcode(s->db);
    if (means_damage(code))
        return "";
    if (code == SQLITE_BUSY)
        return "; another process uses it";
    if (is_read_only(dir))
        return "; its file system is read-only";
    if (!may_write(dir) || !may_write(s->path))
        return "; the account must be able to write it, and its directory";
    return system_error(s->db)
               ? ""
               : "; move the file away to start anew (all counters start at the logs' beginning)";
}

struct store *store_open(const char *dir, char *error, size_t error_size)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s || asprintf(&s->path, "%s/state.db", dir) < 0) {
        snprintf(error, error_size, "%s: out of memory", dir);
        free(s);
        return NULL;
    }
    if (mkdir(dir, 0750) < 0 && errno != EEXIST) {
        snprintf(error, error_size, "%s: cannot be made: %s", dir, strerror(errno));
        store_close(s);
        return NULL;
    }
    /* One thread at a time uses it: no lock for each call and each allocation. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    /* Nor memory for the first 20 pages before they are read. */
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    if (open_database(s))
        return s;
    int code = sqlite3_errcode(s->db);
    snprintf(error, error_size, "%s: %s%s", s->path, s->error[0] ? s->error : sqlite3_errmsg(s->db),
             remedy(s, dir));
    store_close(s);
    errno = means_damage(code) ? EBADMSG : EIO;
    return NULL;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    close_database(s);
    free(s->path);
    free(s);
}

bool store_load(struct store *s, int kind,
                bool (*row)(void *arg, uint32_t slot, const void *data, size_t size), void *arg)
{
    int rc;
    bool ok = true;
    sqlite3_bind_int(s->load, 1, kind);
    while ((rc = sqlite3_step(s->load)) == SQLITE_ROW && ok)
        ok = row(arg, (uint32_t)sqlite3_column_int64(s->load, 0), sqlite3_column_blob(s->load, 1),
                 (size_t)sqlite3_column_bytes(s->load, 1));
    if (!ok)
        snprintf(s->error, sizeof s->error, "a record of kind %d is damaged", kind);
    else if (rc != SQLITE_DONE)
        note_error(s);
    s->damaged |= !ok || means_damage(rc);
    sqlite3_reset(s->load);
    return ok && rc == SQLITE_DONE;
}

/* An item of a checkpoint in the database's order. */
struct place {
    int64_t key;
    const struct item *item;
};

static void bind_item(sqlite3_stmt *q, int column, const struct place *p)
{
    sqlite3_bind_int64(q, column, p->key);
    if (p->item->size != DELETED)
        sqlite3_bind_blob(q, column + 1, p->item + 1, (int)p->item->size, SQLITE_STATIC);
}

/* Writes the first item, or PUT_SOME of them if all are puts: half of a record's cost is its statement's. Returns
   how many, 0 when that failed. */
static size_t write_some(struct store *s, const struct place *places, size_t count)
{
    size_t puts = 0;
    while (puts < PUT_SOME && puts < count && places[puts].item->size != DELETED)
        puts++;
    size_t n = puts == PUT_SOME ? PUT_SOME : 1;
    sqlite3_stmt *q = puts == PUT_SOME ? s->put_some : puts ? s->put : s->remove;
    for (size_t i = 0; i < n; i++)
        bind_item(q, (int)i * 2 + 1, &places[i]);
    bool ok = sqlite3_step(q) == SQLITE_DONE;
    if (!ok)
        note_error(s);
    sqlite3_reset(q);
    return ok ? n : 0;
}

static size_t item_size(const struct item *i)
{
    return sizeof *i + (i->size == DELETED ? 0 : (((size_t)i->size + 7) & ~(size_t)7));
}

/* Orders by so many bits of the key; equals keep their order. */
static void sort_by(unsigned shift, const struct place *from, struct place *to, size_t n)
{
    size_t ends[1 << DIGIT] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++)
        ends[from[i].key >> shift & ((1 << DIGIT) - 1)]++;
    for (unsigned d = 0; d < 1 << DIGIT; d++) {
        size_t count = ends[d];
        ends[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[ends[from[i].key >> shift & ((1 << DIGIT) - 1)]++] = from[i];
}

/*
 * The items in the database's order, in which it touches each page once; of two for the same record, what was put
 * later comes later. NULL: no memory.
 */
static struct place *in_order(const struct checkpoint *c)
{
    struct place *order = malloc((c->count + 1) * 2 * sizeof *order);
    size_t n = 0;
    if (!order)
        return NULL;
    for (size_t at = 0; at < c->used; n++) {
        const struct item *i = (const void *)(c->octets + at);
        order[n] = (struct place){(int64_t)i->kind << 32 | i->slot, i};
        at += item_size(i);
    }
    for (unsigned shift = 0; shift < KEY_BITS; shift += 2 * DIGIT) {
        sort_by(shift, order, order + n, n);
        sort_by(shift + DIGIT, order + n, order, n);
    }
    return order;
}

/* What was opened where nothing can be written is opened anew when that is over. */
static bool may_be_written(struct store *s)
{
    if (!s->read_only)
        return true;
    if (is_read_only(s->path)) {
        snprintf(s->error, sizeof s->error, "%.200s: %s", s->path, strerror(EROFS));
        return false;
    }
    close_database(s);
    bool ok = open_database(s);
    s->read_only = !ok; /* then it is tried again */
    return ok;
}

bool store_write(struct store *s, const struct checkpoint *c)
{
    if (!may_be_written(s))
        return false;
    struct place *order = in_order(c);
    if (!order)
        snprintf(s->error, sizeof s->error, "out of memory");
    if (!order || !run(s, "BEGIN IMMEDIATE")) {
        free(order);
        return false;
    }
    size_t written = 0, n = s->version == STORE_VERSION || run(s, VERSION_SQL);
    for (; n && written < c->count; written += n)
        n = write_some(s, order + written, c->count - written);
    free(order);
    if (n && run(s, "COMMIT")) {
        s->version = STORE_VERSION;
        return still_there(s);
    }
    char reason[sizeof s->error];
    memcpy(reason, s->error, sizeof reason);
    run(s, "ROLLBACK");
    memcpy(s->error, reason, sizeof reason);
    return false;
}

const char *store_error(const struct store *s)
{
    return s->error;
}

bool store_damaged(const struct store *s)
{
    return s->damaged;
}
