#include "sim/cgroup_place.h"

#include <stddef.h>

#include "tests/test.h"

#define V2_MOUNT "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_CPU   "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
#define V1_MEMORY                                                                \
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n" V1_CPU \
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory,other\n"
#define IN_DOCKER                                                                \
    "60 55 0:32 /docker/abc /sys/fs/cgroup/memory ro,nosuid master:19 - cgroup " \
    "cgroup rw,memory\n"

TEST(cgroup_place__finds_the_group_of_the_process) {
    static const struct {
        const char *what;
        const char *mountinfo;
        const char *groups;
        bool v2;
        const char *want; /* NULL: there is none */
    } rows[] = {
        {"version 2", V2_MOUNT, "0::/user.slice/a.scope\n", true,
         "/sys/fs/cgroup/user.slice/a.scope"},
        {"version 2, in the root", V2_MOUNT, "0::/\n", true, "/sys/fs/cgroup"},
        {"version 2 is not version 1", V2_MOUNT, "0::/a\n", false, NULL},
        {"version 1", V1_MEMORY, "9:name=systemd:/\n4:memory:/a/b\n0::/\n", false,
         "/sys/fs/cgroup/memory/a/b"},
        {"version 1, with another controller", V1_MEMORY, "4:cpu,memory:/a", false,
         "/sys/fs/cgroup/memory/a"},
        {"a controller of a like name", V1_MEMORY, "4:memoryx:/a\n", false, NULL},
        {"version 1 is not version 2", V1_MEMORY, "4:memory:/a\n0::/\n", true, NULL},
        {"another controller's tree alone", V1_CPU, "4:memory:/a\n", false, NULL},
        {"a container sees its part", IN_DOCKER, "4:memory:/docker/abc/x\n", false,
         "/sys/fs/cgroup/memory/x"},
        {"its part is its own", IN_DOCKER, "4:memory:/docker/abc\n", false,
         "/sys/fs/cgroup/memory"},
        {"a part of a like name", IN_DOCKER, "4:memory:/docker/abcd\n", false,
         "/sys/fs/cgroup/memory"},
        {"a path that leaves the tree", V2_MOUNT, "0::/../other\n", true, "/sys/fs/cgroup"},
        {"nothing is mounted", "", "0::/a\n", true, NULL},
        {"the process is in no group", V2_MOUNT, "", true, NULL},
        {"damaged lines", "30 25\n - \n30 - cgroup2\n", "0::\n0:\n:\n", true, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cgroup_place place = {.mount = NULL};
        bool found = rows[i].v2 ? cgroup_place_v2(rows[i].mountinfo, rows[i].groups, &place)
                                : cgroup_place_v1_memory(rows[i].mountinfo, rows[i].groups, &place);

        CHECK_EQ(found, rows[i].want != NULL, rows[i].what);
        CHECK_STR(place.own, rows[i].want, rows[i].what);
        cgroup_place_finish(&place);
    }
}

TEST(cgroup_list_has__finds_whole_words) {
    CHECK(cgroup_list_has("cpu memory pids\n", "memory", ' '), "between others");
    CHECK(cgroup_list_has("memory\n", "memory", ' '), "alone");
    CHECK(cgroup_list_has("xmemory memory", "memory", ' '), "after one that ends in it");
    CHECK(!cgroup_list_has("memory2 xmemory", "memory", ' '), "parts of others");
    CHECK(!cgroup_list_has("", "memory", ' '), "nothing");
}
