#!/usr/bin/env python3
"""Runs `bazel test` and closes with 'N passed, N failed'.

Usage: bazel/run_tests.py [bazel options and targets] [--then options ...]

The default target is //.... What follows each --then is one more run, and the
last line adds all runs up. ", N skipped" follows if there were any.

The counts are of the tests in a target: lines "test ok: ...", "test failed: ..."
and "test skipped: ..." in its log. A target that prints none of them counts as
one test, passed or failed as Bazel says. The exit status is 0 only if all passed.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from urllib.parse import unquote, urlparse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TEST = re.compile(r"^test (ok|failed|skipped): ")
OUTCOMES = ["ok", "failed", "skipped"]
NO_TESTS = 4  # Bazel's status if the options leave no test to run


def bazel():
    return os.environ.get("BAZEL", "bazel")


def counts_in(path):
    """Returns a log's [passed, failed, skipped], all 0 if it tells of no test."""
    counts = [0, 0, 0]
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            found = TEST.match(line)
            if found:
                counts[OUTCOMES.index(found.group(1))] += 1
    return counts


def local_path(uri):
    return unquote(urlparse(uri).path)


def read_events(path):
    """Returns {label: status} and {(label, run, shard): (attempt, log)}."""
    statuses = {}
    logs = {}
    expected = set()
    with open(path, encoding="utf-8") as events:
        for line in events:
            event = json.loads(line)
            ident = event["id"]
            if "targetConfigured" in ident and event.get("configured", {}).get("testSize"):
                expected.add(ident["targetConfigured"]["label"])
            elif "testSummary" in ident and "testSummary" in event:
                statuses[ident["testSummary"]["label"]] = event["testSummary"]["overallStatus"]
            elif "testResult" in ident and "testResult" in event:
                key = ident["testResult"]
                place = (key["label"], key.get("run", 1), key.get("shard", 1))
                attempt = key.get("attempt", 1)
                for output in event["testResult"].get("testActionOutput", []):
                    if output["name"] == "test.log" and attempt >= logs.get(place, (0, ""))[0]:
                        logs[place] = (attempt, local_path(output["uri"]))
    for label in expected:
        statuses.setdefault(label, "NO_STATUS")
    return statuses, logs


def add_up(statuses, logs):
    passed = failed = skipped = 0
    for label, status in sorted(statuses.items()):
        good = status in ("PASSED", "FLAKY")
        here = [0, 0, 0]
        for (owner, _, _), (_, log) in logs.items():
            if owner == label and os.path.exists(log):
                here = [a + b for a, b in zip(here, counts_in(log))]
        if good and sum(here) == 0:
            here[0] = 1
        if not good and here[1] == 0:
            here[1] = 1
        passed += here[0]
        failed += here[1]
        skipped += here[2]
        if not good:
            print("%s: %s" % (label, status))
    return passed, failed, skipped


def closing_line(counts):
    line = "%d passed, %d failed" % tuple(counts[:2])
    return line + (", %d skipped" % counts[2] if counts[2] else "")


def run(options):
    """Runs one `bazel test`; returns [passed, failed, skipped]."""
    if not any(word.startswith(("//", ":", "@")) for word in options):
        options = options + ["//..."]
    with tempfile.TemporaryDirectory() as folder:
        events = os.path.join(folder, "events.json")
        command = [bazel(), "test", "--keep_going", "--build_event_json_file=" + events] + options
        code = subprocess.call(command, cwd=ROOT)
        statuses, logs = read_events(events) if os.path.exists(events) else ({}, {})
        counts = list(add_up(statuses, logs))
    if code not in (0, NO_TESTS) and counts[1] == 0:
        counts[1] = 1  # Bazel itself failed: nothing ran, or not all of it
    return counts


def main():
    runs = [[]]
    for word in sys.argv[1:]:
        if word == "--then":
            runs.append([])
        else:
            runs[-1].append(word)
    total = [0, 0, 0]
    for options in runs:
        if len(runs) > 1:
            print("== bazel test %s" % " ".join(options), flush=True)
        counts = run(options)
        total = [a + b for a, b in zip(total, counts)]
        if len(runs) > 1:
            print("== %s" % closing_line(counts), flush=True)
    if sum(total) == 0:
        total[1] = 1  # A run of nothing proves nothing.
    print(closing_line(total), flush=True)
    return 1 if total[1] else 0


sys.exit(main())
