#include "sim/java_properties.h"

#include "base/error.h"
#include "tests/test.h"

TEST(java_properties_read__reads_as_java_does) {
    static const struct {
        const char *what;
        const char *text;
        const char *key;
        const char *want;
    } rows[] = {
        {"plain", "a=b\n", "a", "b"},
        {"no line end", "a=b", "a", "b"},
        {"colon", "a:b\n", "a", "b"},
        {"blank parts too", "a b\n", "a", "b"},
        {"blanks around the separator", "  a \t= b\n", "a", "b"},
        {"only the first separator parts", "a==b\n", "a", "=b"},
        {"a comment", "#a=c\na=b\n", "a", "b"},
        {"another comment", "!a=c\na=b", "a", "b"},
        {"no value", "a\nb=c\n", "a", ""},
        {"absent", "a=b\n", "c", NULL},
        {"escaped separators in the key", "a\\:b\\=c\\ d=e\n", "a:b=c d", "e"},
        {"escaped colon in the value", "a=local\\:///x\n", "a", "local:///x"},
        {"escapes", "a=1\\t2\\n3\\\\4\\q\n", "a", "1\t2\n3\\4q"},
        {"continued", "a=b\\\n   c\n", "a", "bc"},
        {"continued with CR LF", "a=b\\\r\n   c\r\nd=e\r\n", "a", "bc"},
        {"after CR LF", "a=b\\\r\n   c\r\nd=e\r\n", "d", "e"},
        {"an even number of backslashes does not continue", "a=b\\\\\nc=d\n", "c", "d"},
        {"latin", "a=\\u00e9\n", "a", "\xc3\xa9"},
        {"three bytes", "a=\\u20AC\n", "a", "\xe2\x82\xac"},
        {"a pair of surrogates", "a=\\uD83D\\uDE00\n", "a", "\xf0\x9f\x98\x80"},
        {"half a pair", "a=\\uD83Dx\n", "a", "\xef\xbf\xbdx"},
        {"raw UTF-8", "a=\xc3\xa9\n", "a", "\xc3\xa9"},
        {"outer blanks go", "a=\\  b \t\n", "a", "b"},
        {"the last one wins", "a=b\na=c\n", "a", "c"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct java_properties properties = {0};

        java_properties_read(&properties, rows[i].text);
        CHECK_STR(java_properties_get(&properties, rows[i].key), rows[i].want, rows[i].what);
        java_properties_finish(&properties);
    }
}
