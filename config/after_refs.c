#include "config/after_refs.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/arena.h"
#include "config/manifest.h"
#include "config/pod_schema.h"
#include "config/schema.h"

static const struct field ref_fields[] = {
    FIELD("each", FIELD_BOOL),
    FIELD("job", FIELD_TEXT),
    {.name = "on", .type = FIELD_WORD, .words = after_on_texts},
    {.name = "otherwise", .type = FIELD_WORD, .words = after_otherwise_texts},
    FIELD("schedule", FIELD_LABEL),
    FIELD("selector", FIELD_LABEL_MAP),
};
static const struct schema ref_schema = SCHEMA(ref_fields);

struct reader {
    struct arena *arena;
    struct problems *problems;
    const struct trail *trail;
    struct after_refs *refs;
};

static unsigned word_of(const char *text, size_t bytes, const char *const *words) {
    unsigned word = 0;

    while (words[word] != NULL &&
           (strlen(words[word]) != bytes || memcmp(words[word], text, bytes) != 0)) {
        word++;
    }
    return word;
}

/* "parts_7" is the element 7 of parts: a name has no _. */
static bool split_index(struct reader *r, struct after_ref *ref) {
    const char *line = strchr(ref->name, '_');

    ref->index = -1;
    if (line == NULL) {
        return text_is_dns_label(ref->name);
    }
    if (text_parse_int64(line + 1, &ref->index) != OK || ref->index < 0) {
        return false;
    }
    ref->name = arena_text(r->arena, ref->name, (size_t)(line - ref->name));
    return text_is_dns_label(ref->name);
}

static struct after_ref *add(struct reader *r, struct position place) {
    struct after_ref *ref = &r->refs->items[r->refs->count++];

    *ref = (struct after_ref){.index = -1, .here = AFTER_NOT_HERE, .place = place};
    return ref;
}

static void check_name(struct reader *r, struct after_ref *ref) {
    if (!split_index(r, ref)) {
        problems_add_at(r->problems, ref->place, r->trail,
                        "\"%s\" is neither a job's name nor an id, such as load, 12 or 12_7",
                        ref->name);
    } else if (ref->each && ref->index >= 0) {
        problems_add_at(r->problems, ref->place, r->trail,
                        "one element can't be waited for element by element");
    }
}

/* --- A text ---------------------------------------------------------------------------------- */

/* The label of "label/app=etl", as if it had been written as an object. */
static const struct text_node *label_node(struct reader *r, const char *label,
                                          struct position place) {
    const char *equals = strchr(label, '=');
    struct text_node *object;

    if (equals == NULL || equals == label) {
        return NULL;
    }
    object = arena_take(r->arena, 2, sizeof *object);
    object[1] = (struct text_node){.kind = NODE_TEXT,
                                   .place = place,
                                   .key_place = place,
                                   .key = arena_text(r->arena, label, (size_t)(equals - label)),
                                   .text = equals + 1};
    object[0] = (struct text_node){
        .kind = NODE_OBJECT, .count = 1, .place = place, .key_place = place, .items = &object[1]};
    return object;
}

static void read_target(struct reader *r, const char *target, struct after_ref *ref) {
    static const char schedule[] = "schedule/";
    static const char label[] = "label/";
    static const char each[] = "each/";

    ref->name = target;
    ref->each = text_starts_with(target, each);
    if (text_starts_with(target, schedule)) {
        ref->target = AFTER_OF_SCHEDULE;
        ref->name = target + strlen(schedule);
        if (!text_is_dns_label(ref->name)) {
            problems_add_at(r->problems, ref->place, r->trail, "\"%s\" is not a schedule's name",
                            ref->name);
        }
        return;
    }
    if (text_starts_with(target, label)) {
        ref->target = AFTER_OF_LABELS;
        ref->name = NULL;
        ref->labels = label_node(r, target + strlen(label), ref->place);
        if (ref->labels == NULL) {
            problems_add_at(r->problems, ref->place, r->trail,
                            "\"%s\" is not a label; write it like label/app=etl", target);
        }
        return;
    }
    ref->name = target + (ref->each ? strlen(each) : 0);
    check_name(r, ref);
}

/* "TARGET:on:otherwise" */
static void read_text(struct reader *r, const char *text, size_t bytes, struct position place) {
    const char *copy = arena_text(r->arena, text, bytes);
    size_t target = strcspn(copy, ":");
    const char *on = copy + target + (copy[target] == ':');
    size_t on_bytes = strcspn(on, ":");
    const char *otherwise = on + on_bytes + (on[on_bytes] == ':');
    unsigned on_word = on_bytes > 0 ? word_of(on, on_bytes, after_on_texts) : AFTER_SUCCESS;
    unsigned otherwise_word = *otherwise != '\0'
                                  ? word_of(otherwise, strlen(otherwise), after_otherwise_texts)
                                  : AFTER_SKIP;
    struct after_ref *ref = add(r, place);

    if (on_word == AFTER_ON_COUNT || otherwise_word == AFTER_OTHERWISE_COUNT) {
        problems_add_at(r->problems, place, r->trail,
                        "\"%s\" is not TARGET:ON:OTHERWISE, where ON is success, failure, any or "
                        "start, and OTHERWISE skip, fail or wait",
                        copy);
        return;
    }
    ref->on = (enum after_on)on_word;
    ref->otherwise = (enum after_otherwise)otherwise_word;
    read_target(r, arena_text(r->arena, copy, target), ref);
}

static void read_texts(struct reader *r, const struct text_node *value) {
    const char *at = value->text;
    size_t count = 1;

    for (const char *comma = at; (comma = strchr(comma, ',')) != NULL; comma++) {
        count++;
    }
    r->refs->items = arena_take(r->arena, count, sizeof *r->refs->items);
    while (*at != '\0') {
        size_t bytes;

        at += strspn(at, " \t\n");
        bytes = strcspn(at, ", \t\n");
        if (bytes > 0) {
            read_text(r, at, bytes, value->place);
        }
        at += bytes + strspn(at + bytes, " \t\n");
        at += *at == ',';
    }
}

/* --- An object ------------------------------------------------------------------------------- */

static const char *member_text(const struct text_node *object, const char *key) {
    const struct text_node *node = node_member(object, key);

    return node != NULL ? node->text : NULL;
}

static unsigned member_word(const struct text_node *object, const char *key,
                            const char *const *words) {
    const char *text = member_text(object, key);

    return text != NULL ? word_of(text, strlen(text), words) : 0;
}

static void read_object(struct reader *r, const struct text_node *object) {
    const char *job = member_text(object, "job");
    const char *schedule = member_text(object, "schedule");
    const struct text_node *labels = node_member(object, "selector");
    const struct text_node *each = node_member(object, "each");
    struct after_ref *ref;

    if ((job != NULL) + (schedule != NULL) + (labels != NULL) != 1) {
        problems_add_at(r->problems, node_place(object), r->trail,
                        "must have exactly one of job, schedule and selector");
        return;
    }
    ref = add(r, node_place(object));
    ref->on = (enum after_on)member_word(object, "on", after_on_texts);
    ref->otherwise = (enum after_otherwise)member_word(object, "otherwise", after_otherwise_texts);
    ref->each = each != NULL && node_bool(each);
    ref->labels = labels;
    ref->target = job != NULL        ? AFTER_OF_JOB
                  : schedule != NULL ? AFTER_OF_SCHEDULE
                                     : AFTER_OF_LABELS;
    ref->name = job != NULL ? job : schedule;
    if (job != NULL) {
        ref->place = node_place(node_member(object, "job"));
        check_name(r, ref);
    } else if (ref->each) {
        problems_add_at(r->problems, node_place(each), r->trail,
                        "each is of a job that is an array");
    } else if (labels != NULL && labels->count == 0) {
        problems_add_at(r->problems, node_place(labels), r->trail, "has no label");
    }
}

static void read_item(struct reader *r, struct text_node *item, size_t at) {
    const struct trail trail = {r->trail, NULL, at};
    const size_t before = r->problems->count + r->problems->dropped;
    struct reader inner = *r;

    inner.trail = &trail;
    if (item->kind == NODE_OBJECT) {
        schema_check(&ref_schema, item, &trail, r->problems);
        if (r->problems->count + r->problems->dropped == before) {
            read_object(&inner, item);
        }
    } else if (item->kind == NODE_TEXT || item->kind == NODE_INT) {
        read_text(&inner, item->text, strlen(item->text), item->place);
    } else {
        problems_add_at(
            r->problems, node_place(item), &trail,
            "must be an object with job, schedule or selector, or a text like load:any");
    }
}

void after_refs_read(const struct text_node *value, const struct trail *trail, struct arena *arena,
                     struct problems *problems, struct after_refs *out_refs) {
    struct reader r = {.arena = arena, .problems = problems, .trail = trail, .refs = out_refs};

    *out_refs = (struct after_refs){0};
    if (value->kind == NODE_TEXT || value->kind == NODE_INT) {
        read_texts(&r, value);
    } else if (value->kind == NODE_LIST) {
        out_refs->items = arena_take(arena, value->count + 1, sizeof *out_refs->items);
        for (uint32_t i = 0; i < value->count; i++) {
            read_item(&r, &value->items[i], i);
        }
    } else {
        problems_add_at(problems, node_place(value), trail,
                        "must be a list of what the job waits for");
    }
    if (out_refs->count > AFTER_ITEMS_MAX) {
        problems_add_at(problems, node_place(value), trail, "waits for more than %d things",
                        AFTER_ITEMS_MAX);
    }
}

void after_said_read(const char *text, struct problems *problems, struct after_said *out_said) {
    const struct trail trail = {NULL, "after", 0};
    const struct text_node value = {.kind = NODE_TEXT, .text = text};

    *out_said = (struct after_said){.texts = arena_create()};
    after_refs_read(&value, &trail, out_said->texts, problems, &out_said->refs);
}

void after_said_finish(struct after_said *said) {
    if (said->texts != NULL) {
        arena_destroy(said->texts);
    }
    *said = (struct after_said){.texts = NULL};
}

/* --- The graph of a file --------------------------------------------------------------------- */

bool after_labels_match(const struct text_node *wanted, const struct text_node *labels) {
    for (uint32_t i = 0; i < wanted->count; i++) {
        const struct text_node *label = node_member(labels, wanted->items[i].key);

        if (label == NULL || label->kind != NODE_TEXT ||
            strcmp(label->text, wanted->items[i].text) != 0) {
            return false;
        }
    }
    return true;
}

/* The latest of a name, and how many have it. */
struct called {
    size_t manifest;
    size_t count;
};

struct names {
    struct map jobs; /* -> struct called */
    struct map schedules;
};

static void index_names(const struct manifest_set *set, struct called *called,
                        struct names *names) {
    for (size_t i = 0; i < set->count; i++) {
        const struct manifest *manifest = &set->items[i];
        struct map *map = manifest->schedule != NULL ? &names->schedules : &names->jobs;
        struct called *known = map_get(map, manifest->name);

        known = known != NULL ? known : &called[i];
        known->manifest = i;
        if (known->count++ == 0) {
            (void)map_put(map, manifest->name, known);
        }
    }
}

static void find_here(const struct names *names, struct after_ref *ref, struct problems *problems) {
    const bool is_job = ref->target == AFTER_OF_JOB;
    const struct called *called =
        ref->target == AFTER_OF_LABELS
            ? NULL
            : map_get(is_job ? &names->jobs : &names->schedules, ref->name);

    if (called == NULL) {
        return;
    }
    ref->here = called->manifest;
    if (called->count > 1) {
        problems_add(problems, ref->place, "", "%zu %s of this file are called %s; which is meant?",
                     called->count, is_job ? "jobs" : "schedules", ref->name);
    }
}

/* Each of its runs would wait for the same job, which is over some day and then forgotten. */
static void check_schedule(const struct manifest *manifest, const struct after_ref *ref,
                           struct problems *problems) {
    if (manifest->schedule != NULL && ref->target != AFTER_OF_SCHEDULE) {
        problems_add(problems, ref->place, "",
                     "the runs of a schedule wait for runs of other schedules, not for jobs: "
                     "write schedule: NAME");
    }
}

enum colour {
    NOT_SEEN,
    ON_THE_WAY,
    DONE
};

/* A manifest on the way, and what of it is looked at. */
struct crossing {
    size_t manifest;
    size_t ref;    /* of what it waits for */
    size_t looked; /* of the manifests that a reference may mean, so many were looked at */
};

struct walk {
    struct manifest_set *set;
    struct problems *problems;
    unsigned char *colours;
    struct crossing *way; /* from where the walk began to where it is */
    size_t length;
};

/* "a (line 9) -> b (line 3) -> a": in which line each says so. */
static void complain_circle(const struct walk *walk, size_t again, struct position place) {
    size_t first = walk->length;
    struct buf text;

    while (walk->way[--first].manifest != again) {
        continue;
    }
    buf_init(&text, ERROR_TEXT_BYTES_MAX);
    for (size_t i = first; i < walk->length; i++) {
        const struct manifest *manifest = &walk->set->items[walk->way[i].manifest];

        buf_add_format(&text, "%s (line %d) -> ", manifest->name,
                       manifest->after.items[walk->way[i].ref].place.line);
    }
    problems_add(walk->problems, place, "", "jobs wait for each other in a circle: %s%s",
                 text.full ? "..." : buf_text(&text), walk->set->items[again].name);
    buf_finish(&text);
}

static void enter(struct walk *walk, size_t at) {
    walk->colours[at] = ON_THE_WAY;
    walk->way[walk->length++] = (struct crossing){.manifest = at};
}

/* The next manifest that the one at a crossing waits for; false: that was the last. A name is one,
 * labels may be many. */
static bool next_edge(const struct manifest_set *set, struct crossing *at, size_t *out_to) {
    const struct after_refs *refs = &set->items[at->manifest].after;

    for (; at->ref < refs->count; at->ref++, at->looked = 0) {
        const struct after_ref *ref = &refs->items[at->ref];

        if (ref->target != AFTER_OF_LABELS && ref->here != AFTER_NOT_HERE && at->looked++ == 0) {
            *out_to = ref->here;
            return true;
        }
        while (ref->target == AFTER_OF_LABELS && at->looked < set->count) {
            const struct manifest *other = &set->items[at->looked++];

            if (at->looked - 1 != at->manifest && other->schedule == NULL &&
                after_labels_match(ref->labels,
                                   node_member(node_member(other->object, "metadata"), "labels"))) {
                *out_to = at->looked - 1;
                return true;
            }
        }
    }
    return false;
}

/* The one where the way ends now: one step further, or back. */
static void step(struct walk *walk) {
    struct crossing *at = &walk->way[walk->length - 1];
    size_t to;

    if (!next_edge(walk->set, at, &to)) {
        walk->colours[at->manifest] = DONE;
        walk->length--;
    } else if (walk->colours[to] == ON_THE_WAY) {
        complain_circle(walk, to, walk->set->items[at->manifest].after.items[at->ref].place);
    } else if (walk->colours[to] == NOT_SEEN) {
        enter(walk, to);
    }
}

static void find_circles(struct manifest_set *set, struct problems *problems) {
    struct walk walk = {.set = set,
                        .problems = problems,
                        .colours = mem_alloc(set->count, 1),
                        .way = mem_alloc(set->count, sizeof *walk.way)};

    for (size_t i = 0; i < set->count; i++) {
        if (walk.colours[i] == NOT_SEEN) {
            enter(&walk, i);
        }
        while (walk.length > 0) {
            step(&walk);
        }
    }
    free(walk.colours);
    free(walk.way);
}

static bool any_waits(const struct manifest_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].after.count > 0) {
            return true;
        }
    }
    return false;
}

void after_refs_resolve(struct manifest_set *set, struct problems *problems) {
    struct names names = {0};
    struct called *called;

    if (!any_waits(set)) {
        return;
    }
    called = mem_alloc(set->count, sizeof *called);
    index_names(set, called, &names);
    for (size_t i = 0; i < set->count; i++) {
        for (size_t k = 0; k < set->items[i].after.count; k++) {
            find_here(&names, &set->items[i].after.items[k], problems);
            check_schedule(&set->items[i], &set->items[i].after.items[k], problems);
        }
    }
    map_finish(&names.jobs);
    map_finish(&names.schedules);
    free(called);
    find_circles(set, problems);
}
