#!/usr/bin/python3
"""Every constant of base/limits.h has its row here: what happens to one more than it allows.

Usage: every_limit_test.py KUBESIM NIGHTSHIFTD NIGHTSHIFT

What a request or a configuration can exceed is exceeded: at the limit it is taken, above it it is
refused with the number. What only the inside can meet names the test that meets it. A constant
without a row fails, and so does a row without a constant.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import World, pod_job, spark_job  # noqa: E402

# As a Bazel test this file is a link to the tree, which is what is to be checked.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
PROGRAMS = {}
failed = 0


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def constants():
    values = {"LIMIT_KIB": 1024, "LIMIT_MIB": 1024 ** 2}
    text = re.sub(r"/\*.*?\*/|\(size_t\)", "", read("base/limits.h"), flags=re.S)
    for name, value in re.findall(r"^#define (LIMIT_\w+)\s+(.+)$", text, re.M):
        values[name] = eval(value, {}, values)  # pylint: disable=eval-used
    del values["LIMIT_KIB"], values["LIMIT_MIB"]
    return values


def check(what, problems):
    global failed
    problems = list(problems)
    for problem in problems:
        print("limits: %s: %s" % (what, problem))
    print("test %s: limits: %s" % ("failed" if problems else "ok", what), flush=True)
    failed += bool(problems)


# --- Requests: a body of so many, and the words that refuse one more -----------------------------

def as_json(value):
    return json.dumps(value).encode()


def held(name="a", **fields):
    return pod_job(name, hold=True, **fields)


def pod(**fields):
    job = held()
    job["spec"]["pod"]["spec"].update(fields)
    return as_json(job)


def spark(executors=None, **fields):
    job = spark_job("s", hold=True)
    job["spec"]["spark"].update(fields)
    if executors is not None:
        job["spec"]["spark"]["executor"]["instances"] = executors
    return as_json(job)


def template(columns, row):
    rows = {"apiVersion": "nightshift/v1", "kind": "Rows",
            "spec": {"names": ["c%d" % at for at in range(columns)], "rows": [row]}}
    return (json.dumps(held("t")) + "\n---\n" + json.dumps(rows)).encode()


def schedule(text):
    return as_json({"apiVersion": "nightshift/v1", "kind": "Schedule", "metadata": {"name": "s"},
                    "spec": {"cron": "0 1 * * *", "zone": "UTC", "suspend": True, "template": {
                        "spec": {"pod": {"spec": {"containers": [
                            {"name": "a", "image": "b", "args": [text]}]}}}}}})


def many_problems(count):
    return as_json({"apiVersion": "nightshift/v1", "kind": "BatchJob", "metadata": {"name": "a"},
                    "spec": {"pod": {"spec": {"containers": [{"name": "a", "image": "b"}]}},
                             **{"x%d" % at: 1 for at in range(count)}}})


class Request:
    """at: the status of a request of as many as the limit; above: of one more, and its words."""

    def __init__(self, make, above, *words, at=201, yaml=False, path=None, headers=None):
        self.make, self.at, self.above, self.words = make, at, above, words
        self.type = "application/yaml" if yaml else "application/json"
        self.path = path or (lambda count: "/v1/jobs")
        self.headers = headers or (lambda count: {})

    def ask(self, daemon, count):
        body = self.make(count) if self.make else None
        headers = self.headers(count)
        if body is not None:
            headers["Content-Type"] = self.type
        try:
            status, answer, _ = daemon.ask("POST" if body is not None else "GET",
                                           self.path(count), body, headers)
        except (BrokenPipeError, ConnectionResetError):
            return 413, "limits.bodyBytes"  # It was told before all was sent, and closed.
        return status, json.dumps(answer)


REQUESTS = {
    "LIMIT_HTTP_BODY_BYTES": Request(lambda n: b" " * n, 413, "limits.bodyBytes", at=422),
    "LIMIT_HTTP_HEADERS": Request(None, 431, "100 headers", at=200, headers=lambda n: {
        "X-%d" % at: "1" for at in range(n - 2)}),  # Host and Accept-Encoding are two.
    "LIMIT_HTTP_HEADER_BYTES": Request(None, 431, "limits.headerBytes", at=None, headers=lambda n: {
        "X": "1" * n}),
    "LIMIT_HTTP_URL_BYTES": Request(None, 414, "2048 bytes", at=400, path=lambda n:
                                    "/v1/jobs?x=" + "a" * (n - len("/v1/jobs?x="))),
    "LIMIT_IDEMPOTENCY_KEY_BYTES": Request(lambda n: as_json(held()), 400, "1 to 128", headers=(
        lambda n: {"Idempotency-Key": "k" * n})),
    # More are not refused: a page has no more, and says where the next one begins.
    "LIMIT_API_LIST_ITEMS": Request(None, 200, at=200, path=lambda n: "/v1/jobs?limit=%d" % n),
    "LIMIT_LABEL_BYTES": Request(lambda n: as_json(held(namespace="a" * n)), 422, "1 to 63"),
    "LIMIT_MANIFEST_DOCUMENTS": Request(
        lambda n: b"\n---\n".join([as_json(held())] * n), 422, "10000", at=None, yaml=True),
    "LIMIT_DOCUMENT_NODES": Request(  # The list itself is a value, too, as are the object and its key.
        lambda n: b'{"a": [' + b",".join([b"1"] * (n - 3)) + b"]}", 422, "more than 1000000 values",
        at=422, yaml=True),
    "LIMIT_DOCUMENT_ANCHORS": Request(
        lambda n: b"a: [" + b", ".join(b"&x%d 1" % at for at in range(n)) + b"]\n", 422,
        "too many anchors", at=422, yaml=True),
    "LIMIT_PROBLEMS": Request(many_problems, 422, "1 more problem", at=422),
    "LIMIT_MANIFEST_DEPTH": Request(lambda n: b"[" * n + b"]" * n, 422, "nested too deeply", at=422),
    "LIMIT_ROW_COLUMNS": Request(lambda n: template(n, ["v"] * n), 422, "64", yaml=True),
    "LIMIT_ROW_BYTES": Request(lambda n: template(1, ["v" * (n - len('[0,""]'))]), 422, "4000",
                               yaml=True),
    "LIMIT_ARRAY_ELEMENTS": Request(lambda n: as_json(held(array="0-%d" % (n - 1))), 422,
                                    "1000001 elements", "1000000", at=None),
    "LIMIT_SPEC_BYTES": Request(lambda n: pod(containers=[
        {"name": "a", "image": "b", "args": ["x" * n]}]), 422, "more than 1048576 bytes", at=None),
    "LIMIT_SCHEDULE_BYTES": Request(lambda n: schedule("x" * n), 422, "more than 262144 bytes",
                                    at=None),
    "LIMIT_JOB_PODS": Request(lambda n: spark(executors=n - 1), 422, "the limit is 99999", at=422),
    "LIMIT_JOB_ATTEMPTS": Request(lambda n: as_json(held(retry={"maxRetries": n - 1})), 422,
                                  "between 0 and 999"),
    "LIMIT_SPARK_CONF_KEYS": Request(lambda n: spark(sparkConf={
        "spark.x%d" % at: "1" for at in range(n)}), 422, "more than 4096 Spark properties", at=None),
    "LIMIT_SPARK_ARGUMENTS": Request(lambda n: spark(arguments=["a"] * n), 422, "4097 entries",
                                     "4096"),
    "LIMIT_POD_CONTAINERS": Request(lambda n: pod(containers=[
        {"name": "c%d" % at, "image": "b"} for at in range(n)]), 422, "65 entries", "64"),
}


# --- Configurations: `nightshift config check` -----------------------------------------------------

def listed(section, make):
    return lambda count: json.dumps({section: [make(at) for at in range(count)]})


def nested_teams(count):
    team = {"name": "t%d" % count}
    for at in range(count - 1, 0, -1):
        team = {"name": "t%d" % at, "teams": [team]}
    return json.dumps({"teams": [team]})


def one_setting(section, name):
    return lambda count: json.dumps({section: {name: count}})


CONFIGS = {
    "LIMIT_CONFIG_BYTES": (lambda n: "{}" + " " * (n - 2), "at most 1048576"),
    "LIMIT_TURN_STARTS": (one_setting("scheduling", "maxStartsPerTurn"), "between 1 and 256"),
    "LIMIT_LOG_STREAMS": (one_setting("logs", "streams"), "between 0 and 4096"),
    "LIMIT_LOG_FILE_BYTES": (one_setting("logs", "fileBytes"), "64Mi"),
    "LIMIT_WINDOWS": (listed("windows", lambda at: {
        "name": "w%d" % at, "zone": "UTC", "open": "22:00", "close": "06:00"}), "more than 1000"),
    "LIMIT_TEAMS": (listed("teams", lambda at: {"name": "t%d" % at}), "10000"),
    "LIMIT_TEAM_DEPTH": (nested_teams, "more than 8 below each other"),
    "LIMIT_POOLS": (listed("nodePools", lambda at: {
        "name": "p%d" % at, "maxCount": 1, "labels": {"p": "x%d" % at}, "allocatable": {"cpu": "1"}}),
        "more than 64"),
    "LIMIT_POOL_NODES": (lambda n: json.dumps({"nodePools": [{
        "name": "p", "maxCount": n, "labels": {"p": "x"}, "allocatable": {"cpu": "1"}}]}),
        "between 0 and 10000"),
}

# --- What only the inside can meet: the test that meets it ------------------------------------------

CITED = {
    "LIMIT_NAME_BYTES": ("tests/base/text_test.c", "text_is__knows_the_names_of_kubernetes"),
    "LIMIT_HTTP_BODY_BYTES_ALL": ("tests/api/http_test.c", "http__bounds_all_bodies_together"),
    "LIMIT_HTTP_CONNECTIONS": ("tests/api/http_faults_test.c",
                               "http__recovers_from_too_many_connections"),
    "LIMIT_HTTP_CONNECTIONS_UNIX": ("tests/integration/limits_test.py",
                                    "idle clients hold every place"),
    "LIMIT_HTTP_STREAM_BYTES": ("tests/api/http_faults_test.c",
                                "http__gives_a_source_no_more_than_its_reader_takes"),
    "LIMIT_MANIFEST_BYTES": ("tests/config/document_test.c", "LIMIT_MANIFEST_BYTES"),
    "LIMIT_TOKENS": ("tests/config/tokens_test.c", "LIMIT_TOKENS"),
    "LIMIT_MESSAGE_BYTES": ("tests/k8s/pod_news_test.c", "LIMIT_MESSAGE_BYTES"),
    "LIMIT_RECORD_TEXT_BYTES": ("tests/queue/record_test.c",
                                "record_encode__cuts_a_text_that_is_too_long"),
    "LIMIT_QUEUE_MAP_BYTES_FIRST": ("tests/queue/queue_test.c", "LIMIT_QUEUE_MAP_BYTES_FIRST"),
    "LIMIT_QUEUE_JOURNAL_BYTES_FIRST": ("tests/queue/journal_test.c",
                                        "journal__says_when_it_is_full"),
    "LIMIT_QUEUE_ROOM_BYTES": ("tests/crash/disk_test.py", "room"),
    "LIMIT_KUBE_OBJECT_BYTES": ("tests/k8s/reflector_test.c", "reflector__bounds_a_watch_line"),
    "LIMIT_KUBE_LIST_BYTES": ("tests/k8s/reflector_test.c",
                              "reflector__takes_pages_that_are_too_large_in_halves"),
    "LIMIT_KUBE_LIST_PAGE": ("tests/k8s/reflector_test.c",
                             "reflector__takes_pages_that_are_too_large_in_halves"),
    "LIMIT_KUBE_REQUESTS_IN_FLIGHT": ("tests/k8s/kube_test.c",
                                      "kube_request__bounds_what_is_in_flight"),
    "LIMIT_POD_NEWS": ("tests/k8s/pod_news_test.c", "LIMIT_POD_NEWS"),
    "LIMIT_RUNTIME_CLASSES": ("tests/k8s/runtime_class_test.c", "LIMIT_RUNTIME_CLASSES"),
    "LIMIT_INBOX_EVENTS": ("tests/crash/disk_test.py", "the watches rest when too many events wait"),
    "LIMIT_RUNTIME_NAMES": ("tests/scheduler/core_lists_test.c", "LIMIT_RUNTIME_NAMES"),
    "LIMIT_BREAKERS": ("tests/scheduler/core_lists_test.c", "LIMIT_BREAKERS"),
    "LIMIT_BLAMED_NODES": ("tests/scheduler/core_lists_test.c", "LIMIT_BLAMED_NODES"),
    "LIMIT_DEMANDS_KEPT": ("tests/scheduler/demands_test.c", "demands__stay_within_their_bound"),
    "LIMIT_MANIFESTS_KNOWN": ("tests/scheduler/known_manifests_test.c",
                              "known_texts__stay_within_their_bound"),
}

# --- Bounds of work and of what is kept, at which nobody is refused ----------------------------------

KEPT = {
    "LIMIT_API_LIST_LOOKS": "the page ends, and says where the next one begins",
    "LIMIT_API_ANSWER_BYTES": "no answer is as long: its parts have bounds",
    "LIMIT_CALENDAR_BYTES": "the file is refused by its name at the start and by config check",
    "LIMIT_CALENDAR_DAYS": "the same",
    "LIMIT_ZONE_BYTES": "the same; system zones have 4 KiB",
    "LIMIT_SCHEDULES": "one more is refused with the number",
    "LIMIT_SCHEDULE_SKIPS": "further skipped runs are told of in one",
    "LIMIT_SCHEDULE_LOOKS": "the rest is counted by the next look",
    "LIMIT_SCHEDULE_RUNS": "the rest is made by the next turn",
    "LIMIT_QUEUE_MAP_BYTES_LAST": "new work is refused: the queue is full",
    "LIMIT_QUEUE_JOURNAL_BYTES_LAST": "it grows no further, and is full more often",
    "LIMIT_QUEUE_DAMAGE_NOTED": "the rest is found by the next start",
    "LIMIT_LOG_FILES": "the oldest logs go",
    "LIMIT_LOG_ROOM_BYTES": "no log is stored, which is told",
    "LIMIT_SIM_OBSERVERS": "kubesim's own parts, which are fewer",
    "LIMIT_SIM_LOG_ENTRIES": "older watches are told 410, as by a real server",
    "LIMIT_SIM_BODY_BYTES": "no answer is as long",
    "LIMIT_SIM_FAULTS": "one more is refused with the number",
    "LIMIT_SIM_IMAGES": "kubesim refuses its command line",
    "LIMIT_SIM_TOKENS": "the same",
    "LIMIT_TURN_EVENTS": "the rest is taken by the next turn",
    "LIMIT_BACKFILL_ENDS": "those that end later are not counted on",
    "LIMIT_BACKFILL_EVENT_STEPS": "the look at everything goes on in slices",
    "LIMIT_BACKFILL_SLICE_STEPS": "the next slice goes on",
    "LIMIT_BACKFILL_INSTANTS": "a job has no promise",
    "LIMIT_FORECAST_SECONDS": "fewer futures are told",
    "LIMIT_FORECAST_FUTURES": "more are refused as a parameter out of range, or computed no more",
    "LIMIT_FORECAST_STARTS": "later starts are not told",
    "LIMIT_FORECAST_DAYS": "what starts later is told as that",
    "LIMIT_FORECAST_RUNS": "later runs are not told",
    "LIMIT_FORECAST_HOURS": "the same",
    "LIMIT_FORECAST_CLIENTS": "503: ask again",
    "LIMIT_NOTICES": "the oldest that was put aside goes, or the new one is not told, which is logged",
    "LIMIT_NOTICE_BYTES": "a longer report is put aside with the reason",
    "LIMIT_OUTLOOKS": "the jobs with the nearest deadlines are asked about",
    "LIMIT_MANIFEST_KNOWN_BYTES": "a longer one is read in full each time",
    "LIMIT_KEY_FILE_BYTES": "a longer file is no key: the start is refused",
    "LIMIT_SECRET_BYTES": "refused with its name and the number",
}


def every_constant():
    code = set(constants())
    here = [name for rows in (REQUESTS, CONFIGS, CITED, KEPT) for name in rows]
    yield from ("%s has no row" % name for name in sorted(code - set(here)))
    yield from ("there is no %s" % name for name in sorted(set(here) - code))
    yield from ("%s has two rows" % name for name in sorted(set(here)) if here.count(name) > 1)


def cited():
    for name, (path, words) in sorted(CITED.items()):
        if words not in read(path):
            yield "%s: %s does not say %r" % (name, path, words)


def exceed(daemon, name, request, limit):
    if request.at is not None:
        status, answer = request.ask(daemon, limit)
        if status != request.at or any(word in answer for word in request.words):
            yield "%s: %d of them: %d %s" % (name, limit, status, answer[:400])
    status, answer = request.ask(daemon, limit + 1)
    if status != request.above or not all(word in answer for word in request.words):
        yield "%s: one more: %d, wanted %d and %s: %s" % (
            name, status, request.above, request.words, answer[:400])


def requests():
    limits = constants()
    with World(PROGRAMS) as world:
        world.daemon.start()
        for name, request in REQUESTS.items():
            yield from exceed(world.daemon, name, request, limits[name])
        status, _, _ = world.daemon.ask("GET", "/healthz")
        if status != 200 or world.daemon.stop() != 0:
            yield "it is not well afterwards"
        world.daemon.process = None


def configurations():
    limits = constants()
    with tempfile.TemporaryDirectory(prefix="ns-") as folder:
        file = os.path.join(folder, "nightshift.yaml")
        for name, (make, words) in CONFIGS.items():
            for count in (limits[name], limits[name] + 1):
                with open(file, "w", encoding="utf-8") as out:
                    out.write(make(count))
                done = subprocess.run([PROGRAMS["nightshift"], "config", "check", file],
                                      capture_output=True, text=True, check=False)
                said = done.stdout + done.stderr
                is_refused = done.returncode != 0
                if is_refused != (count > limits[name]) or is_refused and words not in said:
                    yield "%s: %d of them: %d %s" % (name, count, done.returncode, said[:400])


def main():
    PROGRAMS.update(table.programs_of(sys.argv[1:])[0])
    check("every constant has its row", every_constant())
    check("the tests that are named are there", cited())
    check("requests are refused above the limit, and taken at it", requests())
    check("configurations are refused above the limit, and taken at it", configurations())
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
