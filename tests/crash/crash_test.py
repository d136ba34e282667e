#!/usr/bin/python3
"""SIGKILL at every step of a job's life; after the next start everything converges.

Usage: crash_test.py KUBESIM NIGHTSHIFTD DISK_SHIM [KILLS [SEED]]

A daemon writes a line per event between the commit and what follows from it: requests to the
cluster, answers to clients. Its death at such a line is a crash between commit and act. The shim
kills it before or after a write or sync of its own: a crash within a commit, or between two. The
cluster keeps every pod that was ever made, so that no second driver of an attempt goes unseen.
"""
import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import rows as table  # noqa: E402
from nightshift_process import (  # noqa: E402
    FINAL, PATIENCE_S, Nightshiftd, pod_job, spark_job, until)

ROWS = table.Rows("crash")
TOOLS = {}
LOST = (OSError, http.client.HTTPException, ValueError)


class Victim(Nightshiftd):
    """A nightshiftd that is killed as soon as its log says a word."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.trigger = None
        self.triggered = threading.Event()
        self.kills = 0
        self.dies_at_call = None  # of those that write: "7" before the 7th, "7." after it

    def spawn(self):
        env = dict(os.environ)
        if self.dies_at_call is not None:
            env.update(LD_PRELOAD=TOOLS["shim"], DISK_SHIM_KILL=self.dies_at_call,
                       ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")
        process = subprocess.Popen([self.program, "--config", self.config_file],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, env=env)
        threading.Thread(target=self.listen, args=(process,), daemon=True).start()
        return process

    def listen(self, process):
        with open(self.log_file, "ab", buffering=0) as log:
            while True:
                text = os.read(process.stdout.fileno(), 65536)
                trigger = self.trigger
                if trigger is not None and trigger in text:
                    process.kill()
                    self.trigger = None
                    self.triggered.set()
                if not text:
                    break
                log.write(text)
        process.stdout.close()

    def kill_at(self, word):
        """From now on it dies when it says so."""
        self.triggered.clear()
        self.trigger = word.encode()

    def was_killed(self, seconds):
        """Waits for that; True if it has happened."""
        happened = self.triggered.wait(seconds)
        self.trigger = None
        if not happened and not self.triggered.is_set():
            return False
        self.kill()
        self.kills += 1
        return True


def insist(ask, statuses):
    """Asks until an answer has one of the statuses, through any number of deaths."""
    def once():
        try:
            status, answer = ask()[:2]
        except LOST:
            return None
        return (status, answer) if status in statuses else None
    return until("an answer of %s" % (statuses,), once, 3 * PATIENCE_S)


def submit(daemon, manifest, key):
    """Returns the id, though the daemon may die meanwhile."""
    return insist(lambda: daemon.try_submit(manifest, key=key), (200, 201))[1]["jobs"][0]["id"]


def check_history(daemon, job_id):
    """Each event once, in order, the last one final."""
    events = daemon.events(job_id)
    numbers = [event["sequence"] for event in events]
    if numbers != list(range(len(events))) or events[-1]["state"] not in FINAL:
        raise AssertionError("job %d: %s" % (job_id, events))


def check_pods(world, jobs):
    """One pod per attempt that was made, none of an attempt nobody knows, none left at work."""
    uid = world.daemon.get("/v1/status")["queueUid"]
    attempts = {"%s-%d" % (uid, job["id"]): job["attempts"] for job in jobs}
    made = world.creations()
    for (job_uid, attempt), pods in made.items():
        if len(pods) != 1 or not 1 <= attempt <= attempts[job_uid]:
            raise AssertionError("attempt %d of %d of %s has pods %s" % (
                attempt, attempts[job_uid], job_uid, pods))
    for job in jobs:
        if job["state"] in ("SUCCEEDED", "FAILED") and \
                ("%s-%d" % (uid, job["id"]), job["attempts"]) not in made:
            raise AssertionError("nobody ever saw the last attempt's pod of %s" % job)
    until("no pod is left at work", lambda: not [
        pod for pod in world.pods() if pod["status"]["phase"] not in ("Succeeded", "Failed")])


def verify(world):
    """The books: in memory and on disk they agree with each other, and nothing is charged any more."""
    daemon = world.daemon
    daemon.process.send_signal(signal.SIGUSR1)
    until("the books are right", lambda: "event=books_verified" in daemon.log())
    until("no quota counts anything", lambda: all(
        value in ("0", 0) for item in world.kube(
            "GET", "/api/v1/namespaces/default/resourcequotas")["items"]
        for value in item["status"]["used"].values()))
    # What the ledger still reserved would keep this one from starting: it takes all there is.
    daemon.wait_final(daemon.submit(spark_job("all-there-is", executors=5,
                                              sim={"runtime": "50ms"})), "SUCCEEDED")
    if daemon.stop() != 0:
        raise AssertionError("it did not stop in good order")
    daemon.process = None
    done = subprocess.run([daemon.program, "admin", "--config", daemon.config_file, "verify"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0 or "0 in quarantine" not in done.stdout:
        raise AssertionError(done.stdout + done.stderr)


# --- At each kind of event ---------------------------------------------------------------------

FLAKY = {"fail-attempts": "2", "exit-code": "3"}  # The first attempt fails.
# What the log says, the job, what is asked of it once it runs (or at once), its end.
MOMENTS = [
    ("event=submitted", spark_job(), None, "SUCCEEDED"),
    ("event=admitted", spark_job(), None, "SUCCEEDED"),
    ("event=starting", spark_job(), None, "SUCCEEDED"),
    ("event=running", spark_job(sim={"runtime": "300ms"}), None, "SUCCEEDED"),
    ("event=succeeded", spark_job(), None, "SUCCEEDED"),
    ("event=retry", pod_job(sim=FLAKY), None, "SUCCEEDED"),
    ("event=queued", pod_job(sim=FLAKY), None, "SUCCEEDED"),
    ("attempt=2 event=admitted", pod_job(sim=FLAKY), None, "SUCCEEDED"),
    ("attempt=2 event=starting", pod_job(sim=FLAKY), None, "SUCCEEDED"),
    ("event=failed", pod_job(sim={"exit-code": "1"}, retry={"maxRetries": 0}), None, "FAILED"),
    ("event=cancel ", spark_job(sim={"runtime": "10m"}), "cancel", "CANCELLED"),
    ("event=cancelled", spark_job(sim={"runtime": "10m"}), "cancel", "CANCELLED"),
    ("event=released", pod_job(hold=True), "release", "SUCCEEDED"),
]
STARTS = ["event=queue_loaded", "event=listening", "event=started", "event=synced resource=pods",
          "event=synced resource=nodes", "event=adopted"]


def dies_at(world, word, manifest, order, end):
    """Three jobs; at each of them the daemon dies when it says the word."""
    daemon = world.daemon
    ids = []
    for number in range(3):
        daemon.kill_at(word)
        if order is None:
            keeper = threading.Thread(target=lambda n=number: ids.append(
                submit(daemon, manifest, "job-%d" % n)))
            keeper.start()
        else:
            ids.append(submit(daemon, manifest, "job-%d" % number))
            if order == "cancel":
                daemon.wait_state(ids[-1], "RUNNING")
            path = "/v1/jobs/%d/%s" % (ids[-1], order)
            # 409: it had been done, and the answer was lost.
            keeper = threading.Thread(target=lambda p=path: insist(
                lambda: daemon.ask("POST", p), (200, 409)))
            keeper.start()
        if not daemon.was_killed(PATIENCE_S):
            raise AssertionError("it never said %r" % word)
        daemon.start()
        keeper.join()
    jobs = [daemon.wait_final(job_id, end) for job_id in ids]
    if len(set(ids)) != 3 or len(daemon.get("/v1/jobs")["items"]) != 3:
        raise AssertionError(ids)
    for job in jobs:
        check_history(daemon, job["id"])
        expected = 2 if "fail-attempts" in str(manifest) else 1
        if job["attempts"] != expected:
            raise AssertionError("%d attempts: %s" % (job["attempts"],
                                                      daemon.events(job["id"])))
    check_pods(world, jobs)


def add_moments():
    for word, manifest, order, end in MOMENTS:
        ROWS.row("killed at %s, the job ends as %s all the same" % (
            word.replace("event=", "").strip(), end), daemon=Victim)(
                lambda world, word=word, manifest=manifest, order=order, end=end:
                dies_at(world, word, manifest, order, end))


add_moments()


def add_named_moments():
    """Jobs that all give their driver's pod one name: each waits for the pod before it to go."""
    named = spark_job("named", sim=FLAKY)
    named["spec"]["spark"]["driver"]["podName"] = "etl-driver"
    for word in ("event=retry", "attempt=2 event=admitted", "attempt=2 event=starting", "event=succeeded"):
        ROWS.row("killed at %s, jobs of one pod name have it one by one" % word.replace("event=", ""),
                 daemon=Victim)(
                     lambda world, word=word: dies_at(world, word, named, None, "SUCCEEDED"))


add_named_moments()


ELEMENTS = 15000


def array_job():
    job = pod_job("parts", sim={"runtime": "50ms"}, array="5-%d%%4" % (ELEMENTS + 4))
    job["spec"]["pod"]["spec"]["containers"][0]["args"] = ["{{index}}"]
    return job


@ROWS.row("killed while it makes a long array, that is whole all the same, and each index runs once")
def dies_making_an_array(world):
    """Acknowledged once, in one answer; killed until all elements are there."""
    daemon = world.daemon
    answer = insist(lambda: daemon.try_submit(array_job(), key="parts"), (201,))[1]
    first = answer["firstId"]
    if (first, answer["count"], len(answer["jobs"])) != (1, ELEMENTS, 1):
        raise AssertionError(answer)
    kills = 0
    chance = random.Random(7)
    while daemon.ask("GET", "/v1/jobs/1_%d" % (ELEMENTS + 4))[0] != 200:
        time.sleep(chance.random() * 0.05)
        daemon.kill()
        daemon.start()
        kills += 1
        counts = daemon.get("/v1/jobs/1?brief=true")["elements"]
        if sum(state["count"] for state in counts) != ELEMENTS:
            raise AssertionError("after %d kills: %s" % (kills, counts))
    again = daemon.try_submit(array_job(), key="parts")
    if again[0] != 200 or again[1]["firstId"] != first or kills == 0:
        raise AssertionError((kills, again))
    after = daemon.submit(pod_job("after", after=["parts"]))
    if after != ELEMENTS + 1:
        raise AssertionError("the next id is %d" % after)
    until("some have run", lambda: any(
        state["state"] == "SUCCEEDED" and state["count"] >= 8
        for state in daemon.get("/v1/jobs/1?brief=true")["elements"]))
    daemon.kill()
    daemon.start()
    insist(lambda: daemon.ask("POST", "/v1/jobs/1/cancel"), (200,))
    daemon.wait_final(after, "SKIPPED")
    shown = until("all are over", lambda: whole(daemon))
    if sum(shown.values()) != ELEMENTS or shown["SUCCEEDED"] < 8:
        raise AssertionError(shown)
    check_pods(world, [job for job in all_jobs(daemon) if job["attempts"] > 0])


def whole(daemon):
    counts = {state["state"]: state["count"]
              for state in daemon.get("/v1/jobs/1?brief=true")["elements"]}
    return counts if set(counts) <= {"SUCCEEDED", "CANCELLED"} else None


@ROWS.row("killed again and again while it starts, it starts at last", daemon=Victim)
def dies_starting(world):
    daemon = world.daemon
    ids = [daemon.submit(spark_job(sim={"runtime": "1s"})), daemon.submit(pod_job()),
           daemon.submit(pod_job(hold=True))]
    daemon.wait_state(ids[0], "RUNNING")
    daemon.kill()
    for word in STARTS[:5] * 2:
        daemon.kill_at(word)
        daemon.start(ready=False)
        if not daemon.was_killed(PATIENCE_S):
            raise AssertionError("it never said %r" % word)
    daemon.start()
    daemon.post("/v1/jobs/%d/release" % ids[2])
    jobs = [daemon.wait_final(job_id, "SUCCEEDED") for job_id in ids]
    if [job["attempts"] for job in jobs] != [1, 1, 1]:
        raise AssertionError(jobs)
    check_pods(world, jobs)


@ROWS.row("killed before and after each of its writes and syncs, it converges", daemon=Victim,
          sim=("--nodes", "4"), start=False)
def dies_at_each_call(world):
    """A start with the next number each time, until one lives through a whole job."""
    daemon = world.daemon
    world.quota("default", pods="12", requests_cpu="6")
    ids, number, lived = [], 0, 0
    while lived < 2 and number < 200:
        number += 1
        for when in ("", "."):
            daemon.dies_at_call = "%d%s" % (number, when)
            daemon.start(ready=False)
            name = "call-%d-%d" % (number, len(when))
            keeper = threading.Thread(target=lambda n=name: ids.append(
                submit(daemon, pod_job(n, sim={"runtime": "20ms"}), n)))
            keeper.start()
            deadline = time.monotonic() + PATIENCE_S
            while daemon.process.poll() is None and time.monotonic() < deadline:
                try:
                    if not keeper.is_alive() and daemon.job(ids[-1])["state"] in FINAL:
                        break
                except LOST:
                    pass
                time.sleep(0.01)
            if daemon.process.poll() is None:
                lived += 1
                daemon.kill()
            else:
                daemon.kills += 1
            daemon.dies_at_call = None
            if keeper.is_alive():
                daemon.start(ready=False)
                keeper.join()
                daemon.kill()
    daemon.start()
    jobs = [daemon.wait_final(job_id, "SUCCEEDED") for job_id in ids]
    if len(set(ids)) != 2 * number or len(all_jobs(daemon)) != len(ids) or daemon.kills < 20:
        raise AssertionError("%d jobs of %d, %d kills" % (len(set(ids)), 2 * number, daemon.kills))
    for job in jobs:
        check_history(daemon, job["id"])
    check_pods(world, jobs)
    verify(world)
    print("killed at %d calls that write" % daemon.kills, flush=True)


# --- At random, under load ---------------------------------------------------------------------

class Client(threading.Thread):
    """Submits jobs of all sorts and cancels some, whatever happens to the daemon."""

    def __init__(self, daemon, name, seed):
        super().__init__(daemon=True)
        self.victim = daemon
        self.name = name
        self.chance = random.Random(seed)
        self.stop = threading.Event()
        self.jobs = []  # (id, name, allowed ends, attempts or 0)
        self.sent = []  # (id, name, manifest)
        self.problem = None

    def run(self):
        try:
            number = 0
            while not self.stop.is_set():
                number += 1
                self.one_job("%s-%d" % (self.name, number))
                if self.jobs and self.chance.random() < 0.3:
                    self.ask_again()
                time.sleep(self.chance.uniform(0, 0.15))
        except BaseException as error:  # pylint: disable=broad-except
            self.problem = error

    def ask_again(self):
        """An old key stands for the same job, whatever has become of it."""
        job_id, name, manifest = self.sent[self.chance.randrange(len(self.sent))]
        if submit(self.victim, manifest, "key-" + name) != job_id:
            raise AssertionError("the key of %s stands for two jobs" % name)

    def one_job(self, name):
        sort = self.chance.choice(["spark", "pod", "pod", "flaky", "fails", "cancel", "now",
                                   "held", "hold"])
        runtime = {"runtime": "%dms" % self.chance.randint(50, 400)}
        ends, attempts = {"SUCCEEDED"}, 1
        if sort == "spark":
            manifest = spark_job(name, sim=runtime)
        elif sort == "flaky":
            manifest, attempts = pod_job(name, sim={**runtime, **FLAKY}), 2
        elif sort == "fails":
            manifest = pod_job(name, sim={**runtime, "exit-code": "1"}, retry={"maxRetries": 1})
            ends, attempts = {"FAILED"}, 2
        elif sort == "now":
            manifest = pod_job(name, sim=runtime, ttlSecondsAfterFinished=0)
        elif sort == "held":
            manifest = pod_job(name, sim=runtime, hold=True)
        else:
            manifest = pod_job(name, sim=runtime)
        job_id = submit(self.victim, manifest, "key-" + name)
        if submit(self.victim, manifest, "key-" + name) != job_id:
            raise AssertionError("the key of %s stands for two jobs" % name)
        self.sent.append((job_id, name, manifest))
        path = "/v1/jobs/%d/" % job_id
        if sort == "hold":  # 409: it has started, or its answer was lost.
            insist(lambda: self.victim.ask("POST", path + "hold"), (200, 409))
            insist(lambda: self.victim.ask("POST", path + "release"), (200, 409))
        elif sort == "held":
            insist(lambda: self.victim.ask("POST", path + "release"), (200, 409))
        elif sort == "cancel":
            time.sleep(self.chance.uniform(0, 0.4))
            status = insist(lambda: self.victim.ask("POST", path + "cancel"), (200, 409))[0]
            # 409: it had ended, or had been cancelled and the answer was lost.
            ends = {"CANCELLED"} if status == 200 else {"CANCELLED", "SUCCEEDED"}
            attempts = 0
        self.jobs.append((job_id, name, ends, attempts))


def all_jobs(daemon):
    items, after = [], "0"
    while after:
        page = daemon.get("/v1/jobs?limit=500&continue=" + after)
        items += page["items"]
        after = page["continue"]
    return items


def check_all(world, expected):
    daemon = world.daemon
    until("every job has ended", lambda: all(job["state"] in FINAL for job in all_jobs(daemon)),
          3 * PATIENCE_S)
    jobs = all_jobs(daemon)
    found = {job["name"]: job for job in jobs}
    if len(found) != len(jobs) or len(jobs) != len(expected):
        raise AssertionError("%d jobs, %d names, %d were acknowledged" % (
            len(jobs), len(found), len(expected)))
    for job_id, name, ends, attempts in expected:
        job = found[name]
        # Pods end faster here than the quota is recounted: such an attempt costs nothing.
        races = daemon.kinds(job_id).count("quota_race")
        if job["id"] != job_id or job["state"] not in ends or \
                attempts not in (0, job["attempts"] - races):
            raise AssertionError("wanted %s of %d attempts: %s\n%s" % (
                ends, attempts, job, daemon.events(job_id)))
        check_history(daemon, job_id)
    check_pods(world, jobs)


FAULTS = [
    {"fault": "lose-reply", "verb": "create", "resource": "pods", "probability": 0.05},
    {"fault": "reset", "verb": "create", "probability": 0.03},
    {"fault": "error", "verb": "create", "code": 500, "probability": 0.03},
    {"fault": "error", "verb": "create", "code": 429, "retryAfter": 0, "probability": 0.03},
    {"fault": "error", "verb": "get", "code": 503, "probability": 0.05},
    {"fault": "error", "verb": "delete", "code": 500, "probability": 0.1},
    {"fault": "lose-reply", "verb": "delete", "probability": 0.05},
    {"fault": "error", "verb": "list", "code": 500, "probability": 0.05},
    {"fault": "duplicate-event", "probability": 0.05},
    {"fault": "drop-event", "probability": 0.01},
    {"fault": "truncate-event", "probability": 0.005},
    {"fault": "cut-watch", "probability": 0.002},
]


def live_a_little(daemon):
    """Until it answers, or has died: on a busy machine it may take longer to start than it lives."""
    def answers():
        try:
            return daemon.process.poll() is not None or daemon.ask("GET", "/readyz")[0] == 200
        except LOST:
            return False
    until("it answers", answers, 3 * PATIENCE_S)


def load(world, kills, seed):
    daemon = world.daemon
    chance = random.Random(seed)
    world.quota("default", pods="12", requests_cpu="6")
    # Longer on their way, so that more deaths meet them there.
    for resource in ("pods", "services", "configmaps"):
        world.sim.fault(fault="latency", verb="create", resource=resource, delay="15ms",
                        probability=0.5, count=-1)
    for fault in FAULTS:
        world.sim.fault(count=-1, **fault)
    clients = [Client(daemon, "c%d" % n, seed + n) for n in range(3)]
    for client in clients:
        client.start()
    words = sorted({moment[0] for moment in MOMENTS}) + STARTS[:5]
    while daemon.kills < kills:
        if chance.random() < 0.6:
            daemon.kill_at(chance.choice(words))
        if daemon.process.poll() is not None:
            # Often within a commit: at one of its writes and syncs.
            daemon.dies_at_call = None if chance.random() < 0.5 else "%d%s" % (
                chance.randint(1, 150), chance.choice(["", "."]))
            daemon.start(ready=False)
        if daemon.kills % 4 == 0:
            live_a_little(daemon)
        if not daemon.was_killed(chance.uniform(0.02, 0.7)):
            status = daemon.process.poll()
            if status is not None and (status != -9 or daemon.dies_at_call is None):
                raise AssertionError("it ended with %d" % status)
            daemon.kill()
            daemon.kills += 1
    daemon.trigger = daemon.dies_at_call = None
    daemon.start()
    for client in clients:
        client.stop.set()
    for client in clients:
        client.join()
        if client.problem is not None:
            raise client.problem
    world.sim.ask("DELETE", "/sim/faults")
    expected = [job for client in clients for job in client.jobs]
    check_all(world, expected)
    print("%d kills (seed %d), %d jobs, %d attempts, %d refused for quota" % (
        daemon.kills, seed, len(expected), len(world.creations()),
        world.kube("GET", "/sim/stats")["exceededQuota"]), flush=True)
    verify(world)


def main():
    programs, rest = table.programs_of(sys.argv[1:])
    TOOLS["shim"] = os.path.abspath(rest.pop(0))
    kills = int(rest[0]) if rest else 40
    seed = int(rest[1]) if len(rest) > 1 else random.randrange(1 << 30)
    ROWS.row("killed %d times at random under load, it loses nothing and makes nothing twice "
             "(seed %d)" % (kills, seed), daemon=Victim,
             config={"kubernetes": {"resync": "2s"}, "scheduling": {"mode": "fair"}},
             sim=("--nodes", "4"))(lambda world: load(world, kills, seed))
    ROWS.rows.insert(0, ROWS.rows.pop())
    sys.exit(ROWS.run(programs, workers=3))


if __name__ == "__main__":
    main()
