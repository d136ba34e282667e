#include "queue/pages.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/memory.h"

/* The file's format, as LMDB 0.9 writes it on machines of 64 bits, little-endian. */
#define MAGIC         0xBEEFC0DEu
#define VERSION       1
#define HEADER_BYTES  16
#define NODE_BYTES    8
#define TREE_BYTES    48
#define TREES         2 /* in a meta page: free pages, and the names of the others */
#define META_TREES_AT 24
#define META_BYTES    (META_TREES_AT + TREES * TREE_BYTES + 16)
#define KEY_BYTES_MAX 511
#define DEPTH_MAX     32
#define NO_PAGE       UINT64_MAX

enum page_flag {
    PAGE_BRANCH = 0x01,
    PAGE_LEAF = 0x02,
    PAGE_OVERFLOW = 0x04,
    PAGE_META = 0x08,
};

enum node_flag {
    NODE_BIG = 0x01,  /* its data is on pages of its own */
    NODE_TREE = 0x02, /* its data is a tree's root */
};

/* What LMDB lets a tree be; ours are plain. */
enum tree_flag {
    TREE_INTEGER_KEYS = 0x08,
    TREE_OF_A_FILE = 0x4000, /* how the environment was opened when it was made */
};

struct tree {
    uint64_t root;
    uint64_t entries;
    uint16_t depth;
    uint16_t flags;
};

struct file {
    const unsigned char *bytes;
    size_t size;
    size_t page_bytes;
    uint64_t last_page;
    unsigned char *seen; /* a bit for each page */
    struct error *error;
};

struct node {
    const unsigned char *bytes;
    uint16_t flags;
    size_t key_bytes;
    size_t data_bytes; /* of a leaf */
    uint64_t child;    /* of a branch */
};

static uint64_t get(const unsigned char *bytes, size_t count) {
    uint64_t value = 0;

    for (size_t i = count; i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

static int damaged(struct file *file, uint64_t page, const char *what) {
    return error_set(file->error, ERR_CORRUPT, "the queue's file is damaged: page %" PRIu64 ": %s",
                     page, what);
}

/* --- One page -------------------------------------------------------------------------------- */

static const unsigned char *page_at(const struct file *file, uint64_t page) {
    return file->bytes + page * file->page_bytes;
}

/* Nothing else may lead to it. */
static int see(struct file *file, uint64_t page) {
    if (page < TREES || page > file->last_page) {
        return damaged(file, page, "is not in the file, but something leads there");
    }
    if ((file->seen[page / 8] & 1u << page % 8) != 0) {
        return damaged(file, page, "has two uses");
    }
    file->seen[page / 8] |= (unsigned char)(1u << page % 8);
    return OK;
}

static size_t node_count(const unsigned char *page) {
    return (get(page + 12, 2) - HEADER_BYTES) / 2;
}

static int check_header(struct file *file, uint64_t number, uint16_t want) {
    const unsigned char *page = page_at(file, number);
    size_t lower = get(page + 12, 2);
    size_t upper = get(page + 14, 2);

    if (get(page, 8) != number) {
        return damaged(file, number, "has another page's number");
    }
    if (get(page + 10, 2) != want) {
        return damaged(file, number, "is of another kind");
    }
    if (want != PAGE_OVERFLOW &&
        (lower < HEADER_BYTES || lower % 2 != 0 || lower > upper || upper > file->page_bytes)) {
        return damaged(file, number, "its bounds are wrong");
    }
    return OK;
}

static int read_node(struct file *file, uint64_t number, size_t index, bool is_leaf,
                     struct node *out) {
    const unsigned char *page = page_at(file, number);
    size_t at = get(page + HEADER_BYTES + 2 * index, 2);
    size_t room;

    if (at < get(page + 14, 2) || at + NODE_BYTES > file->page_bytes) {
        return damaged(file, number, "a record begins outside");
    }
    out->bytes = page + at;
    room = file->page_bytes - at - NODE_BYTES;
    out->flags = (uint16_t)get(out->bytes + 4, 2);
    out->key_bytes = get(out->bytes + 6, 2);
    out->data_bytes = get(out->bytes, 4);
    out->child = get(out->bytes, 4) | (uint64_t)out->flags << 32;
    if (out->key_bytes > KEY_BYTES_MAX || out->key_bytes > room) {
        return damaged(file, number, "a key ends outside");
    }
    room -= out->key_bytes;
    if (is_leaf && room < ((out->flags & NODE_BIG) != 0 ? 8 : out->data_bytes)) {
        return damaged(file, number, "a record ends outside");
    }
    return OK;
}

static const unsigned char *data_of(const struct node *node) {
    return node->bytes + NODE_BYTES + node->key_bytes;
}

static int check_big(struct file *file, const struct node *node) {
    uint64_t first = get(data_of(node), 8);
    uint64_t count = (HEADER_BYTES - 1 + node->data_bytes) / file->page_bytes + 1;
    int r = OK;

    for (uint64_t i = 0; i < count && r == OK; i++) {
        r = see(file, first + i);
    }
    if (r == OK) {
        r = check_header(file, first, PAGE_OVERFLOW);
    }
    if (r == OK && get(page_at(file, first) + 12, 4) != count) {
        r = damaged(file, first, "has another length than its record");
    }
    return r;
}

/* --- Trees ----------------------------------------------------------------------------------- */

static struct tree read_tree(const unsigned char *bytes) {
    return (struct tree){.flags = (uint16_t)get(bytes + 4, 2),
                         .depth = (uint16_t)get(bytes + 6, 2),
                         .entries = get(bytes + 32, 8),
                         .root = get(bytes + 40, 8)};
}

typedef int (*visit_fn)(struct file *file, uint64_t page, const struct node *node);

struct walk {
    struct file *file;
    const struct tree *tree;
    visit_fn visit; /* of a leaf's nodes */
    uint64_t entries;
};

static int walk_leaf(struct walk *walk, uint64_t number) {
    size_t count = node_count(page_at(walk->file, number));
    int r = OK;

    for (size_t i = 0; i < count && r == OK; i++) {
        struct node node;

        r = read_node(walk->file, number, i, true, &node);
        if (r == OK && (node.flags & NODE_BIG) != 0) {
            r = check_big(walk->file, &node);
        }
        if (r == OK) {
            r = walk->visit(walk->file, number, &node);
        }
    }
    walk->entries += count;
    return r;
}

/* At most as deep as the tree says, which is at most DEPTH_MAX. */
static int walk_page(struct walk *walk, uint64_t number, unsigned level) {
    bool is_leaf = level == walk->tree->depth;
    int r = see(walk->file, number);

    if (r == OK) {
        r = check_header(walk->file, number, is_leaf ? PAGE_LEAF : PAGE_BRANCH);
    }
    if (r == OK && node_count(page_at(walk->file, number)) < (is_leaf ? 1 : 2)) {
        r = damaged(walk->file, number, "is empty, but something leads there");
    }
    if (r == OK && is_leaf) {
        return walk_leaf(walk, number);
    }
    for (size_t i = 0; r == OK && i < node_count(page_at(walk->file, number)); i++) {
        struct node node;

        r = read_node(walk->file, number, i, false, &node);
        if (r == OK) {
            r = walk_page(walk, node.child, level + 1);
        }
    }
    return r;
}

static int walk_tree(struct file *file, const struct tree *tree, visit_fn visit) {
    struct walk walk = {.file = file, .tree = tree, .visit = visit};
    int r;

    if (tree->root == NO_PAGE) {
        return tree->entries == 0 && tree->depth == 0
                   ? OK
                   : damaged(file, 0, "a tree without a root has records");
    }
    if (tree->depth == 0 || tree->depth > DEPTH_MAX) {
        return damaged(file, tree->root, "its tree has an impossible depth");
    }
    r = walk_page(&walk, tree->root, 1);
    if (r == OK && walk.entries != tree->entries) {
        r = damaged(file, tree->root, "its tree has lost records");
    }
    return r;
}

static int visit_record(struct file *file, uint64_t page, const struct node *node) {
    return (node->flags & ~NODE_BIG) == 0 ? OK : damaged(file, page, "a record of another kind");
}

static int visit_name(struct file *file, uint64_t page, const struct node *node) {
    struct tree tree;

    if (node->flags != NODE_TREE || node->data_bytes != TREE_BYTES) {
        return damaged(file, page, "a table's name without a table");
    }
    tree = read_tree(data_of(node));
    return tree.flags == 0 ? walk_tree(file, &tree, visit_record)
                           : damaged(file, page, "a table of another kind");
}

/* A list: how many, and their numbers. None of them may be in use. */
static int visit_free(struct file *file, uint64_t page, const struct node *node) {
    const unsigned char *list = (node->flags & NODE_BIG) != 0
                                    ? page_at(file, get(data_of(node), 8)) + HEADER_BYTES
                                    : data_of(node);
    uint64_t count = node->data_bytes >= 8 ? get(list, 8) : UINT64_MAX;
    uint64_t before = UINT64_MAX;
    int r = visit_record(file, page, node);

    if (r == OK &&
        (node->key_bytes != 8 || count == UINT64_MAX || count > node->data_bytes / 8 - 1)) {
        return damaged(file, page, "a list of free pages is longer than its room");
    }
    for (uint64_t i = 0; i < count && r == OK; i++) {
        uint64_t free_page = get(list + 8 + 8 * i, 8);

        r = free_page < before ? see(file, free_page)
                               : damaged(file, page, "a list of free pages is not in order");
        before = free_page;
    }
    return r;
}

/* --- The file -------------------------------------------------------------------------------- */

static bool is_meta(const struct file *file, size_t at) {
    return at + HEADER_BYTES + META_BYTES <= file->size &&
           get(file->bytes + at + HEADER_BYTES, 4) == MAGIC &&
           get(file->bytes + at + HEADER_BYTES + 4, 4) == VERSION;
}

static uint64_t txnid_of(const unsigned char *meta) {
    return get(meta + META_TREES_AT + TREES * TREE_BYTES + 8, 8);
}

/* The meta page of that commit; NULL: there is none. */
static const unsigned char *find_meta(const struct file *file, uint64_t txnid) {
    const unsigned char *best = NULL;

    for (size_t i = 0; i < TREES; i++) {
        const unsigned char *meta = file->bytes + i * file->page_bytes + HEADER_BYTES;

        if (is_meta(file, i * file->page_bytes) && (txnid == 0 || txnid_of(meta) == txnid) &&
            (best == NULL || txnid_of(meta) > txnid_of(best))) {
            best = meta;
        }
    }
    return best;
}

/* Both of them, since LMDB may take either. */
static int check_head(struct file *file) {
    size_t bytes = is_meta(file, 0) ? get(file->bytes + HEADER_BYTES + META_TREES_AT, 4) : 0;

    if (bytes < 512 || bytes > 65536 || (bytes & (bytes - 1)) != 0 || 2 * bytes > file->size) {
        return damaged(file, 0, "is not the beginning of a queue's file");
    }
    file->page_bytes = bytes;
    if (!is_meta(file, bytes) ||
        get(file->bytes + bytes + HEADER_BYTES + META_TREES_AT, 4) != bytes) {
        return damaged(file, 1, "is not like the first one");
    }
    return OK;
}

static int check_trees(struct file *file, uint64_t txnid) {
    const unsigned char *meta = find_meta(file, txnid);
    struct tree trees[TREES];
    int r;

    if (meta == NULL) {
        return OK; /* Another commit has taken its place: whoever reads it notices. */
    }
    file->last_page = get(meta + META_TREES_AT + TREES * TREE_BYTES, 8);
    if (file->last_page >= file->size / file->page_bytes) {
        return damaged(file, file->last_page, "the file is cut before it");
    }
    file->seen = mem_alloc(file->last_page / 8 + 1, 1);
    for (size_t i = 0; i < TREES; i++) {
        trees[i] = read_tree(meta + META_TREES_AT + i * TREE_BYTES);
    }
    r = (trees[0].flags & ~TREE_OF_A_FILE) == TREE_INTEGER_KEYS && trees[1].flags == 0
            ? walk_tree(file, &trees[1], visit_name)
            : damaged(file, 0, "its trees are of another kind");
    if (r == OK) {
        r = walk_tree(file, &trees[0], visit_free);
    }
    free(file->seen);
    return r;
}

/* All of it to be read. */
static int map_file(struct file *file, int fd) {
    struct stat info;
    void *map;

    if (fstat(fd, &info) != 0) {
        return error_set(file->error, ERR_IO, "can't read the queue's file: %s", strerror(errno));
    }
    file->size = (size_t)info.st_size;
    if (file->size == 0) {
        return damaged(file, 0, "the file is empty");
    }
    map = mmap(NULL, file->size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return error_set(file->error, ERR_IO, "can't read the queue's file: %s", strerror(errno));
    }
    file->bytes = map;
    return OK;
}

static void unmap_file(const struct file *file) {
    (void)munmap((void *)(uintptr_t)file->bytes, file->size);
}

int pages_check_head(int fd, struct error *error) {
    struct file file = {.error = error};
    int r = map_file(&file, fd);

    if (r == OK) {
        r = check_head(&file);
        unmap_file(&file);
    }
    return r;
}

int pages_check(int fd, uint64_t txnid, struct error *error) {
    struct file file = {.error = error};
    int r = map_file(&file, fd);

    if (r == OK) {
        r = check_head(&file);
        if (r == OK) {
            r = check_trees(&file, txnid);
        }
        unmap_file(&file);
    }
    return r;
}
