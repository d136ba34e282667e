#!/usr/bin/python3
"""The rules of lint catch bad samples, and leave good ones alone."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import rules  # noqa: E402
from source import Source  # noqa: E402

# rule, path, text, the lines it must name
SAMPLES = [
    (rules.layers, "queue/a.c", '#include "base/error.h"\n#include "queue/b.h"\n', []),
    (rules.layers, "queue/a.c", '\n#include "k8s/pod.h"\n', [2]),
    (rules.layers, "base/a.h", '#include "policy/job.h"\n', [1]),
    (rules.layers, "queue/a.c", '#include "b.h"\n', [1]),
    (rules.layers, "cli/ls.c", '#include "api/wire_job.h"\n#include "api/routes.h"\n', [2]),
    (rules.layers, "policy/a.c", '#include "tests/test.h"\n', [1]),
    (rules.layers, "tests/k8s/a.c", '#include "queue/queue.h"\n', []),

    (rules.libraries, "queue/store.c", "#include <lmdb.h>\n", []),
    (rules.libraries, "queue/store.h", "#include <lmdb.h>\n", [1]),
    (rules.libraries, "scheduler/loop.c", "#include <ev.h>\n#include <curl/curl.h>\n", [2]),
    (rules.libraries, "scheduler/core.c", "#include <ev.h>\n", [1]),
    (rules.libraries, "api/http.c", "#  include <llhttp.h>\n#include <openssl/evp.h>\n", [2]),
    (rules.libraries, "policy/plan.c", "#include <jansson.h>\n", [1]),
    (rules.libraries, "cli/ls.c", "#include <cmocka.h>\n", [1]),
    (rules.libraries, "tests/k8s/a.c", "#include <curl/curl.h>\n", []),

    (rules.calls, "policy/a.c", "x = time(NULL);\n", [1]),
    (rules.calls, "base/clock.c", "x = time(NULL);\n", []),
    (rules.calls, "policy/a.c", "x = job_time(job) + job->time(1);\n", []),
    (rules.calls, "policy/a.c", "/* time(NULL) */ s = \"rand()\";\n", []),
    (rules.calls, "k8s/a.c", "\nx = random();\n", [2]),
    (rules.calls, "k8s/a.c", "getenv(\"HOME\");\n", [1]),
    (rules.calls, "k8s/environment.c", "getenv(\"HOME\");\n", []),
    (rules.calls, "cli/ls.c", "strcpy(a, b);\nexit (1);\n", [1, 2]),
    (rules.calls, "scheduler/main.c", "exit(1);\nsystem(\"ls\");\n", [2]),
    (rules.calls, "tests/a.c", "exit(1);\nsystem(\"ls\");\nsprintf(a, \"\");\n", [3]),
    (rules.calls, "base/a.c", "setlocale(LC_ALL, \"\");\n", [1]),

    (rules.mutable_data, "base/a.c", "static int count;\n", [1]),
    (rules.mutable_data, "base/a.c", "\nint count = 3;\n", [2]),
    (rules.mutable_data, "base/a.c", "static const char *names[] = {\"a\", \"b\"};\n", [1]),
    (rules.mutable_data, "base/a.c", "static const char *const names[] = {\"a\", \"b\"};\n", []),
    (rules.mutable_data, "base/a.c", "static const struct { int a; } rows[] = {{1}, {2}};\n", []),
    (rules.mutable_data, "base/a.c", "static struct { int a; } rows[] = {{1}, {2}};\n", [1]),
    (rules.mutable_data, "base/a.c", "static int (*const table[])(int *) = {f, g};\n", []),
    (rules.mutable_data, "base/a.c", "static int (*table[])(int *) = {f, g};\n", [1]),
    (rules.mutable_data, "base/a.c", "int f(void) {\n    static int calls;\n    return 1;\n}\n", [2]),
    (rules.mutable_data, "base/a.c",
     "int f(int a) {\n    if (a == 1) {\n    }\n    static int calls = 2;\n}\n", [4]),
    (rules.mutable_data, "base/a.c",
     "static void f(struct x *x);\nint g(int (*call)(int), void *p);\nchar *h(void) {\n"
     "    struct x x = {.a = 1};\n    int b = 2;\n}\n"
     "struct x { int a; char *b; };\nenum { A, B };\ntypedef int (*call_fn)(int);\n"
     "struct y;\nextern const int c;\n_Static_assert(1 > 0, \"\");\n", []),
    (rules.mutable_data, "base/a.c", "static struct x state, *list;\n", [1]),
    (rules.mutable_data, "base/a.c", "static _Thread_local int depth;\n", [1]),
    (rules.mutable_data, "tests/a.c", "static int count;\n", []),

    (rules.braces, "base/a.c", "if (a(b))\n    c();\n", [1]),
    (rules.braces, "base/a.c", "if (a) {\n} else\n    c();\n", [2]),
    (rules.braces, "base/a.c", "for (;;)\n    c();\nwhile (a)\n    b();\n", [1, 3]),
    (rules.braces, "base/a.c",
     "do {\n} while (a);\nif (a) {\n} else if (b) {\n} else {\n}\nfor (;;) {\n}\n", []),
    (rules.braces, "base/a.c", "#if (A)\nint b;\n#else\nint c;\n#endif\n", []),

    (rules.guards, "base/two_words.h", "/* x */\n#ifndef BASE_TWO_WORDS_H\n"
     "#define BASE_TWO_WORDS_H\n#endif\n", []),
    (rules.guards, "base/two_words.h", "#ifndef TWO_WORDS_H\n#define TWO_WORDS_H\n#endif\n", [1]),
    (rules.guards, "base/two_words.h", "#pragma once\n", [1]),

    (rules.columns, "base/a.c", "x" * 100 + "\n" + "y" * 101 + "\n", [2]),

    (rules.open_ends, "base/a.c", "/* TODO(#12): more */\n", []),
    (rules.open_ends, "bazel/a.sh", "\n# TODO: more\n# FIXME\n", [2, 3]),
]

failed = 0


def check(what, good, detail=""):
    global failed
    print("test %s: lint: %s%s" % ("ok" if good else "failed", what, "" if good else detail))
    failed += not good


for number, (rule, path, text, want) in enumerate(SAMPLES):
    got = sorted(line for line, _ in rule(Source(path, text)))
    check("%s, sample %d" % (rule.__name__, number), got == want,
          ": %r names lines %s, not %s" % (text, got, want))
for rule in rules.RULES:
    check("%s has a bad sample" % rule.__name__,
          any(sample[0] is rule and sample[3] for sample in SAMPLES))

# layers.bzl is also Python; what it allows for all of a folder, lint must allow.
layers = {}
with open(os.path.join(ROOT, "bazel", "layers.bzl"), encoding="utf-8") as stream:
    exec(stream.read(), layers)  # pylint: disable=exec-used
for folder, used in layers["MAY_USE"].items():
    check("lint's table has what bazel/layers.bzl has for %s/" % folder,
          set(used) <= set(rules.MAY_INCLUDE[folder]))
check("both tables know the same folders",
      set(layers["MAY_USE"]) == set(rules.MAY_INCLUDE) - {"bazel"})
sys.exit(1 if failed else 0)
