"""Starts nightshiftd against a kubesim for a test, and asks it over its sockets."""
import atexit
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kubesim_process import Kubesim  # noqa: E402

# Generous: the machine may be busy and the programs slow with their sanitizers.
PATIENCE_S = 60
FINAL = {"SUCCEEDED", "FAILED", "CANCELLED", "REJECTED", "SKIPPED"}
LIVING = set()


def end_all():
    """Nothing stays behind, however the test ends."""
    for process in list(LIVING):
        if process.poll() is None:
            process.kill()


def on_signal(number, _frame):
    end_all()
    os._exit(128 + number)


atexit.register(end_all)
signal.signal(signal.SIGTERM, on_signal)


def until(what, look, seconds=PATIENCE_S):
    """Asks until the answer is not None and not False; returns it."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise AssertionError("not within %d s: %s" % (seconds, what))
        time.sleep(0.03)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=PATIENCE_S):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def exchange(connection, method, path, body=None, headers=None):
    """Returns (status, JSON or text, headers) and closes the connection."""
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    try:
        return response.status, json.loads(text), response.headers
    except ValueError:
        return response.status, text, response.headers


class Nightshiftd:
    """A nightshiftd with a folder of its own. start() may be called again after an end."""

    def __init__(self, program, folder, kubeconfig, config):
        self.program = program
        self.folder = folder
        self.socket = os.path.join(folder, "s")
        self.config_file = os.path.join(folder, "nightshift.yaml")
        self.log_file = os.path.join(folder, "log")
        self.process = None
        self.settings = {
            "dataDir": os.path.join(folder, "data"),
            "listen": {"unix": {"path": self.socket}},
            "kubernetes": {"kubeconfig": kubeconfig, "qps": 1000, "burst": 1000},
            "retry": {"backoff": {"initial": "20ms", "max": "200ms"}},
        }
        for section, values in config.items():
            if isinstance(values, dict):
                self.settings.setdefault(section, {}).update(values)
            else:
                self.settings[section] = values
        self.write_config(self.settings)

    def write_config(self, settings):
        """JSON is YAML, too."""
        with open(self.config_file, "w", encoding="utf-8") as file:
            json.dump(settings, file)

    def spawn(self):
        with open(self.log_file, "ab") as log:
            return subprocess.Popen([self.program, "--config", self.config_file],
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self, ready=True):
        self.process = self.spawn()
        LIVING.add(self.process)
        if ready:
            until("nightshiftd is ready", self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError("nightshiftd ended with %d:\n%s" %
                                 (self.process.returncode, self.log()))
        try:
            # Ready is sooner: with the pods alone. Tests want to know what it has seen.
            return self.ask("GET", "/readyz")[0] == 200 and all(
                sync["state"] != "listing" for sync in self.get("/v1/status")["syncs"])
        except OSError:
            return False

    def log(self):
        with open(self.log_file, encoding="utf-8", errors="replace") as log:
            return log.read()

    def memory_kib(self):
        """VmRSS, and its parts RssAnon and RssFile."""
        with open("/proc/%d/status" % self.process.pid, encoding="utf-8") as file:
            lines = [line.split() for line in file]
        return {words[0].rstrip(":"): int(words[1]) for words in lines
                if words[0] in ("VmRSS:", "RssAnon:", "RssFile:")}

    def rss_kib(self):
        return self.memory_kib()["VmRSS"]

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def kill(self):
        self.process.kill()
        self.process.wait()
        LIVING.discard(self.process)

    def stop(self):
        """In good order; returns its exit status."""
        self.process.terminate()
        return self.wait()

    def wait(self):
        status = self.process.wait(timeout=PATIENCE_S)
        LIVING.discard(self.process)
        return status

    # Asking.

    def ask(self, method, path, body=None, headers=None):
        return exchange(UnixConnection(self.socket), method, path, body, headers)

    def get(self, path):
        status, answer, _ = self.ask("GET", path)
        if status != 200:
            raise AssertionError("GET %s: %d %s" % (path, status, answer))
        return answer

    def post(self, path, status=200):
        got, answer, _ = self.ask("POST", path)
        if got != status:
            raise AssertionError("POST %s: %d %s" % (path, got, answer))
        return answer

    def try_submit(self, manifest, key=None, query=""):
        """A dict goes as JSON, a text as YAML. Returns (status, answer)."""
        is_text = isinstance(manifest, str)
        head = {"Content-Type": "application/yaml" if is_text else "application/json"}
        if key is not None:
            head["Idempotency-Key"] = key
        body = manifest if is_text else json.dumps(manifest)
        return self.ask("POST", "/v1/jobs?file=job.yaml" + query, body, head)[:2]

    def submit(self, manifest, **options):
        """Returns the job's id."""
        status, answer = self.try_submit(manifest, **options)
        if status != 201:
            raise AssertionError("submit: %d %s" % (status, answer))
        return answer["jobs"][0]["id"]

    def job(self, job_id):
        return self.get("/v1/jobs/%d" % job_id)

    def events(self, job_id):
        return self.get("/v1/jobs/%d/events" % job_id)["items"]

    def kinds(self, job_id):
        return [event["kind"] for event in self.events(job_id)]

    def wait_job(self, job_id, what, good, seconds=PATIENCE_S):
        """Returns the job once it is so."""
        try:
            return until(what, lambda: self._matching(job_id, good), seconds)
        except AssertionError as error:
            raise AssertionError("%s; job %d is %s\n%s" % (
                error, job_id, json.dumps(self.job(job_id)), self.events(job_id))) from None

    def _matching(self, job_id, good):
        job = self.job(job_id)
        return job if good(job) else None

    def wait_state(self, job_id, *states, seconds=PATIENCE_S):
        return self.wait_job(job_id, "state " + " or ".join(states),
                             lambda job: job["state"] in states, seconds)

    def wait_final(self, job_id, state):
        """It ends, and in that state."""
        job = self.wait_state(job_id, *FINAL)
        if job["state"] != state:
            raise AssertionError("job %d: %s\n%s" % (job_id, job, self.events(job_id)))
        return job

    def wait_reason(self, job_id, code):
        return self.wait_job(job_id, "reason " + code,
                             lambda job: job["state"] == "QUEUED" and
                             job["reason"]["code"] == code)["reason"]["message"]


class World:
    """A kubesim and a nightshiftd on it. Use it in a with statement."""

    def __init__(self, programs, sim=(), config=None, daemon=Nightshiftd):
        self.folder = tempfile.TemporaryDirectory(prefix="ns-", dir="/tmp")
        self.programs = programs
        self.sim = None
        self.daemon = None
        self.marks = 0
        try:
            self.sim = Kubesim(programs["kubesim"], "--nodes", "2", "--start-delay", "20ms",
                               "--runtime", "100ms", "--watch-log", "1000000", *sim)
            LIVING.add(self.sim.process)
            self.daemon = daemon(programs["nightshiftd"], self.folder.name,
                                 self.sim.kubeconfig, config or {})
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        if self.daemon is not None and self.daemon.process is not None:
            self.daemon.kill()
        if self.sim is not None:
            LIVING.discard(self.sim.process)
            self.sim.stop()
        self.folder.cleanup()

    # The cluster.

    def kube(self, method, path, body=None, status=None, headers=None):
        got, answer, _ = self.sim.ask(method, path, body, headers=headers)
        if got != status and (status is not None or got >= 300):
            raise AssertionError("%s %s: %d %s" % (method, path, got, answer))
        return answer

    def pods(self, namespace="default", job_id=None):
        query = "" if job_id is None else "?labelSelector=nightshift/job-id%%3D%d" % job_id
        return self.kube("GET", "/api/v1/namespaces/%s/pods%s" % (namespace, query))["items"]

    def namespace(self, name):
        self.kube("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def quota(self, namespace, **hard):
        """Underscores stand for dots. Returns when its status is there."""
        path = "/api/v1/namespaces/%s/resourcequotas" % namespace
        self.kube("POST", path, {"metadata": {"name": "quota"}, "spec": {
            "hard": {key.replace("_", "."): value for key, value in hard.items()}}})
        until("the quota counts", lambda: "hard" in self.kube("GET", path + "/quota")
              .get("status", {}))

    def creations(self):
        """{(job uid, attempt): [pod uid, ...]} of all driver pods and plain pods ever made."""
        made = {}
        last = self.mark()
        connection, response = self.sim.open(
            "GET", "/api/v1/pods?watch=1&resourceVersion=1&timeoutSeconds=600", timeout=PATIENCE_S)
        for line in response:
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise AssertionError(event["object"])
            meta = event["object"]["metadata"]
            if meta["uid"] == last:
                break
            labels = meta.get("labels", {})
            if "nightshift/job-uid" in labels and labels.get("spark-role") != "executor":
                key = (labels["nightshift/job-uid"], int(labels["nightshift/attempt"]))
                uids = made.setdefault(key, [])
                if meta["uid"] not in uids:
                    uids.append(meta["uid"])
        else:
            raise AssertionError("the history of pods ended before its end")
        connection.close()
        return made

    def mark(self):
        """A pod of nobody's: what was before it is before it in a watch, too."""
        def made():  # Faults that are on meet us as well.
            self.marks += 1
            name = "mark-%d" % self.marks
            pod = {"metadata": {"name": name}, "spec": {
                "schedulerName": "nobody", "containers": [{"name": "a", "image": "b"}]}}
            try:
                self.namespace(name)
                return self.kube("POST", "/api/v1/namespaces/%s/pods" % name, pod)["metadata"]["uid"]
            except (AssertionError, OSError, http.client.HTTPException, KeyError, TypeError):
                return None
        return until("a pod of nobody's is made", made)

    def check_once(self):
        """No attempt ever had two pods."""
        for key, uids in self.creations().items():
            if len(uids) != 1:
                raise AssertionError("%s has pods %s" % (key, uids))


# Manifests.

def batch_job(name, spec, **fields):
    """A BatchJob; namespace belongs to the metadata, the rest to the spec."""
    meta = {"name": name}
    if "namespace" in fields:
        meta["namespace"] = fields.pop("namespace")
    return {"apiVersion": "nightshift/v1", "kind": "BatchJob", "metadata": meta,
            "spec": {**fields, **spec}}


def pod_job(name="plain", cpu="100m", memory="64Mi", image="busybox:1", sim=None, **fields):
    """One pod. sim: how kubesim runs it, for example {"runtime": "1s"}."""
    notes = {"kubesim/" + key: value for key, value in (sim or {}).items()}
    amounts = {"cpu": cpu, "memory": memory}
    return batch_job(name, {"pod": {"metadata": {"annotations": notes}, "spec": {
        "restartPolicy": "Never",
        "containers": [{"name": "main", "image": image,
                        "resources": {"requests": amounts, "limits": amounts}}]}}}, **fields)


def spark_job(name="pi", executors=1, sim=None, **fields):
    """One core and 896 MiB per pod."""
    notes = {"kubesim/" + key: value for key, value in (sim or {}).items()}
    return batch_job(name, {"spark": {
        "type": "Scala", "sparkVersion": "3.5.6", "image": "apache/spark:3.5.6",
        "mainClass": "org.apache.spark.examples.SparkPi", "mainApplicationFile": "local:///x.jar",
        "driver": {"cores": 1, "memory": "512m", "annotations": notes},
        "executor": {"instances": executors, "cores": 1, "memory": "512m"}}}, **fields)
