/*
 * A layer between SQLite and its own file functions (https://www.sqlite.org/vfs.html, 2.3). Of a frame of its
 * log SQLite writes the head and the page apart, 24 octets and 1024, hundreds of times in a checkpoint. Here
 * writes that follow one another are gathered and written at once. Invariant: whatever else is done to a
 * file is done after what was gathered for it was written; so fsync, a lock and a reader find it as SQLite
 * left it. A write that fails late is told of at the next call whose result SQLite heeds, xSync at the latest.
 */
#include "store_file.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (64 * 1024)

struct gathered {
    sqlite3_file base;
    sqlite3_file *file;    /* SQLite's own, behind this struct */
    unsigned char *octets; /* ROOM of them; NULL: nothing was written yet */
    sqlite3_int64 at;      /* where the first of them belongs */
    int count;
    int failed; /* what a write ended with that nobody was told of yet */
};

static struct gathered *of(sqlite3_file *f)
{
    return (struct gathered *)(void *)f;
}

static const sqlite3_io_methods *own(const struct gathered *g)
{
    return g->file->pMethods;
}

static struct gathered *flushed(sqlite3_file *f)
{
    struct gathered *g = of(f);
    int n = g->count;
    g->count = 0;
    int rc = n ? own(g)->xWrite(g->file, g->octets, n, g->at) : SQLITE_OK;
    if (rc != SQLITE_OK)
        g->failed = rc;
    return g;
}

/* How the writes up to now ended. */
static int tell(struct gathered *g)
{
    int rc = g->failed;
    g->failed = SQLITE_OK;
    return rc;
}

static int write_octets(sqlite3_file *f, const void *octets, int n, sqlite3_int64 at)
{
    struct gathered *g = of(f);
    if (g->count && (at != g->at + g->count || n > ROOM - g->count))
        flushed(f);
    int rc = tell(g);
    if (rc != SQLITE_OK)
        return rc;
    if (n > ROOM || (!g->octets && !(g->octets = malloc(ROOM))))
        return own(g)->xWrite(g->file, octets, n, at);
    if (g->count == 0)
        g->at = at;
    memcpy(g->octets + g->count, octets, (size_t)n);
    g->count += n;
    return SQLITE_OK;
}

static int read_octets(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    struct gathered *g = flushed(f);
    int rc = tell(g);
    return rc ? rc : own(g)->xRead(g->file, to, n, at);
}

static int sync_file(sqlite3_file *f, int flags)
{
    struct gathered *g = flushed(f);
    int rc = tell(g);
    return rc ? rc : own(g)->xSync(g->file, flags);
}

static int truncate_file(sqlite3_file *f, sqlite3_int64 size)
{
    struct gathered *g = flushed(f);
    return own(g)->xTruncate(g->file, size);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    struct gathered *g = flushed(f);
    return own(g)->xFileSize(g->file, size);
}

static int lock_file(sqlite3_file *f, int level)
{
    struct gathered *g = flushed(f);
    return own(g)->xLock(g->file, level);
}

static int unlock_file(sqlite3_file *f, int level)
{
    struct gathered *g = flushed(f);
    return own(g)->xUnlock(g->file, level);
}

static int is_reserved(sqlite3_file *f, int *result)
{
    struct gathered *g = flushed(f);
    return own(g)->xCheckReservedLock(g->file, result);
}

static int control(sqlite3_file *f, int operation, void *arg)
{
    struct gathered *g = flushed(f);
    return own(g)->xFileControl(g->file, operation, arg);
}

static int sector_size(sqlite3_file *f)
{
    return own(of(f))->xSectorSize(of(f)->file);
}

static int characteristics(sqlite3_file *f)
{
    return own(of(f))->xDeviceCharacteristics(of(f)->file);
}

static int close_file(sqlite3_file *f)
{
    struct gathered *g = flushed(f);
    int told = tell(g), rc = own(g)->xClose(g->file);
    free(g->octets);
    return told ? told : rc;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* without shared memory and mapped pages */
    .xClose = close_file,
    .xRead = read_octets,
    .xWrite = write_octets,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = is_reserved,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
};

static sqlite3_vfs *under; /* SQLite's own */

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *opened)
{
    (void)vfs;
    struct gathered *g = of(f);
    *g = (struct gathered){.file = (sqlite3_file *)(void *)(g + 1)};
    int rc = under->xOpen(under, name, g->file, flags, opened);
    g->base.pMethods = own(g) ? &methods : NULL;
    return rc;
}

const char *store_file_functions(void)
{
    static const char name[] = "gathered";
    static sqlite3_vfs functions;
    if (sqlite3_vfs_find(name))
        return name;
    under = sqlite3_vfs_find(NULL);
    if (!under)
        return NULL;
    functions = *under; /* all but one */
    functions.pNext = NULL;
    functions.zName = name;
    functions.szOsFile += (int)sizeof(struct gathered);
    functions.xOpen = open_file;
    return sqlite3_vfs_register(&functions, 0) == SQLITE_OK ? name : NULL;
}
