#include "config/zone_file.h"

#include <string.h>

#include "policy/zone.h"
#include "tests/test.h"

/* A file of version 2 with one type, an empty list of changes and this footer. */
static size_t make_file(unsigned char *out, const char *footer, char version, char leaps) {
    unsigned char block[44] = {'T', 'Z', 'i', 'f', 0};
    unsigned char *at = out;

    block[4] = (unsigned char)version;
    block[39] = 1; /* a type */
    block[43] = 4; /* bytes of names */
    for (int i = 0; i < 2; i++) {
        block[31] = (unsigned char)(i == 1 ? leaps : 0);
        memcpy(at, block, sizeof block);
        at += sizeof block;
        memcpy(at, "\0\0\x0e\x10\0\0CET\0", 10);
        at += 10;
        memset(at, 0, 12);
        at += i == 1 ? 12 * leaps : 0;
    }
    memcpy(at, footer, strlen(footer));
    return (size_t)(at - out) + strlen(footer);
}

TEST(zone_file_parse__refuses_what_is_no_zone) {
    static const struct {
        const char *what;
        const char *footer;
        char version;
        char leaps;
        const char *why; /* NULL: taken */
    } rows[] = {
        {"no rule", "\n\n", '2', 0, NULL},
        {"a fixed rule", "\nCET-1\n", '2', 0, NULL},
        {"the European rule", "\nCET-1CEST,M3.5.0,M10.5.0/3\n", '2', 0, NULL},
        {"quoted names, hours below zero", "\n<+01>-1<+02>-2,M3.4.4/-50,J300/167\n", '3', 0, NULL},
        {"days of the year", "\nCET-1CEST,0/0,J365/23\n", '2', 0, NULL},
        {"version 1", "\nCET-1\n", 0, 0, "version 1"},
        {"leap seconds", "\nCET-1\n", '2', 1, "leap seconds"},
        {"no footer", "", '2', 0, "cut off"},
        {"half a footer", "\nCET-1", '2', 0, "cut off"},
        {"a short name", "\nCE-1\n", '2', 0, "the rule"},
        {"no offset", "\nCET\n", '2', 0, "the rule"},
        {"one change", "\nCET-1CEST,M3.5.0\n", '2', 0, "the rule"},
        {"month 13", "\nCET-1CEST,M13.5.0,M10.5.0\n", '2', 0, "the rule"},
        {"week 6", "\nCET-1CEST,M3.6.0,M10.5.0\n", '2', 0, "the rule"},
        {"day 0 of Julian", "\nCET-1CEST,J0,J5\n", '2', 0, "the rule"},
        {"hour 168", "\nCET-1CEST,M3.5.0/168,M10.5.0\n", '2', 0, "the rule"},
        {"more behind it", "\nCET-1CEST,M3.5.0,M10.5.0 \n", '2', 0, "the rule"},
        {"a quote left open", "\n<+01-1\n", '2', 0, "the rule"},
    };
    unsigned char bytes[512];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t count = make_file(bytes, rows[i].footer, rows[i].version, rows[i].leaps);
        struct error error = {0};
        struct zone *zone = NULL;
        int result = zone_file_parse("Test/Zone", bytes, count, &error, &zone);

        CHECK_EQ(result, rows[i].why == NULL ? OK : ERR_INVALID, rows[i].what);
        if (rows[i].why != NULL) {
            CHECK(strstr(error.text, rows[i].why) != NULL, rows[i].what);
        }
        zone_destroy(zone);
    }
}

TEST(zone_file_parse__survives_every_cut_and_every_changed_byte) {
    unsigned char bytes[512];
    size_t count = make_file(bytes, "\nCET-1CEST,M3.5.0,M10.5.0/3\n", '2', 0);

    for (size_t i = 0; i < count; i++) {
        unsigned char saved = bytes[i];
        struct error error = {0};
        struct zone *zone = NULL;

        CHECK_EQ(zone_file_parse("Test/Cut", bytes, i, &error, &zone), ERR_INVALID, "cut");
        for (int flip = 1; flip < 256; flip *= 2) {
            bytes[i] = (unsigned char)(saved ^ flip);
            if (zone_file_parse("Test/Flip", bytes, count, &error, &zone) == OK) {
                zone_destroy(zone);
            }
        }
        bytes[i] = saved;
    }
}
