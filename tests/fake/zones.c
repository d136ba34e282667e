#include "tests/fake/zones.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/zone_file.h"
#include "policy/zone.h"
#include "tests/test.h"

#define FILE_BYTES_MAX 65536

const char *const zones_of_the_world[] = {
    "UTC",
    "Africa/Abidjan",
    "Africa/Algiers",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "Africa/Johannesburg",
    "Africa/Juba",
    "Africa/Nairobi",
    "Africa/Sao_Tome",
    "Africa/Tripoli",
    "Africa/Windhoek",
    "America/Anchorage",
    "America/Argentina/Buenos_Aires",
    "America/Asuncion",
    "America/Bogota",
    "America/Caracas",
    "America/Chicago",
    "America/Havana",
    "America/Lima",
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/New_York",
    "America/Nuuk",
    "America/Port-au-Prince",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Scoresbysund",
    "America/St_Johns",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Calcutta",
    "Asia/Dhaka",
    "Asia/Gaza",
    "Asia/Hebron",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Shanghai",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Atlantic/Azores",
    "Australia/Adelaide",
    "Australia/Eucla",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Chisinau",
    "Europe/Dublin",
    "Europe/Istanbul",
    "Europe/London",
    "Europe/Moscow",
    "Europe/Volgograd",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Easter",
    "Pacific/Fakaofo",
    "Pacific/Fiji",
    "Pacific/Kiritimati",
    "Pacific/Norfolk",
    "Pacific/Tongatapu",
};
const size_t zones_of_the_world_count = ARRAY_LEN(zones_of_the_world);

struct zone *zones_read(const char *name) {
    static const char folder[] = "/usr/share/zoneinfo";
    struct zone *zone = NULL;
    struct error error = {0};
    char path[256];
    char *bytes = malloc(FILE_BYTES_MAX);
    size_t count;
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    CHECK(file != NULL, path);
    count = fread(bytes, 1, FILE_BYTES_MAX, file);
    (void)fclose(file);
    CHECK_EQ(zone_file_parse(name, bytes, count, &error, &zone), OK, error.text);
    free(bytes);
    return zone;
}

struct zone *zones_utc(void) {
    struct zone *zone = zone_create("UTC");

    zone_add_period(zone, INT64_MIN, 0, "UTC");
    return zone;
}
