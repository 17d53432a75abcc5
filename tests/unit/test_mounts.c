/*
 * mounts.c: the file system of a path is told from a recorded mountinfo, over symbolic links, and a file
 * system that is not local is never touched.
 */
#include "../../collectors/mounts.h"
#include "scratch.h"

/* Linux 6.1: a root, a remote spool, a blank in a name, a mount over another. */
static const char recorded[] =
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
    "60 27 8:17 / /var/spool rw,noatime shared:33 master:2 - xfs /dev/sdb1 rw,attr2\n"
    "61 27 0:52 / /srv/mail rw,relatime shared:40 - nfs4 filer:/vol/mail rw,vers=4.2,hard\n"
    "62 27 0:53 / /srv/two\\040words rw - tmpfs tmpfs rw,size=1024k\n"
    "63 27 0:54 / /mnt rw - ext4 /dev/sdc1 rw\n"
    "64 27 0:55 / /mnt rw - fuse.sshfs a@b:/ rw,user_id=0\n"
    "65 60 254:1 /pool /var/spool/pool rw - ext4 /dev/vda1 rw\n";

static void expect(struct slice table, const char *path, const char *device, bool local)
{
    struct mount m;
    assert_true(mounts_of(table, path, &m));
    if (!slice_eq(m.device, slice_of(device)))
        fail_msg("%s: %.*s, expected %s", path, (int)m.device.n, m.device.p, device);
    assert_int_equal(m.local, local);
}

static void finds_mounts(void **state)
{
    (void)state;
    struct slice table = slice_of(recorded);
    expect(table, "/", "254:1", true);
    expect(table, "/nowhere/at/all", "254:1", true);
    expect(table, "/var/spool", "8:17", true);
    expect(table, "/var/spool/postfix/", "8:17", true);
    expect(table, "/var/spoolx", "254:1", true);
    expect(table, "/var/spool/../lib", "254:1", true);
    expect(table, "/var/spool/.././../var/./spool//a", "8:17", true);
    expect(table, "/var/spool/pool/a", "254:1", true);
    expect(table, "/srv/mail/u/1", "0:52", false);
    expect(table, "/srv/mail/..", "0:52", false); /* it has to be asked for its parent */
    expect(table, "/srv/two words/x", "0:53", true);
    expect(table, "/mnt", "0:55", false);
    expect(table, "/proc/1", "0:21", false);
}

static void gives_the_point(void **state)
{
    (void)state;
    struct mount m;
    char path[16];
    assert_true(mounts_find(slice_of(recorded), SLICE("/srv/two words"), &m));
    assert_int_equal(mounts_point(&m, path, sizeof path), 14);
    assert_string_equal(path, "/srv/two words");
    assert_int_equal(mounts_point(&m, path, 6), 5);
    assert_string_equal(path, "/srv/");
}

static void refuses_other_texts(void **state)
{
    (void)state;
    struct mount m;
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "1 2 3",
                                        "1 2 0:1 / / rw",
                                        "1 2 0:1 / relative rw - ext4 x rw",
                                        "1 2 0:1 / / rw - ",
                                        "1 2  / / rw - ext4 x rw"};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(mounts_of(slice_of(texts[i]), "/var", &m));
    for (size_t n = 0; n < sizeof recorded; n++)
        mounts_find((struct slice){recorded, n}, SLICE("/srv/two words"), &m);
}

static void follows_links(void **state)
{
    (void)state;
    char table[1024];
    struct mount m;
    assert_int_equal(scratch_make(NULL), 0);
    snprintf(table, sizeof table,
             "1 1 0:1 / / rw - ext4 x rw\n1 1 0:2 / %s/far rw - nfs x rw\n"
             "1 1 0:3 / %s/near rw - ext4 x rw\n",
             scratch, scratch);
    static const struct {
        const char *name, *target, *device; /* device NULL: links without end */
    } links[] = {
        {"relative", "near/sub", "0:3"},
        {"absolute", "/", "0:1"},
        {"twice", "relative/../a", "0:3"},
        {"up", "near/../far/x", "0:2"},
        {"far_then_near", "far/../near", "0:2"},
        {"self", "self", NULL},
        {"parent", "near/..", "0:1"},
        {"dangling", "none/such", "0:1"},
    };
    for (unsigned i = 0; i < sizeof links / sizeof links[0]; i++) {
        const char *path = scratch_path(links[i].name);
        assert_int_equal(symlink(links[i].target, path), 0);
        if (links[i].device)
            expect(slice_of(table), path, links[i].device, strcmp(links[i].device, "0:2") != 0);
        else
            assert_false(mounts_of(slice_of(table), path, &m));
    }
    assert_int_equal(scratch_remove(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_mounts),
        cmocka_unit_test(gives_the_point),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(follows_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
