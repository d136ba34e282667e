#include "sim/patch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

/* JSON in single quotes, to be readable. NULL stays NULL. */
static json_t *parse(const char *text) {
    char *copy = text == NULL ? NULL : strdup(text);
    json_t *value;

    for (char *at = copy; at != NULL && *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    value = copy == NULL ? NULL : json_loads(copy, JSON_DECODE_ANY, NULL);
    CHECK(value != NULL || text == NULL, text);
    free(copy);
    return value;
}

TEST(patch__gives_what_its_type_says_and_leaves_the_original) {
    static const struct {
        const char *what;
        enum sim_patch_type type;
        const char *object;
        const char *patch;
        const char *want; /* NULL: refused */
    } rows[] = {
        /* RFC 7386 */
        {"replace", SIM_PATCH_MERGE, "{'a':'b'}", "{'a':'c'}", "{'a':'c'}"},
        {"add", SIM_PATCH_MERGE, "{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}"},
        {"remove", SIM_PATCH_MERGE, "{'a':'b','b':1}", "{'a':null}", "{'b':1}"},
        {"lists are replaced", SIM_PATCH_MERGE, "{'a':[1,2]}", "{'a':[3]}", "{'a':[3]}"},
        {"nested", SIM_PATCH_MERGE, "{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}",
         "{'a':{'b':'d'}}"},
        {"null in what is new", SIM_PATCH_MERGE, "{}", "{'a':{'bb':{'c':null}}}",
         "{'a':{'bb':{}}}"},
        {"an object over a value", SIM_PATCH_MERGE, "{'a':1}", "{'a':{'b':2}}", "{'a':{'b':2}}"},
        {"no object", SIM_PATCH_MERGE, "{}", "[1]", NULL},
        /* Strategic. */
        {"containers by name", SIM_PATCH_STRATEGIC,
         "{'containers':[{'name':'a','image':'1','x':1},{'name':'b'}]}",
         "{'containers':[{'name':'a','image':'2'},{'name':'c'}]}",
         "{'containers':[{'name':'a','image':'2','x':1},{'name':'b'},{'name':'c'}]}"},
        {"delete an item", SIM_PATCH_STRATEGIC, "{'env':[{'name':'a'},{'name':'b'}]}",
         "{'env':[{'name':'a','$patch':'delete'}]}", "{'env':[{'name':'b'}]}"},
        {"replace a list", SIM_PATCH_STRATEGIC, "{'env':[{'name':'a'}]}",
         "{'env':[{'$patch':'replace'},{'name':'b'}]}", "{'env':[{'name':'b'}]}"},
        {"replace an object", SIM_PATCH_STRATEGIC, "{'spec':{'a':1}}",
         "{'spec':{'$patch':'replace','b':2}}", "{'spec':{'b':2}}"},
        {"conditions by type", SIM_PATCH_STRATEGIC,
         "{'conditions':[{'type':'Ready','status':'False'}]}",
         "{'conditions':[{'type':'Ready','status':'True'}]}",
         "{'conditions':[{'type':'Ready','status':'True'}]}"},
        {"tolerations as a whole", SIM_PATCH_STRATEGIC, "{'tolerations':[{'key':'a'}]}",
         "{'tolerations':[{'key':'b'}]}", "{'tolerations':[{'key':'b'}]}"},
        {"finalizers as a set", SIM_PATCH_STRATEGIC, "{'finalizers':['a']}",
         "{'finalizers':['a','b']}", "{'finalizers':['a','b']}"},
        {"out of a set", SIM_PATCH_STRATEGIC, "{'finalizers':['a','b']}",
         "{'$deleteFromPrimitiveList/finalizers':['a']}", "{'finalizers':['b']}"},
        {"a container's ports", SIM_PATCH_STRATEGIC,
         "{'ports':[{'containerPort':1,'name':'a'},{'containerPort':2}]}",
         "{'ports':[{'containerPort':1,'name':'b'}]}",
         "{'ports':[{'containerPort':1,'name':'b'},{'containerPort':2}]}"},
        {"order is no matter", SIM_PATCH_STRATEGIC, "{'env':[{'name':'a'}]}",
         "{'$setElementOrder/env':[{'name':'a'}]}", "{'env':[{'name':'a'}]}"},
        {"retain keys", SIM_PATCH_STRATEGIC, "{'strategy':{'a':1,'b':2}}",
         "{'strategy':{'$retainKeys':['b'],'b':3}}", "{'strategy':{'b':3}}"},
        {"null removes", SIM_PATCH_STRATEGIC, "{'a':1,'b':2}", "{'a':null}", "{'b':2}"},
        /* RFC 6902 */
        {"add a member", SIM_PATCH_JSON, "{'a':1}", "[{'op':'add','path':'/b','value':2}]",
         "{'a':1,'b':2}"},
        {"insert", SIM_PATCH_JSON, "{'a':[1,3]}", "[{'op':'add','path':'/a/1','value':2}]",
         "{'a':[1,2,3]}"},
        {"append", SIM_PATCH_JSON, "{'a':[1]}", "[{'op':'add','path':'/a/-','value':2}]",
         "{'a':[1,2]}"},
        {"beyond the end", SIM_PATCH_JSON, "{'a':[1]}", "[{'op':'add','path':'/a/2','value':2}]",
         NULL},
        {"remove of a list", SIM_PATCH_JSON, "{'a':[1,2]}", "[{'op':'remove','path':'/a/0'}]",
         "{'a':[2]}"},
        {"remove what isn't there", SIM_PATCH_JSON, "{}", "[{'op':'remove','path':'/a'}]", NULL},
        {"replace", SIM_PATCH_JSON, "{'a':1}", "[{'op':'replace','path':'/a','value':2}]",
         "{'a':2}"},
        {"replace what isn't there", SIM_PATCH_JSON, "{}",
         "[{'op':'replace','path':'/a','value':2}]", NULL},
        {"move", SIM_PATCH_JSON, "{'a':1}", "[{'op':'move','from':'/a','path':'/b'}]", "{'b':1}"},
        {"copy", SIM_PATCH_JSON, "{'a':1}", "[{'op':'copy','from':'/a','path':'/b'}]",
         "{'a':1,'b':1}"},
        {"test that holds", SIM_PATCH_JSON, "{'a':1}", "[{'op':'test','path':'/a','value':1}]",
         "{'a':1}"},
        {"test that fails", SIM_PATCH_JSON, "{'a':1}", "[{'op':'test','path':'/a','value':2}]",
         NULL},
        {"escapes", SIM_PATCH_JSON, "{'a/b':1,'c~d':2}",
         "[{'op':'remove','path':'/a~1b'},{'op':'remove','path':'/c~0d'}]", "{}"},
        {"an unknown operation", SIM_PATCH_JSON, "{}", "[{'op':'jump','path':'/a'}]", NULL},
        {"no list", SIM_PATCH_JSON, "{}", "{'a':1}", NULL},
        {"through a value", SIM_PATCH_JSON, "{'a':1}", "[{'op':'add','path':'/a/b','value':1}]",
         NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *object = parse(rows[i].object);
        json_t *before = parse(rows[i].object);
        json_t *patch = parse(rows[i].patch);
        json_t *want = parse(rows[i].want);
        json_t *got = NULL;
        json_t *refusal = sim_patch(rows[i].type, object, patch, &got);

        CHECK_EQ(refusal != NULL, want == NULL, rows[i].what);
        CHECK(want == NULL || json_equal(got, want), rows[i].what);
        CHECK(json_equal(object, before), rows[i].what);
        json_decref(object);
        json_decref(before);
        json_decref(patch);
        json_decref(want);
        json_decref(got);
        json_decref(refusal);
    }
}
