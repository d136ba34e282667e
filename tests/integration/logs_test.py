#!/usr/bin/python3
"""Logs that are followed: executors' into the store, jobs' onto a terminal, over connections that break.

Usage: logs_test.py KUBESIM NIGHTSHIFTD NIGHTSHIFT [PART OF A ROW'S NAME]

kubesim runs the pods as processes; between it and the daemon stands a proxy that cuts connections.
"""
import os
import re
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import batch_job, until  # noqa: E402

ROWS = table.Rows("logs")
row = ROWS.row
COUNT = "i=0; while [ $i -lt %d ]; do echo line $i; i=$((i+1)); sleep 0.02; done"
FOREVER = "trap 'echo last words; exit 0' TERM; i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done"
PROCESSES = ("--runtime", "process", "--image", "shell=/")
ALL = {"logs": {"collect": "all"}}


def same(got, expected, what=""):
    if got != expected:
        raise AssertionError("%s: got %r, expected %r" % (what, got, expected))


def holds(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError("%r is not in %r" % (part, text[-3000:]))


class Proxy:
    """A way to the API server that can be cut."""

    def __init__(self, port):
        self.port = port
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            self.pairs.append((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    @staticmethod
    def pump(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []


def through_proxy(world):
    """Starts the daemon behind a proxy."""
    proxy = Proxy(world.sim.port)
    path = os.path.join(world.folder.name, "kubeconfig")
    with open(world.sim.kubeconfig, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(":%d" % world.sim.port, ":%d" % proxy.listener.getsockname()[1]))
    os.chmod(path, 0o600)
    world.daemon.settings["kubernetes"]["kubeconfig"] = path
    world.daemon.write_config(world.daemon.settings)
    world.daemon.start()
    return proxy


def shell_job(script, **fields):
    return batch_job("shell", {"pod": {"spec": {"restartPolicy": "Never", "containers": [{
        "name": "main", "image": "shell", "command": ["/bin/sh", "-c", script],
        "resources": {"requests": {"cpu": "10m", "memory": "10Mi"}}}]}}}, **fields)


def driver(world):
    """A job whose main pod waits, as a driver does for its executors."""
    job_id = world.daemon.submit(shell_job("sleep 1000"))
    world.daemon.wait_state(job_id, "RUNNING")
    return job_id


def executor(world, job_id, number, script):
    """A pod as a driver makes one. Returns its name."""
    main = world.pods(job_id=job_id)[0]
    labels = dict(main["metadata"]["labels"], **{"spark-role": "executor", "spark-exec-id": str(number)})
    name = "shell-%d-exec-%d" % (job_id, number)
    world.kube("POST", "/api/v1/namespaces/default/pods", {
        "metadata": {"name": name, "labels": labels},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 10, "containers": [{
            "name": "spark-kubernetes-executor", "image": "shell", "command": ["/bin/sh", "-c", script]}]}})
    return name


def delete(world, name):
    world.kube("DELETE", "/api/v1/namespaces/default/pods/" + name)
    until("it is gone", lambda: name not in [pod["metadata"]["name"] for pod in world.pods()])


def stored(world, name):
    """The log's text; None while there is none."""
    path = os.path.join(world.folder.name, "data", "logs", "0", name)
    if not os.path.exists(path):
        return None
    return subprocess.run(["zstdcat", path], check=True, stdout=subprocess.PIPE, text=True).stdout


def metric(world, name):
    return int(re.search(r"^%s (\d+)$" % name, world.daemon.ask("GET", "/metrics")[1], re.M).group(1))


def check_lines(text, last=None):
    """Each line once and in order; returns how many."""
    lines = text.splitlines()
    if last is not None:
        same(lines.pop(), last)
    for i, line in enumerate(lines):
        same(line, "line %d" % i, "line %d of %d" % (i, len(lines)))
    return len(lines)


def live(world, job_id, number=1):
    status, text, _ = world.daemon.ask("GET", "/v1/jobs/%d/logs?executor=%d" % (job_id, number))
    return text if status == 200 else ""


@row("an executor's log is whole although nobody waits for it", sim=PROCESSES, config=ALL, start=False)
def executor_whole(world):
    proxy = through_proxy(world)
    job_id = driver(world)
    name = executor(world, job_id, 1, FOREVER)
    until("it is followed", lambda: metric(world, "nightshift_logs_following") == 1)
    for count in (20, 80):
        until("it goes on", lambda: ("line %d\n" % count) in live(world, job_id))  # pylint: disable=cell-var-from-loop
        proxy.cut()
    until("it goes on", lambda: "line 150\n" in live(world, job_id))
    delete(world, name)
    until("it is stored", lambda: stored(world, "%d.1.executor-1.zst" % job_id))
    if check_lines(stored(world, "%d.1.executor-1.zst" % job_id), "last words") < 150:
        raise AssertionError("too short")
    same(live(world, job_id), stored(world, "%d.1.executor-1.zst" % job_id))
    same(metric(world, "nightshift_logs_following"), 0)


@row("after a restart of the daemon an executor's log is followed from its beginning", sim=PROCESSES, config=ALL)
def executor_restart(world):
    job_id = driver(world)
    name = executor(world, job_id, 1, FOREVER)
    until("it is followed", lambda: metric(world, "nightshift_logs_following") == 1)
    for end in (world.daemon.stop, world.daemon.kill):
        end()
        world.daemon.start()
        until("it is followed again", lambda: metric(world, "nightshift_logs_following") == 1)
    delete(world, name)
    until("all of it is stored", lambda: "last words" in
          (stored(world, "%d.1.executor-1.zst" % job_id) or ""))
    check_lines(stored(world, "%d.1.executor-1.zst" % job_id), "last words")


@row("an executor that goes while the daemon is away leaves what it wrote before", sim=PROCESSES, config=ALL)
def executor_salvaged(world):
    job_id = driver(world)
    name = executor(world, job_id, 1, FOREVER)
    until("it writes", lambda: "line 30\n" in live(world, job_id))
    world.daemon.stop()
    delete(world, name)
    world.daemon.start()
    text = live(world, job_id)
    holds(text, "\n[nightshift: the daemon ended here; what came after it is not in this log]\n")
    if check_lines(text.split("\n[")[0]) < 10:  # kubesim hands a followed log on five times a second.
        raise AssertionError(text)


@row("executors beyond the number that may be followed are fetched at their end", sim=PROCESSES,
     config={"logs": {"collect": "all", "streams": 1}})
def executor_crowd(world):
    job_id = driver(world)
    names = [executor(world, job_id, number, FOREVER) for number in (1, 2)]
    until("it is said", lambda: "event=log_streams_full" in world.daemon.log())
    same(metric(world, "nightshift_logs_following"), 1)
    until("both write", lambda: all("line 5\n" in live(world, job_id, number) for number in (1, 2)))
    for name in names:
        delete(world, name)
    until("the one is stored", lambda: any(
        "last words" in (stored(world, "%d.1.executor-%d.zst" % (job_id, number)) or "") for number in (1, 2)))


@row("of a log that is too long the middle is cut out, and it is said", sim=PROCESSES,
     config={"logs": {"collect": "all", "fileBytes": "4Ki"}})
def cut_out(world):
    job_id = driver(world)
    name = executor(world, job_id, 7, "seq 100000 101000; trap 'exit 0' TERM; while :; do sleep 0.02; done")
    until("it has written", lambda: "101000" in live(world, job_id, 7))
    delete(world, name)
    until("it is stored", lambda: stored(world, "%d.1.executor-7.zst" % job_id))
    text = live(world, job_id, 7)
    holds(text, "100000\n", "bytes of this log were cut out here]\n", "101000\n")
    if len(text) > 4200:
        raise AssertionError("%d bytes" % len(text))


class Follower:
    """nightshift logs -f"""

    def __init__(self, world, *words):
        self.process = subprocess.Popen(
            [world.programs["nightshift"], "logs", "-f", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env={"NIGHTSHIFT_SERVER": "unix:" + world.daemon.socket, "HOME": "/nowhere"})
        self.text = ""

    def read_until(self, line):
        while line not in self.text:
            got = self.process.stdout.readline()
            if got == "":
                raise AssertionError("it ended: %r %s" % (self.text[-300:], self.process.stderr.read()))
            self.text += got

    def finish(self):
        out = self.process.stdout.read()  # communicate() would not see what is buffered here.
        err = self.process.stderr.read()
        return self.text + out, err, self.process.wait(timeout=60)


@row("logs -f goes on over broken connections, a restart of the daemon, and attempts", sim=PROCESSES, start=False)
def follow(world):
    proxy = through_proxy(world)
    job_id = world.daemon.submit(shell_job("echo begin; " + COUNT % 150 + "; exit 3", retry={"maxRetries": 1}))
    reader = Follower(world, str(job_id))
    reader.read_until("line 20\n")
    proxy.cut()
    reader.read_until("line 70\n")
    world.daemon.stop()
    world.daemon.start()
    reader.read_until("line 149\n")
    reader.read_until("line 10\n")
    text, said, status = reader.finish()
    same(status, 0, said)
    parts = text.split("begin\n")
    same([check_lines(part) for part in parts], [0, 150, 150])
    holds(said, "the connection is lost; waiting for the daemon to come back", "nightshift: attempt 2")
    world.daemon.wait_final(job_id, "FAILED")
    one = Follower(world, str(job_id), "--attempt", "1").finish()
    same((check_lines(one[0].split("begin\n")[1]), one[2]), (150, 0))


@row("logs -f of an executor ends with it", sim=PROCESSES)
def follow_executor(world):
    job_id = driver(world)
    name = executor(world, job_id, 3, FOREVER)
    until("it writes", lambda: "line 5\n" in live(world, job_id, 3))
    reader = Follower(world, str(job_id), "--executor", "3", "--attempt", "1")
    reader.read_until("line 30\n")
    delete(world, name)
    text, said, status = reader.finish()
    same(status, 0, said)
    check_lines(text, "last words")


if __name__ == "__main__":
    table.main(ROWS)
