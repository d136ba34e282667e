#include "k8s/rate_limit.h"

#include "base/error.h"
#include "tests/test.h"

TEST(rate_limit__gives_a_burst_and_then_one_by_one) {
    struct rate_limit limit = rate_limit_make(10, 3);
    int64_t now_us = 5000000;

    for (int i = 0; i < 3; i++) {
        CHECK(rate_limit_take(&limit, now_us), "the burst");
    }
    CHECK(!rate_limit_take(&limit, now_us), "it is spent");
    CHECK_EQ(rate_limit_wait_us(&limit, now_us), 100000, "a tenth of a second");
    CHECK(!rate_limit_take(&limit, now_us + 99999), "not yet");
    CHECK(rate_limit_take(&limit, now_us + 100000), "now");
    CHECK(!rate_limit_take(&limit, now_us + 100000), "but one");
    for (int i = 0; i < 3; i++) {
        CHECK(rate_limit_take(&limit, now_us + 1000000000), "after a rest a burst, no more");
    }
    CHECK(!rate_limit_take(&limit, now_us + 1000000000), "no more");
}

TEST(rate_limit__knows_the_edges) {
    struct rate_limit none = rate_limit_make(-1, 0);
    struct rate_limit single = rate_limit_make(1, 0);
    struct rate_limit fast = rate_limit_make(1e9, 1);

    for (int i = 0; i < 1000; i++) {
        CHECK(rate_limit_take(&none, 0), "no limit");
        CHECK(rate_limit_take(&fast, 0), "as good as no limit");
    }
    CHECK(rate_limit_take(&single, 0), "a burst is at least one");
    CHECK(!rate_limit_take(&single, 0), "and here no more");
}
