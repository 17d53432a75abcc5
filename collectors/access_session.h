/*
 * The sessions of access services that the log says are open, found by the name that the log gives them,
 * or by process and user where it gives none. They outlive the process: a session may be open for days.
 * Bounded: what does not fit is not a session that this program knows of.
 */
#ifndef ACCESS_SESSION_H
#define ACCESS_SESSION_H

#include "../agent/hashindex.h"
#include "../agent/model.h"
#include "../agent/store.h"

/* As the store keeps it. Names are hashes: the text is not needed to find it again. */
enum { ACCESS_SESSION_NAMED = 4, ACCESS_SESSION_SHOWN = 8 };
struct access_session {
    uint64_t id;      /* hash of the session's name, or of its process; 0: neither was told */
    uint64_t user_id; /* hash of its user, 0: nobody logged in */
    int64_t since_ms; /* real time */
    uint32_t appl;    /* 0: this slot is free */
    uint32_t process; /* 0: not told */
    uint32_t assoc;   /* its assocIndex, 0: no row */
    /* _NAMED: id is of its name; _SHOWN: it has rows; others are of access_session.c */
    uint16_t flags;
    uint16_t protocol; /* its port */
    struct text64 user, remote, method;
};

struct access_sessions {
    struct access_session *rows;
    uint32_t high, room, max;
    uint32_t *free_list, free_count;
    uint32_t *dirty_list, dirty_count;
    uint32_t *waiting_list, waiting_count; /* for rows */
    bool waiting_sorted;
    struct hashindex by_id, by_user;
};

bool access_sessions_init(struct access_sessions *t, uint32_t max);
void access_sessions_free(struct access_sessions *t);
/* The hash of a session's or user's name within an application; never 0 unless the name is empty. */
uint64_t access_hash(uint32_t appl, struct slice name);
/* The same of a process that serves one client at a time; 0: not told. */
uint64_t access_hash_process(uint32_t appl, uint32_t process);
/* Adds a copy of *s; NULL when the table is full. Pointers are good until the next call. */
struct access_session *access_session_add(struct access_sessions *t,
                                          const struct access_session *s);
/* The one with this id, or NULL. */
struct access_session *access_session_by_id(const struct access_sessions *t, uint32_t appl,
                                            uint64_t id);
/*
 * The one whose end this is: of this name; of this process, if it was begun without a name; or of this
 * user, where the line does not say which. 0: not told.
 */
struct access_session *access_session_find(const struct access_sessions *t, uint32_t appl,
                                           uint64_t name_id, uint64_t user_id, uint32_t process);
/* Is there a session of this user? */
bool access_session_of(const struct access_sessions *t, uint32_t appl, uint64_t user_id);
/* Has this user (not 0) one that began at that time, give or take within_ms? */
bool access_session_began(const struct access_sessions *t, uint32_t appl, uint64_t user_id,
                          int64_t since_ms, int64_t within_ms);
/* Has this user one in a slot before this one? */
bool access_session_before(const struct access_sessions *t, uint32_t appl, uint64_t user_id,
                           uint32_t slot);
/*
 * Calls place for each session that has no rows (_SHOWN) yet, by its slot, until that says false: there is no room,
 * and this one and the others wait for the next call.
 */
void access_sessions_place(struct access_sessions *t,
                           bool (*place)(void *arg, struct access_session *s), void *arg);
/* The next checkpoint takes it again. */
void access_session_changed(struct access_sessions *t, struct access_session *s);
void access_session_remove(struct access_sessions *t, struct access_session *s);
/* Puts what changed since the last time; takes one back, false if that cannot be. */
bool access_sessions_save(struct access_sessions *t, struct checkpoint *c);
bool access_session_restore(struct access_sessions *t, uint32_t slot, const void *data,
                            size_t size);

#endif
