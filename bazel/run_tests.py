#!/usr/bin/env python3
"""Runs `bazel test` and closes with 'N passed, N failed, N skipped'.

Usage: bazel/run_tests.py [bazel options and targets]   (default target: //...)

The counts are of cmocka's tests, not of Bazel's targets. A target that prints
no cmocka summary (a shell test, a crash, a time-out, one that didn't build)
counts as one test, passed or failed as Bazel says. The exit status is Bazel's.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from urllib.parse import unquote, urlparse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# cmocka's lines: each passed test's own, and a group's summary of the others.
# (A group that crashes has no summary; Bazel's status then adds the failure.)
PASSED = re.compile(r"^\[       OK \] ")
OTHERS = re.compile(r"^\[  (FAILED|SKIPPED|ERROR)\s+\] (?:.*: )?(\d+) test\(s\)[,.]")


def bazel():
    return os.environ.get("BAZEL", "bazel")


def cmocka_counts(path):
    """Returns a log's [passed, failed, skipped], all 0 if cmocka wrote none of it."""
    passed = 0
    others = {"FAILED": 0, "SKIPPED": 0, "ERROR": 0}
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            found = OTHERS.match(line)
            if found:
                others[found.group(1)] += int(found.group(2))
            elif PASSED.match(line):
                passed += 1
    return [passed, others["FAILED"] + others["ERROR"], others["SKIPPED"]]


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
                here = [a + b for a, b in zip(here, cmocka_counts(log))]
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


def main():
    given = sys.argv[1:]
    if not any(word.startswith(("//", ":", "@")) for word in given):
        given.append("//...")
    with tempfile.TemporaryDirectory() as folder:
        events = os.path.join(folder, "events.json")
        command = [bazel(), "test", "--keep_going", "--build_event_json_file=" + events] + given
        code = subprocess.call(command, cwd=ROOT)
        statuses, logs = read_events(events) if os.path.exists(events) else ({}, {})
        passed, failed, skipped = add_up(statuses, logs)
    if code != 0 and failed == 0:
        failed = 1  # Bazel itself failed: nothing ran, or not all of it
    sys.stdout.flush()
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return code


sys.exit(main())
