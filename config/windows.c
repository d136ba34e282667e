#include "config/windows.h"

#include <stdlib.h>
#include <string.h>

#include "base/civil.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rfc3339.h"
#include "base/text.h"
#include "config/calendars.h"
#include "config/pod_schema.h"
#include "config/zones.h"
#include "policy/zone.h"

#define MINUTE_S 60
#define HOUR_S   3600

const char *const windows_members[] = {"calendars", "freezes", "windows", NULL};

struct reader {
    const char *zoneinfo_dir;
    struct calendars calendars;
    struct window_set *set;
    struct problems *problems;
};

/* Tables. */

static const struct field hours_fields[] = {
    FIELD_NEEDED("close", FIELD_TEXT),
    FIELD("days", FIELD_TEXTS),
    FIELD("on", FIELD_TEXTS),
    FIELD_NEEDED("open", FIELD_TEXT),
};
static const struct schema hours_schema = SCHEMA(hours_fields);

static const struct field window_fields[] = {
    FIELD_ONE_OF("atClose", window_close_texts),
    FIELD("close", FIELD_TEXT),
    FIELD("days", FIELD_TEXTS),
    FIELD("except", FIELD_TEXTS),
    FIELD_OF("hours", FIELD_OBJECTS, hours_schema),
    FIELD_NEEDED("name", FIELD_LABEL),
    FIELD("on", FIELD_TEXTS),
    FIELD("open", FIELD_TEXT),
    FIELD("spill", FIELD_DURATION),
    FIELD_NEEDED("zone", FIELD_TEXT),
};
static const struct schema window_schema = SCHEMA(window_fields);

static const struct field freeze_fields[] = {
    FIELD_NEEDED("from", FIELD_TEXT),  FIELD_NEEDED("name", FIELD_LABEL),
    FIELD_NEEDED("until", FIELD_TEXT), FIELD("windows", FIELD_TEXTS),
    FIELD_NEEDED("zone", FIELD_TEXT),
};
static const struct schema freeze_schema = SCHEMA(freeze_fields);

/* Zones. */

/* Each is read once. NULL after complaining. */
static const struct zone *find_zone(const struct reader *reader, const struct text_node *name,
                                    const struct trail *trail) {
    struct error error = {0};
    struct zone *zone;

    for (size_t i = 0; i < reader->set->zone_count; i++) {
        if (strcmp(zone_name(reader->set->zones[i]), name->text) == 0) {
            return reader->set->zones[i];
        }
    }
    if (zones_load(reader->zoneinfo_dir, name->text, &error, &zone) < 0) {
        problems_add_at(reader->problems, name->place, trail, "%s", error.text);
        return NULL;
    }
    reader->set->zones[reader->set->zone_count++] = zone;
    return zone;
}

static const struct zone *read_zone(const struct reader *reader, const struct text_node *object,
                                    const struct trail *trail) {
    struct trail at = {trail, "zone", 0};

    return find_zone(reader, node_member(object, "zone"), &at);
}

/* Days and times. */

static int weekday_of(const char *text, size_t length) {
    static const char *const names[] = {"sunday",   "monday", "tuesday", "wednesday",
                                        "thursday", "friday", "saturday"};

    for (int i = 0; i < (int)ARRAY_LEN(names); i++) {
        if ((length == 3 || length == strlen(names[i])) && strncmp(text, names[i], length) == 0) {
            return i;
        }
    }
    return -1;
}

/* "mon" or "fri-mon", as bits; 0 if it is neither. */
static uint8_t weekdays_of(const char *text) {
    size_t length = strcspn(text, "-");
    int first = weekday_of(text, length);
    int last =
        text[length] == '\0' ? first : weekday_of(text + length + 1, strlen(text + length + 1));
    uint8_t bits = 0;

    if (first < 0 || last < 0) {
        return 0;
    }
    for (int day = first;; day = (day + 1) % 7) {
        bits |= (uint8_t)(1u << day);
        if (day == last) {
            return bits;
        }
    }
}

static uint8_t read_weekdays(const struct reader *reader, const struct text_node *list,
                             const struct trail *trail) {
    uint8_t all = 0;

    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        struct trail at = {trail, NULL, i};
        uint8_t bits = weekdays_of(list->items[i].text);

        if (bits == 0) {
            problems_add_at(reader->problems, list->items[i].place, &at,
                            "\"%s\" is not a day; write it like mon or mon-fri",
                            list->items[i].text);
        }
        all |= bits;
    }
    return all;
}

/* "22:00", seconds since midnight; -1 if it is not. */
static int32_t time_of(const char *text) {
    bool shaped = strlen(text) == 5 && text[2] == ':' && strspn(text, "0123456789:") == 5;
    int32_t hour = shaped ? (text[0] - '0') * 10 + (text[1] - '0') : 99;
    int32_t minute = shaped ? (text[3] - '0') * 10 + (text[4] - '0') : 99;

    if (text[0] == ':' || hour > 24 || minute > 59 || (hour == 24 && minute > 0)) {
        return -1;
    }
    return hour * HOUR_S + minute * MINUTE_S;
}

static int32_t read_time(const struct reader *reader, const struct text_node *object,
                         const char *key, const struct trail *trail) {
    const struct text_node *node = node_member(object, key);
    struct trail at = {trail, key, 0};
    int32_t time_s = time_of(node->text);

    if (time_s < 0) {
        problems_add_at(reader->problems, node->place, &at,
                        "\"%s\" is not a time of day; write it like 22:00", node->text);
    }
    return time_s;
}

/* An object's open, close, days and on. */
static struct window_hours read_hours(const struct reader *reader, const struct text_node *object,
                                      const struct trail *trail) {
    const struct text_node *days = node_member(object, "days");
    const struct text_node *on = node_member(object, "on");
    struct trail at_days = {trail, "days", 0};
    struct trail at_on = {trail, "on", 0};
    struct window_hours hours = {
        .weekdays =
            days == NULL && on == NULL ? WINDOW_EVERY_DAY : read_weekdays(reader, days, &at_days),
        .open_s = read_time(reader, object, "open", trail),
        .close_s = read_time(reader, object, "close", trail),
    };
    struct days also = {0};

    calendars_days(&reader->calendars, on, &at_on, &also, reader->problems);
    hours.also = days_set(&also);
    days_finish(&also);
    if (hours.close_s <= hours.open_s) {
        hours.close_s += (int32_t)CIVIL_DAY_S;
    }
    if (hours.open_s >= CIVIL_DAY_S) {
        problems_add_at(reader->problems, node_place(object), trail,
                        "opens at 24:00; write 00:00, and the next day");
    }
    return hours;
}

static int by_open(const void *a, const void *b) {
    const struct window_hours *left = a;
    const struct window_hours *right = b;

    return (left->open_s > right->open_s) - (left->open_s < right->open_s);
}

static void read_all_hours(const struct reader *reader, const struct text_node *node,
                           const struct trail *trail, struct window *window) {
    const struct text_node *more = node_member(node, "hours");
    size_t room = (more == NULL ? 0 : more->count) + (size_t)1;
    bool has_open = node_member(node, "open") != NULL;
    struct trail in_hours = {trail, "hours", 0};

    window->hours = mem_alloc(room, sizeof *window->hours);
    if (has_open != (node_member(node, "close") != NULL) || (!has_open && more == NULL)) {
        problems_add_at(reader->problems, node_place(node), trail,
                        "needs both open and close, or hours");
        return;
    }
    if (has_open) {
        window->hours[window->hours_count++] = read_hours(reader, node, trail);
    }
    for (uint32_t i = 0; more != NULL && i < more->count; i++) {
        struct trail at = {&in_hours, NULL, i};

        window->hours[window->hours_count++] = read_hours(reader, &more->items[i], &at);
    }
    qsort(window->hours, window->hours_count, sizeof *window->hours, by_open);
}

/* Windows. */

static int64_t duration_us(const struct text_node *object, const char *key, int64_t otherwise_us) {
    const struct text_node *node = node_member(object, key);
    int64_t us = otherwise_us;

    if (node != NULL) {
        int result = text_parse_duration_us(node->text, &us);

        ENSURE(result == OK);
    }
    return us;
}

static enum window_close close_of(const struct text_node *node) {
    for (int i = 0; node != NULL && window_close_texts[i] != NULL; i++) {
        if (strcmp(window_close_texts[i], node->text) == 0) {
            return (enum window_close)i;
        }
    }
    return WINDOW_CLOSE_FINISH;
}

static void read_window(const struct reader *reader, const struct text_node *node,
                        const struct trail *trail) {
    const struct text_node *name = node_member(node, "name");
    struct trail at_except = {trail, "except", 0};
    struct days except = {0};
    struct window *window;

    if (window_find(reader->set, name->text) != NULL) {
        problems_add_at(reader->problems, name->place, trail, "a second window \"%s\"", name->text);
        return;
    }
    window = &reader->set->windows[reader->set->window_count++];
    *window = (struct window){
        .name = mem_copy_text(name->text),
        .zone = read_zone(reader, node, trail),
        .spill_us = duration_us(node, "spill", 0),
        .at_close = close_of(node_member(node, "atClose")),
    };
    read_all_hours(reader, node, trail, window);
    calendars_days(&reader->calendars, node_member(node, "except"), &at_except, &except,
                   reader->problems);
    window->except = days_set(&except);
    days_finish(&except);
}

/* Freezes. */

/* "2026-12-20", "2026-12-20T18:00" on the zone's wall clock, or an instant with an offset. */
static int64_t read_instant(const struct reader *reader, const struct text_node *object,
                            const char *key, const struct zone *zone, const struct trail *trail) {
    const struct text_node *node = node_member(object, key);
    struct trail at = {trail, key, 0};
    size_t date_length = strcspn(node->text, "T");
    char *date = mem_copy_text_n(node->text, date_length);
    int32_t time_s = node->text[date_length] == '\0' ? 0 : time_of(node->text + date_length + 1);
    int64_t instant_us = 0;
    int64_t day;

    if (civil_parse_date(date, &day) == OK && time_s >= 0) {
        instant_us = zone_reach(zone, day * CIVIL_DAY_S + time_s) * CLOCK_US_PER_SECOND;
    } else if (rfc3339_parse(node->text, &instant_us) != OK) {
        problems_add_at(reader->problems, node->place, &at,
                        "\"%s\" is not a time; write it like 2026-12-20, 2026-12-20T18:00 or "
                        "2026-12-20T18:00:00+01:00",
                        node->text);
    }
    free(date);
    return instant_us;
}

static void read_freeze_windows(const struct reader *reader, const struct text_node *list,
                                const struct trail *trail, struct freeze *freeze) {
    struct trail in_list = {trail, "windows", 0};

    if (list == NULL) {
        return;
    }
    freeze->windows = mem_alloc(list->count + (size_t)1, sizeof *freeze->windows);
    for (uint32_t i = 0; i < list->count; i++) {
        struct trail at = {&in_list, NULL, i};

        freeze->windows[freeze->window_count++] = mem_copy_text(list->items[i].text);
        if (window_find(reader->set, list->items[i].text) == NULL) {
            problems_add_at(reader->problems, list->items[i].place, &at,
                            "there is no window \"%s\"", list->items[i].text);
        }
    }
    if (list->count == 0) {
        problems_add_at(reader->problems, node_place(list), &in_list,
                        "is empty; leave it out to freeze everything");
    }
}

static void read_freeze(const struct reader *reader, const struct text_node *node,
                        const struct trail *trail) {
    struct freeze *freeze = &reader->set->freezes[reader->set->freeze_count];
    const struct zone *zone = read_zone(reader, node, trail);

    if (zone == NULL) {
        return;
    }
    reader->set->freeze_count++;
    *freeze = (struct freeze){
        .name = mem_copy_text(node_member(node, "name")->text),
        .from_us = read_instant(reader, node, "from", zone, trail),
        .until_us = read_instant(reader, node, "until", zone, trail),
    };
    if (freeze->from_us > 0 && freeze->until_us > 0 && freeze->until_us <= freeze->from_us) {
        problems_add_at(reader->problems, node_place(node), trail,
                        "ends before it begins: until is not after from");
    }
    read_freeze_windows(reader, node_member(node, "windows"), trail, freeze);
}

static int by_from(const void *a, const void *b) {
    const struct freeze *left = a;
    const struct freeze *right = b;

    return (left->from_us > right->from_us) - (left->from_us < right->from_us);
}

/* All of it. */

/* The checked list, or NULL. */
static struct text_node *checked_list(struct text_node *root, const char *key,
                                      const struct schema *schema, struct problems *problems) {
    struct field field = {.name = key, .type = FIELD_OBJECTS, .object = schema};
    struct text_node *list = node_member_mutable(root, key);
    struct trail trail = {NULL, key, 0};
    size_t before = problems->count + problems->dropped;

    if (list == NULL || list->kind == NODE_NULL) {
        return NULL;
    }
    schema_check_field(&field, list, &trail, problems);
    if (problems->count + problems->dropped > before) {
        return NULL;
    }
    if (list->count > LIMIT_WINDOWS) {
        problems_add_at(problems, node_place(list), &trail, "more than %d", LIMIT_WINDOWS);
        return NULL;
    }
    return list;
}

static size_t length_of(const struct text_node *list) {
    return list == NULL ? 0 : list->count;
}

static void read_lists(struct reader *reader, const struct text_node *windows,
                       const struct text_node *freezes) {
    struct trail in_windows = {NULL, "windows", 0};
    struct trail in_freezes = {NULL, "freezes", 0};
    struct window_set *set = reader->set;
    size_t zone_room = length_of(windows) + length_of(freezes) + 1; /* and that at home */

    set->windows = mem_alloc(length_of(windows) + 1, sizeof *set->windows);
    set->freezes = mem_alloc(length_of(freezes) + 1, sizeof *set->freezes);
    set->zones = mem_alloc(zone_room, sizeof(struct zone *));
    for (uint32_t i = 0; i < length_of(windows); i++) {
        struct trail at = {&in_windows, NULL, i};

        read_window(reader, &windows->items[i], &at);
    }
    for (uint32_t i = 0; i < length_of(freezes); i++) {
        struct trail at = {&in_freezes, NULL, i};

        read_freeze(reader, &freezes->items[i], &at);
    }
    qsort(set->freezes, set->freeze_count, sizeof *set->freezes, by_from);
}

/* The zone at home. */
static void read_home(struct reader *reader, const struct text_node *root, const char *name) {
    const struct text_node *node = node_member(root, "zone");
    struct text_node named = {.kind = NODE_TEXT, .text = name};
    struct trail trail = {NULL, "zone", 0};

    named.place = node != NULL ? node->place : named.place;
    reader->set->home = find_zone(reader, &named, &trail);
}

struct window_set *windows_read(struct text_node *root, const struct windows_zones *zones,
                                struct problems *problems) {
    struct window_set *set = window_set_create();
    struct reader reader = {.zoneinfo_dir = zones->folder, .set = set, .problems = problems};
    size_t before = problems->count + problems->dropped;
    struct text_node *calendars = node_member_mutable(root, "calendars");
    struct text_node *windows = checked_list(root, "windows", &window_schema, problems);
    struct text_node *freezes = checked_list(root, "freezes", &freeze_schema, problems);

    if (calendars != NULL && calendars->kind == NODE_NULL) {
        calendars = NULL;
    }
    calendars_read(calendars, &reader.calendars, problems);
    if (problems->count + problems->dropped == before) {
        read_lists(&reader, windows, freezes);
        read_home(&reader, root, zones->home);
    }
    calendars_finish(&reader.calendars);
    if (problems->count + problems->dropped > before) {
        window_set_destroy(set);
        set = window_set_create();
    }
    return set;
}

uint64_t windows_zones_stamp(const struct window_set *set, const char *zoneinfo_dir) {
    uint64_t stamp = 0;

    for (size_t i = 0; set != NULL && i < set->zone_count; i++) {
        stamp = stamp * 31 + zones_stamp(zoneinfo_dir, zone_name(set->zones[i]));
    }
    return stamp;
}
