#!/usr/bin/python3
"""A disk that is full, broken or read-only: nothing new is taken, what runs is watched, and it goes
on by itself when the disk does.

Usage: disk_test.py KUBESIM NIGHTSHIFTD NIGHTSHIFT DISK_SHIM
"""
import errno
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import rows as table  # noqa: E402
from nightshift_process import FINAL, Nightshiftd, pod_job, spark_job, until  # noqa: E402

ROWS = table.Rows("disk")
TOOLS = {}


class Fragile(Nightshiftd):
    """A nightshiftd whose disk can be told to fail."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.control = os.path.join(self.folder, "disk")

    def spawn(self):
        env = dict(os.environ, LD_PRELOAD=TOOLS["shim"], DISK_SHIM_FILE=self.control,
                   ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")
        with open(self.log_file, "ab") as log:
            return subprocess.Popen([self.program, "--config", self.config_file],
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)

    def fail(self, code, call="*"):
        time.sleep(0.1)  # No burst of small turns goes on, which the loop would write itself.
        with open(self.control + ".new", "w", encoding="utf-8") as file:
            file.write("%d %s" % (code, call))
        os.rename(self.control + ".new", self.control)

    def heal(self):
        os.unlink(self.control)


def verify(world):
    """The daemon is stopped; the queue is whole."""
    if world.daemon.stop() != 0:
        raise AssertionError("it did not stop in good order")
    world.daemon.process = None
    done = subprocess.run([world.daemon.program, "admin", "--data-dir",
                           os.path.join(world.folder.name, "data"), "verify"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)


def refused(answer, words):
    status, body = answer
    if status != 503 or words not in str(body):
        raise AssertionError("%d %s, wanted 503 and %r" % (status, body, words))


def submit_by_command(world, words):
    """The command says why and has status 8."""
    path = os.path.join(world.folder.name, "job.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("kind: Pod\napiVersion: v1\nmetadata: {name: x}\nspec: {containers: "
                   "[{name: a, image: b}]}\n")
    done = subprocess.run([TOOLS["nightshift"], "submit", "--server",
                           "unix:" + world.daemon.socket, path],
                          capture_output=True, text=True, check=False)
    if done.returncode != 8 or words not in done.stderr:
        raise AssertionError("%d %s%s" % (done.returncode, done.stdout, done.stderr))


def not_ready(daemon, words):
    until("/readyz says why not",
          lambda: daemon.ask("GET", "/readyz")[0] == 503 and
          words in str(daemon.ask("GET", "/readyz")[1]))


def disk_fails(world, code, call, words):
    daemon = world.daemon
    running = daemon.submit(spark_job("running", sim={"runtime": "1500ms"}))
    held = daemon.submit(pod_job("held", hold=True))
    daemon.wait_state(running, "RUNNING")
    daemon.fail(code, call)
    began = time.monotonic()
    refused(daemon.try_submit(pod_job("first"), key="first"), "ask again with the same")
    if time.monotonic() - began > 15:
        raise AssertionError("who met it first waited too long")
    not_ready(daemon, words)
    refused(daemon.try_submit(pod_job("second"), key="second"), words)
    refused(daemon.ask("POST", "/v1/jobs/%d/release" % held)[:2], words)
    submit_by_command(world, words)
    if daemon.ask("GET", "/healthz")[0] != 200 or daemon.job(running)["name"] != "running":
        raise AssertionError("it does not answer")
    until("the driver ends", lambda: all(
        pod["status"]["phase"] in ("Succeeded", "Failed") for pod in world.pods()))
    if daemon.job(running)["state"] != "RUNNING" or "event=commit_failed" not in daemon.log():
        raise AssertionError("told before it was stored")
    daemon.heal()
    until("it is ready again", lambda: daemon.ask("GET", "/readyz")[0] == 200)
    daemon.wait_final(running, "SUCCEEDED")
    # Exactly one job of the first, none of those that were refused outright.
    status, answer = daemon.try_submit(pod_job("first"), key="first")
    names = sorted(job["name"] for job in daemon.get("/v1/jobs")["items"])
    if status != 200 or names != ["first", "held", "running"]:
        raise AssertionError("%d %s: %s" % (status, answer, names))
    daemon.wait_final(answer["jobs"][0]["id"], "SUCCEEDED")
    daemon.post("/v1/jobs/%d/release" % held)
    daemon.wait_final(held, "SUCCEEDED")
    if "event=commit_recovered" not in daemon.log():
        raise AssertionError("recovery is not told")
    world.check_once()
    verify(world)


FAULTS = [
    ("writes fail for want of room", errno.ENOSPC, "pwrite", "No space left"),
    ("writes fail with an input/output error", errno.EIO, "pwrite", "Input/output error"),
    ("syncs fail with an input/output error", errno.EIO, "fdatasync", "Input/output error"),
    ("the file system has become read-only", errno.EROFS, "*", "Read-only file system"),
    ("everything fails", errno.EIO, "*", "Input/output error"),
]
for title, number, name, reason in FAULTS:
    ROWS.row(title + ": nothing is taken, what runs is watched, and it recovers by itself",
             daemon=Fragile)(lambda world, number=number, name=name, reason=reason:
                             disk_fails(world, number, name, reason))


HANG = 9999  # to the shim


def told_or_busy(daemon, path):
    """What is stored is shown, or that it can't be read now: never less than there is."""
    status, answer = daemon.ask("GET", path)[:2]
    if status == 503:
        refused((status, answer), "ask again")
    elif status != 200 or not answer["items"]:
        raise AssertionError("%s: %d %s" % (path, status, answer))


def hangs(world, first, full=False):
    """Syncs don't return: nobody waits for that but who asked for something new."""
    daemon = world.daemon
    running = daemon.submit(spark_job("running", sim={"runtime": "1500ms"}))
    daemon.wait_state(running, "RUNNING")
    if full:  # The next commit goes to the tables.
        for number in range(16):
            daemon.submit(pod_job("filler-%d" % number, hold=True))
    daemon.fail(HANG, "fdatasync")
    answers = []
    asks = [threading.Thread(target=lambda n=name: answers.append(
        daemon.try_submit(pod_job(n, hold=True), key=n))) for name in first]
    for ask in asks:
        ask.start()
    began, longest = time.monotonic(), 0
    while daemon.ask("GET", "/readyz")[0] == 200:
        at = time.monotonic()
        if daemon.ask("GET", "/healthz")[0] != 200:
            raise AssertionError("it does not live")
        longest = max(longest, time.monotonic() - at)
        if at - began > 15:
            raise AssertionError("it believes to be ready")
        time.sleep(0.05)
    if longest > 2:
        raise AssertionError("it stood still for %.1f s" % longest)
    for ask in asks:
        ask.join()
    for answer in answers:
        refused(answer, "ask again with the same")
    for what in ("attempts", "events"):
        told_or_busy(daemon, "/v1/jobs/%d/%s" % (running, what))
    words = "the disk has not written the last turn for 3 s"
    not_ready(daemon, words)
    if "ok, but " + words not in daemon.ask("GET", "/healthz")[1]:
        raise AssertionError("/healthz does not say so")
    refused(daemon.try_submit(pod_job("second"), key="second"), words)
    pods = daemon_pods(daemon)
    for number in range(3):
        world.kube("POST", "/api/v1/namespaces/default/pods", nobodys_pod(number))
    until("the watch goes on", lambda: daemon_pods(daemon) >= pods + 3)
    until("the driver ends", lambda: all(
        pod["status"]["phase"] in ("Succeeded", "Failed") for pod in world.pods()
        if "nightshift/job-id" in pod["metadata"].get("labels", {})))
    daemon.heal()
    until("it is ready again", lambda: daemon.ask("GET", "/readyz")[0] == 200)
    if daemon.ask("GET", "/healthz")[1] != "ok\n" or "commit_recovered" not in daemon.log():
        raise AssertionError("it does not say that it is well")
    daemon.wait_final(running, "SUCCEEDED")
    for name in first:
        status, answer = daemon.try_submit(pod_job(name, hold=True), key=name)
        if status != 200:
            raise AssertionError("%d %s" % (status, answer))
    names = sorted(job["name"] for job in daemon.get("/v1/jobs")["items"]
                   if "filler" not in job["name"])
    if names != sorted(["running"] + first):
        raise AssertionError(names)
    world.check_once()
    verify(world)


def daemon_pods(daemon):
    """That its watch told it of."""
    return next(sync["objects"] for sync in daemon.get("/v1/status")["syncs"]
                if sync["name"] == "pods")


def nobodys_pod(number):
    return {"metadata": {"name": "nobodys-%d" % number}, "spec": {
        "schedulerName": "nobody", "containers": [{"name": "a", "image": "b"}]}}


ROWS.row("a disk that hangs in a small turn stops nothing but new work, and it recovers by itself",
         daemon=Fragile)(lambda world: hangs(world, ["first"]))
ROWS.row("a disk that hangs in a large turn stops nothing but new work, and it recovers by itself",
         daemon=Fragile)(lambda world: hangs(world, ["first-%d" % n for n in range(40)]))
ROWS.row("a disk that hangs when the journal is full stops nothing but new work", daemon=Fragile)(
    lambda world: hangs(world, ["first"], full=True))


def change_often(world, path, times):
    """On one connection: a new one each time would take minutes."""
    connection = world.sim.connection(60)
    for number in range(times):
        connection.request("PATCH", path, '{"metadata": {"labels": {"n": "%d"}}}' % number, {
            "Content-Type": "application/merge-patch+json",
            "Authorization": "Bearer " + world.sim.token})
        response = connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise AssertionError("%d %s" % (response.status, text))
    connection.close()


@ROWS.row("while the disk hangs the watches rest when too many events wait, and go on from there",
          daemon=Fragile)
def many_events(world):
    daemon = world.daemon
    daemon.fail(HANG, "fdatasync")
    until("it hangs", lambda: daemon.try_submit(pod_job("first"), key="first")[0] == 503)
    path = "/api/v1/namespaces/default/pods"
    world.kube("POST", path, nobodys_pod(1))
    change_often(world, path + "/nobodys-1", 9000)
    until("the watches rest", lambda: "event=watches_rest" in daemon.log())
    world.kube("POST", path, nobodys_pod(2))
    daemon.heal()
    until("the watches go on", lambda: "event=watches_resume" in daemon.log())
    until("what came meanwhile is seen", lambda: daemon_pods(daemon) >= 2)
    job_id = daemon.try_submit(pod_job("first"), key="first")[1]["jobs"][0]["id"]
    daemon.wait_final(job_id, "SUCCEEDED")
    verify(world)


@ROWS.row("told twice to stop, it leaves a disk that hangs to itself, and nothing is lost",
          daemon=Fragile)
def stops_hanging(world):
    daemon = world.daemon
    held = daemon.submit(pod_job("held", hold=True))
    daemon.fail(HANG, "fdatasync")
    until("it hangs", lambda: daemon.try_submit(pod_job("first"), key="first")[0] == 503)
    daemon.process.terminate()
    until("it says so", lambda: "event=stopping" in daemon.log())
    daemon.process.terminate()
    if daemon.wait() != 5 or "is left to it" not in daemon.log():
        raise AssertionError(daemon.log())
    daemon.heal()
    daemon.start()
    if daemon.job(held)["state"] != "HELD":
        raise AssertionError("lost")
    status, answer = daemon.try_submit(pod_job("first"), key="first")
    if status not in (200, 201):
        raise AssertionError("%d %s" % (status, answer))
    daemon.wait_final(answer["jobs"][0]["id"], "SUCCEEDED")
    world.check_once()
    verify(world)


@ROWS.row("a disk that fails now and then loses nothing and makes nothing twice", daemon=Fragile)
def flickers(world):
    daemon = world.daemon
    stop = threading.Event()

    def flicker():
        number = 0
        while not stop.is_set():
            number += 1
            daemon.fail((errno.EIO, errno.ENOSPC)[number % 2],
                        ("fdatasync", "pwrite", "*", "writev")[number % 4])
            time.sleep(0.05)
            daemon.heal()
            time.sleep(0.25)

    thread = threading.Thread(target=flicker)
    thread.start()
    ids = []
    try:
        for number in range(20):
            answer = until("submission %d is acknowledged" % number, lambda n=number: next(
                (body["jobs"][0]["id"] for status, body in [
                    daemon.try_submit(pod_job("job-%d" % n), key="key-%d" % n)]
                 if status in (200, 201)), None))
            ids.append(answer)
    finally:
        stop.set()
        thread.join()
    for job_id in ids:
        daemon.wait_final(job_id, "SUCCEEDED")
    if len(set(ids)) != 20 or len(daemon.get("/v1/jobs")["items"]) != 20:
        raise AssertionError(ids)
    world.check_once()
    verify(world)


@ROWS.row("on a disk that can't be written it does not start, and says why", daemon=Fragile,
          start=False)
def starts_not(world):
    daemon = world.daemon
    for code, words in ((errno.EIO, "Input/output error"), (errno.EROFS, "Read-only")):
        daemon.start()
        daemon.stop()
        daemon.fail(code)
        daemon.start(ready=False)
        if daemon.wait() != 5 or words not in daemon.log():
            raise AssertionError(daemon.log())
        daemon.heal()
    daemon.start()


@ROWS.row("a disk that is really full: the jobs there are go on, new ones are refused", start=False)
def really_full(world):
    data = os.path.join(world.folder.name, "data")
    os.mkdir(data, 0o700)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=700", "tmpfs", data],
                      capture_output=True, check=False).returncode != 0:
        print("disk: tmpfs can't be mounted here: not tried on a really full disk", flush=True)
        return
    try:
        fill_disk(world, data)
    finally:
        if world.daemon.process is not None:
            world.daemon.kill()
            world.daemon.process = None
        subprocess.run(["umount", data], check=False)


def fill_up(path):
    with open(path, "ab", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


def fill_disk(world, data):
    daemon = world.daemon
    daemon.start()
    ids = [daemon.submit(pod_job("before-%d" % n, sim={"runtime": "1s"})) for n in range(10)]
    daemon.wait_state(ids[0], "RUNNING", "SUCCEEDED")
    ballast = os.path.join(data, "ballast")
    fill_up(ballast)
    refused(daemon.try_submit(pod_job("new")), "no room on the disk")
    not_ready(daemon, "no room on the disk")
    submit_by_command(world, "no room on the disk")
    until("the pods end", lambda: world.pods() and all(
        pod["status"]["phase"] in ("Succeeded", "Failed") for pod in world.pods()))
    os.unlink(ballast)
    until("it is ready again", lambda: daemon.ask("GET", "/readyz")[0] == 200)
    for job_id in ids:
        daemon.wait_final(job_id, "SUCCEEDED")
    daemon.wait_final(daemon.submit(pod_job("new")), "SUCCEEDED")
    if len([job for job in daemon.get("/v1/jobs")["items"] if job["state"] in FINAL]) != 11:
        raise AssertionError("not eleven jobs")
    verify(world)


def main():
    programs, rest = table.programs_of(sys.argv[1:])
    TOOLS.update(nightshift=programs["nightshift"], shim=os.path.abspath(rest[0]))
    sys.exit(ROWS.run(programs, *rest[1:]))


if __name__ == "__main__":
    main()
