/* config/settings.h - the table of all settings: name, type, default, meaning. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stddef.h>

#include "config/config.h"
#include "config/schema.h"

/* How a value lies in struct config. */
enum setting_store {
    STORE_TEXT,       /* char * */
    STORE_BOOL,       /* bool */
    STORE_INT,        /* int64_t */
    STORE_MODE,       /* uint32_t, written in octal */
    STORE_DURATION,   /* int64_t, microseconds */
    STORE_BYTES,      /* int64_t, written as a quantity */
    STORE_RATE,       /* int64_t, thousandths */
    STORE_NAMESPACES, /* namespaces and namespace_count; written as a list or "all" */
};

struct setting {
    struct field field; /* name is the whole path: "listen.unix.mode" */
    enum setting_store store;
    size_t offset; /* in struct config */
    const char *initial;
    const char *about; /* one line, no full stop */
};

/* Grouped: settings of one parent stand together. */
extern const struct setting config_settings[];
extern const size_t config_setting_count;

#endif
