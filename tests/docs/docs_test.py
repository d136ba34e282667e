#!/usr/bin/python3
"""The documents say what the code says: each list in them is compared with the code's own."""
import glob
import os
import re
import sys

sys.dont_write_bytecode = True
# As a Bazel test this file is a link to the tree, which is what is to be checked.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

failed = 0


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def check(what, problems):
    global failed
    problems = list(problems)
    for problem in problems:
        print("docs: %s: %s" % (what, problem))
    print("test %s: docs: %s" % ("failed" if problems else "ok", what), flush=True)
    failed += bool(problems)


def differences(code, document):
    """What one has and the other has not; nothing at all in the code is a mistake of this test."""
    code, document = set(code), set(document)
    if not code:
        yield "nothing found in the code"
    yield from ("the documents lack %s" % (item,) for item in sorted(code - document))
    yield from ("the code has no %s" % (item,) for item in sorted(document - code))


def section(path, title):
    """A document's text from one heading to the next."""
    found = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(title), read(path), re.M | re.S)
    return found.group(1) if found else ""


def cells(text):
    """The rows of the tables in a text, without what marks code."""
    for line in re.findall(r"^\| (.*?) \|?$", text, re.M):
        if not line.startswith("---"):
            yield [cell.strip().strip("`") for cell in line.split(" | ")]


def column(text):
    return [row[0] for row in cells(text)][1:]


OPERATIONS = "docs/manual/operations.md"
LIFECYCLE = "docs/manual/lifecycle.md"


def reasons():
    code = re.findall(r'X\(REASON_\w+, "(\w+)"\)', read("policy/reason.h"))
    return differences(set(code) - {"None"}, column(section(OPERATIONS, "Why a job waits")))


def metrics():
    code = re.findall(r'"(?:# HELP )?(nightshift_[a-z_]+)[" ]', read("scheduler/front_view.c") +
                      read("scheduler/front_teams.c") + read("scheduler/front_schedules.c"))
    return differences(code, [name.split("{")[0] for name in
                              column(section(OPERATIONS, "Metrics"))])


def exit_statuses():
    code = re.findall(r"^    EXIT_\w+ = (\d+)", read("scheduler/daemon.c"), re.M)
    page = read("docs/man/nightshiftd.8").split(".SH EXIT STATUS")[1].split(".SH")[0]
    yield from differences(code, column(section(OPERATIONS, "Exit status")))
    yield from differences(code, re.findall(r"^\.B (\d+)$", page, re.M))


def limits():
    units = {"KiB": 1024, "MiB": 1024 ** 2, "GiB": 1024 ** 3}
    values = {"LIMIT_KIB": 1024, "LIMIT_MIB": 1024 ** 2}
    text = re.sub(r"/\*.*?\*/|\(size_t\)", "", read("base/limits.h"), flags=re.S)
    for name, value in re.findall(r"^#define (LIMIT_\w+)\s+(.+)$", text, re.M):
        values[name] = eval(value, {}, values)  # pylint: disable=eval-used
    rows = list(cells(section(OPERATIONS, "Limits")))[1:]
    yield from differences(set(values) - {"LIMIT_KIB", "LIMIT_MIB"}, [row[1] for row in rows])
    for _, name, said, _ in rows:
        number, _, unit = said.partition(" ")
        if values.get(name) != int(number) * units.get(unit, 1):
            yield "%s is %s, not %s" % (name, values.get(name), said)


def transitions():
    names = dict(re.findall(r'X\((JOB_\w+), "(\w+)"\)', read("policy/job.h")))
    table = read("policy/job.c").split("allowed[JOB_STATE_COUNT] = {")[1].split("};")[0]
    code = [(names[state], names[to])
            for state, tos in re.findall(r"\[(JOB_\w+)\] =([^\[]*)", table)
            for to in re.findall(r"TO\((JOB_\w+)\)", tos)]
    yield from differences(code, [tuple(row[:2]) for row in
                                  list(cells(section(LIFECYCLE, "Transitions")))[1:]])
    states = read(LIFECYCLE).split("## ")[0]
    yield from differences(names.values(), column(states))


def failures():
    header, source = read("policy/job.h"), read("policy/retry.c")
    names = dict(re.findall(r'X\((FAILURE_\w+), "(\w+)"\)', header))
    names.pop("FAILURE_NONE")
    defaults = {names[name]: (budget, avoid) for name, budget, avoid in
                re.findall(r"\[(FAILURE_\w+)\] = \{RETRY_BUDGET_(\w+), RETRY_AVOID_(\w+)", source)
                if name in names}
    rows = list(cells(section(LIFECYCLE, "Failures")))[1:]
    yield from differences(names.values(), [row[0] for row in rows])
    for name, _, budget in rows:
        if (budget == "maxRetries") != (defaults[name][0] == "USER"):
            yield "%s: its budget is not %s" % (name, budget)
        if (budget == "not tried again") != (defaults[name][0] == "NONE"):
            yield "%s: whether it is tried again" % name


def provoked():
    """Each class has its row in an integration test, and in the table of what follows."""
    names = set(dict(re.findall(r'X\((FAILURE_\w+), "(\w+)"\)', read("policy/job.h"))).values())
    names.discard("none")
    test = read("tests/integration/retry_test.py")
    yield from differences(names, re.findall(r'^    Row\("(\w+)"', test, re.M))
    table = read("docs/manual/retry.md").split("## Settings of a class")[0]
    yield from differences(names, [name for row in list(cells(table))[1:]
                                   for name in re.findall(r"\w+", row[0])])


def fault_table():
    sys.path.insert(0, os.path.join(ROOT, "tests/integration"))
    import faults_table
    if faults_table.manual() not in read("docs/manual/reliability.md"):
        yield "reliability.md: put there what `faults_test.py --manual` prints"


def options():
    for page, sources in [("docs/man/kubesim.1", ["sim/kubesim.c"]),
                          ("docs/man/nightshift-replay.1", ["sim/replay.c"]),
                          ("docs/man/nightshiftd.8", ["scheduler/nightshiftd.c",
                                                      "admin/admin.c"])]:
        usage = re.findall(r'^ *"  (?:-\w, |    )?(--[a-z-]+)',
                           "".join(read(source) for source in sources), re.M)
        text = read(page).replace("\\-", "-")
        yield from differences(usage, re.findall(r"^\.B[IR]? .*?(--[a-z-]+)", text, re.M))


def settings():
    code = re.findall(r'(?:\b[A-Z]+\(|\.name = )"([a-z][\w.]*)"', read("config/settings.c"))
    page = read("docs/man/nightshift.yaml.5")
    yield from differences(code, re.findall(r"^\.B ([a-z][\w.]*)$", page, re.M))


def documents():
    return ["README.md"] + [os.path.relpath(path, ROOT) for path in sorted(
        glob.glob(ROOT + "/docs/**/*.md", recursive=True))]


def links():
    for path in documents():
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", read(path)):
            place = os.path.join(ROOT, os.path.dirname(path), target)
            if "://" not in target and not os.path.exists(place):
                yield "%s: no %s" % (path, target)


def places_in_code():
    """`folder/file.c` exists; `folder/file.c:name()` is in it."""
    folders = "base|policy|queue|k8s|config|api|scheduler|cli|sim|bazel|tests|deploy|examples"
    pattern = r"`((?:%s)/[\w./-]*\.(?:c|h|py|sh|bzl|yaml|service))(?::(\w+)\(\))?`" % folders
    for path in documents():
        for file, name in re.findall(pattern, read(path)):
            if not os.path.exists(os.path.join(ROOT, file)):
                yield "%s: no %s" % (path, file)
            elif name and not re.search(r"^\w[^;\n]*\b%s\(" % name, read(file), re.M):
                yield "%s: no %s() in %s" % (path, name, file)


check("the reasons of waiting are the code's", reasons())
check("the metrics are the code's", metrics())
check("the daemon's exit statuses are the code's", exit_statuses())
check("the limits are the code's", limits())
check("the states and transitions are the code's", transitions())
check("the failures, and what they spend, are the code's", failures())
check("each class of failure is provoked by a test, and told of", provoked())
check("the table of faults is the test's", fault_table())
check("the man pages know each option", options())
check("the man page knows each setting", settings())
check("links lead somewhere", links())
check("files and functions that are named exist", places_in_code())
sys.exit(1 if failed else 0)
