"""What a submission costs: the real spark-submit and ours, for the same applications, until all objects
of each (driver pod, Service, ConfigMap) are in the cluster; and how many a daemon creates in a second.

The cluster is a kubesim that binds pods and runs none. spark-submit is that of PyPI's pyspark, where it is installed
(bin/spark, put there by ./run e2e-spark or ./run parity), and takes seconds each: fewer are measured.
"""
import glob
import http.client
import json
import os
import socket
import subprocess
import time

from rig import Failed, Rig, figure, say, spark_job

REAL, OURS, MANY = 3, 30, 1000
GOAL_RATE, GOAL_CPU = 100, 200
OBJECTS = ("pods", "services", "configmaps")
BODY_BYTES_MAX = 1 << 20
CLUSTER = """\
apiVersion: v1
kind: Namespace
metadata: {name: wide}
"""


def spark_home():
    found = sorted(glob.glob("bin/spark/*/lib/python3*/site-packages/pyspark/bin/spark-submit"))
    return os.path.abspath(os.path.dirname(os.path.dirname(found[-1]))) if found else None


def rig_of(programs):
    return Rig(programs, objects=CLUSTER, level="warn",
               cluster=("--start-delay", "24h", "--nodes", "200", "--node-cpu", "64", "--node-memory", "256Gi"))


def command_line(name, master):
    return ["--master", "k8s://" + master, "--deploy-mode", "cluster", "--name", name,
            "--class", "org.apache.spark.examples.SparkPi", "--num-executors", "1",
            "--conf", "spark.kubernetes.namespace=wide",
            "--conf", "spark.kubernetes.container.image=apache/spark:3.5.6",
            "--conf", "spark.kubernetes.submission.waitAppCompletion=false",
            "local:///opt/spark/examples/jars/spark-examples.jar", "1000"]


def run(command, environment):
    """(seconds, processor seconds, peak MiB) of a command that must succeed, its children included."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env=environment)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if status != 0:
        raise Failed("%s: %s" % (command[0], said[-600:].decode(errors="replace")))
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def count_objects(rig):
    """The least of the three kinds that were created so far; kubesim counts them as it answers."""
    connection = http.client.HTTPConnection(rig.host, rig.port, timeout=60)
    connection.request("GET", "/sim/stats")
    made = json.loads(connection.getresponse().read())["requests"].get("create", {})
    connection.close()
    return min(made.get(kind, {}).get("201", 0) for kind in OBJECTS)


def wait_objects(rig, count, seconds=120):
    deadline = time.monotonic() + seconds
    while count_objects(rig) < count:
        if time.monotonic() > deadline:
            raise Failed("%d of %d applications after %d s" % (count_objects(rig), count, seconds))
        time.sleep(0.01)


def measure_real(rig, home):
    """Each has created all its objects when it returns."""
    environment = dict(os.environ, SPARK_HOME=home, KUBECONFIG=rig.path("kubeconfig"))
    master = "http://%s:%d" % (rig.host, rig.port)
    return [run([os.path.join(home, "bin/spark-submit")] + command_line("real-%d" % i, master),
                environment) for i in range(REAL)]


def measure_ours(rig):
    """The command and the daemon together, until all objects are there."""
    environment = {"PATH": os.environ["PATH"], "NIGHTSHIFT_SERVER": "unix:" + rig.socket}
    master = "http://%s:%d" % (rig.host, rig.port)
    before = rig.cpu_seconds()
    began = time.monotonic()
    each = [run([rig.program("nightshift"), "spark-submit"] + command_line("ours-%d" % i, master),
                environment) for i in range(OURS)]
    wait_objects(rig, OURS)
    seconds = (time.monotonic() - began) / OURS
    cpu = (sum(one[1] for one in each) + rig.cpu_seconds() - before) / OURS
    return seconds, cpu, max(one[2] for one in each), rig.rss_kib() / 1024


def measure_rate(rig):
    """Applications a second and the daemon's processor milliseconds each, of one bulk submission."""
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": [
        spark_job("many-%d" % i, namespace="wide") for i in range(MANY)]})
    before = rig.cpu_seconds()
    began = time.monotonic()
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(rig.socket)
    connection.request("POST", "/v1/jobs?brief=true", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status != 201:
        raise Failed("refused: %r" % answer.read()[:400])
    connection.close()
    wait_objects(rig, MANY)
    return MANY / (time.monotonic() - began), (rig.cpu_seconds() - before) * 1000 / MANY


def objects_of_first(rig):
    """The three objects of one of our applications, as bodies with a hole for the name."""
    bodies = []
    for kind in OBJECTS:
        connection = http.client.HTTPConnection(rig.host, rig.port, timeout=60)
        connection.request("GET", "/api/v1/namespaces/wide/%s?labelSelector=nightshift/job-id&limit=1"
                           % kind)
        item = json.loads(connection.getresponse().read())["items"][0]
        connection.close()
        item["metadata"] = {"name": "ceiling-@@@@@@", "labels": item["metadata"]["labels"]}
        item.pop("status", None)
        if kind == "services":
            item["spec"].pop("clusterIPs", None)
        bodies.append((kind, json.dumps(item)))
    return bodies


def measure_ceiling(rig, bodies):
    """How many such triples kubesim takes from one connection that does nothing else, a second."""
    connection = socket.create_connection((rig.host, rig.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began = time.monotonic()
    for i in range(MANY):
        for kind, body in bodies:
            text = body.replace("@@@@@@", "%06d" % i).encode()
            connection.sendall(b"POST /api/v1/namespaces/wide/%s HTTP/1.1\r\nHost: x\r\n"
                               b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                               % (kind.encode(), len(text), text))
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += connection.recv(BODY_BYTES_MAX)
            head, _, rest = answer.partition(b"\r\n\r\n")
            if b" 201 " not in head.split(b"\r\n")[0]:
                raise Failed("kubesim refuses: %r" % answer[:400])
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            while len(rest) < length:
                rest += connection.recv(BODY_BYTES_MAX)
    connection.close()
    return MANY / (time.monotonic() - began)


def bench(programs, runs):
    home = spark_home()
    real, ours, rates, costs, ceilings = [], [], [], [], []
    for at in range(runs):
        say("spark_submit: run %d of %d" % (at + 1, runs))
        with rig_of(programs) as rig:
            ours.append(measure_ours(rig))
        if home is not None:
            with rig_of(programs) as rig:
                real += measure_real(rig, home)
        with rig_of(programs) as rig:
            rate, cost = measure_rate(rig)
            rates.append(rate)
            costs.append(cost)
            bodies = objects_of_first(rig)
        with rig_of(programs) as rig:
            ceilings.append(measure_ceiling(rig, bodies))
    tell(home, real, ours, rates, costs, ceilings)


def tell(home, real, ours, rates, costs, ceilings):
    def against(column, factor=1):
        return ("spark-submit", [one[column] * factor for one in real]) if real else None

    if home is None:
        say("spark_submit: no pyspark in bin/spark: ./run e2e-spark puts it there")
    figure("spark_submit", "one application, to its last object", "ms",
           [one[0] * 1000 for one in ours], peer=against(0, 1000))
    figure("spark_submit", "processor time, of the command and the daemon", "ms",
           [one[1] * 1000 for one in ours], peer=against(1, 1000))
    if real:
        ratios = sorted(one[1] for one in real)[len(real) // 2]
        figure("spark_submit", "spark-submit's processor time over ours", "×",
               [ratios / one[1] for one in ours],
               goal=(">= %d" % GOAL_CPU, lambda value: value >= GOAL_CPU))
    figure("spark_submit", "peak memory of the command", "MiB", [one[2] for one in ours],
           peer=against(2))
    figure("spark_submit", "memory of the daemon, for all", "MiB", [one[3] for one in ours])
    figure("spark_submit", "%d applications in one request, to the last object" % MANY, "apps/s",
           rates, peer=("kubesim alone, the same objects", ceilings),
           goal=(">= %d/s" % GOAL_RATE, lambda value: value >= GOAL_RATE))
    figure("spark_submit", "... the daemon's processor time", "ms/app", costs)
