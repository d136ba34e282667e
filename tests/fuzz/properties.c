/* Properties files: what was read is printed and read again as the same. */
#include "k8s/spark_properties.h"

#include <stdint.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_ascii(const struct spark_conf *conf) {
    for (size_t i = 0; i < conf->count; i++) {
        for (const char *at = conf->entries[i].key; *at != '\0'; at++) {
            if ((unsigned char)*at >= 0x80) {
                return false;
            }
        }
        for (const char *at = conf->entries[i].value; *at != '\0'; at++) {
            if ((unsigned char)*at >= 0x80) {
                return false;
            }
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct spark_conf conf = {0};
    struct spark_conf again = {0};
    struct buf text;
    bool is_read = spark_properties_parse((const char *)data, size, &conf) == OK;

    buf_init(&text, LIMIT_MIB);
    spark_properties_print(&conf, &text);
    /* Bytes that are no UTF-8 are read as they are, and need not survive. */
    if (is_read && !text.full && is_ascii(&conf)) {
        ENSURE(spark_properties_parse(buf_text(&text), text.bytes, &again) == OK);
        ENSURE(again.count == conf.count);
        for (size_t i = 0; i < conf.count; i++) {
            ENSURE(strcmp(again.entries[i].key, conf.entries[i].key) == 0);
            ENSURE(strcmp(again.entries[i].value, conf.entries[i].value) == 0);
        }
    }
    buf_finish(&text);
    spark_conf_finish(&again);
    spark_conf_finish(&conf);
    return 0;
}
