"""peers_queue: durable submissions a second, beside the queues that one would pick instead."""
import json
import os
import statistics
import sys
import tempfile

import peers
from rig import Rig, bench_folder, figure, spark_job

SECONDS = 1.5
CLIENTS = [1, 8, 64, 256]
BULK = [100, 1000]
ROWS_ALONE = 10000  # a request so large that only a template fills it
RAW_MAX = 1000
STORE = "the queue's own commits, without HTTP, JSON and scheduling"
STORE_GOAL = 0.8
PARSED = "jansson, parsing alone, one core"
PARSE_GOAL = 0.8
HOLE = "job-@@@@@@@@"


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def json_list(jobs, argument):
    items = [spark_job(HOLE, argument=argument) for _ in range(jobs)]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def template(rows):
    """One BatchJob, and so many rows of two columns behind it."""
    spark = spark_job("etl")
    spark["spec"]["arguments"] = ["--day", "{{day}}", "--region", "{{region}}"]
    job = {"apiVersion": "nightshift/v1", "kind": "BatchJob", "metadata": spark["metadata"],
           "spec": {"spark": spark["spec"]}}
    spec = {"names": ["day", "region"], "rows": [["@@@@@@@@", "eu-west-1"]] * rows}
    return json.dumps(job) + "\n---\n" + json.dumps(
        {"apiVersion": "nightshift/v1", "kind": "Rows", "spec": spec}) + "\n"


class Case:
    """So many clients that send so many jobs a request."""

    def __init__(self, clients, jobs):
        self.clients, self.jobs = clients, jobs
        self.rates = {}  # name to the rounds' jobs a second

    def what(self):
        who = "%d client%s" % (self.clients, "" if self.clients == 1 else "s")
        return who if self.jobs == 1 else "%s, %s a request" % (who, "{:,}".format(self.jobs))

    def note(self, name, rate):
        self.rates.setdefault(name, []).append(rate)


def cases():
    return ([Case(clients, 1) for clients in CLIENTS] +
            [Case(clients, jobs) for jobs in BULK for clients in (1, 8)] + [Case(1, ROWS_ALONE)])


def ours(rig, case, run):
    """Name to jobs a second: of one spec for all, of a spec each, of a template's rows."""
    kinds = []  # name, body, type, query
    for name, argument in (("nightshift", "1000"), ("nightshift, distinct specs", "@@@@@@@@")):
        job = json.dumps(spark_job(HOLE, argument=argument))
        kinds.append((name, job if case.jobs == 1 else json_list(case.jobs, argument),
                      "application/json", ""))
    if case.jobs > 1:
        kinds.append(("nightshift, rows of a template", template(case.jobs), "application/yaml",
                      "&brief=true"))
    if case.jobs == ROWS_ALONE:
        kinds = kinds[2:]
    out = {}
    for at, (name, body, mime, query) in enumerate(kinds):
        measured = rig.load(body, key="%s-%d-%d" % (case.what().replace(" ", ""), run, at),
                            seconds=SECONDS, clients=case.clients, type=mime, query=query)
        out[name] = measured["requests"] * case.jobs / measured["seconds"]
    return out


def theirs(rig, peer, case):
    if peer.protocol == "slurm":
        jobs = max(10, min(150, 20 * case.clients))
        return jobs / peer.submit(case.clients, jobs)
    measured = rig.load(json.dumps(spark_job(HOLE)), protocol=peer.protocol, seconds=SECONDS,
                        clients=case.clients, jobs=case.jobs, **peer.options())
    return measured["requests"] * case.jobs / measured["seconds"]


def one_round(programs, run, all_cases):
    with tempfile.TemporaryDirectory(prefix="nightshift-peers-", dir=bench_folder()) as folder:
        os.chmod(folder, 0o755)  # Servers with users of their own must get through.
        running, missing = peers.start_all(folder)
        try:
            with Rig(programs, level="warn") as rig:
                for case in all_cases:
                    for name, rate in ours(rig, case, run).items():
                        case.note(name, rate)
                    for peer in running:
                        if case.jobs != ROWS_ALONE and (peer.protocol != "slurm" or
                                                        case.jobs == 1):
                            case.note(peer.name, theirs(rig, peer, case))
                    if 1 < case.jobs < ROWS_ALONE:
                        case.note(PARSED, case.jobs * rig.parse(json_list(case.jobs, "@@@@@@@@"),
                                                                SECONDS / 2))
                    batch = case.jobs if case.jobs > 1 else case.clients
                    bulk = ["bulk"] if case.jobs > 1 else []
                    if batch <= RAW_MAX:
                        own, raw = rig.raw(SECONDS / 2, "commit", batch, *bulk)
                        case.note(STORE, own)
                        case.note("raw LMDB, the same records and commits", raw)
        finally:
            for peer in running:
                peer.stop()
        return missing


def against(case, name):
    """What a figure is measured by: the store by raw LMDB, everybody else by us."""
    raw = case.rates.get("raw LMDB, the same records and commits")
    own = case.rates.get("nightshift")
    if name == STORE:
        least = STORE_GOAL * statistics.median(raw)
        return {"peer": ("raw LMDB", raw),
                "goal": (">= 80 % of it", lambda rate: rate >= least)}
    if name == "nightshift, distinct specs" and case.jobs > 1:
        parsed = case.rates[PARSED]
        least = PARSE_GOAL * statistics.median(parsed)
        return {"peer": ("jansson, parsing alone", parsed),
                "goal": (">= 0.8 times that", lambda rate: rate >= least)}
    if name == "nightshift, rows of a template":
        return {"goal": (">= 100,000/s", lambda rate: rate >= 100000)}
    return {"peer": ("nightshift", own)} if own and name != "nightshift" else {}


def bench(programs, runs):
    all_cases = cases()
    missing = {}
    for run in range(runs):
        say("peers_queue: run %d of %d" % (run + 1, runs))
        missing = one_round(programs, run, all_cases)
        for name, why in missing.items():
            say("peers_queue: %s is left out: %s" % (name, why))
    for case in all_cases:
        for name, rates in case.rates.items():
            figure("peers_queue", "%s: %s" % (case.what(), name), "jobs/s", rates,
                   **against(case, name))
    for name, why in missing.items():
        print(json.dumps({"bench": "peers_queue", "case": name, "unit": "left out",
                          "median": None, "min": None, "max": None, "why": why}), flush=True)
