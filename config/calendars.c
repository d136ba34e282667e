#include "config/calendars.h"

#include <stdlib.h>
#include <string.h>

#include "base/civil.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/file.h"
#include "config/ics.h"
#include "config/pod_schema.h"

#define RANGE ".."

enum progress {
    UNREAD,
    READING, /* meeting it again is a circle */
    READ,
};

struct calendar {
    const char *name; /* the document's */
    const struct text_node *node;
    size_t index;
    enum progress progress;
    struct days days;
};

struct reader {
    struct calendars *calendars;
    struct problems *problems;
};

static const struct field calendar_fields[] = {
    FIELD("dates", FIELD_TEXTS),   FIELD("exclude", FIELD_TEXTS),     FIELD("ics", FIELD_TEXT),
    FIELD("include", FIELD_TEXTS), FIELD_NEEDED("name", FIELD_LABEL),
};
static const struct schema calendar_schema = SCHEMA(calendar_fields);

static struct calendar *find(const struct calendars *calendars, const char *name) {
    for (size_t i = 0; i < calendars->count; i++) {
        if (strcmp(calendars->items[i].name, name) == 0) {
            return &calendars->items[i];
        }
    }
    return NULL;
}

static void complain_unknown(const struct calendars *calendars, const struct text_node *name,
                             const struct trail *trail, struct problems *problems) {
    const char **names = mem_alloc(calendars->count + 1, sizeof *names);
    const char *meant;

    for (size_t i = 0; i < calendars->count; i++) {
        names[i] = calendars->items[i].name;
    }
    meant = text_closest(name->text, names, calendars->count);
    if (meant != NULL) {
        problems_add_at(problems, name->place, trail,
                        "there is no calendar \"%s\" (did you mean \"%s\"?)", name->text, meant);
    } else {
        problems_add_at(problems, name->place, trail, "there is no calendar \"%s\"", name->text);
    }
    free(names);
}

/* "2026-12-24" or "2026-12-24..2026-12-31". */
static void read_dates(const struct text_node *node, const struct trail *trail, struct days *days,
                       struct problems *problems) {
    const char *range = strstr(node->text, RANGE);
    char *first_text = range == NULL ? mem_copy_text(node->text)
                                     : mem_copy_text_n(node->text, (size_t)(range - node->text));
    const char *last_text = range == NULL ? first_text : range + strlen(RANGE);
    int64_t first;
    int64_t last;

    if (civil_parse_date(first_text, &first) != OK || civil_parse_date(last_text, &last) != OK ||
        last < first) {
        problems_add_at(problems, node->place, trail,
                        "\"%s\" is neither a date like 2026-12-24 nor a range like "
                        "2026-12-24..2026-12-31",
                        node->text);
    } else {
        days_add(days, first, last);
    }
    free(first_text);
}

static void read_ics(const struct text_node *path, const struct trail *trail, struct days *days,
                     struct problems *problems) {
    struct problems of_file = {0};
    struct error error = {0};
    struct buf text;

    buf_init(&text, LIMIT_CALENDAR_BYTES);
    if (file_read(path->text, FILE_ANY_MODE, &text, &of_file) != OK) {
        problems_add_at(problems, path->place, trail, "%s: %s", path->text,
                        of_file.count > 0 ? of_file.items[0].message : "can't be read");
    } else if (ics_read(buf_text(&text), days, &error) != OK) {
        problems_add_at(problems, path->place, trail, "%s: %s", path->text, error.text);
    }
    problems_finish(&of_file);
    buf_finish(&text);
}

static void read_calendar(const struct reader *reader, struct calendar *calendar);

/* The days of others, by name. */
static void read_others(const struct reader *reader, const struct text_node *names,
                        const struct trail *trail, struct days *out) {
    for (uint32_t i = 0; names != NULL && i < names->count; i++) {
        struct trail at = {trail, NULL, i};
        struct calendar *other = find(reader->calendars, names->items[i].text);

        if (other == NULL) {
            complain_unknown(reader->calendars, &names->items[i], &at, reader->problems);
        } else if (other->progress == READING) {
            problems_add_at(reader->problems, names->items[i].place, &at,
                            "calendar \"%s\" is made of itself", other->name);
        } else {
            read_calendar(reader, other);
            days_add_all(out, &other->days);
        }
    }
    days_settle(out);
}

static void read_calendar(const struct reader *reader, struct calendar *calendar) {
    struct trail in_list = {NULL, "calendars", 0};
    struct trail trail = {&in_list, NULL, calendar->index};
    struct trail at_dates = {&trail, "dates", 0};
    struct trail at_ics = {&trail, "ics", 0};
    struct trail at_include = {&trail, "include", 0};
    struct trail at_exclude = {&trail, "exclude", 0};
    const struct text_node *dates = node_member(calendar->node, "dates");
    const struct text_node *ics = node_member(calendar->node, "ics");
    struct days less = {0};

    if (calendar->progress == READ) {
        return;
    }
    calendar->progress = READING;
    for (uint32_t i = 0; dates != NULL && i < dates->count; i++) {
        struct trail at = {&at_dates, NULL, i};

        read_dates(&dates->items[i], &at, &calendar->days, reader->problems);
    }
    if (ics != NULL) {
        read_ics(ics, &at_ics, &calendar->days, reader->problems);
    }
    read_others(reader, node_member(calendar->node, "include"), &at_include, &calendar->days);
    read_others(reader, node_member(calendar->node, "exclude"), &at_exclude, &less);
    days_settle(&calendar->days);
    days_remove_all(&calendar->days, &less);
    if (calendar->days.full || less.full) {
        problems_add_at(reader->problems, calendar->node->place, &trail, "more than %d days",
                        LIMIT_CALENDAR_DAYS);
    }
    days_finish(&less);
    calendar->progress = READ;
}

static void collect(struct text_node *list, struct calendars *calendars,
                    struct problems *problems) {
    struct trail in_list = {NULL, "calendars", 0};

    calendars->items = mem_alloc(list->count + (size_t)1, sizeof *calendars->items);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct text_node *name = node_member(&list->items[i], "name");
        struct trail trail = {&in_list, NULL, i};

        if (find(calendars, name->text) != NULL) {
            problems_add_at(problems, name->place, &trail, "a second calendar \"%s\"", name->text);
            continue;
        }
        calendars->items[calendars->count++] =
            (struct calendar){.name = name->text, .node = &list->items[i], .index = i};
    }
}

void calendars_read(struct text_node *list, struct calendars *out_calendars,
                    struct problems *problems) {
    static const struct field field = {
        .name = "calendars", .type = FIELD_OBJECTS, .object = &calendar_schema};
    struct trail trail = {NULL, "calendars", 0};
    struct reader reader = {out_calendars, problems};
    size_t before = problems->count + problems->dropped;

    *out_calendars = (struct calendars){0};
    if (list == NULL) {
        return;
    }
    schema_check_field(&field, list, &trail, problems);
    if (problems->count + problems->dropped > before) {
        return;
    }
    collect(list, out_calendars, problems);
    for (size_t i = 0; i < out_calendars->count; i++) {
        read_calendar(&reader, &out_calendars->items[i]);
    }
}

void calendars_finish(struct calendars *calendars) {
    for (size_t i = 0; i < calendars->count; i++) {
        days_finish(&calendars->items[i].days);
    }
    free(calendars->items);
    *calendars = (struct calendars){0};
}

void calendars_days(const struct calendars *calendars, const struct text_node *names,
                    const struct trail *trail, struct days *out_days, struct problems *problems) {
    struct calendars readable = *calendars;
    struct reader reader = {&readable, problems};

    read_others(&reader, names, trail, out_days);
}
