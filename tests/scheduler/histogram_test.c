#include "scheduler/histogram.h"

#include <string.h>

#include "base/buf.h"
#include "tests/test.h"

static void check_line(const struct histogram *histogram, const char *line) {
    struct buf text;

    buf_init(&text, 65536);
    histogram_print(histogram, "x_seconds", "What.", &text);
    CHECK(strstr(buf_text(&text), line) != NULL, line);
    buf_finish(&text);
}

TEST(histogram__counts_up_to_each_bound) {
    struct histogram histogram = {0};

    check_line(&histogram, "# HELP x_seconds What.\n# TYPE x_seconds histogram\n");
    check_line(&histogram, "x_seconds_bucket{le=\"+Inf\"} 0\n");
    histogram_add(&histogram, 50);
    histogram_add(&histogram, 51);
    histogram_add(&histogram, 10000);
    histogram_add(&histogram, 6000000);
    histogram_add(&histogram, -1);
    check_line(&histogram, "x_seconds_bucket{le=\"0.00005\"} 2\n");
    check_line(&histogram, "x_seconds_bucket{le=\"0.0001\"} 3\n");
    check_line(&histogram, "x_seconds_bucket{le=\"0.005\"} 3\n");
    check_line(&histogram, "x_seconds_bucket{le=\"0.01\"} 4\n");
    check_line(&histogram, "x_seconds_bucket{le=\"5\"} 4\n");
    check_line(&histogram, "x_seconds_bucket{le=\"+Inf\"} 5\n");
    check_line(&histogram, "x_seconds_sum 6.010101\nx_seconds_count 5\n");
}
