#!/usr/bin/python3
"""Each call that nightshiftd makes to the API server, with each way in which it can go wrong.

Usage: faults_test.py KUBESIM NIGHTSHIFTD writes|reads|watches|lease|beside [PART OF A ROW'S NAME]
       faults_test.py --manual         the tables of docs/manual/reliability.md

faults_table.py states what comes of each row: what the job (or the watch) does, which requests
reached the server with which answers, what is said about it, and in how many seconds all is well.
"""
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faults_table as table  # noqa: E402
from nightshift_process import FINAL, World, pod_job, spark_job, until  # noqa: E402
from rows import programs_of  # noqa: E402

# The table is of a quiet machine.
SLOWNESS = float(os.environ.get("SLOWNESS", "3"))
# Short time-outs, so that what is slow or silent is so for a second or two.
QUICK = {"requestTimeout": "1s", "resync": "0s", "watchSilence": "60s"}

FAULTS = {
    "lost request": {"fault": "reset"},
    "no answer": {"fault": "hang"},
    "lost reply": {"fault": "lose-reply"},
    "reset inside the body": {"fault": "cut-body"},
    "409": {"fault": "error", "code": 409},
    "410": {"fault": "error", "code": 410},
    "422": {"fault": "error", "code": 422},
    "429, Retry-After 1": {"fault": "error", "code": 429, "retryAfter": 1},
    "500": {"fault": "error", "code": 500},
    "503": {"fault": "error", "code": 503},
    "504": {"fault": "error", "code": 504},
    "slow headers": {"fault": "slow-headers", "delay": "1500ms"},
    "slow body": {"fault": "slow-body", "delay": "1500ms"},
    "garbage": {"fault": "garbage"},
}
EVENT_FAULTS = {
    "line cut in half": {"fault": "truncate-event"},
    "events twice": {"fault": "duplicate-event", "count": -1},
    "events in another order": {"fault": "reorder-event"},
    "stream cut": {"fault": "cut-watch"},
    "410 in the stream": {"fault": "expire-watch"},
}


class Found:
    """What a row came to, to be compared with the table."""

    def __init__(self, ends, asked, said):
        self.ends, self.asked, self.said = ends, asked, said

    def text(self):
        return "%r, %r, %r" % (self.ends, self.asked, self.said)


def answers(world, verb, resource):
    """How requests of this sort were answered so far, by code."""
    stats = world.kube("GET", "/sim/stats")["requests"]
    return dict(stats.get(verb, {}).get(resource, {}))


def since(before, now):
    return {code: count - before.get(code, 0) for code, count in sorted(now.items())
            if count > before.get(code, 0)}


def shown(counts):
    return " ".join("%s×%d" % item for item in counts.items()) or "none"


# --- Writes, and the look before a repetition ----------------------------------------------------

def after_loss(world, **rule):
    """First the reply to a creation is lost, so that it is looked for."""
    world.sim.fault(fault="lose-reply", verb="create", **rule)


def full_services(world):
    """The quota counts one service: a repeated creation of it is refused, though it is there."""
    if not any(ns["metadata"]["name"] == "narrow"
               for ns in world.kube("GET", "/api/v1/namespaces")["items"]):
        world.namespace("narrow")
        world.quota("narrow", services="1")
    after_loss(world, resource="services")


def spark(**fields):
    return spark_job(executors=1, **fields)


# Call: verb, resource, what is submitted, what is done before, whether it is cancelled when it runs.
WRITES = {
    "create pod": ("create", "pods", pod_job, None, False),
    "create service": ("create", "services", spark, None, False),
    "create config map": ("create", "configmaps", spark, None, False),
    "create network policy": ("create", "networkpolicies", lambda **f: spark_42(**f), None, False),
    "get pod": ("get", "pods", pod_job, lambda w: after_loss(w, resource="pods"), False),
    "get service": ("get", "services", lambda **f: spark(namespace="narrow", **f), full_services,
                    False),
    "delete pod": ("delete", "pods", pod_job, None, True),
}


def spark_42(**fields):
    manifest = spark(**fields)
    manifest["spec"]["spark"].update(sparkVersion="4.2.0", image="apache/spark:4.2.0")
    return manifest


def said_of(daemon, job_id):
    """The events that tell of the fault: all but those of an undisturbed life."""
    usual = {"submitted", "admitted", "starting", "running", "succeeded", "cancel"}
    return [event["kind"] for event in daemon.events(job_id) if event["kind"] not in usual]


def write_row(world, call, fault):
    verb, resource, manifest, prepare, cancels = WRITES[call]
    daemon = world.daemon
    if prepare is not None:
        prepare(world)
    if not cancels:
        world.sim.fault(verb=verb, resource=resource, subresource="", **fault)
    before = answers(world, verb, resource)
    job_id = daemon.submit(manifest(sim={"runtime": "10m" if cancels else "50ms"},
                                    retry={"maxRetries": 0, "infraRetries": 0}))
    if cancels:
        daemon.wait_state(job_id, "RUNNING")
        world.sim.fault(verb=verb, resource=resource, **fault)
        daemon.post("/v1/jobs/%d/cancel" % job_id)
    job = daemon.wait_state(job_id, *FINAL)
    if cancels:
        until("its pod is gone", lambda: not world.pods(job_id=job_id))
    asked = since(before, answers(world, verb, resource))
    if cancels:
        asked.pop("404", None)  # Asked again when it was gone already: as time decides.
    namespace = job["namespace"]
    ends = "%s, attempt %d" % (job["state"], job["attempts"])
    until("nothing is left at work", lambda: not [
        pod for pod in world.pods(namespace, job_id)
        if pod["status"]["phase"] in ("Pending", "Running")])
    if "narrow" in namespace:  # The next row needs the service's place.
        for pod in world.pods(namespace, job_id):
            world.kube("DELETE", "/api/v1/namespaces/narrow/pods/" + pod["metadata"]["name"])
        until("the service went with its pod", lambda: not world.kube(
            "GET", "/api/v1/namespaces/narrow/services")["items"])
    return Found(ends, shown(asked), ", ".join(said_of(daemon, job_id)) or "nothing")


# --- Logs ----------------------------------------------------------------------------------------

def log_row(world, fault):
    daemon = world.daemon
    job_id = daemon.submit(pod_job(sim={"runtime": "50ms"}))
    daemon.wait_final(job_id, "SUCCEEDED")
    before = answers(world, "get", "pods/log")
    world.sim.fault(verb="get", resource="pods", subresource="log", **fault)
    status, text, _ = daemon.ask("GET", "/v1/jobs/%d/logs" % job_id)
    asked = since(before, answers(world, "get", "pods/log"))
    again = daemon.ask("GET", "/v1/jobs/%d/logs" % job_id)[0]
    if again != 200:
        raise AssertionError("asked again: %d" % again)
    word = text["error"]["code"] if isinstance(text, dict) and "error" in text else "the log"
    return Found("HTTP %d" % status, shown(asked), word)


def kept_log_row(world, fault):
    """The log that is stored before the pod is deleted; the deletion waits for it, not for ever."""
    daemon = world.daemon
    before = answers(world, "get", "pods/log")
    world.sim.fault(verb="get", resource="pods", subresource="log", **fault)
    job_id = daemon.submit(pod_job(sim={"runtime": "50ms"}, ttlSecondsAfterFinished=0))
    daemon.wait_final(job_id, "SUCCEEDED")
    until("its pod is gone", lambda: not world.pods(job_id=job_id))
    asked = since(before, answers(world, "get", "pods/log"))
    status = daemon.ask("GET", "/v1/jobs/%d/logs" % job_id)[0]
    return Found("kept" if status == 200 else "not kept", shown(asked),
                 ", ".join(sorted(set(re.findall(r"job=%d .*event=(log_\w+)" % job_id,
                                                 daemon.log())))) or "nothing")


# --- Events ----------------------------------------------------------------------------------------

def event_row(world, fault):
    """What a job's end is told with; until the server has it."""
    daemon = world.daemon
    path = "/api/v1/namespaces/default/events"
    before = answers(world, "create", "events")
    world.sim.fault(verb="create", resource="events", **fault)
    # One that ended well first: the breaker opens for ten failures in a row.
    daemon.wait_final(daemon.submit(pod_job("told", sim={"runtime": "20ms"})), "SUCCEEDED")
    job_id = daemon.submit(pod_job("told", retry={"maxRetries": 0},
                                   sim={"runtime": "50ms", "exit-code": "1"}))
    pod = daemon.wait_final(job_id, "FAILED")["podName"]
    until("nothing is left to tell", lambda: all(
        item["state"] == "dead" for item in daemon.get("/v1/notifications")["items"]))
    told = [event for event in world.kube("GET", path)["items"]
            if event["involvedObject"]["name"] == pod and
            event.get("source", {}).get("component") == "nightshift"]
    words = sorted(set(re.findall(r"event=(notification_\w+) .*job=%d " % job_id, daemon.log())))
    ends = {0: "not told", 1: "told once"}.get(len(told), "told %d times" % len(told))
    return Found(ends, shown(since(before, answers(world, "create", "events"))),
                 ", ".join(words) or "nothing")


# --- The Spark operator ----------------------------------------------------------------------------

APPLICATIONS = "/apis/sparkoperator.k8s.io/v1beta2/namespaces/default/sparkapplications"


def operator_job(**fields):
    manifest = spark_job(**fields)
    manifest["spec"]["sparkApplication"] = {"operator": True, "spec": manifest["spec"].pop("spark")}
    return manifest


def operate(world, job_id):
    """What the operator does: a driver for the application, as soon as it is there."""
    name = "pi-%d-1" % job_id
    made = until("the application", lambda: next(
        (item for item in world.kube("GET", APPLICATIONS)["items"]
         if item["metadata"]["name"] == name), None))
    driver = made["spec"]["driver"]
    world.kube("POST", "/api/v1/namespaces/default/pods", {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": driver["podName"], "annotations": driver["annotations"],
                     "labels": dict(driver["labels"], **{"spark-role": "driver"})},
        "spec": {"restartPolicy": "Never", "containers": [
            {"name": "spark-kubernetes-driver", "image": "apache/spark:3.5.6"}]}})
    made = world.kube("GET", APPLICATIONS + "/" + name)
    made["status"] = {"applicationState": {"state": "SUBMITTED"}, "executionAttempts": 1}
    world.kube("PUT", APPLICATIONS + "/" + name + "/status", made)


def application_row(world, verb, fault):
    daemon = world.daemon
    cancels = verb == "delete"
    before = answers(world, verb, "sparkapplications")
    if not cancels:
        world.sim.fault(verb=verb, resource="sparkapplications", **fault)
    job_id = daemon.submit(operator_job(sim={"runtime": "50ms"},
                                        retry={"maxRetries": 0, "infraRetries": 0}))
    if cancels:
        until("it is made", lambda: world.kube("GET", APPLICATIONS)["items"])
        until("it is said to wait", lambda: "submit_transient" in daemon.kinds(job_id))
        world.sim.fault(verb=verb, resource="sparkapplications", **fault)
        daemon.post("/v1/jobs/%d/cancel" % job_id)
    elif fault.get("code") != 422:
        operate(world, job_id)
    job = daemon.wait_state(job_id, *FINAL)
    asked = since(before, answers(world, verb, "sparkapplications"))
    if cancels:
        until("it is taken back", lambda: not world.kube("GET", APPLICATIONS)["items"])
        asked.pop("404", None)
    for item in world.kube("GET", APPLICATIONS)["items"]:
        world.kube("DELETE", APPLICATIONS + "/" + item["metadata"]["name"])
    return Found("%s, attempt %d" % (job["state"], job["attempts"]), shown(asked),
                 ", ".join(sorted(set(said_of(daemon, job_id)))) or "nothing")


# --- Lists and watches ---------------------------------------------------------------------------

def cordon(world, number):
    del number
    world.sim.fault(fault="cordon", node="node-1")
    return "Capacity", lambda: world.sim.fault(fault="uncordon", node="node-1")


def small_quota(world, number):
    name = "n%d" % number
    world.quota(name, pods="0")
    path = "/api/v1/namespaces/%s/resourcequotas/quota" % name

    def raise_it():
        value = world.kube("GET", path)
        value["spec"]["hard"]["pods"] = "9"
        world.kube("PUT", path, value)
    return "Quota", raise_it


def small_limit(world, number):
    path = "/api/v1/namespaces/n%d/limitranges" % number
    world.kube("POST", path, {"metadata": {"name": "small"}, "spec": {"limits": [
        {"type": "Container", "max": {"cpu": "50m"}}]}})
    return "LimitRange", lambda: world.kube("DELETE", path + "/small")


def full_node(world, number):
    """A pod of somebody else fills the node; its end is what the watch must tell."""
    name = "filler-%d" % number
    path = "/api/v1/namespaces/default/pods"
    amounts = {"cpu": "3950m", "memory": "64Mi"}
    world.kube("POST", path, {
        "metadata": {"name": name, "annotations": {"kubesim/runtime": "10m"}},
        "spec": {"restartPolicy": "Never", "containers": [
            {"name": "main", "image": "busybox:1",
             "resources": {"requests": amounts, "limits": amounts}}]}})
    until("the daemon has seen it", lambda: {
        sync["name"]: sync["objects"] for sync in world.daemon.get("/v1/status")["syncs"]}["pods"]
        == len(world.kube("GET", "/api/v1/pods")["items"]))
    return "Capacity", lambda: world.kube(
        "DELETE", path + "/" + name + "?gracePeriodSeconds=0")


OBSTACLES = {"pods": full_node, "nodes": cordon, "resourcequotas": small_quota,
             "limitranges": small_limit}


def next_event(world, resource, number):
    """One more change of something else, that what was held back may come after it."""
    name = "n%d" % number
    if resource == "nodes":
        cordon(world, number)[1]()
    elif resource == "pods":
        world.kube("POST", "/api/v1/namespaces/default/pods", {
            "metadata": {"name": "one-more-%d" % number}, "spec": {
                "restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1"}]}})
    elif resource == "limitranges":
        world.kube("POST", "/api/v1/namespaces/%s/limitranges" % name, {
            "metadata": {"name": "wide"}, "spec": {"limits": [
                {"type": "Container", "max": {"cpu": "99"}}]}})


def decided(world, job_id, code):
    """True: it is refused for now. One that is released before the news is not, and may never run."""
    daemon = world.daemon
    deadline = time.monotonic() + 1.5 * SLOWNESS
    while time.monotonic() < deadline:
        job = daemon.job(job_id)
        if job["state"] in FINAL or job["reason"]["code"].startswith(code):
            return job["state"] not in FINAL
        time.sleep(0.03)
    daemon.post("/v1/jobs/%d/cancel" % job_id)
    return False


def watch_row(world, resource, number, disturb, timed=False):
    """A job waits for something; it is disturbed; the something changes; the job must hear of it."""
    daemon = world.daemon
    where = {} if resource in ("pods", "nodes") else {"namespace": "n%d" % number}
    if where:
        world.namespace(where["namespace"])
    held = [daemon.submit(pod_job(sim={"runtime": "50ms"}, hold=True, **where)) for _ in range(8)]
    code, clear = OBSTACLES[resource](world, number)

    def waits():
        job_id = held.pop()
        daemon.post("/v1/jobs/%d/release" % job_id)
        return job_id if decided(world, job_id, code) else None
    job_id = until("a job waits for it", waits)
    mark = len(daemon.log())
    before = {verb: answers(world, verb, resource) for verb in ("list", "watch")}
    disturb(world)
    clear()
    next_event(world, resource, number)
    daemon.wait_final(job_id, "SUCCEEDED")
    world.kube("DELETE", "/sim/faults")
    until("it is well again", lambda: all(
        sync["state"] == "synced" for sync in daemon.get("/v1/status")["syncs"]))
    asked = {verb: since(before[verb], answers(world, verb, resource))
             for verb in ("list", "watch")}
    if timed:  # How many more there are is the clock's affair, here and with the other watches.
        return Found("SUCCEEDED", "lists and watches anew", "-")
    words = sorted(set(re.findall(r"event=(watch_lost resource=\w+|unreadable)",
                                  daemon.log()[mark:])))
    return Found("SUCCEEDED", "list %s, watch %s" % (shown(asked["list"]), shown(asked["watch"])),
                 ", ".join(words) or "nothing")


def relist(resource, fault):
    def disturb(world):
        world.sim.fault(verb="list", resource=resource, **fault)
        world.sim.fault(fault="expire-watch", resource=resource)
    return disturb


def rewatch(resource, fault):
    def disturb(world):
        world.sim.fault(verb="watch", resource=resource, **fault)
        world.sim.fault(fault="cut-watch", resource=resource)
    return disturb


def events(resource, fault):
    return lambda world: world.sim.fault(resource=resource, **fault)


# --- The lease -----------------------------------------------------------------------------------

LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


def lease_row(world, verb, fault):
    """A call for the lease of a leader at work goes wrong; it leads on, and a job runs."""
    daemon = world.daemon
    before = answers(world, verb, "leases")
    mark = len(daemon.log())
    if verb == "update":
        verb = "patch"
    world.sim.fault(verb=verb, resource="leases", **fault)
    if verb == "create":
        world.kube("DELETE", LEASE + "/nightshift")
    elif verb == "get":
        world.sim.fault(fault="reset", verb="patch", resource="leases")  # It looks after that.
    until("it went wrong", lambda: all(
        rule["left"] == 0 for rule in world.kube("GET", "/sim/faults")["faults"]))
    renewed = daemon.get("/v1/status")["leaseRenewedAt"]
    until("it leads", lambda: daemon.ask("GET", "/readyz")[0] == 200)
    until("it renews", lambda: daemon.get("/v1/status")["leaseRenewedAt"] != renewed)
    job_id = daemon.submit(pod_job(sim={"runtime": "50ms"}))
    daemon.wait_final(job_id, "SUCCEEDED")
    asked = since(before, answers(world, verb, "leases"))
    asked.pop("200", None)  # Renewals go on.
    world.kube("DELETE", "/sim/faults")
    words = sorted(set(re.findall(r"event=(lease_\w+|stepping_down)", daemon.log()[mark:])))
    return Found("leads on", shown(asked), ", ".join(words) or "nothing")


# --- Running -------------------------------------------------------------------------------------

class Lane(threading.Thread):
    """Rows one after the other in a world of their own."""

    def __init__(self, programs, name, rows, sim=(), config=None):
        super().__init__(daemon=True)
        self.programs, self.lane, self.rows = programs, name, rows
        self.sim, self.config = sim, config or {}
        self.failed = False

    def run(self):
        try:
            with World(self.programs, sim=self.sim,
                       config={"logs": {"collect": "none"}, **self.config, "kubernetes": {
                           **QUICK, **self.config.get("kubernetes", {})}}) as world:
                world.daemon.start()
                for what, act in self.rows:
                    if not self.run_row(world, what, act):
                        self.failed = True
                        print(world.daemon.log()[-6000:])
                        break
                if not self.failed:
                    world.check_once()
        except BaseException as error:  # pylint: disable=broad-except
            print("test failed: faults: %s: %s" % (self.lane, error), flush=True)
            self.failed = True

    def run_row(self, world, what, act):
        began = time.monotonic()
        want = table.WANT.get((self.lane, what))
        try:
            world.kube("DELETE", "/sim/faults")
            found = act(world)
        except Exception as error:  # pylint: disable=broad-except
            print("test failed: faults: %s, %s: %s" % (self.lane, what, error), flush=True)
            return False
        took = time.monotonic() - began
        if os.environ.get("FAULTS_OBSERVE"):
            print("    (%r, %r): (%s, %.1f)," % (self.lane, what, found.text(), took), flush=True)
            return True
        if want is None:
            print("test failed: faults: %s, %s: the table has no such row" % (self.lane, what))
            return False
        problems = ["%s: got %r, want %r" % (name, got, wanted) for name, got, wanted in zip(
            ("ends", "asked", "said"), (found.ends, found.asked, found.said), want)
            if not matches(got, wanted)]
        if took > want[3] * SLOWNESS:
            problems.append("well again only after %.1f s, want %d" % (took, want[3]))
        print("test %s: faults: %s, %s: %s; asked %s; said %s (%.1f s)%s" % (
            "failed" if problems else "ok", self.lane, what, found.ends, found.asked, found.said,
            took, "".join("\n    | " + problem for problem in problems)), flush=True)
        return not problems


def matches(got, want):
    """Texts; a want with | has several that are right, as time decides which."""
    return got in want.split("|")


def write_lanes(programs):
    return [Lane(programs, call, [(what, lambda w, c=call, f=fault: write_row(w, c, f))
                                  for what, fault in FAULTS.items()])
            for call in WRITES]


def read_lanes(programs):
    lanes = [Lane(programs, "get log", [(what, lambda w, f=fault: log_row(w, f))
                                        for what, fault in FAULTS.items()])]
    for resource in OBSTACLES:
        rows = [(what, lambda w, r=resource, n=number, f=fault: watch_row(w, r, n, relist(r, f)))
                for number, (what, fault) in enumerate(FAULTS.items())]
        lanes.append(Lane(programs, "list " + resource, rows, sim=("--nodes", "1")))
    return lanes


def watch_lanes(programs):
    lanes = []
    for resource in OBSTACLES:
        rows = [(what, lambda w, r=resource, n=number, f=fault: watch_row(w, r, n, rewatch(r, f)))
                for number, (what, fault) in enumerate(FAULTS.items()) if what != "no answer"]
        rows += [(what, lambda w, r=resource, n=number, f=fault: watch_row(w, r, n, events(r, f)))
                 for number, (what, fault) in enumerate(EVENT_FAULTS.items(), 100)]
        lanes.append(Lane(programs, "watch " + resource, rows, sim=("--nodes", "1")))
        # What only a deadline, or a list now and then, can find.
        silence = [("silent stream", events(resource, {"fault": "silence-watch"})),
                   ("no answer", rewatch(resource, {"fault": "hang"}))]
        lanes.append(Lane(
            programs, "watch " + resource,
            [(what, lambda w, r=resource, n=number, d=disturb: watch_row(w, r, n, d, timed=True))
             for number, (what, disturb) in enumerate(silence)],
            sim=("--nodes", "1"), config={"kubernetes": {"watchSilence": "1s"}}))
        dropped = events(resource, {"fault": "drop-event", "count": -1})
        lanes.append(Lane(
            programs, "watch " + resource,
            [("events left out",
              lambda w, r=resource, d=dropped: watch_row(w, r, 0, d, timed=True))],
            sim=("--nodes", "1"), config={"kubernetes": {"resync": "1s"}}))
    return lanes


def lease_lanes(programs):
    return [Lane(programs, verb + " lease", [(what, lambda w, v=verb, f=fault: lease_row(w, v, f))
                                             for what, fault in FAULTS.items()],
                 config={"leader": {"enabled": True, "leaseDuration": "4s", "renewDeadline": "3s",
                                    "retryPeriod": "200ms"}})
            for verb in ("get", "create", "patch")]


def beside_lanes(programs):
    """What jobs don't wait for; and the Spark operator's applications."""
    tell = {"notifications": {"receivers": [{"name": "pods", "kubernetes": {}}],
                              "routes": [{"receivers": ["pods"], "events": ["failed"]}]}}
    kept = {"logs": {"collect": "drivers", "timeout": "3s"}}
    rows = lambda act: [(what, lambda w, f=fault: act(w, f)) for what, fault in FAULTS.items()]
    lanes = [Lane(programs, "keep a log", rows(kept_log_row), config=kept),
             Lane(programs, "create event", rows(event_row), config=tell)]
    return lanes + [Lane(programs, verb + " application",
                         rows(lambda w, f, v=verb: application_row(w, v, f)))
                    for verb in ("create", "delete")]


LANES = {"beside": beside_lanes, "writes": write_lanes, "reads": read_lanes, "watches": watch_lanes, "lease": lease_lanes}


def main():
    if sys.argv[1:] == ["--manual"]:
        print(table.manual())
        return
    programs, rest = programs_of(sys.argv[1:])
    lanes = LANES[rest[0]](programs)
    if len(rest) > 1:
        for lane in lanes:
            lane.rows = [row for row in lane.rows if rest[1] in "%s, %s" % (lane.lane, row[0])]
    lanes = [lane for lane in lanes if lane.rows]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    sys.exit(1 if not lanes or any(lane.failed for lane in lanes) else 0)


if __name__ == "__main__":
    main()
