"""The house rules that text can be checked against.

A rule is a function of one Source that yields (line, message). RULES names
them; lint_test.py has a bad sample for each. What a rule permits is in a table
here: to permit more is a change to that table, and is reviewed as such.
"""
import re

# Which folders a folder's files may include from. bazel/layers.bzl says the same
# of targets; written twice, so that neither changes by accident.
MAY_INCLUDE = {
    "base": [],
    "policy": ["base"],
    "queue": ["base", "policy"],
    "k8s": ["base", "policy"],
    "notify": ["base", "policy", "k8s/kube_pool*"],
    "config": ["base", "policy"],
    "api": ["base", "policy"],
    "admin": ["base", "policy", "queue", "config"],
    "scheduler": ["base", "policy", "queue", "k8s", "notify", "config", "api", "admin"],
    "cli": ["base", "policy", "config", "api/wire*"],
    "sim": ["base", "policy", "scheduler", "api/http*", "k8s", "config/config*", "config/document*",
            "config/file*", "config/schema*"],
    "bazel": [],
}

# Who may include a library's header. No header of ours may.
LIBRARY_USERS = {
    "lmdb.h": ["queue/*.c"],
    "curl/*": ["k8s/*.c", "notify/sender.c", "cli/http*.c"],
    "ev.h": ["scheduler/loop.c"],
    "libical/*": ["config/ics.c"],
    "llhttp.h": ["api/http*.c"],
    "jansson.h": ["api/wire*.c", "k8s/*.c", "notify/message.c", "config/*.c", "sim/*.c", "cli/*.c",
                  "scheduler/daemon*.c", "admin/json_fields.c", "admin/export.c",
                  "admin/import.c"],
    "yaml.h": ["config/*.c", "k8s/kubeconfig.c", "sim/objects.c"],
    "openssl/*": ["api/tls*.c", "api/auth*.c", "base/digest.c", "base/seal.c", "notify/sign.c", "sim/tls*.c"],
    "zstd.h": ["queue/*.c", "scheduler/log*.c"],
    "cmocka.h": [],
}

MAIN_FILES = ["*/main.c", "*_main.c", "cli/nightshift.c", "sim/kubesim.c", "scheduler/nightshiftd.c",
              "sim/replay.c"]

# Calls, who may make them, and what to do instead.
CALLS = [
    (["clock_gettime", "gettimeofday", "time", "ftime", "clock"], ["base/clock.c"],
     "time is an argument; only base/clock.c reads clocks"),
    (["random", "srandom", "rand", "srand", "rand_r", "drand48", "getrandom", "getentropy",
      "arc4random"], ["base/rng.c"], "chance comes from base/rng.h"),
    (["getenv", "secure_getenv", "setenv", "putenv", "unsetenv"],
     MAIN_FILES + ["cli/*.c", "k8s/environment.c"],
     "the environment is read in main and handed down"),
    (["exit", "quick_exit"], MAIN_FILES, "only main ends the process"),
    (["_exit"], ["sim/process*.c", "scheduler/lookahead.c", "cli/ui.c",
                "scheduler/daemon.c"], "only a forked child ends like this, or who leaves a hanging disk"),
    (["setlocale", "newlocale", "uselocale"], [], "output is the same in every locale"),
    (["strcpy", "strcat", "sprintf", "vsprintf", "gets", "stpcpy"], [],
     "no bound: use snprintf or base/buf.h"),
    (["strtok", "localtime", "gmtime", "ctime", "asctime"], [], "keeps its result in a global"),
    (["system", "popen"], [], "runs a shell: start the program itself"),
    (["alloca"], [], "the stack has no error to return"),
    (["mdb_put", "mdb_del", "mdb_cursor_put", "mdb_cursor_del"], ["queue/store.c", "queue/meta.c", "queue/format.c", "queue/copy.c",
     "queue/migrate_v1.c"],
     "the journal must hear of every write: store_put() and its siblings"),
]
# Tests may look at clocks and the environment, and end their processes.
CALLS_BANNED_IN_TESTS = {"strcpy", "strcat", "sprintf", "vsprintf", "gets", "stpcpy", "setlocale",
                         "strtok", "alloca"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.M)


def _pattern_matches(name, patterns):
    """Whether one of "ev.h", "curl/*" or "api/wire*" covers the name."""
    return any(name == p or (p.endswith("*") and name.startswith(p[:-1])) for p in patterns)


def layers(source):
    """Includes between folders follow the table of layers."""
    if not source.is_c or source.folder not in MAY_INCLUDE:
        return
    allowed = MAY_INCLUDE[source.folder]
    for found in INCLUDE.finditer(source.text):
        if found.group(1) != '"':
            continue
        path = found.group(2)
        folder = path.split("/")[0]
        if "/" not in path:
            yield source.line_of(found.start()), '"%s": name it from the root' % path
        elif folder != source.folder and folder not in allowed and not _pattern_matches(
                path, [item for item in allowed if "/" in item]):
            yield source.line_of(found.start()), "%s/ may not include %s" % (source.folder, path)


def libraries(source):
    """A library's header is included by the files that hide it, never by a header."""
    if not source.is_c or source.folder == "tests":
        return
    for found in INCLUDE.finditer(source.text):
        for header, users in LIBRARY_USERS.items():
            if not _pattern_matches(found.group(2), [header]):
                continue
            if source.is_header:
                yield source.line_of(found.start()), "<%s> in a header of ours" % found.group(2)
            elif not source.matches(users):
                yield (source.line_of(found.start()),
                       "<%s> is for %s" % (found.group(2), ", ".join(users) or "tests/"))


def calls(source):
    """Calls that only one place may make, or none."""
    if not source.is_c:
        return
    for names, files, why in CALLS:
        if source.folder == "tests":
            names = [name for name in names if name in CALLS_BANNED_IN_TESTS]
        if not names or source.matches(files):
            continue
        # Not x->time(...) or x.time(...), and not a declaration such as `int64_t time(`.
        for found in re.finditer(r"(?<![\w.>])(%s)\s*\(" % "|".join(names), source.code):
            yield source.line_of(found.start()), "%s(): %s" % (found.group(1), why)


def _blank_directives(code):
    return DIRECTIVE.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), code)


def _statements(code):
    """Yields (start, depth, text) of each statement; what is in braces is cut to {}."""
    stack = []  # of (start, text so far) for each open brace
    start, text = None, []
    for at, char in enumerate(code):
        if char == "{":
            stack.append((start, text))
            start, text = None, []
        elif char == "}" and stack:
            start, text = stack.pop()
            text = text + ["{}"]
            head = "".join(text)
            # A function's or a block's body ends what it belongs to; an initialiser
            # and a struct do not: a declarator or a semicolon follows.
            if not re.search(r"(=\s*|\b(struct|union|enum)\b[^()]*)\{\}$", head):
                start, text = None, []
        elif char == ";":
            if text:
                yield start, len(stack), "".join(text).strip() + ";"
            start, text = None, []
        else:
            if start is None and not char.isspace():
                start = at
            if start is not None:
                text.append(char)


def _is_constant(declaration):
    """Whether the object that is declared (not what it points to) is const."""
    head = re.sub(r"\{\}", " ", declaration.split("=")[0])
    pointer = re.search(r"\(\s*\*(\s*const)?", head)
    if pointer:
        return pointer.group(1) is not None
    if "*" in head:
        return re.match(r"\s*const\b", head.rsplit("*", 1)[1]) is not None
    return re.search(r"\bconst\b", head) is not None


def mutable_data(source):
    """No mutable data at file scope, and none that is static in a function."""
    if not source.is_c or source.folder in ("tests", "bazel"):
        return
    for start, depth, text in _statements(_blank_directives(source.code)):
        if start is None:
            continue
        is_static = re.match(r"(static|_Thread_local|thread_local)\b", text)
        if depth > 0 and not is_static:
            continue
        if re.match(r"(typedef|extern|_Static_assert|static_assert)\b", text):
            continue
        head = text.split("=")[0]
        if "=" not in text and re.search(r"\w\s*\([^*]|\w\s*\(\s*\*?\s*\w+[^)]*\w\s*[,)]", head):
            continue  # a function's declaration, or a macro's call
        if re.match(r"(static\s+)?(const\s+)?(struct|union|enum)\b\s*\w*\s*(\{\})?\s*;$", text):
            continue  # a type's
        if not _is_constant(text):
            yield source.line_of(start), "mutable data outlives the call: %s" % (
                " ".join(text.split())[:60])


def braces(source):
    """Every body has braces."""
    if not source.is_c:
        return
    code = _blank_directives(source.code)
    for found in re.finditer(r"\b(if|for|while|switch|else|do)\b", code):
        at, word = found.end(), found.group(1)
        rest = re.compile(r"\s*").match(code, at).end()
        if word in ("if", "for", "while", "switch"):
            if rest >= len(code) or code[rest] != "(":
                continue
            depth = 0
            while rest < len(code):
                depth += {"(": 1, ")": -1}.get(code[rest], 0)
                rest += 1
                if depth == 0:
                    break
            rest = re.compile(r"\s*").match(code, rest).end()
        following = code[rest:rest + 3]
        if following.startswith("{") or (word == "else" and re.match(r"if\b", following)):
            continue
        if word == "while" and following.startswith(";"):
            continue  # the end of do ... while
        yield source.line_of(found.start()), "%s without braces" % word


def guards(source):
    """A header's guard is its path."""
    if not source.is_header:
        return
    want = re.sub(r"\W", "_", source.path).upper()
    code = source.code.lstrip()
    found = re.match(r"#ifndef (\w+)\n#define (\w+)\n", code)
    if not found or found.groups() != (want, want):
        yield 1, "the header's guard should be %s" % want


def columns(source):
    """No line is wider than 100 columns."""
    if not source.is_c:
        return
    for number, line in enumerate(source.text.split("\n"), 1):
        if len(line) > 100:
            yield number, "%d columns" % len(line)


def open_ends(source):
    """What is left to do has an issue's number."""
    if source.path.startswith("tests/lint/"):
        return
    for found in re.finditer(r"\b(TODO|FIXME|XXX)\b(\(#\d+\))?", source.text):
        if not found.group(2):
            yield source.line_of(found.start()), "%s(#issue): give its number" % found.group(1)


RULES = [layers, libraries, calls, mutable_data, braces, guards, columns, open_ends]
