#include "policy/notice.h"

#include <stdlib.h>

#include "base/memory.h"
#include "tests/test.h"

#define BIT(class) (1u << (class))

/* all: failures to 0; red: misses to 1 and failures to 2; red and blue: risks to 1. */
static struct notice_routes *sample(void) {
    struct notice_routes *routes = notice_routes_create();

    routes->routes = mem_alloc(3, sizeof *routes->routes);
    routes->routes[0] = (struct notice_route){.classes = BIT(NOTICE_FAILED), .receivers = 1};
    routes->routes[1] = (struct notice_route){.classes = BIT(NOTICE_MISSED) | BIT(NOTICE_FAILED),
                                              .teams = mem_alloc(1, sizeof(char *)),
                                              .team_count = 1,
                                              .receivers = 6};
    routes->routes[1].teams[0] = mem_copy_text("red");
    routes->routes[2] = (struct notice_route){.classes = BIT(NOTICE_RISK),
                                              .teams = mem_alloc(2, sizeof(char *)),
                                              .team_count = 2,
                                              .receivers = 2};
    routes->routes[2].teams[0] = mem_copy_text("red");
    routes->routes[2].teams[1] = mem_copy_text("blue");
    routes->route_count = 3;
    return routes;
}

TEST(notice_receivers__follows_class_and_team) {
    static const struct {
        const char *what;
        enum notice_class class;
        const char *team;
        uint64_t want;
    } rows[] = {
        {"every team's failures", NOTICE_FAILED, "green", 1},
        {"two routes, each receiver once", NOTICE_FAILED, "red", 7},
        {"a class of a team", NOTICE_MISSED, "red", 6},
        {"not of another one's", NOTICE_MISSED, "blue", 0},
        {"one of several teams", NOTICE_RISK, "blue", 2},
        {"a class that nobody asked for", NOTICE_SUCCEEDED, "red", 0},
    };
    struct notice_routes *routes = sample();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(notice_receivers(routes, rows[i].class, rows[i].team), rows[i].want, rows[i].what);
    }
    CHECK_EQ(notice_receivers(NULL, NOTICE_FAILED, "red"), 0, "no routes");
    notice_routes_destroy(routes);
}

TEST(notice_class_of__knows_what_somebody_may_want_to_hear) {
    enum notice_class class = NOTICE_CLASS_COUNT;

    CHECK(notice_class_of("finish_safe", &class), "told");
    CHECK_EQ(class, NOTICE_RISK, "as a risk");
    CHECK(!notice_class_of("admitted", &class), "not told");
    CHECK_EQ(class, NOTICE_RISK, "left alone");
}
