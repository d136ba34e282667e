#!/usr/bin/python3
"""Secrets of submitters: from the file on their machine to the file in the driver's pod, and nowhere else.

Usage: secrets_test.py KUBESIM NIGHTSHIFTD NIGHTSHIFT [PART OF A ROW'S NAME]
"""
import base64
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import spark_job, until  # noqa: E402

ROWS = table.Rows("secrets")
row = ROWS.row
KEYTAB = b"\x05\x02\x00\x00keytab-" + bytes(range(256)) + b"\n"
TOKEN = "plain-token-that-nobody-may-see"
CA = b"-----BEGIN CERTIFICATE-----\nnot one, but bytes of one\n"
DRIVER = "spark.kubernetes.authenticate.driver."
REDACTED = "<present_but_redacted>"
# The driver's own command stays as a template has it; od shows each byte of what is mounted.
SHOW = "cd /mnt/secrets; for f in */*; do echo $f $(od -An -v -tx1 $f | tr -d ' \\n'); done"
PROCESSES = ("--runtime", "process", "--image", "shell=/")


def same(got, expected, what=""):
    if got != expected:
        raise AssertionError("%s: got %r, expected %r" % (what, got, expected))


def holds(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError("%r is not in %r" % (part, text[-3000:]))


def forms(secret):
    """As it would be found: plain, in base64 at any offset, and in hex."""
    plain = secret if isinstance(secret, bytes) else secret.encode()
    return [plain[4:36]] + [base64.b64encode(plain[n:n + 30]) for n in (0, 1, 2)] + [plain.hex().encode()[:40]]


def seen_in(data):
    return [form for secret in (KEYTAB, TOKEN, CA) for form in forms(secret) if form in data]


def check_unseen(what, text):
    found = seen_in(text if isinstance(text, bytes) else text.encode())
    if found:
        raise AssertionError("%s holds %r" % (what, found))


def check_folder(world):
    """Nothing the daemon wrote, its log included. The submitter's files are elsewhere in it."""
    for folder, _, names in os.walk(world.folder.name):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not path.startswith(os.path.join(world.folder.name, "mine")):
                with open(path, "rb") as file:
                    check_unseen(path, file.read())


def nightshift(world, *args, status=0):
    done = subprocess.run([world.programs["nightshift"], *args], capture_output=True, timeout=60, check=False,
                          env={"PATH": os.environ["PATH"], "HOME": world.folder.name,
                               "NIGHTSHIFT_SERVER": "unix:" + world.daemon.socket})
    if done.returncode != status:
        raise AssertionError("%s: %d\n%s%s" % (args, done.returncode, done.stdout, done.stderr))
    return done.stdout.decode()


def submitters_files(world):
    """Its command line but for the application."""
    mine = os.path.join(world.folder.name, "mine")
    os.mkdir(mine)
    template = {"apiVersion": "v1", "kind": "Pod",
                "spec": {"containers": [{"name": "main", "command": ["sh", "-c", SHOW]}]}}
    files = {"alice.keytab": KEYTAB, "ca.crt": CA, "template.yaml": json.dumps(template).encode(),
             "conf": ("%soauthToken=%s\n" % (DRIVER, TOKEN)).encode()}
    for name, data in files.items():
        with open(os.path.join(mine, name), "wb") as file:
            file.write(data)
    return ["spark-submit", "--principal", "alice@EXAMPLE", "--keytab", mine + "/alice.keytab", "--properties-file",
            mine + "/conf", "--conf", DRIVER + "caCertFile=" + mine + "/ca.crt", "--name", "alice", "--num-executors", "1",
            "--conf", "spark.kubernetes.container.image=shell", "--conf", "spark.driver.memory=512m",
            "--conf", DRIVER + "serviceAccountName=robot", "--conf",
            "spark.kubernetes.driver.podTemplateFile=" + mine + "/template.yaml"]


PI = ["--class", "org.example.Pi", "local:///pi.jar"]


def secret_of(world, tail):
    return next(iter([one for one in world.kube("GET", "/api/v1/namespaces/default/secrets")["items"]
                      if one["metadata"]["name"].endswith(tail)]), None)


@row("a keytab and credentials come to the driver byte for byte, and are to be seen nowhere else", sim=PROCESSES)
def to_the_driver(world):
    options = submitters_files(world)
    for words in (["--dry-run"] + PI, ["--dry-run", "-o", "json"] + PI, ["--print-manifest"] + PI):
        printed = nightshift(world, *options, *words)
        check_unseen(words, printed)
        holds(printed, REDACTED)
    world.daemon.stop()
    world.daemon.start()  # Without the queue's file a dry run made nothing that has to be kept.
    job_id = int(nightshift(world, *options, "--conf", "spark.kubernetes.submission.waitAppCompletion=false", "-v",
                            "--queue-hold", "true", *PI).split()[0])
    world.daemon.kill()
    world.daemon.start()
    world.daemon.post("/v1/jobs/%d/release" % job_id)
    until("the keytab is there", lambda: secret_of(world, "-kerberos-keytab"))
    keytab = secret_of(world, "-kerberos-keytab")
    driver = world.pods("default", job_id)[0]
    same((keytab["metadata"]["name"], keytab["immutable"], keytab["data"]),
         ("alice-%d-1-kerberos-keytab" % job_id, True, {"alice.keytab": base64.b64encode(KEYTAB).decode()}))
    same(keytab["metadata"]["ownerReferences"][0]["uid"], driver["metadata"]["uid"])
    credentials = secret_of(world, "-kubernetes-credentials")
    same({key: base64.b64decode(text) for key, text in credentials["data"].items()},
         {"oauth-token": TOKEN.encode(), "ca-cert": CA})
    same(driver["spec"].get("serviceAccountName", "default"), "default", "with credentials of its own")
    world.daemon.wait_final(job_id, "SUCCEEDED")
    shown = dict(line.split() for line in nightshift(world, "logs", str(job_id)).splitlines())
    same({name: bytes.fromhex(text) for name, text in shown.items()},
         {"kerberos-keytab/alice.keytab": KEYTAB, "spark-kubernetes-credentials/oauth-token": TOKEN.encode(),
          "spark-kubernetes-credentials/ca-cert": CA})
    properties = next(one["data"]["spark.properties"] for one in
                      world.kube("GET", "/api/v1/namespaces/default/configmaps")["items"]
                      if "spark.properties" in (one.get("data") or {}))
    holds(properties, "spark.kerberos.keytab=/mnt/secrets/kerberos-keytab/alice.keytab", DRIVER +
          "mounted.oauthTokenFile=/mnt/secrets/spark-kubernetes-credentials/oauth-token", DRIVER +
          "mounted.caCertFile=/mnt/secrets/spark-kubernetes-credentials/ca-cert", DRIVER + "oauthToken=" + REDACTED)
    check_unseen("the properties", properties)
    for words in (("show",), ("show", "-o", "yaml"), ("events",), ("why",)):
        check_unseen(words, nightshift(world, words[0], str(job_id), *words[1:]))
    os.remove(nightshift_log(world, job_id))  # The driver itself printed them here.
    check_folder(world)
    world.daemon.stop()
    tool = [world.programs["nightshiftd"], "admin", "--data-dir", world.daemon.settings["dataDir"]]
    export = subprocess.run(tool + ["export"], capture_output=True, timeout=60, check=True).stdout
    check_unseen("the export", export)
    holds(export.decode(), "sealed:1:")
    world.daemon.start()


def nightshift_log(world, job_id):
    """The driver's log, of which no other reader is wanted."""
    def find():
        for folder, _, names in os.walk(os.path.join(world.daemon.settings["dataDir"], "logs")):
            for name in names:
                if "%d" % job_id in name or "%d" % job_id in folder:
                    return os.path.join(folder, name)
        return None
    return until("its log", find)


def sealed_job(name="alice", **fields):
    job = spark_job(name, **fields)
    job["spec"]["spark"].update({
        "sparkConf": {"spark.kerberos.principal": "p"},
        "localFiles": {"keytab": {"a.keytab": base64.b64encode(KEYTAB).decode()},
                       "driverCredentials": {"oauth-token": base64.b64encode(TOKEN.encode()).decode()}}})
    return job


@row("with the key lost, exchanged or open to others a job says so; with the old one again it runs")
def lost_key(world):
    daemon = world.daemon
    path = os.path.join(daemon.settings["dataDir"], "secrets.key")
    first = daemon.submit(sealed_job(hold=True))
    with open(path, encoding="ascii") as file:
        old = file.read()
    same(os.stat(path).st_mode & 0o777, 0o600)
    os.rename(path, path + ".kept")
    daemon.post("/v1/jobs/%d/release" % first)
    job = daemon.wait_final(first, "REJECTED")
    holds(json.dumps(job), "secrets: the key file " + path, "No such file")
    same(job["attemptList"][0]["failure"], "rejected")
    second = daemon.submit(sealed_job("second"))  # Makes another key.
    daemon.wait_final(second, "SUCCEEDED")
    daemon.post("/v1/jobs/%d/retry" % first)
    holds(json.dumps(daemon.wait_final(first, "REJECTED")),
          "default/keytab/a.keytab can't be opened", "is sealed with the key")
    os.chmod(path, 0o644)
    status, answer = daemon.try_submit(sealed_job("third"))
    same(status, 422, answer)
    holds(json.dumps(answer), "chmod 0600", "spec.spark.localFiles")
    with open(path, encoding="ascii") as file:
        new = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write("# the new one, and that of yesterday\n" + new + old)
    os.chmod(path, 0o600)
    daemon.post("/v1/jobs/%d/retry" % first)
    daemon.wait_final(first, "SUCCEEDED")
    world.check_once()


@row("a key file that is given is used, and never made", config={"secrets": {"keyFile": "/dev/null/none"}})
def given_key(world):
    daemon = world.daemon
    status, answer = daemon.try_submit(sealed_job())
    same(status, 422, answer)
    holds(json.dumps(answer), "the key file /dev/null/none")
    path = os.path.join(world.folder.name, "mounted.key")
    with open(path, "w", encoding="ascii") as file:
        file.write(base64.b64encode(os.urandom(32)).decode() + "\n")
    os.chmod(path, 0o440)
    daemon.settings["secrets"]["keyFile"] = path
    daemon.write_config(daemon.settings)
    daemon.process.send_signal(1)
    until("it is read", lambda: daemon.try_submit(sealed_job("now"))[0] == 201)
    same(os.path.exists(os.path.join(daemon.settings["dataDir"], "secrets.key")), False)
    check_folder(world)


@row("Secrets count against quotas")
def quota(world):
    world.quota("default", **{"count/secrets": "1"})
    waiting = world.daemon.submit(sealed_job())
    other = world.daemon.submit(spark_job("other"))
    world.daemon.wait_final(other, "SUCCEEDED")
    holds(world.daemon.wait_reason(waiting, "QuotaNever"), "count/secrets", "needs 2")
    world.kube("PUT", "/api/v1/namespaces/default/resourcequotas/quota",
               {"metadata": {"name": "quota"}, "spec": {"hard": {"count/secrets": "2"}}})
    world.daemon.wait_final(waiting, "SUCCEEDED")


@row("texts with secrets are sealed each time, in arrays and in schedules, and sealed ones are not taken")
def each_time(world):
    daemon = world.daemon
    ids = [daemon.submit(sealed_job("twin-%d" % n), key="k%d" % n) for n in range(4)]
    status, answer = daemon.try_submit(sealed_job("twin-0"), key="k0")
    same((status, answer["jobs"][0]["id"]), (200, ids[0]), "an idempotent repetition")
    tool = [world.programs["nightshiftd"], "admin", "--data-dir", daemon.settings["dataDir"], "export"]
    lines = subprocess.run(tool, capture_output=True, timeout=60, check=True).stdout.decode().splitlines()
    same(len([line for line in lines if json.loads(line)["type"] == "spec"]), len(ids), "specifications of equal jobs")
    array = daemon.submit(sealed_job("array", array="1-2"))
    schedule = {"apiVersion": "nightshift/v1", "kind": "Schedule", "metadata": {"name": "yearly"},
                "spec": {"cron": "0 0 1 1 *", "template": {"spec": sealed_job()["spec"]}}}
    status, answer = daemon.try_submit(schedule)
    same(status, 201, answer)
    daemon.stop()
    check_folder(world)
    daemon.start()
    run = daemon.post("/v1/schedules/default/yearly/trigger")["id"]
    for job_id in ids + [array, array + 1, run]:
        daemon.wait_final(job_id, "SUCCEEDED")
    same(len([one for one in world.kube("GET", "/api/v1/namespaces/default/secrets")["items"]
              if base64.b64decode(one["data"].get("a.keytab", "")) == KEYTAB]), 7)
    check_unseen("the schedule", json.dumps(daemon.get("/v1/schedules/default/yearly")))
    job = sealed_job("thief")
    job["spec"]["spark"]["localFiles"]["keytab"]["a.keytab"] = "sealed:1:0123456789abcdef:AAAA"
    status, answer = daemon.try_submit(job)
    same(status, 422, answer)
    holds(json.dumps(answer), "sealed already")


if __name__ == "__main__":
    table.main(ROWS)
