#include "k8s/codec_lease.h"

#include <stdlib.h>
#include <string.h>

#include "k8s/codec_json.h"
#include "tests/fake/recorded.h"
#include "tests/test.h"

TEST(codec_lease_read__reads_a_real_servers_lease) {
    struct recorded recorded = recorded_load("07-lease-create");
    struct field_error error = {0};
    struct lease lease;

    CHECK_OK(codec_lease_read(recorded.body, strlen(recorded.body), &lease, &error),
             error.error.text);
    CHECK_STR(lease.holder, "a", "holder");
    CHECK_STR(lease.version, "317", "version");
    CHECK_STR(lease.address, "", "it says no address");
    CHECK_EQ(lease.duration_s, 15, "duration");
    CHECK_EQ(lease.transitions, 0, "transitions");
    CHECK_EQ(lease.renewed_us - lease.acquired_us, 44, "to the microsecond");
    recorded_finish(&recorded);
}

TEST(codec_lease_read__refuses_what_is_none) {
    static const struct {
        const char *what;
        const char *json;
        int want;
    } rows[] = {
        {"garbage", "{\"a\":", ERR_INVALID},
        {"no version: nothing could be written", "{\"metadata\":{},\"spec\":{}}", ERR_INVALID},
        {"a wrong type", "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"renewTime\":1}}",
         ERR_INVALID},
        {"given away: null and absent are nobody",
         "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"holderIdentity\":null}}", OK},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field_error error = {0};
        struct lease lease;

        CHECK_EQ(codec_lease_read(rows[i].json, strlen(rows[i].json), &lease, &error), rows[i].want,
                 rows[i].what);
    }
}

TEST(codec_lease__reads_what_it_writes) {
    static const struct lease lease = {.holder = "host_1",
                                       .address = "https://host:8443",
                                       .version = "7",
                                       .acquired_us = INT64_C(1700000000000000),
                                       .renewed_us = INT64_C(1700000002000000),
                                       .duration_s = 15,
                                       .transitions = 3};
    char *patch = codec_lease_patch_body(&lease);
    char *create = codec_lease_create_body(&lease, "nightshift", "ns");
    struct field_error error = {0};
    struct lease read;

    CHECK_OK(codec_lease_read(patch, strlen(patch), &read, &error), error.error.text);
    CHECK_STR(read.holder, lease.holder, "holder");
    CHECK_STR(read.address, lease.address, "address");
    CHECK_STR(read.version, "7", "the precondition");
    CHECK_EQ(read.renewed_us, lease.renewed_us, "renewed");
    CHECK(strstr(patch, "2023-11-14T22:13:22.000000Z") != NULL, "always six digits");
    CHECK(strstr(create, "resourceVersion") == NULL, "a create has no version");
    CHECK(strstr(create, "\"name\":\"nightshift\"") != NULL, "but a name");
    free(patch);
    free(create);
}
