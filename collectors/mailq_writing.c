/*
 * Files of which it is not known that they are complete. As many as there are processes that write can be incomplete,
 * and these are the youngest: a short list, looked at in each refresh. No event tells of a file that is completed
 * where it lies, and none is asked for: for that the kernel would visit every name of the directory that it has
 * cached, and tell of each file twice.
 * Invariant: a file that is MAILQ_FILE_WRITING and in the map is in the list.
 */
#include "mailq_state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Before the scan that fills the map is over, nothing of it is counted. */
static void complete(struct mailq *q, struct mailq_file *f)
{
    if (q->filling)
        f->flags &= (uint8_t)~MAILQ_FILE_WRITING;
    else
        mailq_complete(q, f);
}

/* Its file, if it is still being written. */
static struct mailq_file *written(struct mailq *q, const struct mailq_writing *w)
{
    struct mailq_file *f = mailq_find(q, w->id, w->at);
    return f && f->flags & MAILQ_FILE_WRITING ? f : NULL;
}

/* What does not tell its age may be the youngest. */
static int by_youth(const void *a, const void *b)
{
    uint32_t x = ((const struct mailq_writing *)a)->arrival_s - 1;
    uint32_t y = ((const struct mailq_writing *)b)->arrival_s - 1;
    return (x < y) - (x > y);
}

void mailq_keep_youngest(struct mailq *q, unsigned n)
{
    if (q->writing_count <= n)
        return;
    qsort(q->writing, q->writing_count, sizeof *q->writing, by_youth);
    q->written_since_s = q->writing[n - 1].arrival_s;
    while (q->writing_count > n) {
        struct mailq_file *f = written(q, &q->writing[--q->writing_count]);
        if (f)
            complete(q, f);
    }
}

void mailq_doubt(struct mailq *q, struct mailq_file *f)
{
    uint32_t s = f->arrival_s;
    if (s && (s < q->written_since_s || q->now_s - s >= MAILQ_WRITING_S)) {
        complete(q, f);
        return;
    }
    unsigned most = q->filling ? 2 * MAILQ_LOOKS_MAX : MAILQ_WRITING_MAX;
    if (q->writing_count == most)
        mailq_keep_youngest(q, most / 2);
    q->writing[q->writing_count++] = (struct mailq_writing){f->id, s, (uint32_t)(f - q->map.files)};
}

/* A look at its inode. */
static bool is_complete(const struct mailq *q, const struct mailq_file *f)
{
    char path[MAILQ_TREE_PATH];
    struct stat st;
    if (f->arrival_s && q->now_s - f->arrival_s >= MAILQ_WRITING_S)
        return true;
    return mailq_file_path(q, f, path) &&
           fstatat(q->tree.root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           (st.st_mode & S_IXUSR || q->now_s - st.st_mtime >= MAILQ_WRITING_S);
}

void mailq_check_writing(struct mailq *q)
{
    unsigned kept = 0;
    q->written_since_s = 0;
    for (unsigned i = 0; i < q->writing_count; i++) {
        struct mailq_file *f = written(q, &q->writing[i]);
        if (!f)
            continue;
        if (is_complete(q, f)) {
            mailq_complete(q, f);
            mailq_want(q, f);
        } else {
            q->writing[kept++] = q->writing[i];
        }
    }
    q->writing_count = kept;
}
