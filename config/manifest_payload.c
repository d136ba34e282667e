/* What of a manifest goes to the cluster, as canonical JSON. */
#include "config/manifest_inside.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "config/queue_fields.h"

/* Of annotations; such labels were refused. */
static bool is_for_pods(const char *key) {
    return !text_starts_with(key, QUEUE_ANNOTATION_PREFIX) &&
           !text_starts_with(key, "kubectl.kubernetes.io/");
}

struct map_printer {
    struct buf *out;
    const char *name;
    size_t printed; /* members of this map */
    size_t *maps;   /* printed so far */
};

static void print_member(struct map_printer *printer, const struct text_node *member) {
    if (printer->printed++ == 0) {
        buf_add_format(printer->out, "%s\"%s\":{", (*printer->maps)++ > 0 ? "," : "",
                       printer->name);
    } else {
        buf_add_char(printer->out, ',');
    }
    json_print_text(member->key, printer->out);
    buf_add_char(printer->out, ':');
    node_print_json(member, printer->out);
}

/* Both maps as one, in order of the keys; the inner one, nearer to the pod, wins. */
static void print_merged(struct map_printer *printer, const struct text_node *outer,
                         const struct text_node *inner) {
    uint32_t i = 0;
    uint32_t j = 0;
    uint32_t outer_count = outer != NULL ? outer->count : 0;
    uint32_t inner_count = inner != NULL ? inner->count : 0;

    while (i < outer_count || j < inner_count) {
        int order = i == outer_count   ? 1
                    : j == inner_count ? -1
                                       : strcmp(outer->items[i].key, inner->items[j].key);
        const struct text_node *member = order < 0 ? &outer->items[i] : &inner->items[j];

        i += order <= 0;
        j += order >= 0;
        if (is_for_pods(member->key)) {
            print_member(printer, member);
        }
    }
    if (printer->printed > 0) {
        buf_add_char(printer->out, '}');
    }
}

static void print_metadata(const struct text_node *outer, const struct text_node *inner,
                           struct buf *out) {
    static const char *const names[] = {"annotations", "labels"};
    size_t maps = 0;

    buf_add_text(out, "\"metadata\":{");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct map_printer printer = {out, names[i], 0, &maps};

        print_merged(&printer, node_member(outer, names[i]), node_member(inner, names[i]));
    }
    buf_add_char(out, '}');
}

/* inner: the pod template's metadata, or NULL. */
void manifest_build_payload(const struct job_text *job, const struct text_node *inner,
                            const struct text_node *spec) {
    struct manifest *manifest = job->manifest;
    struct buf out;

    buf_init(&out, LIMIT_SPEC_BYTES);
    buf_add_char(&out, '{');
    print_metadata(node_member(job->object, "metadata"), inner, &out);
    if (manifest->for_operator) {
        buf_add_text(&out, ",\"operator\":true");
    }
    if (manifest->rows.count > 0) {
        buf_add_text(&out, ",\"row\":");
        rows_print_names(&manifest->rows, &out);
    }
    buf_add_text(&out, ",\"spec\":");
    node_print_json(spec, &out);
    buf_add_char(&out, '}');
    if (out.full) {
        problems_add_at(job->reader->problems, node_place(job->object), job->trail,
                        "too large: as JSON more than %d bytes", LIMIT_SPEC_BYTES);
    }
    manifest->payload = arena_text(job->reader->texts, buf_text(&out), out.bytes);
    manifest->payload_bytes = out.bytes;
    buf_finish(&out);
}
