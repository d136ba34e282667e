#!/usr/bin/python3
"""Runs tests/test_samples and checks what the veneer says of each of its tests.

The first word of a sample's name is the outcome it must have.
"""
import re
import subprocess
import sys

SAID = re.compile(r"^test (ok|failed|skipped): (\w+?)__(\w+)(.*)$", re.M)
# What the line of a failed test, or the output below it, must tell.
TELLS = {
    "check_of_a_falsehood": "arithmetic: not so: 1 == 2",
    "check_eq_of_different_numbers": "got:  4\n    |     want: 5",
    "check_eq_of_minus_one_and_the_largest": "got:  -1\n    |     want: 18446744073709551615",
    "check_str_of_null": 'got:  NULL\n    |     want: ""',
    "check_mem_of_different_bytes": "byte 2 of 3: got 0x63, want 0x64",
    "check_ok_of_an_error": "ERR_BUSY is -6 (ERR_BUSY)",
    "descriptor_left_open": "/dev/null",
    "abort": "signal 6",
    "early_exit": "exited with 0 before it ended",
    "killed": "signal 9",
    "too_slow": "still running after",
    "not_here": "needs a full moon",
}

count = {"passed": 0, "failed": 0}


def check(what, good):
    count["passed" if good else "failed"] += 1
    print("test %s: %s" % ("ok" if good else "failed", what))


def run(*arguments):
    return subprocess.run(["tests/test_samples"] + list(arguments), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


done = run()
lines = list(SAID.finditer(done.stdout))
for at, line in enumerate(lines):
    outcome, wanted, name, _ = line.groups()
    end = lines[at + 1].start() if at + 1 < len(lines) else len(done.stdout)
    check("%s is reported as %s" % (name, wanted), outcome == wanted)
    if name in TELLS:
        check("%s says why" % name, TELLS[name] in done.stdout[line.start():end])
check("every sample ran", len(lines) >= 20)
check("a failure fails the run", done.returncode == 1)
check("a filter picks tests by name", len(SAID.findall(run("nothing_to").stdout)) == 1)
check("a filtered run that passes exits 0", run("nothing_to").returncode == 0)
check("a filter that picks none is an error", run("no_such_test").returncode == 1)
if count["failed"]:
    print(done.stdout)
sys.exit(1 if count["failed"] else 0)
