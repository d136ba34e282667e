#include "policy/limit_range.h"

#include "tests/policy/samples.h"
#include "tests/test.h"

/* "cpu=1 memory=1Gi" into bounds. */
static void set_bounds(struct limit_bounds *bounds, struct resource_names *names,
                       const char *text) {
    char *word;

    while ((word = sample_word(&text)) != NULL) {
        const char *value = sample_cut(word, '=');
        size_t kind;
        const int64_t amount = sample_amount(names, word, value, &kind);

        limit_bounds_set(bounds, kind, amount);
        free(word);
    }
}

TEST(limit_ranges_apply__fills_in_what_containers_do_not_set) {
    static const struct {
        const char *what;
        const char *default_limit;
        const char *default_request;
        const char *pod;
        const char *want;
    } rows[] = {
        {"nothing set: both", "cpu=200m memory=64Mi", "cpu=100m memory=32Mi", "main",
         "main cpu=100m/200m memory=32Mi/64Mi"},
        {"a request is kept", "cpu=200m", "cpu=100m", "main cpu=150m", "main cpu=150m/200m"},
        {"a limit is kept, and is the request", "cpu=200m", "cpu=100m", "main cpu=/300m",
         "main cpu=300m/300m"},
        {"all set: nothing to do", "cpu=200m", "cpu=100m", "main cpu=1/2", "main cpu=1/2"},
        {"init containers too", "cpu=200m", "cpu=100m", "init main cpu=1/1",
         "init cpu=100m/200m main cpu=1/1"},
        {"only the resources named", "cpu=200m", "", "main memory=1Gi",
         "main cpu=/200m memory=1Gi"},
    };
    struct resource_names names = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct limit_range range;
        const struct limit_range *ranges[] = {&range};
        struct limit_item *item;
        struct demand *demand = demand_create();
        struct demand *want = demand_create();
        struct demand *got;

        limit_range_init(&range, "team-b", "lr");
        item = limit_range_add_item(&range, LIMIT_TYPE_CONTAINER);
        set_bounds(&item->default_limit, &names, rows[i].default_limit);
        set_bounds(&item->default_request, &names, rows[i].default_request);
        (void)sample_pod(&demand_add_group(demand, POD_ROLE_POD, 1)->pod, &names, rows[i].pod);
        (void)sample_pod(&demand_add_group(want, POD_ROLE_POD, 1)->pod, &names, rows[i].want);
        demand_settle(demand);
        demand_settle(want);
        got = limit_ranges_apply(ranges, 1, demand);
        CHECK(demand_equal(got, want), rows[i].what);
        CHECK_EQ(got == demand, strcmp(rows[i].pod, rows[i].want) == 0, rows[i].what);
        demand_destroy(got);
        demand_destroy(want);
        demand_destroy(demand);
        limit_range_finish(&range);
    }
    resource_names_finish(&names);
}

TEST(limit_ranges_apply__lets_the_first_range_win) {
    struct resource_names names = {0};
    struct limit_range first;
    struct limit_range second;
    const struct limit_range *ranges[] = {&first, &second};
    struct demand *demand = sample_demand(&names, "pod*1 main");
    struct demand *got;

    limit_range_init(&first, "n", "a");
    limit_range_init(&second, "n", "b");
    set_bounds(&limit_range_add_item(&first, LIMIT_TYPE_CONTAINER)->default_request, &names,
               "cpu=1");
    set_bounds(&limit_range_add_item(&second, LIMIT_TYPE_CONTAINER)->default_request, &names,
               "cpu=2 memory=1Gi");
    set_bounds(&limit_range_add_item(&second, LIMIT_TYPE_POD)->default_request, &names, "pods=9");
    got = limit_ranges_apply(ranges, 2, demand);
    CHECK_EQ(got->requests.amount[RESOURCE_CPU], 1000, "the first");
    CHECK_EQ(got->requests.amount[RESOURCE_MEMORY], 1 << 30, "what only the second has");
    CHECK_EQ(got->requests.amount[RESOURCE_PODS], 1, "pod items have no defaults");
    demand_destroy(got);
    got = limit_ranges_apply(NULL, 0, demand);
    CHECK_EQ(got, demand, "no ranges, the same demand");
    demand_destroy(got);
    demand_destroy(demand);
    limit_range_finish(&first);
    limit_range_finish(&second);
    limit_range_finish(NULL);
    resource_names_finish(&names);
}

TEST(limit_ranges_check__refuses_in_the_servers_words) {
    static const struct {
        const char *what;
        enum limit_type type;
        const char *min;
        const char *max;
        const char *ratio; /* whole numbers, as cpu */
        const char *pod;
        const char *want; /* NULL: accepted */
    } rows[] = {
        {"inside", LIMIT_TYPE_CONTAINER, "cpu=100m", "cpu=1", "", "main cpu=500m/1", NULL},
        {"at the bounds", LIMIT_TYPE_CONTAINER, "cpu=1", "cpu=1", "", "main cpu=1/1", NULL},
        {"limit above", LIMIT_TYPE_CONTAINER, "", "cpu=1", "", "main cpu=2/2",
         "maximum cpu usage per Container is 1, but limit is 2"},
        {"no limit", LIMIT_TYPE_CONTAINER, "", "memory=1Gi", "", "main cpu=2",
         "maximum memory usage per Container is 1Gi.  No limit is specified"},
        {"request above, limit fine", LIMIT_TYPE_CONTAINER, "", "cpu=1", "", "main cpu=1500m/1",
         "maximum cpu usage per Container is 1, but request is 1500m"},
        {"request below", LIMIT_TYPE_CONTAINER, "cpu=1", "", "", "main cpu=500m",
         "minimum cpu usage per Container is 1, but request is 500m"},
        {"no request", LIMIT_TYPE_CONTAINER, "cpu=1", "", "", "main",
         "minimum cpu usage per Container is 1.  No request is specified"},
        {"a limit is a request", LIMIT_TYPE_CONTAINER, "cpu=1", "", "", "main cpu=/500m",
         "minimum cpu usage per Container is 1, but request is 500m"},
        {"limit below", LIMIT_TYPE_CONTAINER, "cpu=1", "", "", "main cpu=1/500m",
         "minimum cpu usage per Container is 1, but limit is 500m"},
        {"the second container", LIMIT_TYPE_CONTAINER, "", "cpu=1", "", "main cpu=1/1 main cpu=2/2",
         "maximum cpu usage per Container is 1, but limit is 2"},
        {"the whole pod", LIMIT_TYPE_POD, "", "cpu=1", "", "main cpu=600m/600m main cpu=600m/600m",
         "maximum cpu usage per Pod is 1, but limit is 1200m"},
        {"the whole pod fits", LIMIT_TYPE_POD, "", "cpu=1200m", "",
         "main cpu=600m/600m main cpu=600m/600m", NULL},
        {"a large init container", LIMIT_TYPE_POD, "", "cpu=1", "", "init cpu=2/2 main cpu=1/1",
         "maximum cpu usage per Pod is 1, but limit is 2"},
        {"ratio kept", LIMIT_TYPE_CONTAINER, "", "", "cpu=2", "main cpu=1/2", NULL},
        {"ratio broken", LIMIT_TYPE_CONTAINER, "", "", "cpu=2", "main cpu=1/2500m",
         "cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000"},
        {"no limit for the ratio", LIMIT_TYPE_CONTAINER, "", "", "cpu=2", "main cpu=1",
         "cpu max limit to request ratio per Container is 2, but no limit is specified or limit "
         "is 0"},
        {"no request for the ratio", LIMIT_TYPE_CONTAINER, "", "", "cpu=2", "main",
         "cpu max limit to request ratio per Container is 2, but no request is specified or "
         "request is 0"},
        {"another type", LIMIT_TYPE_OTHER, "cpu=9", "cpu=1", "", "main cpu=2/2", NULL},
    };
    struct resource_names names = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct limit_range range;
        struct limit_range copy;
        const struct limit_range *ranges[] = {&copy};
        struct limit_item *item;
        struct demand *demand = demand_create();
        struct error error = {0};

        limit_range_init(&range, "team-b", "lr");
        item = limit_range_add_item(&range, rows[i].type);
        set_bounds(&item->min, &names, rows[i].min);
        set_bounds(&item->max, &names, rows[i].max);
        set_bounds(&item->ratio_max_milli, &names, rows[i].ratio);
        limit_range_copy(&range, &copy);
        limit_range_finish(&range);
        (void)sample_pod(&demand_add_group(demand, POD_ROLE_POD, 2)->pod, &names, rows[i].pod);
        demand_settle(demand);
        CHECK_EQ(limit_ranges_check(ranges, 1, demand, &names, &error),
                 rows[i].want != NULL ? ERR_INVALID : OK, rows[i].what);
        CHECK_STR(error.text, rows[i].want != NULL ? rows[i].want : "", rows[i].what);
        demand_destroy(demand);
        limit_range_finish(&copy);
    }
    resource_names_finish(&names);
}
