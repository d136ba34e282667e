#!/usr/bin/env python3
"""Runs the benchmarks that are named, or all; see run.sh."""
import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time

import kueue
import million
import peers_queue
import replay
import spark_submit
import table
from rig import Failed, Rig, figure, pod_job, say, spark_job

SUBMIT_SECONDS = 1.5
BULK = 1000
TURNS = 100
GOAL_TURN_MS = 10


# --- submit ----------------------------------------------------------------------------------

def json_list(jobs):
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": jobs})


def yaml_documents(jobs):
    """JSON is YAML: but this goes through the reader of YAML, block by block as people write."""
    return "".join("---\n" + yaml_of(job, 0) for job in jobs)


def yaml_of(value, depth):
    pad = "  " * depth
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines.append("%s%s:\n%s" % (pad, key, yaml_of(item, depth + 1)))
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            lines.append("%s%s:\n" % (pad, key))
            for element in item:
                body = yaml_of(element, depth + 1)
                lines.append("%s- %s" % (pad, body[len(pad) + 2:]))
        else:
            lines.append("%s%s: %s\n" % (pad, key, json.dumps(item)))
    return "".join(lines)


def submit_rate(rig, run, jobs_of_request, body, **options):
    """Jobs a second, durable when answered."""
    before = rig.cpu_seconds()
    measured = rig.load(body, key="run%d" % run, seconds=SUBMIT_SECONDS, **options)
    jobs = measured["requests"] * jobs_of_request
    measured["cpu_us"] = (rig.cpu_seconds() - before) * 1e6 / jobs
    return jobs / measured["seconds"], measured


def bench_submit(programs, runs):
    hole = "job-@@@@@@@@"
    bulk = [spark_job(hole) for _ in range(BULK)]
    cases = [
        # what, clients, jobs of a request, body, type, batch of the peer
        ("spark json, 1 client", 1, 1, json.dumps(spark_job(hole)), "application/json", 1),
        ("spark json, 8 clients", 8, 1, json.dumps(spark_job(hole)), "application/json", 8),
        ("spark json, 64 clients", 64, 1, json.dumps(spark_job(hole)), "application/json", 64),
        ("spark yaml, 64 clients", 64, 1, yaml_documents([spark_job(hole)]), "application/yaml",
         64),
        ("distinct specs, 64 clients", 64, 1, json.dumps(spark_job(hole, argument="@@@@@@@@")),
         "application/json", 64),
        ("pod json, 64 clients", 64, 1, json.dumps(pod_job(hole)), "application/json", 64),
        ("bulk of 1000, json list", 1, BULK, json_list(bulk), "application/json", BULK),
        ("bulk of 1000, yaml", 1, BULK, yaml_documents(bulk), "application/yaml", BULK),
    ]
    rates = {case[0]: [] for case in cases}
    waits = {case[0]: [] for case in cases}
    costs = {case[0]: [] for case in cases}
    peers = {case[5]: [] for case in cases}
    syncs = []
    for run in range(runs):
        say("submit: run %d of %d" % (run + 1, runs))
        for what, clients, jobs, body, mime, _ in cases:
            with Rig(programs) as rig:
                rate, measured = submit_rate(rig, run, jobs, body, clients=clients, type=mime)
            rates[what].append(rate)
            waits[what].append(measured["p99_us"] / 1000)
            costs[what].append(measured["cpu_us"])
        with Rig(programs) as rig:
            syncs += rig.raw(0.5, "fsync")
            for batch in peers:
                bulk_word = ["bulk"] if batch == BULK else []
                peers[batch].append(rig.raw(1, "commit", batch, *bulk_word)[1])
    figure("submit", "the disk: write and fdatasync of 4 KiB", "syncs/s", syncs)
    for what, _, _, _, _, batch in cases:
        figure("submit", what, "jobs/s", rates[what],
               peer=("raw LMDB, %d a commit" % batch, peers[batch]))
        figure("submit", what + ": p99 of an answer", "ms", waits[what])
        figure("submit", what + ": the daemon's processor time", "us/job", costs[what])


# --- turn ------------------------------------------------------------------------------------

# Jobs, shapes (demands that differ), and what is full.
QUEUES = [(1000, 10, "quota"), (1000, 1000, "quota"), (10000, 10, "quota"),
          (10000, 10000, "quota"), (100000, 10, "quota"), (100000, 10, "nodes"),
          (100000, 10000, "quota"), (100000, 10000, "nodes"), (100000, 100000, "quota"),
          (100000, 100000, "nodes")]


def bench_turn(programs, runs):
    for jobs, shapes, full in QUEUES:
        say("turn: %d jobs, %d shapes, %s" % (jobs, shapes, full))
        p99 = {}
        for _ in range(runs):
            said = subprocess.run([os.path.join(programs, "bench/turn_times"), str(jobs),
                                   str(shapes), full, str(TURNS)],
                                  check=True, capture_output=True, text=True)
            for line in map(json.loads, said.stdout.splitlines()):
                p99.setdefault(line["turn"], []).append(line["p99_us"] / 1000)
        for turn, values in p99.items():
            figure("turn", "{:,} jobs, {:,} shapes, {} full: {}, p99".format(
                jobs, shapes, full, turn), "ms", values,
                   goal=("< %d ms" % GOAL_TURN_MS, lambda value: value < GOAL_TURN_MS))


# --- latency ---------------------------------------------------------------------------------

ROOM = """\
apiVersion: v1
kind: Namespace
metadata: {name: wide}
---
apiVersion: v1
kind: Namespace
metadata: {name: narrow}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: one, namespace: narrow}
spec: {hard: {pods: "1"}}
"""


class PodWatch(threading.Thread):
    """Follows the pods of the cluster and notes when it hears of each."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection(rig.host, rig.port, timeout=120)
        self.connection.request("GET", "/api/v1/pods?watch=1")
        self.response = self.connection.getresponse()
        self.created = {}   # name to time
        self.finished = {}
        self.order = []     # of creation: names
        self.changed = threading.Condition()
        self.start()

    def run(self):
        try:
            while True:
                line = self.response.readline()
                if not line:
                    return
                self.note(time.monotonic(), json.loads(line))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            return  # closed

    def note(self, now, event):
        pod = event["object"]
        name = pod["metadata"]["name"]
        if pod["metadata"].get("labels", {}).get("spark-role") == "executor":
            return
        with self.changed:
            if name not in self.created:
                self.created[name] = now
                self.order.append(name)
            if pod["status"].get("phase") == "Succeeded":
                self.finished.setdefault(name, now)
            self.changed.notify_all()

    def wait(self, is_there, what, seconds=60):
        with self.changed:
            if not self.changed.wait_for(is_there, timeout=seconds):
                raise Failed("never came: " + what)

    def close(self):
        self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.join()


class Client:
    """One keep-alive connection to the daemon's unix socket."""

    def __init__(self, path):
        self.connection = http.client.HTTPConnection("localhost")
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.connect(path)

    def submit(self, job):
        """Returns when it was sent, and the answer's time."""
        body = json.dumps(job)
        sent = time.monotonic()
        self.connection.request("POST", "/v1/jobs", body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 201:
            raise Failed("refused: %r" % text[:400])
        return sent, time.monotonic()


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def first_posts(rig, watch, client, make_job, count):
    """Seconds from sending a submission to its driver's arrival in the cluster, and to the answer."""
    to_post, to_answer = [], []
    for i in range(count):
        have = len(watch.order)
        sent, answered = client.submit(make_job("job-%d" % i, namespace="wide", runtime="10ms"))
        watch.wait(lambda: len(watch.order) > have, "the pod of job %d" % i)
        to_post.append(watch.created[watch.order[have]] - sent)
        to_answer.append(answered - sent)
    return to_post, to_answer


def next_posts(rig, watch, client, count):
    """Seconds from one pod's end to the next one's creation, where the quota holds one."""
    have = len(watch.order)
    for i in range(count):
        client.submit(pod_job("next-%d" % i, namespace="narrow", runtime="20ms"))
    watch.wait(lambda: len(watch.finished) >= have + count, "the end of the narrow jobs")
    names = watch.order[have:]
    return [watch.created[b] - watch.finished[a] for a, b in zip(names, names[1:])]


def latencies(programs, count):
    cluster = ["--nodes", "50", "--node-cpu", "64", "--node-memory", "256Gi", "--start-delay",
               "1ms", "--quota-lag", "0s"]
    out = {}
    with Rig(programs, objects=ROOM, cluster=cluster) as rig:
        watch = PodWatch(rig)
        client = Client(rig.socket)
        try:
            out["pod: submit to POST"], out["pod: submit to answer"] = first_posts(
                rig, watch, client, pod_job, count)
            watch.wait(lambda: len(watch.finished) == len(watch.order), "the pods' ends")
            out["pod: end of a pod to the next POST"] = next_posts(rig, watch, client, count // 2)
            out["spark: submit to driver POST"], out["spark: submit to answer"] = first_posts(
                rig, watch, client, spark_job, count)
        finally:
            watch.close()
    return out


def bench_latency(programs, runs):
    p50, p99 = {}, {}
    for run in range(runs):
        say("latency: run %d of %d" % (run + 1, runs))
        for case, seconds in latencies(programs, 100).items():
            p50.setdefault(case, []).append(percentile(seconds, 0.5) * 1000)
            p99.setdefault(case, []).append(percentile(seconds, 0.99) * 1000)
    for case in p50:
        figure("latency", case + ", p50", "ms", p50[case])
        figure("latency", case + ", p99", "ms", p99[case])


# --- memory ----------------------------------------------------------------------------------

def memory_of(programs, jobs, argument):
    body = json_list([spark_job("job-@@@@@@@@", argument=argument) for _ in range(BULK)])
    with Rig(programs, level="warn") as rig:
        idle_kib = rig.rss_kib()
        first = rig.queue_bytes()
        rig.load(body, requests=jobs // BULK)
        grown_kib = rig.rss_kib()
        grown = rig.queue_bytes()
        restart = rig.restart_daemon()
        return {"idle": idle_kib / 1024, "job": (grown_kib - idle_kib) * 1024 / jobs,
                "restarted": (rig.rss_kib() - idle_kib) * 1024 / jobs,
                "file": (grown - first) / jobs, "restart": restart}


def bench_memory(programs, runs):
    idle = []
    for jobs, what, argument in ((10000, "equal specs", "1000"),
                                 (10000, "distinct specs", "@@@@@@@@"),
                                 (100000, "equal specs", "1000")):
        measured = []
        for run in range(runs):
            say("memory: %d jobs, %s, run %d of %d" % (jobs, what, run + 1, runs))
            measured.append(memory_of(programs, jobs, argument))
        idle += [run["idle"] for run in measured]
        case = "%dk queued jobs, %s: " % (jobs // 1000, what)
        figure("memory", case + "resident after submitting", "bytes/job",
               [run["job"] for run in measured])
        figure("memory", case + "resident after a restart", "bytes/job",
               [run["restarted"] for run in measured])
        figure("memory", case + "the queue's file", "bytes/job", [run["file"] for run in measured])
        figure("memory", case + "start to ready", "s", [run["restart"] for run in measured])
    figure("memory", "idle daemon, resident", "MiB", idle)


def bench_million(programs, runs):
    del runs  # One takes minutes.
    million.bench(programs, int(os.environ.get("NIGHTSHIFT_BENCH_JOBS", "1000000")), say)


# --- pass ------------------------------------------------------------------------------------

PASS_EVENTS = 1000
PASS_FULL = {"full_quota_us": "nothing fits into the quotas, all looked at",
             "full_nodes_us": "nothing fits onto the nodes, all looked at",
             "full_never_us": "nothing could ever start, every shape looked at"}
PASS_EVENT = {"arrive": "a job arrives", "end": "a job ends, another starts",
              "quota_end": "a job ends, quotas are full", "node": "a node changes"}
PASS_BACKFILL = {"easy_arrive": "a job arrives, easy", "easy_end": "a job ends, easy",
                 "conservative_arrive": "a job arrives, conservative",
                 "conservative_end": "a job ends, conservative"}
PASS_SLICE = {"easy_end_slice": "easy", "conservative_end_slice": "conservative"}
GOAL_FULL_MS, GOAL_EVENT_MS, GOAL_SLICE_MS, GOAL_ADMISSIONS = 50, 1, 10, 50000


def bench_pass(programs, runs):
    """A tenth of the jobs, and so on, shows the growth; the goals are those of a million."""
    for jobs in (1000, 10000, 100000, 1000000):
        say("pass: %d jobs" % jobs)
        lines = [json.loads(subprocess.run(
            [os.path.join(programs, "bench/pass_times"), str(jobs), str(PASS_EVENTS)],
            check=True, capture_output=True, text=True).stdout) for _ in range(runs)]
        first = lines[0]
        case = "{:,} jobs, {:,} shapes, {:,} nodes, {:,} namespaces: ".format(
            jobs, first["shapes"], first["nodes"], first["namespaces"])
        for name, what in PASS_FULL.items():
            figure("pass", case + what, "ms", [line[name] / 1000 for line in lines],
                   goal=("<= %d ms" % GOAL_FULL_MS, lambda value: value <= GOAL_FULL_MS))
        figure("pass", case + "admissions", "jobs/s",
               [line["admitted_per_second"] for line in lines],
               goal=(">= {:,}/s".format(GOAL_ADMISSIONS), lambda value: value >= GOAL_ADMISSIONS))
        for name, what in PASS_EVENT.items():
            figure("pass", case + what + ", p99", "ms",
                   [line[name]["p99_us"] / 1000 for line in lines],
                   goal=("<= %d ms" % GOAL_EVENT_MS, lambda value: value <= GOAL_EVENT_MS))
        for name, what in PASS_BACKFILL.items():
            figure("pass", case + what + " backfill and all run times known, p99", "ms",
                   [line[name]["p99_us"] / 1000 for line in lines],
                   goal=("<= %d ms" % GOAL_EVENT_MS, lambda value: value <= GOAL_EVENT_MS))
        for name, mode in PASS_SLICE.items():
            if name in first:
                figure("pass", case + "a slice of a look at everything, %s backfill, p99" % mode,
                       "ms", [line[name]["p99_us"] / 1000 for line in lines],
                       goal=("<= %d ms" % GOAL_SLICE_MS, lambda value: value <= GOAL_SLICE_MS))
        figure("pass", case + "memory of the process", "MiB", [line["rss_mib"] for line in lines])


BENCHES = {"submit": bench_submit, "turn": bench_turn, "pass": bench_pass, "latency": bench_latency,
           "memory": bench_memory, "peers_queue": peers_queue.bench,
           "kueue": kueue.bench, "spark_submit": spark_submit.bench, "million": bench_million, "replay": replay.bench}
BY_NAME_ONLY = ("million", "replay")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--programs", default="bin")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1, help="of kueue: less is faster")
    parser.add_argument("--table", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    for name in options.names:
        if name not in BENCHES:
            parser.error("there is no benchmark %r; there are %s" % (name, ", ".join(BENCHES)))
    BENCHES["kueue"] = lambda programs, runs: kueue.bench(programs, runs, options.scale)
    programs = os.path.abspath(options.programs)
    names = options.names or [name for name in BENCHES if name not in BY_NAME_ONLY]
    if options.table and names == ["replay"]:
        return replay.write_page(programs)
    if options.table:
        return table.write(names, options.runs, sys.argv[0], programs)
    try:
        for name in names:
            BENCHES[name](programs, options.runs)
    except Failed as failure:
        say(str(failure))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
