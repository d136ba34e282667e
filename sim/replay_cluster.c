#include "sim/replay_cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/document.h"
#include "config/file.h"
#include "config/schema.h"

#define FILE_BYTES_MAX (4 * LIMIT_MIB)
#define NODES_MAX      100000
#define PODS_OF_A_NODE 1000000 /* traces know no such limit */

/* --- Building -------------------------------------------------------------------------------- */

static struct node *add_node(struct replay_cluster *cluster, const char *name, int64_t number) {
    char *full = mem_format("%s-%" PRId64, name, number);
    struct node *node;

    cluster->nodes = mem_grow(cluster->nodes, cluster->node_count + 1, sizeof *cluster->nodes);
    node = &cluster->nodes[cluster->node_count++];
    node_init(node, full);
    free(full);
    node->ready = true;
    return node;
}

void replay_cluster_add(struct replay_cluster *cluster, const char *name, int64_t count,
                        int64_t cpu_milli, int64_t memory) {
    for (int64_t i = 1; i <= count; i++) {
        struct node *node = add_node(cluster, name, i);

        node_add_label(node, "cluster", name);
        node->allocatable.amount[RESOURCE_CPU] = cpu_milli;
        node->allocatable.amount[RESOURCE_MEMORY] = memory;
        node->allocatable.amount[RESOURCE_PODS] = PODS_OF_A_NODE;
    }
}

void replay_cluster_finish(struct replay_cluster *cluster) {
    for (size_t i = 0; i < cluster->node_count; i++) {
        node_finish(&cluster->nodes[i]);
    }
    for (size_t i = 0; i < cluster->quota_count; i++) {
        free(cluster->quotas[i].namespace);
        free(cluster->quotas[i].name);
        free(cluster->quotas[i].key);
        free(cluster->quotas[i].hard);
    }
    free(cluster->nodes);
    free(cluster->quotas);
    *cluster = (struct replay_cluster){0};
}

double replay_cluster_cpus(const struct replay_cluster *cluster) {
    double cpus = 0;

    for (size_t i = 0; i < cluster->node_count; i++) {
        cpus += (double)cluster->nodes[i].allocatable.amount[RESOURCE_CPU] / 1000;
    }
    return cpus;
}

static int64_t parse_amount(enum resource_kind kind, const char *text) {
    const struct resource_names names = {.extended_count = 0};
    int64_t amount;

    return resource_parse(&names, kind, text, &amount) == OK ? amount : -1;
}

int replay_cluster_parse(const char *text, struct replay_cluster *out_cluster) {
    char *copy = mem_copy_text(text);
    char *rest = copy;
    const char *count_text = strtok_r(rest, "x", &rest);
    const char *cpu_text = strtok_r(rest, "x", &rest);
    const char *memory_text = strtok_r(rest, "x", &rest);
    int64_t count = 0;
    int64_t cpu = cpu_text != NULL ? parse_amount(RESOURCE_CPU, cpu_text) : -1;
    int64_t memory =
        memory_text != NULL ? parse_amount(RESOURCE_MEMORY, memory_text) : RESOURCE_POD_AMOUNT_MAX;
    int r = ERR_INVALID;

    if (count_text != NULL && text_parse_int64(count_text, &count) == OK && count > 0 &&
        count <= NODES_MAX && cpu > 0 && memory > 0 && strtok_r(rest, "x", &rest) == NULL) {
        *out_cluster = (struct replay_cluster){0};
        replay_cluster_add(out_cluster, "node", count, cpu, memory);
        r = OK;
    }
    free(copy);
    return r;
}

/* --- YAML ------------------------------------------------------------------------------------ */

static const struct field node_fields[] = {
    {.name = "count", .type = FIELD_INT, .min = 1, .max = NODES_MAX},
    {.name = "cpu", .type = FIELD_QUANTITY, .required = true},
    {.name = "labels", .type = FIELD_LABEL_MAP},
    {.name = "memory", .type = FIELD_QUANTITY},
    {.name = "name", .type = FIELD_LABEL, .required = true},
    {.name = "pods", .type = FIELD_INT, .min = 1, .max = PODS_OF_A_NODE},
};
static const struct schema node_schema = {node_fields, ARRAY_LEN(node_fields)};

static const struct field quota_fields[] = {
    {.name = "hard", .type = FIELD_TEXT_MAP, .required = true},
    {.name = "name", .type = FIELD_LABEL},
    {.name = "namespace", .type = FIELD_LABEL, .required = true},
};
static const struct schema quota_schema = {quota_fields, ARRAY_LEN(quota_fields)};

static const struct field cluster_fields[] = {
    {.name = "nodes", .type = FIELD_OBJECTS, .required = true, .object = &node_schema},
    {.name = "quotas", .type = FIELD_OBJECTS, .object = &quota_schema},
};
static const struct schema cluster_schema = {cluster_fields, ARRAY_LEN(cluster_fields)};

static const char *text_of(const struct text_node *object, const char *key, const char *otherwise) {
    const struct text_node *member = node_member(object, key);

    return member != NULL ? member->text : otherwise;
}

static void take_nodes(struct replay_cluster *cluster, const struct text_node *item) {
    const struct text_node *count = node_member(item, "count");
    const struct text_node *pods = node_member(item, "pods");
    const struct text_node *labels = node_member(item, "labels");
    const struct text_node *memory = node_member(item, "memory");
    size_t first = cluster->node_count;

    replay_cluster_add(cluster, text_of(item, "name", "node"), count != NULL ? node_int(count) : 1,
                       parse_amount(RESOURCE_CPU, text_of(item, "cpu", "0")),
                       memory != NULL ? parse_amount(RESOURCE_MEMORY, memory->text)
                                      : RESOURCE_POD_AMOUNT_MAX);
    for (size_t i = first; i < cluster->node_count; i++) {
        struct node *node = &cluster->nodes[i];

        for (uint32_t k = 0; labels != NULL && k < labels->count; k++) {
            node_add_label(node, labels->items[k].key, labels->items[k].text);
        }
        if (pods != NULL) {
            node->allocatable.amount[RESOURCE_PODS] = node_int(pods);
        }
    }
}

static void take_quota(struct replay_cluster *cluster, const struct text_node *item) {
    const struct text_node *hard = node_member(item, "hard");

    for (uint32_t i = 0; i < hard->count; i++) {
        cluster->quotas =
            mem_grow(cluster->quotas, cluster->quota_count + 1, sizeof *cluster->quotas);
        cluster->quotas[cluster->quota_count++] = (struct replay_quota){
            .namespace = mem_copy_text(text_of(item, "namespace", "")),
            .name = mem_copy_text(text_of(item, "name", "quota")),
            .key = mem_copy_text(hard->items[i].key),
            .hard = mem_copy_text(hard->items[i].text),
        };
    }
}

static void take_document(struct replay_cluster *cluster, const struct text_node *root) {
    const struct text_node *nodes = node_member(root, "nodes");
    const struct text_node *quotas = node_member(root, "quotas");

    for (uint32_t i = 0; nodes != NULL && i < nodes->count; i++) {
        take_nodes(cluster, &nodes->items[i]);
    }
    for (uint32_t i = 0; quotas != NULL && i < quotas->count; i++) {
        take_quota(cluster, &quotas->items[i]);
    }
}

static int read_document(const struct buf *text, struct replay_cluster *cluster,
                         struct problems *problems) {
    struct document_set set = {0};
    int r = document_set_parse(buf_text(text), text->bytes, FILE_BYTES_MAX, &set, problems);

    if (r == OK && (set.count != 1 || set.documents[0].kind != NODE_OBJECT)) {
        problems_add(problems, (struct position){0}, "", "must hold one document with nodes");
    } else if (r == OK) {
        schema_check(&cluster_schema, &set.documents[0], NULL, problems);
    }
    if (r == OK && problems->count == 0) {
        take_document(cluster, &set.documents[0]);
    }
    document_set_destroy(&set);
    return problems->count > 0 ? ERR_INVALID : r;
}

/* --- Machines -------------------------------------------------------------------------------- */

static int read_machines(const struct buf *text, struct replay_cluster *cluster,
                         struct problems *problems) {
    uint32_t number = 0;

    for (const char *line = buf_text(text), *end; *line != '\0'; line = end + (*end == '\n')) {
        char name[64];
        int64_t count;
        int64_t cpus;
        int64_t memory_kib;

        end = line + strcspn(line, "\n");
        number++;
        if (line + strspn(line, " \t\r") == end) {
            continue;
        }
        if (sscanf(line, "%*d %63[a-z0-9-] %" SCNd64 " %" SCNd64 " %*f %" SCNd64, name, &count,
                   &cpus, &memory_kib) != 4 ||
            count < 1 || count > NODES_MAX || cpus < 1 || cpus > NODES_MAX || memory_kib < 1 ||
            memory_kib > INT64_MAX / 4096) {
            problems_add(problems, (struct position){.line = number, .column = 1}, "",
                         "must be id, name, count, processors, speed and KiB of memory");
            return ERR_INVALID;
        }
        replay_cluster_add(cluster, name, count, 1000 * cpus, 1024 * memory_kib);
    }
    return OK;
}

static int read_with(const char *path,
                     int (*reader)(const struct buf *, struct replay_cluster *, struct problems *),
                     struct replay_cluster *out_cluster, struct buf *out_problems) {
    struct replay_cluster cluster = {0};
    struct problems problems = {0};
    struct buf text;
    int r;

    buf_init(&text, FILE_BYTES_MAX);
    r = file_read(path, FILE_ANY_MODE, &text, &problems);
    r = r < 0 ? r : reader(&text, &cluster, &problems);
    buf_finish(&text);
    if (r < 0) {
        problems_sort(&problems);
        problems_print(&problems, path, out_problems);
        replay_cluster_finish(&cluster);
    } else {
        *out_cluster = cluster;
    }
    problems_finish(&problems);
    return r;
}

int replay_cluster_read(const char *path, struct replay_cluster *out_cluster,
                        struct buf *out_problems) {
    return read_with(path, read_document, out_cluster, out_problems);
}

int replay_cluster_read_machines(const char *path, struct replay_cluster *out_cluster,
                                 struct buf *out_problems) {
    return read_with(path, read_machines, out_cluster, out_problems);
}
