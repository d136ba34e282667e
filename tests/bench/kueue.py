"""The shapes of Kueue's own performance suite, through the real daemon against kubesim.

Source of the shapes and of Kueue's figures: test/performance/scheduler of kubernetes-sigs/kueue
(configs baseline and large-scale: generator.yaml, rangespec.yaml). A workload of theirs, which
nothing runs, is a pod here that kubesim binds, runs for as long, and ends.

What a scheduler could reach at best is bound by three things: the work over the CPUs of a queue,
the last arrival, and the API server. The third is measured: a client that decides nothing creates
the same pods at their times and watches them end (api_alone.c). Neither deletes pods within a run,
and no logs are collected: Kueue has none.
"""
import http.client
import json
import re
import socket
import subprocess
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


def work_seconds(shape):
    """The work of a queue over its own CPUs."""
    return sum(shape["count"][c] * shape["runtime"][c] * CPUS[c] for c in CLASSES) / NOMINAL


def arrival_seconds(shape):
    """The last arrival and its run time."""
    return max((shape["count"][c] - 1) * shape["every"][c] + shape["runtime"][c] for c in CLASSES)


def config(shape, scale):
    """What goes into nightshift.yaml: a team for each queue, below one for its cohort."""
    cohorts = {}
    for cohort, queue in queues(shape, scale):
        cohorts.setdefault(cohort, []).append(
            {"name": queue, "namespaces": [queue], "nominal": {"cpu": NOMINAL},
             "borrowingLimit": {"cpu": BORROWING}})
    return ("scheduling: {maxStartsPerTurn: 256, mode: priority}\nlogs: {collect: none}\nteams: " +
            json.dumps([{"name": name, "teams": teams} for name, teams in cohorts.items()]) + "\n")


def objects(shape, scale):
    return "".join("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n" % queue
                   for _, queue in queues(shape, scale))


def cluster(shape, scale, node_cpu=120):
    """Room for all cohorts, so that the quotas decide; and nothing that takes its time."""
    cpus = NOMINAL * len(queues(shape, scale))
    return ["--nodes", str(-(-cpus // 100) + 2), "--node-cpu", str(node_cpu),
            "--node-memory", "4Ti", "--start-delay", "0s", "--watch-log", "20000"]


def pod(queue, name, number, shape):
    return {"apiVersion": "nightshift/v1", "kind": "BatchJob",
            "metadata": {"name": "%s-%d" % (name, number), "namespace": queue},
            "spec": {"priority": PRIORITY[name], "ttlSecondsAfterFinished": 86400, "pod": {
                "metadata": {"annotations": {
                    "kubesim/runtime": "%dms" % round(1000 * shape["runtime"][name])}},
                "spec": {"restartPolicy": "Never", "containers": [
                    {"name": "main", "image": "busybox:1",
                     "resources": {"requests": {"cpu": str(CPUS[name]), "memory": "1Mi"}}}]}}}}


def bare_pod(queue, name, number, shape):
    """The same without a scheduler between."""
    template = pod(queue, name, number, shape)["spec"]["pod"]
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "%s-%d" % (name, number), **template["metadata"]},
            "spec": template["spec"]}


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


def turn_seconds(rig):
    """How long the daemon has been in turns: events, passes, and what they change."""
    said = subprocess.run(["curl", "-s", "--unix-socket", rig.socket, "http://localhost/metrics"],
                          check=True, capture_output=True, text=True).stdout
    return float(re.search(r"^nightshift_turn_seconds_sum (\S+)", said, re.MULTILINE).group(1))


def run(rig, name, scale):
    """One run; the figures as a dictionary."""
    shape = SHAPES[name]
    client = Client(rig.socket)
    total = len(due(shape, scale))
    cpu, peer_cpu, turns = rig.cpu_seconds(), rig.kubesim_cpu_seconds(), turn_seconds(rig)
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
    turns = turn_seconds(rig) - turns
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
    return {"makespan": last - first, "jobs": total, "cpu": cpu, "kubesim": peer_cpu,
            "turns": turns,
            "late": failed[0], "waits": {c: sum(v) / len(v) for c, v in waits.items()},
            "admitted": {c: sum(v) / len(v) - first for c, v in admitted.items()}}


class ClusterAlone(Rig):
    def start_daemon(self):
        pass


def api_alone(programs, name, scale):
    """The same pods without a scheduler: nothing keeps them back, so the nodes are large."""
    shape = SHAPES[name]
    pods = "".join("%d %s %s\n" % (round(1e6 * at), queue,
                                   json.dumps(bare_pod(queue, kind, number, shape)))
                   for at, queue, kind, number in due(shape, scale))
    with ClusterAlone(programs, objects=objects(shape, scale),
                      cluster=cluster(shape, scale, node_cpu=12000)) as rig:
        cpu = rig.kubesim_cpu_seconds()
        done = subprocess.run([rig.program("bench/api_alone"), str(rig.port),
                               rig.write("pods", pods)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed("api_alone: " + done.stderr)
        return {**json.loads(done.stdout), "kubesim": rig.kubesim_cpu_seconds() - cpu}


def measure(programs, name, scale):
    shape = SHAPES[name]
    alone = api_alone(programs, name, scale)
    with Rig(programs, objects=objects(shape, scale), cluster=cluster(shape, scale), level="warn",
             scheduling=config(shape, scale)) as rig:
        return {**run(rig, name, scale), "alone": alone}


def bench(programs, runs, scale=1.0):
    """A run takes minutes: one for each five that others do."""
    for name, shape in SHAPES.items():
        found = []
        for number in range(max(1, runs // 5)):
            say("kueue: %s, run %d" % (name, number + 1))
            found.append(measure(programs, name, scale))
        tell(name, shape, found, scale)


def tell(name, shape, found, scale):
    jobs, peer = found[0]["jobs"], shape["peer"]
    work, arrival = work_seconds(shape), arrival_seconds(shape)
    case = "%s (%s jobs of %s queues): " % (name, "{:,}".format(jobs),
                                            "{:,}".format(len(queues(shape, scale))))

    def tell_all(what, unit, value, **against):
        figure("kueue", case + what, unit, [value(run) for run in found], **against)

    tell_all("all done", "s", lambda run: run["makespan"],
             peer=("Kueue's mean", [peer["makespan"]]))
    tell_all("the simulated API server alone: all done", "s", lambda run: run["alone"]["seconds"])
    tell_all("over the ideal of its work, %.3g s" % work, "times",
             lambda run: run["makespan"] / work)
    tell_all("over the ideal of its arrivals, %.3g s" % arrival, "times",
             lambda run: run["makespan"] / arrival)
    tell_all("over the API server alone", "times",
             lambda run: run["makespan"] / run["alone"]["seconds"])
    tell_all("over the ideal, the largest of the three", "times",
             lambda run: run["makespan"] / max(work, arrival, run["alone"]["seconds"]),
             goal=("<= 1.3", lambda ratio: ratio <= 1.3))
    tell_all("jobs done", "jobs/s", lambda run: jobs / run["makespan"],
             peer=("Kueue's mean", [jobs / peer["makespan"]]))
    for kind in CLASSES:
        against = {"peer": ("Kueue's mean", [peer[kind]])} if kind in peer else {}
        tell_all("wait of a %s job, mean" % kind, "s", lambda run: run["waits"][kind], **against)
    tell_processors(tell_all, jobs)


def tell_processors(tell_all, jobs):
    tell_all("the daemon's processor time", "ms/job", lambda run: 1000 * run["cpu"] / jobs)
    tell_all("the daemon's processor time, of one processor", "%",
             lambda run: 100 * run["cpu"] / run["makespan"])
    tell_all("time in turns, by the clock, of the daemon's processor time", "%",
             lambda run: 100 * run["turns"] / run["cpu"])
    tell_all("kubesim's processor time", "ms/job", lambda run: 1000 * run["kubesim"] / jobs)
    tell_all("kubesim's processor time with the API server alone", "ms/job",
             lambda run: 1000 * run["alone"]["kubesim"] / jobs)
