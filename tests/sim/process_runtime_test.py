#!/usr/bin/python3
"""kubesim's process runtime: pods whose containers are real processes, by what the API then tells.

Usage: process_runtime_test.py KUBESIM [PART OF A ROW'S NAME]

Each row runs where containers are kept apart by namespaces (as root, and as a user of no rights) and
where they are not. A machine that permits no namespaces runs the last alone, and says so.
"""
import base64
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from kubesim_process import Kubesim  # noqa: E402

PATIENCE_S = 60
MODES = ("root", "user", "shared")
ROWS = []
PODS = "/api/v1/namespaces/default/pods"


def row(what, *modes):
    def keep(function):
        ROWS.append((what, modes or MODES, function))
        return function
    return keep


def until(what, look, seconds=PATIENCE_S):
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError("not within %d s: %s" % (seconds, what))
        time.sleep(0.02)


class Cluster(Kubesim):
    """A kubesim with the process runtime, and its pods."""

    folder_mode = 0o777  # It may run as another user.

    mode = ""

    def nap(self, number):
        """A command that takes a while, and that no other mode and row has."""
        return "sleep 777.%d%d" % (MODES.index(self.mode), number)

    def naps(self, number):
        """The processes that do."""
        return subprocess.run(["pgrep", "-x", "-f", re.escape(self.nap(number))], check=False,
                              stdout=subprocess.PIPE, text=True).stdout.split()

    def must(self, method, path, body=None, **options):
        status, answer, _ = self.ask(method, path, body, **options)
        if status >= 300:
            raise AssertionError("%s %s: %d %s" % (method, path, status, answer))
        return answer

    def run(self, name, script, **fields):
        """A pod with one container; fields beside the script: env, mounts, volumes, memory, spec..."""
        container = {"name": "main", "image": "machine:1", "command": ["/bin/sh", "-c", script]}
        for key, at in (("env", "env"), ("envFrom", "envFrom"), ("mounts", "volumeMounts")):
            if key in fields:
                container[at] = fields.pop(key)
        if "memory" in fields:
            amount = fields.pop("memory")
            container["resources"] = {"requests": {"memory": amount}, "limits": {"memory": amount}}
        container.update(fields.pop("container", {}))
        spec = {"restartPolicy": "Never", "containers": [container]}
        spec.update(fields.pop("spec", {}))
        meta = {"name": name}
        meta.update(fields.pop("meta", {}))
        assert not fields, fields
        self.must("POST", PODS, {"metadata": meta, "spec": spec})
        return name

    def pod(self, name):
        return self.must("GET", PODS + "/" + name)

    def wait(self, name, *phases):
        try:
            return until("%s is %s" % (name, phases),
                         lambda: self.pod(name)["status"]["phase"] in phases and self.pod(name))
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, self.pod(name)["status"])) from None

    def finish(self, name):
        """Its end: (phase, the main container's terminated state, log)."""
        status = self.wait(name, "Succeeded", "Failed")["status"]
        return (status["phase"], status["containerStatuses"][0]["state"].get("terminated"),
                self.log(name))

    def log(self, name, query=""):
        connection, response = self.open("GET", "%s/%s/log%s" % (PODS, name, query))
        text = response.read().decode()
        connection.close()
        equal(response.status, 200, text)
        return text

    def said(self, name, word):
        return until("%s says %r" % (name, word),
                     lambda: word in str(self.ask("GET", "%s/%s/log" % (PODS, name))[1]))

    def output(self, name, script, **fields):
        phase, end, log = self.finish(self.run(name, script, **fields))
        equal((phase, end["exitCode"]), ("Succeeded", 0), log)
        return log


def equal(got, want, what=""):
    if got != want:
        raise AssertionError("got  %r\nwant %r\n%s" % (got, want, what))


@row("exit codes are told as Kubernetes does")
def exit_codes(sim):
    for name, script, phase, code, reason in (
            ("zero", "echo fine", "Succeeded", 0, "Completed"),
            ("three", "echo no >&2; exit 3", "Failed", 3, "Error")):
        got, end, log = sim.finish(sim.run(name, script))
        equal((got, end["exitCode"], end["reason"]), (phase, code, reason), log)
        assert end["startedAt"] <= end["finishedAt"], end
    equal(sim.log("zero"), "fine\n")
    equal(sim.log("three"), "no\n")


@row("a command that is not there")
def no_command(sim):
    sim.run("no-command", "", container={"command": ["/no/such/program"]})
    phase, end, _ = sim.finish("no-command")
    equal((phase, end["exitCode"], end["reason"]), ("Failed", 128, "StartError"))
    assert "/no/such/program" in end["message"], end


@row("an image that is not there can't be pulled")
def no_image(sim):
    sim.run("no-image", "true", container={"image": "other:1"})
    until("ErrImagePull", lambda: sim.pod("no-image")["status"]["containerStatuses"][0]["state"]
          .get("waiting", {}).get("reason") in ("ErrImagePull", "ImagePullBackOff"))


@row("the environment: values, references, the downward API")
def environment(sim):
    sim.must("POST", "/api/v1/namespaces/default/configmaps",
             {"metadata": {"name": "words"}, "data": {"greeting": "hello", "other": "more"}})
    sim.must("POST", "/api/v1/namespaces/default/secrets",
             {"metadata": {"name": "keys"}, "data": {"pass": base64.b64encode(b"s3cret").decode()}})
    log = sim.output("environment", "env | grep ^T_ | sort; echo $0 $1", memory="64Mi", env=[
        {"name": "T_PLAIN", "value": "a b"},
        {"name": "T_TWICE", "value": "$(T_PLAIN)-$(T_PLAIN) $$(T_PLAIN) $(NOT_THERE)"},
        {"name": "T_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "T_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "T_NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "T_LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a.b/c']"}}},
        {"name": "T_MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory",
                                                                "divisor": "1Mi"}}},
        {"name": "T_CONFIG", "valueFrom": {"configMapKeyRef": {"name": "words", "key": "greeting"}}},
        {"name": "T_SECRET", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "pass"}}},
        {"name": "T_NONE", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "x",
                                                          "optional": True}}},
    ], envFrom=[{"prefix": "T_ALL_", "configMapRef": {"name": "words"}}],
        meta={"labels": {"a.b/c": "labelled"}}, container={"args": ["zero", "$(T_PLAIN)"]})
    pod = sim.pod("environment")
    equal(log.split("\n"), [
        "T_ALL_greeting=hello", "T_ALL_other=more", "T_CONFIG=hello",
        "T_IP=" + pod["status"]["podIP"], "T_LABEL=labelled", "T_MEMORY=64", "T_NAME=environment",
        "T_NODE=" + pod["spec"]["nodeName"], "T_PLAIN=a b", "T_SECRET=s3cret",
        "T_TWICE=a b-a b $(T_PLAIN) $(NOT_THERE)", "zero a b", ""])
    assert pod["status"]["podIP"].startswith("127."), pod["status"]["podIP"]


@row("a key that is not there holds the container back until it is")
def missing_key(sim):
    sim.must("POST", "/api/v1/namespaces/default/configmaps",
             {"metadata": {"name": "late"}, "data": {"a": "1"}})
    sim.run("late", "echo $B", env=[
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "b"}}}])
    waiting = until("it waits", lambda: sim.pod("late")["status"].get(
        "containerStatuses", [{}])[0].get("state", {}).get("waiting", {}).get("message") and
        sim.pod("late")["status"]["containerStatuses"][0]["state"]["waiting"])
    equal(waiting, {"reason": "CreateContainerConfigError",
                    "message": "couldn't find key b in ConfigMap default/late"})
    sim.must("PUT", "/api/v1/namespaces/default/configmaps/late",
             {"metadata": {"name": "late"}, "data": {"a": "1", "b": "2"}})
    equal(sim.finish("late")[2], "2\n")


VOLUMES = [
    {"name": "config", "configMap": {"name": "files", "items": [
        {"key": "a.txt", "path": "sub/renamed"}]}},
    {"name": "all", "configMap": {"name": "files"}},
    {"name": "secret", "secret": {"secretName": "secret-files", "defaultMode": 0o400}},
    {"name": "scratch", "emptyDir": {}},
    {"name": "claim", "persistentVolumeClaim": {"claimName": "disk"}},
    {"name": "mixed", "projected": {"sources": [
        {"configMap": {"name": "files", "items": [{"key": "a.txt", "path": "c"}]}},
        {"secret": {"name": "secret-files"}},
        {"serviceAccountToken": {"path": "token"}},
        {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]}},
]


@row("volumes are folders with files")
def volumes(sim):
    sim.must("POST", "/api/v1/namespaces/default/configmaps",
             {"metadata": {"name": "files"}, "data": {"a.txt": "first\n", "b": "second\n"},
              "binaryData": {"bytes": base64.b64encode(b"\0\1\2").decode()}})
    sim.must("POST", "/api/v1/namespaces/default/secrets",
             {"metadata": {"name": "secret-files"}, "data": {"s": base64.b64encode(b"sss\n").decode()}})
    mounts = [{"name": "config", "mountPath": "/opt/of/test/config"},
              {"name": "all", "mountPath": "/opt/of/test/all"},
              {"name": "secret", "mountPath": "/etc/keys-of-test", "readOnly": True},
              {"name": "scratch", "mountPath": "/data-of-test"},
              {"name": "scratch", "mountPath": "/part-of-test", "subPath": "part"},
              {"name": "mixed", "mountPath": "/mixed-of-test"},
              {"name": "claim", "mountPath": "/claim-of-test"}]
    script = (
        "cat /opt/of/test/config/sub/renamed /opt/of/test/all/b /etc/keys-of-test/s; "
        "od -An -tx1 /opt/of/test/all/bytes; ls /mixed-of-test; cat /mixed-of-test/name; echo; "
        "stat -c %a /etc/keys-of-test/s; ls /data-of-test; echo x >/data-of-test/part/made; "
        "cat /part-of-test/made; cat /claim-of-test/kept 2>/dev/null; echo kept >/claim-of-test/kept")
    want = ["first", "second", "sss", " 00 01 02", "c", "name", "s", "token", "", "400", "part", "x"]
    for name in ("volumes", "volumes-again"):
        log = sim.output(name, script, mounts=mounts, spec={"volumes": VOLUMES})
        want[8] = name
        equal(log.split("\n"), want + ["kept"] * (name == "volumes-again") + [""])
    for path in ("/opt/of", "/etc/keys-of-test", "/data-of-test", "/part-of-test"):
        assert not os.path.exists(path), path


@row("a ConfigMap's folder in another's, and one file over the machine's", "root", "user")
def nested(sim):
    sim.must("POST", "/api/v1/namespaces/default/configmaps",
             {"metadata": {"name": "inner"}, "data": {"f": "inner\n"}})
    log = sim.output(
        "nested", "cat /outer-of-test/in/f /etc/hostname; echo y >/usr/bin/of-the-test || true",
        mounts=[{"name": "i", "mountPath": "/outer-of-test/in"},
                {"name": "o", "mountPath": "/outer-of-test"},
                {"name": "i", "mountPath": "/etc/hostname", "subPath": "f"}],
        spec={"volumes": [{"name": "o", "emptyDir": {}}, {"name": "i", "configMap": {"name": "inner"}}]})
    assert log.startswith("inner\ninner\n"), log
    assert not os.path.exists("/usr/bin/of-the-test")


@row("the service account reaches the API")
def account(sim):
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    log = sim.output("account", (
        "cat %s/namespace; echo; curl -sS --cacert %s/ca.crt -H \"Authorization: Bearer $(cat %s/token)\""
        " https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT%s/account | grep '\"phase\"'" %
        (folder, folder, folder, PODS)))
    equal(log.split("\n")[0], "default")
    assert '"Running"' in log, log
    log = sim.output("no-account", "ls %s 2>&1 || true" % folder,
                     spec={"automountServiceAccountToken": False})
    assert "token" not in log, log


@row("names of services lead to their pods, also when they come later", "root", "user")
def names(sim):
    sim.must("POST", "/api/v1/namespaces/default/services",
             {"metadata": {"name": "web"}, "spec": {"clusterIP": "None", "selector": {"app": "web"},
                                                    "ports": [{"port": 7078}]}})
    sim.run("asks", "until getent hosts web.default.svc; do sleep 0.05; done; "
                    "getent hosts web; getent hosts kubernetes.default.svc; hostname; "
                    "getent hosts $(hostname)")
    sim.wait("asks", "Running")
    time.sleep(0.2)
    sim.run("web-1", "trap 'exit 0' TERM; while :; do sleep 0.1; done", meta={"labels": {"app": "web"}})
    ip = sim.wait("web-1", "Running")["status"]["podIP"]
    log = sim.finish("asks")[2]
    equal([line.split()[0] for line in log.split("\n")[:5]],
          [ip, ip, "127.0.0.1", "asks", sim.pod("asks")["status"]["podIP"]], log)
    assert sim.pod("asks")["status"]["podIP"] != ip


@row("a container above its memory limit is OOMKilled")
def memory(sim):
    grow = "import time; x = []\nfor i in range(64): x.append(bytearray(b'x' * (4 << 20))); time.sleep(0.02)\nprint('whole')"
    phase, end, log = sim.finish(sim.run("fat", "", memory="64Mi", container={
        "command": ["python3", "-c", grow]}))
    equal((phase, end["exitCode"], end["reason"]), ("Failed", 137, "OOMKilled"), log)
    # A child of the command counts as well, and what is below the limit lives.
    phase, end, log = sim.finish(sim.run(
        "fat-child", "python3 -c \"$SCRIPT\" & wait $!; echo $?", memory="64Mi",
        env=[{"name": "SCRIPT", "value": grow}]))
    equal((phase, end["exitCode"], end["reason"]), ("Failed", 137, "OOMKilled"), log)
    phase, end, log = sim.finish(sim.run("slim", "", memory="512Mi", container={
        "command": ["python3", "-c", grow]}))
    equal((phase, end["exitCode"], log), ("Succeeded", 0, "whole\n"))


@row("a delete is SIGTERM, and SIGKILL when the grace is over")
def deletion(sim):
    sim.run("polite", "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done",
            spec={"terminationGracePeriodSeconds": 30})
    sim.run("stubborn", "trap '' TERM; echo ready; while :; do %s; done" % sim.nap(1),
            spec={"terminationGracePeriodSeconds": 1})
    sim.said("polite", "ready")
    sim.said("stubborn", "ready")
    connection, response = sim.open("GET", PODS + "?watch=1&timeoutSeconds=60", timeout=PATIENCE_S)
    began = time.monotonic()
    sim.must("DELETE", PODS + "/polite")
    sim.must("DELETE", PODS + "/stubborn")
    ends = {}
    while len(ends) < 2:
        event = json.loads(response.readline())
        if event["type"] == "DELETED":
            state = event["object"]["status"]["containerStatuses"][0]["state"]
            ends[event["object"]["metadata"]["name"]] = (
                state["terminated"]["exitCode"], time.monotonic() - began)
    connection.close()
    equal(ends["polite"][0], 5)
    equal(ends["stubborn"][0], 137)
    assert ends["stubborn"][1] >= 0.9, ends
    equal(sim.naps(1), [])


@row("a delete without grace kills at once")
def deletion_now(sim):
    sim.run("now", "trap '' TERM; echo ready; while :; do %s; done" % sim.nap(2))
    sim.said("now", "ready")
    sim.must("DELETE", PODS + "/now?gracePeriodSeconds=0")
    until("its processes are gone", lambda: not sim.naps(2))


@row("what a container leaves behind goes with it")
def leftovers(sim):
    sim.run("leaves", "setsid {0} & (setsid {0} &) ; sleep 0.1; echo done".format(sim.nap(3)))
    equal(sim.finish("leaves")[0], "Succeeded")
    equal(sim.naps(3), [])


@row("init containers in order, sidecars beside, all before the others")
def order(sim):
    steps = {"name": "steps", "mountPath": "/steps-of-test"}

    def step(name, script, **fields):
        return {"name": name, "image": "machine:1", "volumeMounts": [steps],
                "command": ["/bin/sh", "-c", script], **fields}

    sim.run("order", "cat /steps-of-test/log; echo main", mounts=[steps], spec={
        "volumes": [{"name": "steps", "emptyDir": {}}],
        "initContainers": [
            step("one", "sleep 0.2; echo one >>/steps-of-test/log"),
            step("side", "trap 'echo side ended; exit 0' TERM; echo side >>/steps-of-test/log; "
                         "while :; do sleep 0.05; done", restartPolicy="Always"),
            step("two", "until grep -q side /steps-of-test/log; do sleep 0.05; done; "
                        "echo two >>/steps-of-test/log")]})
    phase, _, log = sim.finish("order")
    equal((phase, log), ("Succeeded", "one\nside\ntwo\nmain\n"))
    equal(sim.log("order", "?container=side"), "side ended\n")
    states = sim.pod("order")["status"]["initContainerStatuses"]
    equal([(one["name"], one["state"]["terminated"]["exitCode"]) for one in states],
          [("one", 0), ("side", 0), ("two", 0)])
    sim.run("broken", "echo never", spec={"initContainers": [step("bad", "exit 4")],
                                          "volumes": [{"name": "steps", "emptyDir": {}}]})
    status = sim.wait("broken", "Failed")["status"]
    equal(status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"], 4)
    equal(status["containerStatuses"][0]["state"], {"waiting": {"reason": "PodInitializing"}})


@row("restartPolicy OnFailure starts the container again")
def restart(sim):
    sim.run("again", "if [ -e /again-of-test/was ]; then echo second; else touch /again-of-test/was; exit 9; fi",
            mounts=[{"name": "d", "mountPath": "/again-of-test"}],
            spec={"restartPolicy": "OnFailure", "volumes": [{"name": "d", "emptyDir": {}}]})
    phase, end, log = sim.finish("again")
    equal((phase, end["exitCode"], log), ("Succeeded", 0, "second\n"))
    one = sim.pod("again")["status"]["containerStatuses"][0]
    equal((one["restartCount"], one["lastState"]["terminated"]["exitCode"]), (1, 9))


@row("the deadline of a pod ends it")
def deadline(sim):
    sim.run("slow", "trap 'exit 0' TERM; while :; do sleep 0.05; done",
            spec={"activeDeadlineSeconds": 1})
    status = sim.wait("slow", "Failed")["status"]
    equal(status["reason"], "DeadlineExceeded")


@row("a log is followed to its end, and has a tail")
def follow(sim):
    sim.run("talks", "for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done")
    sim.said("talks", "line 1")
    connection, response = sim.open("GET", PODS + "/talks/log?follow=true", timeout=PATIENCE_S)
    equal(response.read().decode(), "".join("line %d\n" % i for i in range(1, 6)))
    connection.close()
    equal(sim.log("talks", "?tailLines=2"), "line 4\nline 5\n")
    equal(sim.log("talks", "?limitBytes=7"), "line 1\n")


@row("an image's folder and what its image.json says", "root", "user")
def image(sim):
    log = sim.output("image", "", container={"image": "own:2.1", "command": None,
                                             "args": ["an argument"]})
    equal(log, "from the image\nan argument\nfrom image.json\n/opt/own\n")


@row("no process is left when kubesim is killed")
def sudden_end(sim):
    sim.run("left", "setsid {0} & trap '' TERM; echo ready; {0}; {0}".format(sim.nap(4)))
    sim.said("left", "ready")
    until("they nap", lambda: len(sim.naps(4)) >= 2)
    sim.process.send_signal(signal.SIGKILL)
    until("no process is left", lambda: not sim.naps(4), 10)


# --- Running ------------------------------------------------------------------------------------

def make_image(folder):
    os.makedirs(os.path.join(folder, "opt/own"))
    with open(os.path.join(folder, "image.json"), "w", encoding="utf-8") as file:
        file.write('{"config": {"Entrypoint": ["/opt/own/start"], "Env": ["OWN=from image.json"], '
                   '"WorkingDir": "/opt/own"}}')
    with open(os.path.join(folder, "opt/own/start"), "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\necho from the image; echo "$1"; echo $OWN; pwd\n')
    os.chmod(os.path.join(folder, "opt/own/start"), 0o755)


def stage(program, folder):
    """The program and its libraries where everybody can read them."""
    target = os.path.join(folder, "kubesim")
    shutil.copy(program, target)
    os.chmod(target, 0o755)
    said = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    libraries = [line.split("=> ")[1].split(" (")[0] for line in said.splitlines()
                 if "=> /" in line and "/bazel" in line or "=> /" in line and "execroot" in line]
    for library in libraries:
        shutil.copy(library, folder)
    return target, folder if libraries else None


def launcher(mode, program, folder):
    """The program as this mode starts it; NULL where it can't be tried here."""
    script = os.path.join(folder, "kubesim-" + mode)
    command = "exec %s" % program
    if mode == "user":
        if os.geteuid() != 0:
            return None
        staged, libraries = stage(program, folder)
        command = "exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all env %s %s" % (
            "LD_LIBRARY_PATH=" + libraries if libraries else "A=b", staged)
    with open(script, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n%s %s \"$@\"\n" % (command, "--no-isolation" if mode == "shared" else ""))
    os.chmod(script, 0o755)
    return script


def start(mode, program, folder):
    sim = Cluster(launcher(mode, program, folder), "--nodes", "1", "--node-memory", "64Gi",
                  "--start-delay", "1ms", "--runtime", "process", "--image", "machine:1=/",
                  "--image", "own:*=" + os.path.join(folder, "image"))
    sim.mode = mode
    return sim


def isolates(program, mode, folder):
    """Whether a container of this mode gets namespaces here."""
    script = launcher(mode, program, folder)
    if script is None:
        return False
    sim = Cluster(script, "--nodes", "1", "--start-delay", "1ms", "--runtime", "process", "--image",
                  "machine:1=/")
    try:
        return sim.finish(sim.run("probe", "echo $$$$"))[2] == "1\n"
    finally:
        sim.stop()


def run_row(entry, mode, sim):
    what, _, function = entry
    began = time.monotonic()
    try:
        function(sim)
    except Exception:  # pylint: disable=broad-except
        print(traceback.format_exc(), flush=True)
        print("test failed: %s: %s" % (mode, what), flush=True)
        return False
    print("test ok: %s: %s (%.1f s)" % (mode, what, time.monotonic() - began), flush=True)
    return True


def run_mode(mode, program, folder, only):
    entries = [entry for entry in ROWS if mode in entry[1] and only in entry[0]]
    sim = start(mode, program, folder)
    try:
        return all([run_row(entry, mode, sim) for entry in entries])
    finally:
        sim.stop()


def main():
    program = os.path.abspath(sys.argv[1])
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    with tempfile.TemporaryDirectory(prefix="kubesim-test-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        make_image(os.path.join(folder, "image"))
        modes = [mode for mode in MODES if mode == "shared" or isolates(program, mode, folder)]
        for mode in set(MODES) - set(modes):
            print("test skipped: %s: this machine gives it no namespaces" % mode, flush=True)
        with concurrent.futures.ThreadPoolExecutor(len(modes)) as pool:
            good = all(list(pool.map(lambda mode: run_mode(mode, program, folder, only), modes)))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
