/*
 * Gives up root, and ties the process to its parent. Holds no state.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "account.h"
#include "log.h"

#define DEPTH 1 /* of directories in a directory that is given */

static const struct passwd *find(const char *name)
{
    const struct passwd *p = getpwnam(name ? name : "mailmond");
    if (!p && !name)
        p = getpwnam("nobody");
    if (!p)
        log_error("there is no account \"%s\"", name ? name : "nobody");
    return p;
}

static bool is_own(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strcmp(name, ACCOUNT_PUBLISHER) != 0;
}

static bool give(int fd, const struct passwd *p, int depth);

/* What is its own already may lie where nothing can be changed. */
static bool give_one(int fd, const struct passwd *p)
{
    struct stat st;
    return (fstat(fd, &st) == 0 && st.st_uid == p->pw_uid && st.st_gid == p->pw_gid) ||
           fchown(fd, p->pw_uid, p->pw_gid) == 0;
}

/*
 * Only plain files with one name, and directories: whoever may write there could have put others there for root
 * to give away.
 */
static bool give_entry(int folder, const char *name, const struct passwd *p, int depth)
{
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            close(fd);
        return true;
    }
    if (S_ISDIR(st.st_mode) && depth > 0)
        return give(fd, p, depth - 1);
    bool ok = !S_ISREG(st.st_mode) || st.st_nlink != 1 || give_one(fd, p);
    close(fd);
    return ok;
}

/* Gives a directory and what is in it to an account, as after a change of the account. Closes fd. */
static bool give(int fd, const struct passwd *p, int depth)
{
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    bool ok = d && give_one(dirfd(d), p);
    for (struct dirent *e; ok && (e = readdir(d));)
        ok = !is_own(e->d_name) || give_entry(dirfd(d), e->d_name, p, depth);
    int error = errno;
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    errno = error;
    return ok;
}

bool account_become(const char *name, const char *directory)
{
    if (geteuid() != 0)
        return true;
    const struct passwd *p = find(name);
    if (!p)
        return false;
    if (directory && !give(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), p, DEPTH)) {
        log_error("cannot give %s to %s: %m", directory, p->pw_name);
        return false;
    }
    if (initgroups(p->pw_name, p->pw_gid) != 0 || setgid(p->pw_gid) != 0 ||
        setuid(p->pw_uid) != 0) {
        log_error("cannot become %s: %m", p->pw_name);
        return false;
    }
    return true;
}

bool account_end_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    return getppid() == parent;
}
