#!/usr/bin/python3
"""Spark applications through the real daemon: what only they have.

Usage: spark_test.py KUBESIM NIGHTSHIFTD [PART OF A ROW'S NAME]
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from kubesim_process import pod  # noqa: E402
from nightshift_process import spark_job, until  # noqa: E402
from spark_operator import GROUP, Operator  # noqa: E402

ROWS = table.Rows("spark")
row = ROWS.row
SOON = {"backoff": {"initial": "30ms", "max": "60ms"}}


def same(got, expected, what=""):
    if got != expected:
        raise AssertionError("%s: got %r, expected %r" % (what, got, expected))


def drivers(world, job_id):
    return sorted(pod["metadata"]["name"] for pod in world.pods("default", job_id)
                  if pod["metadata"]["labels"].get("spark-role") == "driver")


def application(name="pi", sim=None, retry=None, **spec):
    """A BatchJob of a SparkApplication with these fields."""
    manifest = spark_job(name, sim=sim, **({"retry": retry} if retry else {}))
    manifest["spec"]["spark"].update(spec)
    return manifest


# --- restartPolicy, timeToLiveSeconds, suspend -------------------------------------------------

@row("with restartPolicy Always it runs again whenever it ends, until it is cancelled")
def always(world):
    daemon = world.daemon
    policy = {"type": "Always"}
    failing = daemon.submit(application(
        "failing", sim={"exit-code": "3"}, retry=dict(SOON, maxRetries=1), restartPolicy=policy))
    job_id = daemon.submit(application(sim={"runtime": "50ms"}, retry=SOON, restartPolicy=policy))
    job = daemon.wait_job(job_id, "it has run often", lambda job: job["attempts"] > 3)
    same([(one["number"], one["failure"], one["exitCode"], one["pods"])
          for one in job["attemptList"][:3]], [(n, None, 0, 2) for n in (1, 2, 3)])
    same(daemon.kinds(job_id)[1:8], ["admitted", "starting", "running", "run_again", "queued",
                                     "admitted", "starting"])
    same((job["runsAgain"], job["retries"]), (True, 0))
    job = daemon.wait_job(failing, "it has failed often", lambda job: job["attempts"] > 3)
    same([(one["failure"], one["exitCode"]) for one in job["attemptList"][:3]], [("app", 3)] * 3)
    daemon.post("/v1/jobs/%d/cancel" % failing)
    daemon.wait_final(failing, "CANCELLED")
    until("former drivers are gone", lambda: len(drivers(world, job_id)) <= 2)
    daemon.stop()
    daemon.start()
    daemon.wait_job(job_id, "it goes on after a restart", lambda now: now["attempts"] > 5)
    daemon.post("/v1/jobs/%d/cancel" % job_id)
    daemon.wait_final(job_id, "CANCELLED")
    world.check_once()


@row("timeToLiveSeconds says when finished pods go: 0 at once, as the operator does")
def time_to_live(world):
    daemon = world.daemon
    gone = daemon.submit(application("gone", timeToLiveSeconds=0))
    stays = daemon.submit(application("stays", timeToLiveSeconds=3600))
    for job_id in (gone, stays):
        daemon.wait_final(job_id, "SUCCEEDED")
    until("its pods are gone", lambda: not world.pods("default", gone))
    same(drivers(world, stays), ["stays-%d-1-driver" % stays])


@row("suspend is held until it is released")
def suspend(world):
    daemon = world.daemon
    job_id = daemon.submit(application(suspend=True))
    other = daemon.submit(application("other"))
    daemon.wait_final(other, "SUCCEEDED")
    same((daemon.job(job_id)["state"], daemon.job(job_id)["attempts"]), ("HELD", 0))
    daemon.post("/v1/jobs/%d/release" % job_id)
    daemon.wait_final(job_id, "SUCCEEDED")


# --- What an application asks for --------------------------------------------------------------

@row("show tells how the size comes about, and an unbounded allocation has a bound",
     config={"spark": {"defaultMaxExecutors": 9}})
def arithmetic(world):
    job_id = world.daemon.submit(application(
        dynamicAllocation={"enabled": True, "initialExecutors": 2, "minExecutors": 1},
        volumes=[{"name": "spark-local-dir-1", "emptyDir": {}}], sim={"runtime": "10m"}))
    lines = [one["text"] for one in world.daemon.job(job_id)["demand"]]
    same(lines, [
        "driver: cpu 1, memory 896Mi = 512Mi heap + 384Mi overhead (max of 0.1 x 512 and 384)",
        "2 x executor: cpu 1, memory 896Mi = 512Mi heap + 384Mi overhead (max of 0.1 x 512 and "
        "384)",
        "executors: the 2 that a dynamic allocation begins with; then 1 to 9 (at most cpu 10 and "
        "memory 8960Mi with the driver)",
        "all requests: cpu 3, memory 2688Mi, pods 3, configmaps 2, services 1",
        "all limits: memory 2688Mi"])
    maps = until("its properties are there", lambda: [
        one["data"]["spark.properties"]
        for one in world.kube("GET", "/api/v1/namespaces/default/configmaps")["items"]
        if "spark.properties" in (one.get("data") or {})] or None)
    if "spark.dynamicAllocation.maxExecutors=9" not in maps[0]:
        raise AssertionError(maps[0])


def executor_like(driver, number):
    """One more, as the driver would ask for it."""
    labels = {key: value for key, value in driver["metadata"]["labels"].items()
              if key.startswith("nightshift/") or key == "spark-app-selector"}
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "grown-exec-%d" % number,
                         "labels": dict(labels, **{"spark-role": "executor"})},
            "spec": {"restartPolicy": "Never", "containers": [
                {"name": "spark-kubernetes-executor", "image": "apache/spark:3.5.6",
                 "resources": {"requests": {"cpu": "1", "memory": "896Mi"},
                               "limits": {"memory": "896Mi"}}}]}}


@row("an application that outgrows its reservation is accounted at once, until it shrinks")
def outgrows(world):
    daemon = world.daemon
    world.quota("default", **{"requests.cpu": "5"})
    job_id = daemon.submit(application(
        "grows", sim={"runtime": "10m"},
        dynamicAllocation={"enabled": True, "initialExecutors": 1, "maxExecutors": 3}))
    daemon.wait_state(job_id, "RUNNING")
    driver = until("its driver", lambda: next(
        (pod for pod in world.pods("default", job_id)
         if pod["metadata"]["labels"].get("spark-role") == "driver"), None))
    until("its executor has taken its place", lambda: len(world.pods("default", job_id)) == 2)
    for number in (1, 2):
        world.kube("POST", "/api/v1/namespaces/default/pods", executor_like(driver, number))
    waits = daemon.submit(application("waits"))  # Two more cpus, and one is left.
    daemon.wait_reason(waits, "Quota")
    until("the whole of it is told", lambda: "needs 2, free 1 of 5 (pods 4" in
          daemon.job(waits)["reason"]["message"])
    world.kube("DELETE", "/api/v1/namespaces/default/pods/grown-exec-1")
    daemon.wait_final(waits, "SUCCEEDED")
    same(daemon.job(job_id)["state"], "RUNNING")


# --- What belongs to its driver ----------------------------------------------------------------

@row("its pages, metrics and disruption budget are made, and go with the driver")
def belongings(world):
    daemon = world.daemon
    job_id = daemon.submit(application(
        "shown", sim={"runtime": "10m"}, driverPodDisruptionBudget=True, timeToLiveSeconds=0,
        sparkUIOptions={"ingressURLFormat": "ui.example.com/{{$appName}}"},
        monitoring={"exposeDriverMetrics": True, "prometheus": {"jmxExporterJar": "/jmx.jar"}}))
    daemon.wait_state(job_id, "RUNNING")
    paths = {"/api/v1": ("services", "configmaps"), "/apis/policy/v1": ("poddisruptionbudgets",),
             "/apis/networking.k8s.io/v1": ("ingresses",)}

    def made():
        return sorted(
            item["metadata"]["name"] for prefix, plurals in paths.items() for plural in plurals
            for item in world.kube("GET", "%s/namespaces/default/%s" % (prefix, plural))["items"]
            if item["metadata"]["name"].startswith("shown-%d-1" % job_id)
            and item["metadata"]["ownerReferences"][0]["kind"] == "Pod")

    name = "shown-%d-1-" % job_id
    same(made(), [name + tail for tail in ("driver", "driver-podspec-conf-map", "driver-svc",
                                           "prom-conf", "ui-ingress", "ui-svc")])
    daemon.post("/v1/jobs/%d/cancel" % job_id)
    daemon.wait_final(job_id, "CANCELLED")
    until("they went with the driver", lambda: not made())


# --- Handed to the Spark operator --------------------------------------------------------------

APPLICATIONS = GROUP + "/namespaces/default/sparkapplications"


def handed_over(name="pi", sim=None, driver=None, **retry):
    """A BatchJob whose application the operator runs."""
    manifest = spark_job(name, sim=sim, retry=dict(SOON, **retry))
    spec = manifest["spec"].pop("spark")
    spec["driver"].update(driver or {})
    manifest["spec"]["sparkApplication"] = {"operator": True, "spec": spec}
    return manifest


def told(world, job_id):
    """What the operator said, in order."""
    return [event["text"].replace("the Spark operator: ", "")
            for event in world.daemon.events(job_id) if event["kind"] == "operator"]


@row("an application is followed by what the operator says of it, to its end")
def operator_says(world):
    with Operator(world):
        job_id = world.daemon.submit(handed_over(sim={"runtime": "700ms"}))
        world.daemon.wait_final(job_id, "SUCCEEDED")
        states = until("all is told", lambda: "RUNNING" in told(world, job_id) and
                       told(world, job_id))
    order = ["SUBMITTED", "RUNNING", "SUCCEEDING", "COMPLETED"]
    same(states, [state for state in order if state in states], "in their order")
    same(world.daemon.job(job_id)["attemptList"][0]["podName"], "pi-%d-1-driver" % job_id)


@row("one that fails has the driver's exit code, and each retry is a new application")
def operator_fails(world):
    with Operator(world):
        job_id = world.daemon.submit(handed_over(sim={"exit-code": "3"}, maxRetries=1))
        job = world.daemon.wait_final(job_id, "FAILED")
        same([(one["failure"], one["exitCode"]) for one in job["attemptList"]], [("app", 3)] * 2)
        names = sorted(app["metadata"]["name"] for app in world.kube("GET", APPLICATIONS)["items"])
        same(names, ["pi-%d-1" % job_id, "pi-%d-2" % job_id])


@row("one that can't be submitted is refused with the operator's words")
def operator_cannot_submit(world):
    with Operator(world):
        job_id = world.daemon.submit(handed_over(driver={"serviceAccount": "nobody"}))
        world.daemon.wait_final(job_id, "REJECTED")
    same(world.daemon.events(job_id)[-1]["text"],
         "the Spark operator could not submit it: pods \"pi-%d-1-driver\" is forbidden: error looking up service "
         "account default/nobody: serviceaccount \"nobody\" not found" % job_id)


@row("one that loses a race for its quota, or for its pod's name, is the next attempt's")
def operator_is_late(world):
    world.namespace("tight")
    world.quota("tight", pods="2")
    path = "/api/v1/namespaces/tight/pods"
    manifest = handed_over()
    manifest["metadata"]["namespace"] = "tight"
    job_id = world.daemon.submit(manifest)
    until("the application", lambda: bool(world.kube("GET", GROUP + "/sparkapplications")["items"]))
    for name in ("a", "b"):
        taken = pod(name)
        taken["spec"]["schedulerName"] = "nobody"
        world.kube("POST", path, taken)
    with Operator(world):
        world.daemon.wait_job(job_id, "a race", lambda job: "quota_race" in world.daemon.kinds(job_id))
        world.kube("DELETE", path + "/a")
        world.kube("DELETE", path + "/b")
        job = world.daemon.wait_final(job_id, "SUCCEEDED")
        same((job["retries"], len(job["attemptList"]) > 1), (0, True))
    job_id = world.daemon.submit(handed_over("other"))
    until("the application", lambda: any(app["metadata"]["name"] == "other-%d-1" % job_id for app in
                                         world.kube("GET", APPLICATIONS)["items"]))
    world.kube("POST", "/api/v1/namespaces/default/pods", pod("other-%d-1-driver" % job_id))
    with Operator(world):
        job = world.daemon.wait_final(job_id, "SUCCEEDED")
    same((job["retries"], job["attemptList"][1]["podName"]), (0, "other-%d-2-driver" % job_id))


@row("the operator dies when it has submitted: the pod it finds again is the job's")
def operator_dies(world):
    job_id = world.daemon.submit(handed_over(sim={"runtime": "1s"}))
    made = until("the application", lambda: next(
        (app for app in world.kube("GET", APPLICATIONS)["items"]
         if app["metadata"]["name"] == "pi-%d-1" % job_id), None))
    operator = Operator(world)
    world.kube("POST", operator.pod_path(made), operator.body_of_driver(made, "lost"))
    until("it has begun", lambda: operator.driver(made)["status"]["phase"] != "Pending")
    with operator:
        job = world.daemon.wait_final(job_id, "SUCCEEDED")
    same((len(job["attemptList"]), "FAILED: " in told(world, job_id)[-1]), (1, True))


@row("it dies amid spark-submit: a pod that lacks its ConfigMap makes way for the next attempt")
def operator_dies_sooner(world):
    job_id = world.daemon.submit(handed_over())
    made = until("the application", lambda: next(
        (app for app in world.kube("GET", APPLICATIONS)["items"]
         if app["metadata"]["name"] == "pi-%d-1" % job_id), None))
    operator = Operator(world)
    body = operator.body_of_driver(made, "lost")
    body["spec"]["nodeSelector"] = {"no": "where"}  # It stays Pending as without its ConfigMap.
    world.kube("POST", operator.pod_path(made), body)
    with operator:
        job = world.daemon.wait_final(job_id, "SUCCEEDED")
    same((job["retries"], [one["podName"] for one in job["attemptList"]][1:]),
         (0, ["pi-%d-2-driver" % job_id]))
    same(operator.driver(made), None)


@row("one whose driver nobody sees ends as the operator says")
def operator_knows_better(world):
    daemon = world.daemon
    job_id = daemon.submit(handed_over(maxRetries=0, infraRetries=0))
    made = until("the application", lambda: next(
        iter(world.kube("GET", APPLICATIONS)["items"]), None))
    path = APPLICATIONS + "/" + made["metadata"]["name"]
    for state, words in (("SUBMITTED", ""), ("FAILING", "driver pod not found"),
                         ("FAILED", "driver pod not found")):
        current = world.kube("GET", path)
        current["status"] = {"executionAttempts": 1, "applicationState": {
            "state": state, "errorMessage": words}}
        world.kube("PUT", path + "/status", current)
        until("%s is told" % state, lambda: any(
            text.startswith(state) for text in told(world, job_id)))
    job = daemon.wait_final(job_id, "FAILED")
    same((job["failure"], job["attemptList"][0]["message"]),
         ("node_lost", "the Spark operator: FAILED: driver pod not found"))


def applications(world):
    return world.kube("GET", APPLICATIONS)["items"]


@row("a driver that ended and was deleted while nobody looked: its application tells how, after the restart")
def operator_told_while_away(world):
    daemon = world.daemon
    with Operator(world):
        ids = [daemon.submit(handed_over(name, sim=sim, maxRetries=0, infraRetries=0)) for name, sim in (
            ("good", {"runtime": "1s"}), ("bad", {"runtime": "1s", "exit-code": "7"}))]
        for job_id in ids:
            daemon.wait_state(job_id, "RUNNING")
        daemon.kill()
        until("both are over", lambda: sorted(
            app["status"]["applicationState"]["state"] for app in applications(world)) == ["COMPLETED", "FAILED"])
        for app in applications(world):
            world.kube("DELETE", "/api/v1/namespaces/default/pods/" + app["spec"]["driver"]["podName"] +
                       "?gracePeriodSeconds=0")
        daemon.start()
        same(daemon.wait_final(ids[0], "SUCCEEDED")["attempts"], 1)
        job = daemon.wait_final(ids[1], "FAILED")
        same((job["attempts"], job["failure"]), (1, "app"))


@row("one that a person suspends on the operator is held, and goes on anew when it is released")
def operator_suspended(world):
    daemon = world.daemon
    with Operator(world):
        job_id = daemon.submit(handed_over(sim={"runtime": "10m"}, maxRetries=0))
        daemon.wait_state(job_id, "RUNNING")
        path = APPLICATIONS + "/pi-%d-1" % job_id

        def suspend():  # The operator may write its status at the same moment.
            current = world.kube("GET", path)
            current["spec"]["suspend"] = True
            return world.sim.ask("PUT", path, current)[0] == 200
        until("it is suspended", suspend)
        daemon.wait_state(job_id, "HELD")
        until("it is taken back", lambda: not applications(world))
        until("its driver is gone", lambda: not world.pods(job_id=job_id))
        job = daemon.job(job_id)
        same((job["retries"], job["infraRetries"], job["attempts"]), (0, 0, 1))
        until("it is said", lambda: "suspended" in daemon.kinds(job_id))
        daemon.post("/v1/jobs/%d/release" % job_id)
        daemon.wait_state(job_id, "RUNNING")
        same([app["metadata"]["name"] for app in applications(world)], ["pi-%d-2" % job_id])


if __name__ == "__main__":
    table.main(ROWS)
