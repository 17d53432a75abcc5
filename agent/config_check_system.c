/*
 * What a schema cannot say of disks, processes and files. Nothing is changed here.
 */
#include <pwd.h>
#include <string.h>
#include "config_schema.h"

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static void check_disks(const struct config *c, struct err_list *errors)
{
    const struct config_disk *d = c->disks.items;
    for (unsigned i = 0; i < c->disks.count; i++) {
        if (!d[i].path)
            err_add(errors, d[i].at.file, d[i].at.line,
                    "disks: which one? Write path = \"/var/spool/imap\"");
        for (unsigned k = 0; k < i; k++)
            if (same(d[i].path, d[k].path))
                err_add(errors, d[i].at.file, d[i].at.line,
                        "disks: a second entry for %s (the first is in line %u)", d[i].path,
                        d[k].at.line);
    }
}

static const char *process_name(const struct config_process *p)
{
    return p->name ? p->name : p->process;
}

static void check_process(const struct config_process *p, struct err_list *errors)
{
    if (!p->process && !p->pid_file)
        err_add(errors, p->at.file, p->at.line,
                "processes: which ones? Write process = \"dovecot\" or pid_file = "
                "\"/run/dovecot/master.pid\"");
    else if (!process_name(p))
        err_add(errors, p->at.file, p->at.line,
                "processes: an entry without process needs a name, such as name = \"mail store\"");
    if (p->max && p->max < p->min)
        err_add(errors, p->at.file, p->at.line,
                "processes: max = %u is less than min = %u; leave max out if any number is right",
                p->max, p->min);
    if (p->user && !getpwnam(p->user))
        err_add(errors, p->at.file, p->at.line,
                "processes: there is no account \"%.100s\" on this host", p->user);
}

static void check_processes(const struct config *c, struct err_list *errors)
{
    const struct config_process *p = c->processes.items;
    for (unsigned i = 0; i < c->processes.count; i++) {
        check_process(&p[i], errors);
        for (unsigned k = 0; k < i; k++)
            if (same(process_name(&p[i]), process_name(&p[k])))
                err_add(errors, p[i].at.file, p[i].at.line,
                        "processes: a second entry with the name %s (the first is in line %u): "
                        "give it another name",
                        process_name(&p[i]), p[k].at.line);
    }
}

static void check_files(const struct config *c, struct err_list *errors)
{
    const struct config_file *f = c->files.items;
    for (unsigned i = 0; i < c->files.count; i++) {
        if (!f[i].pattern)
            err_add(errors, f[i].at.file, f[i].at.line,
                    "files: which ones? Write pattern = \"/var/crash/core*\"");
        const char *name = f[i].name ? f[i].name : f[i].pattern;
        for (unsigned k = 0; k < i; k++)
            if (same(name, f[k].name ? f[k].name : f[k].pattern))
                err_add(errors, f[i].at.file, f[i].at.line,
                        "files: a second entry with the name %s (the first is in line %u): give "
                        "it another name",
                        name, f[k].at.line);
    }
}

void config_check_system(const struct config *c, struct err_list *errors)
{
    check_disks(c, errors);
    check_processes(c, errors);
    check_files(c, errors);
}
