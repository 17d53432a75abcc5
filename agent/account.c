/*
 * Gives up root, and ties the process to its parent. Holds no state.
 */
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
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

bool account_become(const char *name, const char *directory)
{
    if (geteuid() != 0)
        return true;
    const struct passwd *p = find(name);
    if (!p)
        return false;
    if (directory && chown(directory, p->pw_uid, p->pw_gid) != 0) {
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
