#include "api/route.h"

#include "tests/test.h"

TEST(route_find__follows_the_table) {
    static const struct {
        const char *method, *path;
        int status;
        enum api_route route;
        uint64_t job_id;
        const char *allow;
    } rows[] = {
        {"POST", "/v1/jobs", 0, API_SUBMIT, 0, ""},
        {"GET", "/v1/jobs", 0, API_LIST, 0, ""},
        {"HEAD", "/v1/jobs", 0, API_LIST, 0, ""},
        {"GET", "/v1/jobs/7", 0, API_SHOW, 7, ""},
        {"GET", "/v1/jobs/9223372036854775807", 0, API_SHOW, INT64_MAX, ""},
        {"DELETE", "/v1/jobs/7", 0, API_DELETE, 7, ""},
        {"GET", "/v1/jobs/7/why", 0, API_WHY, 7, ""},
        {"GET", "/v1/jobs/7/events", 0, API_EVENTS, 7, ""},
        {"GET", "/v1/jobs/7/attempts", 0, API_ATTEMPTS, 7, ""},
        {"GET", "/v1/jobs/7/logs", 0, API_LOGS, 7, ""},
        {"POST", "/v1/jobs/7/cancel", 0, API_CANCEL, 7, ""},
        {"POST", "/v1/jobs/7/hold", 0, API_HOLD, 7, ""},
        {"POST", "/v1/jobs/7/release", 0, API_RELEASE, 7, ""},
        {"GET", "/v1/status", 0, API_STATUS, 0, ""},
        {"GET", "/v1/teams", 0, API_TEAMS, 0, ""},
        {"GET", "/v1/windows", 0, API_WINDOWS, 0, ""},
        {"GET", "/metrics", 0, API_METRICS, 0, ""},
        {"GET", "/readyz", 0, API_READY, 0, ""},
        {"GET", "/healthz", 0, API_HEALTH, 0, ""},
        {"PUT", "/v1/jobs", 405, API_ROUTE_COUNT, 0, "POST, GET, HEAD"},
        {"PATCH", "/v1/jobs/7", 405, API_ROUTE_COUNT, 7, "GET, HEAD, DELETE"},
        {"GET", "/v1/jobs/7/cancel", 405, API_ROUTE_COUNT, 7, "POST"},
        {"HEAD", "/v1/jobs/7/cancel", 405, API_ROUTE_COUNT, 7, "POST"},
        {"get", "/v1/status", 405, API_ROUTE_COUNT, 0, "GET, HEAD"},
        {"GET", "/", 404, 0, 0, ""},
        {"GET", "*", 404, 0, 0, ""},
        {"GET", "/v1/jobs/", 404, 0, 0, ""},
        {"GET", "/v1/jobs/0", 404, 0, 0, ""},
        {"GET", "/v1/jobs/07", 404, 0, 0, ""},
        {"GET", "/v1/jobs/-7", 404, 0, 0, ""},
        {"GET", "/v1/jobs/+7", 404, 0, 0, ""},
        {"GET", "/v1/jobs/7x", 404, 0, 0, ""},
        {"GET", "/v1/jobs/etl", 404, 0, 0, ""},
        {"GET", "/v1/jobs/9223372036854775808", 404, 0, 0, ""},
        {"GET", "/v1/jobs/99999999999999999999999999", 404, 0, 0, ""},
        {"GET", "/v1/jobs/7/", 404, 0, 0, ""},
        {"GET", "/v1/jobs/7/why/", 404, 0, 0, ""},
        {"GET", "/v1/jobs//why", 404, 0, 0, ""},
        {"GET", "/v1/jobs/7/x", 404, 0, 0, ""},
        {"GET", "/v2/jobs", 404, 0, 0, ""},
        {"GET", "//v1/jobs", 404, 0, 0, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route_match match = {0};

        CHECK_EQ(route_find(rows[i].method, rows[i].path, &match), rows[i].status, rows[i].path);
        CHECK_EQ(match.route, rows[i].route, rows[i].path);
        CHECK_STR(match.allow, rows[i].allow, rows[i].path);
        if (rows[i].status == 0) {
            CHECK_EQ(match.job_id, rows[i].job_id, rows[i].path);
        }
    }
}

TEST(route_access__says_which_routes_belong_to_a_team) {
    CHECK_EQ(route_access(API_LIST), API_LOOKS, "looking");
    CHECK_EQ(route_access(API_LOGS), API_ACTS, "logs may hold what a team keeps to itself");
    CHECK_EQ(route_access(API_CANCEL), API_ACTS, "changing");
    CHECK_STR(api_route_text(API_WHY), "GET /v1/jobs/{id}/why", "its name");
}
