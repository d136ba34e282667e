"""The Spark operator against kubesim: its states, what moves them, and what it writes.

It creates the driver's pod instead of running spark-submit, which takes the real one 5 to 10 s; what its
webhook and Spark would add to that pod is left out but for labels and owner. Seen with the real one,
kubeflow/spark-operator v2.5.2 (./run e2e-operator), in November 2026.
"""
import datetime
import threading
import uuid

GROUP = "/apis/sparkoperator.k8s.io/v1beta2"
PREFIX = "sparkoperator.k8s.io/"
SUBMITTER = "failed to submit spark application: failed to run spark-submit: "
# What spark-submit writes before and after the line that says why; some 10 KB in truth.
BEFORE = ("failed to run spark-submit: WARNING: Using incubator modules: jdk.incubator.vector\n"
          "26/11/23 05:56:47 WARN Utils: Set SPARK_LOCAL_IP if you need to bind to another address\n"
          "26/11/23 05:56:55 ERROR Client: Please check \"kubectl auth can-i create pod\" first. It should be yes.\n")
AFTER = "\n\tat io.fabric8.kubernetes.client.KubernetesClientException.copyAsCause(KubernetesClientException.java:205)" * 20
TERMINAL = ("COMPLETED", "FAILED")
GRACE_S = 10  # for a pod to be seen after it was submitted
LOOK_S = 0.04


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def text_of(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class Operator:
    """with Operator(world): it is installed."""

    def __init__(self, world):
        self.world = world
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.specs = {}  # by uid, as they were submitted
        self.troubles = []

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.ended.set()
        self.thread.join()
        if self.troubles:
            raise AssertionError(self.troubles)

    def run(self):
        while not self.ended.wait(LOOK_S):
            try:
                for app in self.ask("GET", GROUP + "/sparkapplications")[1]["items"]:
                    self.reconcile(app)
            except (OSError, KeyError, ValueError) as error:
                if not self.ended.is_set() and repr(error) not in self.troubles:
                    self.troubles.append(repr(error))

    def ask(self, method, path, body=None):
        return self.world.sim.ask(method, path, body)[:2]

    # --- Pods ----------------------------------------------------------------------------------

    def pod_path(self, app, name=None):
        path = "/api/v1/namespaces/%s/pods" % app["metadata"]["namespace"]
        return path + "/" + name if name else path

    def pod_name(self, app):
        return app["spec"]["driver"].get("podName") or app["metadata"]["name"] + "-driver"

    def driver(self, app):
        status, pod = self.ask("GET", self.pod_path(app, self.pod_name(app)))
        return pod if status == 200 else None

    def delete_driver(self, app):
        self.ask("DELETE", self.pod_path(app, self.pod_name(app)))

    def body_of_driver(self, app, submission):
        spec = app["spec"]
        labels = dict(app["metadata"].get("labels") or {}, **(spec["driver"].get("labels") or {}))
        labels.update({
            "spark-role": "driver", "spark-app-selector": self.spark_id(submission),
            "spark-app-name": app["metadata"]["name"], PREFIX + "app-name": app["metadata"]["name"],
            PREFIX + "launched-by-spark-operator": "true",
            PREFIX + "mutated-by-spark-operator": "true", PREFIX + "submission-id": submission})
        pod = {"restartPolicy": "Never", "containers": [
            {"name": "spark-kubernetes-driver", "image": spec.get("image")}]}
        if spec["driver"].get("serviceAccount"):
            pod["serviceAccountName"] = spec["driver"]["serviceAccount"]
        return {"apiVersion": "v1", "kind": "Pod", "spec": pod,
                "metadata": {"name": self.pod_name(app), "labels": labels,
                             "annotations": spec["driver"].get("annotations") or {},
                             "ownerReferences": [{
                                 "apiVersion": app["apiVersion"], "kind": "SparkApplication",
                                 "name": app["metadata"]["name"], "uid": app["metadata"]["uid"],
                                 "controller": True, "blockOwnerDeletion": True}]}}

    @staticmethod
    def spark_id(submission):
        return "spark-" + submission.replace("-", "")

    # --- States --------------------------------------------------------------------------------

    def say(self, app, state, message="", **status):
        status = dict(app.get("status") or {}, **status)
        status["applicationState"] = {"state": state}
        if message:
            status["applicationState"]["errorMessage"] = message
        if state in ("SUCCEEDING", "FAILING", "FAILED") and not status.get("terminationTime"):
            status["terminationTime"] = text_of(now())  # Of the driver, or of a failed submission.
        elif state == "PENDING_RERUN":
            status = {key: status[key] for key in ("submissionID", "lastSubmissionAttemptTime",
                                                   "submissionAttempts", "executionAttempts",
                                                   "applicationState") if key in status}
        app["status"] = status
        self.ask("PUT", "%s/namespaces/%s/sparkapplications/%s/status" % (
            GROUP, app["metadata"]["namespace"], app["metadata"]["name"]), app)

    def submit(self, app):
        status = app.get("status") or {}
        submission = str(uuid.uuid4())
        self.specs[app["metadata"]["uid"]] = app["spec"]
        code, answer = self.ask("POST", self.pod_path(app), self.body_of_driver(app, submission))
        told = {"submissionID": submission, "lastSubmissionAttemptTime": text_of(now()),
                "submissionAttempts": status.get("submissionAttempts", 0) + 1,
                "driverInfo": {"podName": self.pod_name(app)}}
        if code == 201:
            self.say(app, "SUBMITTED", executionAttempts=status.get("executionAttempts", 0) + 1,
                     **told)
        else:
            self.say(app, "SUBMISSION_FAILED", self.words_of(code, answer["message"]), **told)

    @staticmethod
    def words_of(code, message):
        if code == 409:
            return SUBMITTER + "driver pod already exist"
        return (SUBMITTER + BEFORE + "Exception in thread \"main\" io.fabric8.kubernetes.client."
                "KubernetesClientException: Failure executing: POST at: https://127.0.0.1:443/api/v1/pods. "
                "Message: %s. Received status: Status(apiVersion=v1, code=%d, message=%s, reason=Forbidden, "
                "status=Failure)." % (message, code, message) + AFTER)

    def look(self, app):
        """SUBMITTED, RUNNING or UNKNOWN: by the driver's pod."""
        status = app["status"]
        state = status["applicationState"]["state"]
        pod = self.driver(app)
        if pod is None:
            since = datetime.datetime.strptime(
                status["lastSubmissionAttemptTime"], "%Y-%m-%dT%H:%M:%SZ").replace(
                    tzinfo=datetime.timezone.utc)
            if state != "SUBMITTED" or (now() - since).total_seconds() > GRACE_S:
                self.say(app, "FAILING", "driver pod not found")
            return
        status["sparkApplicationId"] = pod["metadata"]["labels"]["spark-app-selector"]
        phase = pod["status"].get("phase", "Pending")
        ends = [one["state"]["terminated"] for one in pod["status"].get("containerStatuses") or []
                if one["name"] == "spark-kubernetes-driver" and "terminated" in one["state"]]
        if phase == "Succeeded" or (ends and ends[0]["exitCode"] == 0):
            self.say(app, "SUCCEEDING")
        elif phase == "Failed" or ends:
            self.say(app, "FAILING", "driver container failed with ExitCode: %d, Reason: %s" % (
                ends[0]["exitCode"], ends[0].get("reason", "")) if ends
                     else "driver container status missing")
        elif phase == "Unknown" and state != "UNKNOWN":
            self.say(app, "UNKNOWN")
        elif phase == "Running" and state != "RUNNING":
            self.say(app, "RUNNING")

    def expire(self, app):
        """A terminal one goes when its time to live is over."""
        ttl = app["spec"].get("timeToLiveSeconds")
        ended = datetime.datetime.strptime(
            app["status"]["terminationTime"], "%Y-%m-%dT%H:%M:%SZ").replace(
                tzinfo=datetime.timezone.utc)
        if ttl is not None and (now() - ended).total_seconds() > ttl:
            self.delete_driver(app)
            self.ask("DELETE", "%s/namespaces/%s/sparkapplications/%s" % (
                GROUP, app["metadata"]["namespace"], app["metadata"]["name"]))

    def reconcile(self, app):
        told = (app.get("status") or {}).get("applicationState") or {}
        state = told.get("state", "")
        message = told.get("errorMessage", "")
        always = (app["spec"].get("restartPolicy") or {}).get("type") == "Always"
        if app["spec"].get("suspend") and state not in TERMINAL + ("SUSPENDING", "SUSPENDED"):
            self.say(app, "SUSPENDING")
        elif state in ("", "RESUMING"):
            self.submit(app)
        elif state in ("SUBMITTED", "RUNNING", "UNKNOWN"):
            before = self.specs.get(app["metadata"]["uid"])
            if before is not None and before != app["spec"]:
                self.say(app, "INVALIDATING")
            else:
                self.look(app)
        elif state == "SUCCEEDING":
            self.say(app, "PENDING_RERUN" if always else "COMPLETED")
        elif state in ("FAILING", "SUBMISSION_FAILED"):
            self.say(app, "PENDING_RERUN" if always else "FAILED", message)
        elif state in ("INVALIDATING", "SUSPENDING"):
            self.delete_driver(app)
            self.say(app, "PENDING_RERUN" if state == "INVALIDATING" else "SUSPENDED")
        elif state == "PENDING_RERUN":
            self.delete_driver(app)
            if self.driver(app) is None:
                self.submit(app)
        elif state == "SUSPENDED" and not app["spec"].get("suspend"):
            self.say(app, "RESUMING")
        elif state in TERMINAL:
            self.expire(app)
