/*
 * Gives up root, and ties the process to its parent. Holds no state.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "account.h"
#include "log.h"

static const struct passwd *find(const char *name)
{
    const struct passwd *p = getpwnam(name ? name : "mailmond");
    if (!p && !name)
        p = getpwnam("nobody");
    if (!p)
        log_error("there is no account \"%s\"", name ? name : "nobody");
    return p;
}

/*
 * Gives the directory and the files in it to an account, as after a change of the account. Only plain
 * files with one name: whoever may write there could have put others there for root to give away.
 */
static bool give(const char *directory, const struct passwd *p)
{
    DIR *d = opendir(directory);
    bool ok = d && fchown(dirfd(d), p->pw_uid, p->pw_gid) == 0;
    for (struct dirent *e; ok && (e = readdir(d));) {
        struct stat st;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
            ok = fchown(fd, p->pw_uid, p->pw_gid) == 0;
        if (fd >= 0)
            close(fd);
    }
    int error = errno;
    if (d)
        closedir(d);
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
    if (directory && !give(directory, p)) {
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
