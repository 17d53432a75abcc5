/*
 * The directories below queue_directory: each queue and its hash sub-directories of one character,
 * to any depth up to six, with their inotify watches. Directories are known by a number, so that a
 * file's state needs two octets for it. Symbolic links are never followed.
 */
#ifndef MAILQ_TREE_H
#define MAILQ_TREE_H

#include <sys/types.h>
#include "mta.h"

#define MAILQ_TREE_ROOT  0 /* queue_directory itself */
#define MAILQ_TREE_NONE  0xffff
#define MAILQ_TREE_DEPTH 6  /* of hash directories below a queue */
#define MAILQ_TREE_PATH  96 /* room for a relative path of a file */

struct mailq_directory {
    int watch;             /* inotify's descriptor, -1: none */
    uint16_t parent;       /* itself when the number is free */
    uint16_t child, after; /* first child, next sibling; MAILQ_TREE_NONE: no more */
    uint8_t queue, depth;
    char letter; /* its name, of a hash directory */
    bool seen;   /* equals the scan's mark */
};

struct mailq_watch {
    int watch;
    uint16_t directory;
};

struct mailq_tree {
    const struct mta_queue *queues;
    const char *path;
    int root;     /* descriptor of queue_directory, -1: not open */
    dev_t device; /* the root's */
    ino_t inode;
    int inotify;     /* -1: none to be had */
    bool polling;    /* some directory is not watched */
    int watch_error; /* errno of the first watch that failed */
    struct mailq_directory *directories;
    struct mailq_watch *watches; /* by ascending watch */
    unsigned count, room, watch_count;
};

/* queues, which may become more, and path must outlive it. false with errno when memory is short. */
bool mailq_tree_init(struct mailq_tree *t, const struct mta_queue *queues, const char *path);
void mailq_tree_free(struct mailq_tree *t);
/* Opens queue_directory anew: 0 or errno. */
int mailq_tree_reopen(struct mailq_tree *t);
/* Is queue_directory another directory than the one opened? */
bool mailq_tree_replaced(const struct mailq_tree *t);
/* The number of a directory below parent (a queue by its number, a hash directory by its letter),
   made if new; MAILQ_TREE_NONE when there are too many. */
uint16_t mailq_tree_queue(struct mailq_tree *t, unsigned queue);
uint16_t mailq_tree_child(struct mailq_tree *t, uint16_t parent, char letter);
/* Opens a directory for reading: a descriptor or -1 with errno. */
int mailq_tree_open(const struct mailq_tree *t, uint16_t directory);
/* Watches a directory that is open as fd; a failure makes the tree `polling`. */
void mailq_tree_watch(struct mailq_tree *t, uint16_t directory, int fd);
/* The directory of an inotify watch, or MAILQ_TREE_NONE. */
uint16_t mailq_tree_watched(const struct mailq_tree *t, int watch);
/* Forgets a directory and all below it, with their watches. */
void mailq_tree_forget(struct mailq_tree *t, uint16_t directory);
/* Writes the path of a file in a directory, relative to the root; false if it has no room. */
bool mailq_tree_file(const struct mailq_tree *t, uint16_t directory, const char *name,
                     char path[MAILQ_TREE_PATH]);
/* Is this the name of a hash directory? */
bool mailq_tree_is_hash(const char *name);
size_t mailq_tree_memory(const struct mailq_tree *t);

#endif
