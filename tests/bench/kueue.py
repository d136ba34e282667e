"""The shapes of Kueue's own performance suite, through the real daemon against kubesim.

Source of the shapes and of Kueue's figures: test/performance/scheduler of kubernetes-sigs/kueue
(configs baseline and large-scale: generator.yaml, rangespec.yaml). A workload of theirs, which
nothing runs, is a pod here that kubesim binds, runs for as long, and ends.
"""
import http.client
import json
import os
import socket
import threading
import time

from rig import Failed, Rig, figure, say

CLASSES = ("small", "medium", "large")
CPUS = {"small": 1, "medium": 5, "large": 20}
PRIORITY = {"small": 50, "medium": 100, "large": 200}
NOMINAL = 20
BORROWING = 100

SHAPES = {
    "baseline": {
        "cohorts": 5, "queues": 6,
        "count": {"small": 350, "medium": 100, "large": 50},
        "runtime": {"small": 0.2, "medium": 0.5, "large": 1.0},
        "every": {"small": 0.1, "medium": 0.5, "large": 1.2},
        "peer": {"makespan": 351, "small": 215},
    },
    "large": {
        "cohorts": 10, "queues": 100,
        "count": {"small": 35, "medium": 11, "large": 4},
        "runtime": {"small": 0.15, "medium": 0.35, "large": 0.7},
        "every": {"small": 0.06, "medium": 0.3, "large": 0.7},
        "peer": {"makespan": 1179, "small": 700},
    },
}


def queues(shape, scale):
    return [("cohort-%d" % c, "c%d-q%d" % (c, q))
            for c in range(max(1, round(shape["cohorts"] * scale)))
            for q in range(shape["queues"])]


def ideal_seconds(shape):
    """The work of a queue over its own CPUs, or the last arrival and its run time."""
    work = sum(shape["count"][c] * shape["runtime"][c] * CPUS[c] for c in CLASSES) / NOMINAL
    return max([work] + [(shape["count"][c] - 1) * shape["every"][c] + shape["runtime"][c]
                         for c in CLASSES])


def config(shape, scale):
    """What goes into nightshift.yaml: a team for each queue, below one for its cohort."""
    cohorts = {}
    for cohort, queue in queues(shape, scale):
        cohorts.setdefault(cohort, []).append(
            {"name": queue, "namespaces": [queue], "nominal": {"cpu": NOMINAL},
             "borrowingLimit": {"cpu": BORROWING}})
    return "scheduling: {maxStartsPerTurn: 256, mode: priority}\nteams: " + json.dumps(
        [{"name": name, "teams": teams} for name, teams in cohorts.items()]) + "\n"


def objects(shape, scale):
    return "".join("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n" % queue
                   for _, queue in queues(shape, scale))


def cluster(shape, scale):
    """Room for all cohorts, so that it is the quotas that decide; and nothing that takes its time."""
    cpus = NOMINAL * len(queues(shape, scale))
    return ["--nodes", str(-(-cpus // 100) + 2), "--node-cpu", "120", "--node-memory", "4Ti",
            "--start-delay", "0s", "--watch-log", "500000"]


def pod(queue, name, number, shape):
    return {"apiVersion": "nightshift/v1", "kind": "BatchJob",
            "metadata": {"name": "%s-%d" % (name, number), "namespace": queue},
            "spec": {"priority": PRIORITY[name], "ttlSecondsAfterFinished": 86400, "pod": {
                "metadata": {"annotations": {
                    "kubesim/runtime": "%dms" % round(1000 * shape["runtime"][name])}},
                "spec": {"restartPolicy": "Never", "containers": [
                    {"name": "main", "image": "busybox:1",
                     "resources": {"requests": {"cpu": str(CPUS[name]), "memory": "1Mi"}}}]}}}}


class Client:
    def __init__(self, path):
        self.path = path
        self.connection = None

    def ask(self, method, path, body=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("localhost", timeout=120)
            self.connection.sock = socket.socket(socket.AF_UNIX)
            self.connection.sock.connect(self.path)
        self.connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201):
            raise Failed("%s %s: %d %r" % (method, path, answer.status, text[:300]))
        return json.loads(text)


def due(shape, scale):
    """All submissions as (time, queue, class, number), in the order of time."""
    found = [(number * shape["every"][name], queue, name, number)
             for _, queue in queues(shape, scale) for name in CLASSES
             for number in range(shape["count"][name])]
    return sorted(found)


def submit_all(client, shape, scale, began):
    """As many in a request as are due; returns how late the last one was."""
    todo = due(shape, scale)
    late = 0
    at = 0
    while at < len(todo):
        now = time.monotonic() - began
        if todo[at][0] > now:
            time.sleep(todo[at][0] - now)
            now = time.monotonic() - began
        end = at
        while end < len(todo) and todo[end][0] <= now and end - at < 1000:
            end += 1
        late = max(late, now - todo[at][0])
        jobs = [pod(queue, name, number, shape) for _, queue, name, number in todo[at:end]]
        client.ask("POST", "/v1/jobs", json.dumps({"apiVersion": "v1", "kind": "List",
                                                   "items": jobs}))
        at = end
    return late


def seconds_of(text):
    """Of a time of the interface's; only differences count."""
    clock, part = text.rstrip("Z").split(".")
    return time.mktime(time.strptime(clock, "%Y-%m-%dT%H:%M:%S")) + int(part) / 1e6


def wait_until_done(client, jobs, patience):
    deadline = time.monotonic() + patience
    while True:
        counts = client.ask("GET", "/v1/status")["jobs"]
        if counts["SUCCEEDED"] >= jobs:
            return
        if time.monotonic() > deadline or counts["FAILED"] + counts["REJECTED"] > 0:
            raise Failed("not all succeed: %s" % counts)
        time.sleep(0.2)


def all_jobs(client):
    after = ""
    while True:
        page = client.ask("GET", "/v1/jobs?limit=1000" + after)
        yield from page["items"]
        if not page["continue"]:
            return
        after = "&continue=" + page["continue"]


def run(rig, name, scale):
    """One run; the figures as a dictionary."""
    shape = SHAPES[name]
    client = Client(rig.socket)
    total = len(due(shape, scale))
    cpu, peer_cpu = rig.cpu_seconds(), rig.kubesim_cpu_seconds()
    began = time.monotonic()
    failed = []

    def submit():
        try:
            failed.append(submit_all(Client(rig.socket), shape, scale, began))
        except Failed as failure:
            failed.append(failure)

    thread = threading.Thread(target=submit, daemon=True)
    thread.start()
    thread.join()
    if isinstance(failed[0], Failed):
        raise failed[0]
    wait_until_done(client, total, 1800)
    cpu = rig.cpu_seconds() - cpu
    peer_cpu = rig.kubesim_cpu_seconds() - peer_cpu
    waits = {c: [] for c in CLASSES}
    first, last = None, 0
    admitted = {c: [] for c in CLASSES}
    for job in all_jobs(client):
        kind = job["name"].rsplit("-", 1)[0]
        submitted, started = seconds_of(job["submittedAt"]), seconds_of(job["admittedAt"])
        waits[kind].append(started - submitted)
        first = submitted if first is None else min(first, submitted)
        last = max(last, seconds_of(job["finishedAt"]))
        admitted[kind].append(started)
    return {"makespan": last - first, "ideal": ideal_seconds(shape), "jobs": total, "cpu": cpu,
            "kubesim": peer_cpu,
            "late": failed[0], "waits": {c: sum(v) / len(v) for c, v in waits.items()},
            "admitted": {c: sum(v) / len(v) - first for c, v in admitted.items()}}


def measure(programs, name, scale):
    shape = SHAPES[name]
    with Rig(programs, objects=objects(shape, scale), cluster=cluster(shape, scale), level="warn",
             scheduling=config(shape, scale)) as rig:
        return run(rig, name, scale)


def bench(programs, runs, scale=1.0):
    """A run takes minutes: one for each five that others do."""
    for name, shape in SHAPES.items():
        found = []
        for number in range(max(1, runs // 5)):
            say("kueue: %s, run %d" % (name, number + 1))
            found.append(measure(programs, name, scale))
        tell(name, shape, found, scale)


def tell(name, shape, found, scale):
    jobs, ideal, peer = found[0]["jobs"], found[0]["ideal"], shape["peer"]
    case = "%s (%s jobs of %s queues): " % (name, "{:,}".format(jobs),
                                            "{:,}".format(len(queues(shape, scale))))
    figure("kueue", case + "all done", "s", [run["makespan"] for run in found],
           peer=("Kueue's mean", [peer["makespan"]]))
    figure("kueue", case + "over the ideal of %.3g s" % ideal, "times",
           [run["makespan"] / ideal for run in found],
           goal=("<= 1.3", lambda ratio: ratio <= 1.3))
    figure("kueue", case + "jobs done", "jobs/s", [jobs / run["makespan"] for run in found],
           peer=("Kueue's mean", [jobs / peer["makespan"]]))
    for kind in CLASSES:
        against = {"peer": ("Kueue's mean", [peer[kind]])} if kind in peer else {}
        figure("kueue", case + "wait of a %s job, mean" % kind, "s",
               [run["waits"][kind] for run in found], **against)
    figure("kueue", case + "the daemon's processor time", "ms/job",
           [1000 * run["cpu"] / jobs for run in found])
    figure("kueue", case + "the daemon's processor time, of one processor", "%",
           [100 * run["cpu"] / run["makespan"] for run in found])
    figure("kueue", case + "kubesim's processor time", "ms/job",
           [1000 * run["kubesim"] / jobs for run in found])
    figure("kueue", case + "what kubesim could do with a processor of its own", "jobs/s",
           [jobs / run["kubesim"] for run in found])
