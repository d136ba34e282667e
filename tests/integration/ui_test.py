#!/usr/bin/python3
"""nightshift ui: a driver's pages from its process, through kubesim's proxy, the daemon and a local port.

Usage: ui_test.py KUBESIM NIGHTSHIFTD NIGHTSHIFT
"""
import concurrent.futures
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from nightshift_process import PATIENCE_S, World, pod_job, spark_job, until  # noqa: E402
from rows import programs_of  # noqa: E402

# A driver that serves pages at its own address, as Spark's does at port 4040.
DRIVER = """
import http.server, os, socket
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("page " + self.path).encode()
        self.send_response(200 if "missing" not in self.path else 404)
        self.send_header("Content-Type", "text/css" if self.path.endswith(".css") else "text/html")
        self.end_headers()
        self.wfile.write(body)
with open("/opt/spark/conf/spark.properties") as file:
    port = ([line.strip().split("=")[1] for line in file if line.startswith("spark.ui.port=")] or ["4040"])[0]
http.server.ThreadingHTTPServer((os.environ["SPARK_DRIVER_BIND_ADDRESS"], int(port)), Page).serve_forever()
"""


def equal(got, want):
    if got != want:
        raise AssertionError("got %r, want %r" % (got, want))


def nightshift(world, program, *words):
    return subprocess.Popen([program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env={"NIGHTSHIFT_SERVER": "unix:" + world.daemon.socket})


def page(port, path, **headers):
    """(status, type, text) of the local port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, response.headers["Content-Type"], text


def check_pages(port):
    equal(page(port, "/"), (200, "text/html", "page /jobs/"))
    equal(page(port, "/static/a.css"), (200, "text/css", "page /static/a.css"))
    equal(page(port, "/stages/stage/?id=1&attempt=0&x=a%20b"),
          (200, "text/html", "page /stages/stage/?id=1&attempt=0&x=a%20b"))
    equal(page(port, "/a%20b/%C3%BC")[2], "page /a%20b/%C3%BC")
    equal(page(port, "/missing")[0], 404)
    equal(page(port, "/a/../../../secrets")[0], 400)
    try:
        page(port, "/", Host="evil.example")
        raise AssertionError("a page of another site is let in")
    except (http.client.HTTPException, ConnectionError):
        pass


def check_together(port):
    """Connections that say nothing, as browsers open them, keep nobody waiting; one serves several pages."""
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(6)]
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    for i in range(3):
        connection.request("GET", "/page/%d" % i)
        equal(connection.getresponse().read().decode(), "page /page/%d" % i)
    connection.close()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda i: page(port, "/%d" % i)[2], range(40)))
    equal(pages, ["page /%d" % i for i in range(40)])
    if time.monotonic() - began > 4.5 * 6:  # An idle connection is closed after 5 s.
        raise AssertionError("the idle ones were waited for: %.1f s" % (time.monotonic() - began))
    for one in idle:
        one.close()


def ui_answer(world, **conf):
    """(status, answer) for a driver that runs with this configuration."""
    job = spark_job()
    job["spec"]["spark"].update(image="ui:1", sparkConf=conf)
    job_id = world.daemon.submit(job)
    world.daemon.wait_state(job_id, "RUNNING")
    # A port that nobody serves yet is the API server's 503.
    answer = until("it serves", lambda: next(
        (got for got in [world.daemon.ask("GET", "/v1/jobs/%d/ui" % job_id)[:2]] if got[0] < 500), None))
    world.daemon.post("/v1/jobs/%d/cancel" % job_id)
    return answer


def main():
    programs, _ = programs_of(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="ui-test-", dir="/tmp") as image:
        with open(os.path.join(image, "image.json"), "w", encoding="utf-8") as file:
            json.dump({"config": {"Entrypoint": ["python3", "-c", DRIVER]}}, file)
        os.chmod(image, 0o755)
        with World(programs, sim=("--runtime", "process", "--image", "ui:*=" + image,
                                  "--image", "busybox:1=/")) as world:
            world.daemon.start()
            job = spark_job()
            job["spec"]["spark"]["image"] = "ui:1"
            job_id = world.daemon.submit(job)
            world.daemon.wait_state(job_id, "RUNNING")
            until("it serves", lambda: world.daemon.ask("GET", "/v1/jobs/%d/ui" % job_id)[0] == 200)
            ui = nightshift(world, programs["nightshift"], "ui", str(job_id), "--port", "0")
            try:
                said = ui.stdout.readline()
                port = int(re.match(r"http://127\.0\.0\.1:(\d+)/\n$", said).group(1))
                check_pages(port)
                check_together(port)
            finally:
                ui.kill()
                ui.communicate()
            print("test ok: ui: a driver's pages at a local port", flush=True)
            plain = world.daemon.submit(pod_job(hold=True))
            ui = nightshift(world, programs["nightshift"], "ui", str(plain))
            equal((ui.wait() != 0, "is no Spark application" in ui.communicate()[1]), (True, True))
            world.daemon.post("/v1/jobs/%d/cancel" % job_id)
            world.daemon.wait_final(job_id, "CANCELLED")
            ui = nightshift(world, programs["nightshift"], "ui", str(job_id))
            equal((ui.wait() != 0, "only while it runs" in ui.communicate()[1]), (True, True))
            for conf, want in (({"spark.ui.port": "4567"}, (200, "page /jobs/")),
                               ({"spark.ui.enabled": "false"}, (404, "spark.ui.enabled is false"))):
                status, answer = ui_answer(world, **conf)
                equal((status, want[1] in str(answer)), (want[0], True))
            print("test ok: ui: what has no pages is told, and another port is found", flush=True)


if __name__ == "__main__":
    main()
