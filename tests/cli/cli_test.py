#!/usr/bin/python3
"""Runs `nightshift` against a scripted daemon on a unix socket: verbs, forms, exit statuses.

usage: cli_test.py PROGRAM
"""
import http.server
import json
import os
import re
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
from datetime import datetime, timedelta, timezone

PROGRAM = os.path.abspath(sys.argv[1])
folder = tempfile.TemporaryDirectory(prefix="cli")
SOCKET = os.path.join(folder.name, "s")
count = {"ok": 0, "failed": 0}
script = []  # of (method and path, status, body) still to come; a status of 0 drops the connection
seen = []  # of (method and path, headers, body)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = "%s %s" % (self.command, self.path)
        seen.append((asked, self.headers, body))
        wanted, status, answer = script.pop(0) if script else ("nothing more", 599, "")
        if wanted != asked:
            status, answer = 599, "wanted " + wanted
        if status == 0:
            self.close_connection = True
            return
        if not isinstance(answer, str):
            answer = json.dumps(answer)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer.encode())))
        self.end_headers()
        self.wfile.write(answer.encode())

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("unix", 0)


def check(what, good, told=""):
    count["ok" if good else "failed"] += 1
    print("test %s: cli: %s" % ("ok" if good else "failed", what))
    if not good:
        print("    | " + str(told).replace("\n", "\n    | "))


def run(*args, answers=(), stdin=None, env=None):
    script[:] = answers
    seen[:] = []
    environment = {"PATH": os.environ["PATH"], "TZ": "UTC", "NIGHTSHIFT_SERVER": "unix:" + SOCKET}
    environment.update(env or {})
    return subprocess.run([PROGRAM, *args], input=stdin, env=environment, text=True, timeout=30,
                          capture_output=True)


def expect(what, args, status, answers=(), out=None, err=None, **more):
    """Runs it; out and err are the whole text, or a pattern if they are compiled."""
    done = run(*args, answers=answers, **more)
    told = "exit %d\n%s\n%s\nasked: %s" % (done.returncode, done.stdout, done.stderr,
                                           [ask[0] for ask in seen])
    good = done.returncode == status and not script
    for text, want in ((done.stdout, out), (done.stderr, err)):
        if isinstance(want, str):
            good = good and text == want
        elif want is not None:
            good = good and want.search(text) is not None
    check(what, good, told)
    return done


def ago(**span):
    return (datetime.now(timezone.utc) - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def job(number, state="QUEUED", name="etl", **more):
    value = {"id": number, "name": name, "namespace": "team-a", "team": "a", "submitter": "uid:0", "window": "nightly",
             "kind": "Spark", "state": state, "reason": {"code": "", "message": ""}, "priority": 0,
             "attempts": 0, "retries": 0, "submittedAt": None}
    value.update(more)
    return value


def items(*jobs, more=""):
    return {"items": list(jobs), "continue": more}


def refusal(code, message, **more):
    return {"error": {"code": code, "message": message, **more}}


LIVE = "&state=HELD,QUEUED,SUBMITTING,STARTING,RUNNING,RETRY_WAIT"
LS = "GET /v1/jobs?limit=500" + LIVE
FIND = "GET /v1/jobs?limit=50&name=etl"
RE = re.compile

server = Server(SOCKET, Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()

# --- ls ---
two = items(job(1, "RUNNING", submittedAt=ago(hours=3, minutes=12, seconds=30), attempts=1,
                startedAt=ago(hours=2, minutes=5, seconds=30), node="n1", podName="p"),
            job(12, name="long-name", priority=-3, submittedAt=ago(days=2, hours=1, minutes=5),
                reason={"code": "Quota", "message": "needs 3, free 1"}))
expect("ls is a table", ["ls"], 0, [(LS, 200, two)], out="""\
ID  NAME       NAMESPACE  TEAM  STATE    PRIO  ATTEMPTS  AGE    RAN   REASON
1   etl        team-a     a     RUNNING  0     1         3h12m  2h5m  -
12  long-name  team-a     a     QUEUED   -3    0         2d1h   -     needs 3, free 1
""", err="")
expect("ls -o wide has more columns", ["ls", "-o", "wide"], 0, [(LS, 200, two)],
       out=RE(r"^ID .* KIND   SUBMITTER  STARTED .* NODE  POD  REASON\n.* Spark .* n1    p    -\n"))
expect("ls -o name is ids", ["ls", "-oname"], 0, [(LS, 200, two)], out="1\n12\n")
done = expect("ls -o json is a document", ["ls", "--output=json"], 0, [(LS, 200, two)])
check("with the jobs", [j["id"] for j in json.loads(done.stdout)["items"]] == [1, 12], done.stdout)
expect("ls of nothing", ["ls"], 0, [(LS, 200, items())], out="", err="no jobs\n")
expect("ls filters", ["ls", "-n", "x y", "--team=t", "-s", "queued,held", "-N", "etl"], 0,
       [("GET /v1/jobs?limit=500&namespace=x%20y&team=t&name=etl&state=QUEUED,HELD", 200, items())])
expect("ls --all asks for all", ["ls", "--all"], 0, [("GET /v1/jobs?limit=500", 200, items())])
expect("ls reads all pages", ["ls", "-a", "-o", "name"], 0, [
    ("GET /v1/jobs?limit=500", 200, items(job(1), more="1")),
    ("GET /v1/jobs?limit=499&continue=1", 200, items(job(2)))], out="1\n2\n", err="")
expect("ls ends at its limit and says so", ["ls", "-a", "--limit", "1"], 0, [
    ("GET /v1/jobs?limit=1", 200, items(job(1), more="1"))], err="there are more: see --limit\n")
expect("a terminal can't be commanded", ["ls"], 0,
       [(LS, 200, items(job(1, name="a\x1b]0;x\x07b\x9b1m")))], out=RE(r"a\?\]0;x\?b\?1m"))
expect("ls -w in a pipe prints changes and how jobs end", ["ls", "-w"], 8, [
    (LS, 200, items(job(1, "RUNNING"), job(2))), (LS, 200, items(job(2))),
    ("GET /v1/jobs/1?brief=true", 200, job(1, "SUCCEEDED")), (LS, 503, refusal("Unavailable", "draining"))],
       out="1 etl RUNNING\n2 etl QUEUED\n1 etl SUCCEEDED\n")

# --- submit ---
manifest = os.path.join(folder.name, "a.yaml")
with open(manifest, "w", encoding="utf-8") as file:
    file.write("kind: BatchJob\n")
asked = "POST /v1/jobs?file=" + manifest.replace("/", "%2F")
taken = {"jobs": [{"id": 7, "name": "etl", "namespace": "team-a", "state": "QUEUED"}],
         "replayed": False}
expect("submit", ["submit", manifest], 0, [(asked, 201, taken)],
       out="ID  NAME  NAMESPACE  STATE\n7   etl   team-a     QUEUED\n")
check("the text is sent as it is", seen[0][2] == b"kind: BatchJob\n", seen[0][2])
check("as YAML", seen[0][1]["Content-Type"] == "application/yaml")
expect("submit asks again when the answer is lost", ["submit", manifest, "-o", "name"], 0,
       [(asked, 0, None), (asked, 201, taken)], out="7\n")
check("with the same key", len(seen) == 2 and len(seen[0][1]["Idempotency-Key"]) == 32 and
      seen[0][1]["Idempotency-Key"] == seen[1][1]["Idempotency-Key"])
key = seen[0][1]["Idempotency-Key"]
expect("but not for ever", ["submit", manifest], 5, [(asked, 0, None)] * 3)
check("and each invocation has its own key", seen[0][1]["Idempotency-Key"] != key)
expect("no daemon", ["ls", "--server", "unix:/nowhere/sock"], 5,
       err="nightshift: /nowhere/sock: No such file or directory; is nightshiftd running?\n")
with tempfile.TemporaryDirectory(dir="/tmp") as open_folder:
    os.chmod(open_folder, 0o755)
    try:
        other = subprocess.run([shutil.copy(PROGRAM, open_folder), "ls", "--server", SOCKET],
                               user=65534, capture_output=True, text=True, timeout=30)
        check("a socket for others", other.returncode == 6 and
              other.stderr == "nightshift: %s: Permission denied\n" % SOCKET,
              "exit %d\n%s" % (other.returncode, other.stderr))
    except OSError:
        print("test skipped: cli: a socket for others (this may not become another user)")
expect("submit from stdin, with defaults", ["submit", "-", "-n", "x", "-t", "y", "--hold"], 0,
       [("POST /v1/jobs?file=stdin&namespace=x&team=y&hold=true", 201, taken)], stdin="{}")
expect("submit tells each mistake and its place", ["submit", manifest], 3,
       [(asked, 422, refusal("Invalid", "2 problems", details=[
           {"file": "a.yaml", "line": 3, "column": 5, "path": "spec.x", "message": "unknown field"},
           {"file": "a.yaml", "line": 9, "column": 1, "path": "", "message": "odd"}]))],
       out="", err="a.yaml:3:5: spec.x: unknown field\na.yaml:9:1: odd\n")
expect("submit stops at the first file that is refused", ["submit", manifest, manifest], 3,
       [(asked, 409, refusal("Exists", "the key was used"))], err="nightshift: the key was used\n")
expect("submit of a file that is not there", ["submit", "/nowhere.yaml"], 4,
       err="nightshift: /nowhere.yaml: No such file or directory\n")
expect("submit --wait", ["submit", "-w", "-oname", manifest], 1,
       [(asked, 201, taken), ("GET /v1/jobs/7?brief=true", 200, job(7, "RUNNING")),
        ("GET /v1/jobs/7?brief=true", 200, job(7, "FAILED"))], out="7\n")

expect("submit --after", ["submit", "-oname", "--after", "12:any", "--after", "load", manifest], 0,
       [(asked + "&after=12%3Aany,load", 201, taken)], out="7\n")
# --- wait ---
expect("wait until it succeeded", ["wait", "7"], 0,
       [("GET /v1/jobs/7?brief=true", 200, job(7)), ("GET /v1/jobs/7?brief=true", 200, job(7, "SUCCEEDED"))],
       out="7 etl SUCCEEDED\n")
expect("wait for several, one fails", ["wait", "7", "8"], 1,
       [("GET /v1/jobs/7?brief=true", 200, job(7, "CANCELLED")),
        ("GET /v1/jobs/8?brief=true", 200, job(8, "SUCCEEDED"))], out="7 etl CANCELLED\n8 etl SUCCEEDED\n")
expect("wait while the daemon restarts", ["wait", "7"], 0,
       [("GET /v1/jobs/7?brief=true", 200, job(7)), ("GET /v1/jobs/7?brief=true", 0, None), ("GET /v1/jobs/7?brief=true", 0, None),
        ("GET /v1/jobs/7?brief=true", 200, job(7, "SUCCEEDED"))], out="7 etl SUCCEEDED\n",
       err="nightshift: the connection is lost; waiting for the daemon to come back\n")
parts = dict(job(12, "SUCCEEDED"), name="parts-0", array="0-9%3", arrayId=12, arrayIndex=0)


def elements(**counts):
    return dict(parts, elements=[{"state": state, "count": count, "indices": ""}
                                 for state, count in counts.items()])


WHOLE = "GET /v1/jobs/12?brief=true"
expect("wait for an array, of which one fails", ["wait", "12"], 1,
       [(WHOLE, 200, elements(SUCCEEDED=4, RUNNING=3, QUEUED=3)),
        (WHOLE, 200, elements(SUCCEEDED=9, FAILED=1))],
       out="12 parts[0-9%3] 9 SUCCEEDED, 1 FAILED\n")
expect("wait for an array that succeeds", ["wait", "-o", "json", "12"], 0,
       [(WHOLE, 200, elements(SUCCEEDED=10))] * 2, out=RE(r'"elements":\s*\[\s*\{[^}]*"count":\s*10'))
expect("wait for an element", ["wait", "12_7"], 0,
       [("GET /v1/jobs/12_7?brief=true", 200, dict(parts, arrayIndex=7, name="parts-7"))],
       out="12 parts-0 SUCCEEDED\n".replace("12 parts-0", "12 parts-7"))
expect("an array by its name", ["wait", "parts"], 0,
       [("GET /v1/jobs?limit=50&name=parts", 200, {"items": [parts], "continue": ""}),
        (WHOLE, 200, elements(SUCCEEDED=10))], out=RE("10 SUCCEEDED"))
expect("the name of an element is not the array's", ["cancel", "parts-0"], 0,
       [("GET /v1/jobs?limit=50&name=parts-0", 200, {"items": [parts], "continue": ""}),
        ("POST /v1/jobs/12_0/cancel", 200, parts)], out=RE("12 parts-0"))
expect("a name far behind others", ["cancel", "far"], 0,
       [("GET /v1/jobs?limit=50&name=far", 200, {"items": [], "continue": "20000"}),
        ("GET /v1/jobs?limit=50&name=far&continue=20000", 200, {"items": [job(30000)],
                                                                 "continue": ""}),
        ("POST /v1/jobs/30000/cancel", 200, job(30000, "CANCELLED"))], out=RE("30000 etl"))
expect("wait by labels, for each array once", ["wait", "--selector", "app=etl"], 0,
       [(re.sub("^GET /v1/jobs[?]limit=500", "GET /v1/jobs?limit=1000&selector=app%3Detl", LS), 200,
         {"items": [parts, dict(parts, id=13, arrayIndex=1), job(20)], "continue": ""}),
        (WHOLE, 200, elements(SUCCEEDED=10)),
        ("GET /v1/jobs/20?brief=true", 200, job(20, "SUCCEEDED"))],
       out="12 parts[0-9%3] 10 SUCCEEDED\n20 etl SUCCEEDED\n")
expect("wait no longer than that", ["wait", "--timeout", "0s", "7"], 7,
       [("GET /v1/jobs/7?brief=true", 200, job(7))])

# --- one job ---
shown = job(7, "RETRY_WAIT", attempts=1, submittedAt="2026-11-22T22:00:00.000000Z", failure="oom",
            reason={"code": "RetryWait", "message": "again at 22:05"},
            attemptList=[{"number": 1, "podName": "p", "startedAt": "2026-11-22T22:00:00Z",
                          "finishedAt": "2026-11-22T22:01:30Z", "failure": "oom", "exitCode": 137,
                          "message": "killed", "cause": "phase Failed", "cpuSeconds": 6,
                          "gibSeconds": 7, "pods": 3, "driverMemoryBytes": 512 << 20}])
expect("show", ["show", "7"], 0, [("GET /v1/jobs/7", 200, shown)], out="""\
id          7
name        etl
namespace   team-a
team        a
kind        Spark
submitter   uid:0
window      nightly
state       RETRY_WAIT
reason      again at 22:05
priority    0
retries     0 of 0
  of infra  0 of 0
failure     oom
submitted   2026-11-22 22:00:00
started     -
finished    -
pod         -
node        -

ATTEMPT  STARTED              RAN    FAILURE  EXIT  NODE  CPU*S  GIB*S  PODS  POD  MESSAGE
1        2026-11-22 22:00:00  1m30s  oom      137   -     6      7      3     p    killed
cause of 1: phase Failed; memory 512Mi
""")
learnt = {"now": "2026-11-22T21:00:00.000000Z", "items": [
    {"kind": "breaker", "key": "job:a/etl", "state": "open", "failures": 10, "failure": "app",
     "exitCode": 3, "until": "2026-11-22T21:30:00.000000Z", "probe": 0},
    {"kind": "memory", "key": "a/etl", "updatedAt": "2026-11-22T20:00:00.000000Z",
     "driverMemoryBytes": 3 << 29, "executorMemoryBytes": 0, "jobId": 7, "attempt": 2,
     "learntAt": "2026-11-21T20:00:00.000000Z"},
    {"kind": "node", "key": "node-7", "state": "preferred", "failures": 3, "weightMilli": 2750,
     "until": "2026-11-22T21:30:00.000000Z"},
    {"kind": "node", "key": "node-8", "state": "noted", "failures": 1, "weightMilli": 62}]}
expect("breakers", ["breakers"], 0, [("GET /v1/learnt", 200, learnt)], out="""\
NAME       STATE  FAILURES  CLASS  EXIT  NEXT
job:a/etl  open   10        app    3     2026-11-22 21:30:00
""")
expect("memory", ["memory"], 0, [("GET /v1/learnt", 200, learnt)], out="""\
NAME   DRIVER  EXECUTOR  LEARNT               AFTER
a/etl  1536Mi  -         2026-11-21 20:00:00  attempt 2 of 7
""")
expect("nodes", ["nodes"], 0, [("GET /v1/learnt", 200, learnt)], out="""\
NODE    JOBS  WEIGHT  AVOIDED    UNTIL
node-7  3     2.750   preferred  2026-11-22 21:30:00
node-8  1     0.062   -          -
""")
expect("a node is used again", ["nodes", "reset", "node-7"], 0,
       [("POST /v1/learnt/forget?name=node%3Anode-7", 200, learnt)])
expect("show of a job that grew, and keeps off nodes", ["show", "7"], 0, [("GET /v1/jobs/7", 200, {
    **shown, "retries": 1, "maxRetries": 2, "learntMemory": [{
        "driverMemoryBytes": 6 << 30, "executorMemoryBytes": 3 << 29, "jobId": 5, "attempt": 2,
        "learntAt": "2026-11-21T20:00:00.000000Z"}],
    "avoidedNodes": [
        {"name": "node-1", "required": True, "failedJobs": 0, "until": "2026-11-22T21:30:00Z"},
        {"name": "node-2", "required": False, "failedJobs": 3, "until": "2026-11-22T21:30:00Z"}]})],
    out=RE("""\
retries     1 of 2
  of infra  0 of 0
memory      6Gi for its main pod, 1536Mi for an executor, learnt from attempt 2 of job 5 on 2026-11-21 20:00:00
keeps off   node-1 \\(required\\) until 2026-11-22 21:30:00
keeps off   node-2 \\(preferred\\), which failed 3 jobs, until 2026-11-22 21:30:00
"""))
expect("what was learnt is forgotten", ["memory", "reset", "a/etl"], 0,
       [("POST /v1/learnt/forget?name=a%2Fetl", 200, learnt)])
expect("reset needs a name", ["breakers", "reset"], 2, [])
expect("retry", ["retry", "7"], 0, [("POST /v1/jobs/7/retry", 200, job(7, "QUEUED"))],
       out=RE("etl"))
expect("retry of what failed", ["retry", "--from-failed", "-t", "red"], 0,
       [("GET /v1/jobs?limit=1000&team=red&state=FAILED", 200,
         {"items": [job(7, "FAILED")], "continue": ""}),
        ("POST /v1/jobs/7/retry", 200, job(7, "QUEUED"))], out=RE("etl"))
expect("retry needs to know which", ["retry"], 2, [])
expect("times are local", ["show", "7"], 0, [("GET /v1/jobs/7", 200, shown)],
       out=RE("submitted   2026-11-22 23:00:00\n"), env={"TZ": "UTC-1"})
expect("or UTC", ["show", "7", "--utc"], 0, [("GET /v1/jobs/7", 200, shown)],
       out=RE("submitted   2026-11-22 22:00:00Z\n"), env={"TZ": "UTC-1"})
listed = {"now": "2026-11-22T21:00:00.000000Z", "items": [
    {"name": "nightly", "zone": "Europe/Berlin", "open": False,
     "opensAt": "2026-11-22T21:30:00.000000Z", "closesAt": "2026-11-23T05:00:00.000000Z",
     "changesAt": "2026-11-22T21:30:00.000000Z", "spillSeconds": None, "atClose": "kill",
     "waiting": 12, "freeze": "release"},
    {"name": "always", "zone": "UTC", "open": True, "opensAt": "2026-11-14T00:00:00.000000Z",
     "closesAt": None, "changesAt": None, "spillSeconds": None, "atClose": "finish", "waiting": 0,
     "freeze": None}]}
team = {"name": "", "parent": None, "kind": "all", "depth": 0, "weight": "1", "share": "0.3500",
        "running": "0.2000", "used": "0.1500", "resource": "cpu", "borrowing": False,
        "runningJobs": 3, "waitingJobs": 12, "holds": "cpu 20", "limits": ""}
teams = {"now": "2026-11-22T21:00:00.000000Z", "mode": "fair", "items": [
    team, dict(team, name="a", kind="team", depth=1, weight="2", share="0.1750", borrowing=True,
               limits="3 running, nominal cpu 10"),
    dict(team, name="ann", parent="a", kind="user", depth=2, resource=None)]}
expect("teams", ["teams"], 0, [("GET /v1/teams", 200, teams)], out="""\
TEAM          WEIGHT  SHARE             RUNNING  USED    OF   JOBS  WAITING  LIMITS
(all)         1       0.3500            0.2000   0.1500  cpu  3     12       -
a             2       0.1750 borrowing  0.2000   0.1500  cpu  3     12       3 running, nominal cpu 10
  ann (user)  1       0.3500            0.2000   0.1500  -    3     12       -
""")
expect("teams -o name", ["teams", "-o", "name"], 0, [("GET /v1/teams", 200, teams)], out="a\n")
expect("teams without shares", ["teams", "-o", "wide"], 0,
       [("GET /v1/teams", 200, dict(teams, mode="fifo", items=[team]))], out="""\
TEAM   WEIGHT  SHARE   RUNNING  USED    OF   JOBS  WAITING  HOLDS   LIMITS
(all)  1       0.3500  0.2000   0.1500  cpu  3     12       cpu 20  -
The order is "fifo": shares do not count (scheduling.mode).
""")
used = dict(teams, items=[
    dict(team, used="0.2000"), dict(team, name="a", kind="team", depth=1, used="0.0500"),
    dict(team, name="ann", parent="a", kind="user", depth=2, used="0.0500"),
    dict(team, name="b", kind="team", depth=1, used="0.1500", running="0.0000", holds="", weight="2"),
    dict(team, name="bo", parent="b", kind="user", depth=2, used="0.0500", runningJobs=0),
    dict(team, name="al", parent="b", kind="user", depth=2, used="0.1000", runningJobs=0)])
expect("usage: the largest first", ["usage"], 0, [("GET /v1/teams", 200, used)], out="""\
TEAM   USER  USED    OF ALL   RUNNING  OF ALL   JOBS
(all)  -     0.2000  100.0 %  0.2000   100.0 %  3
b      -     0.1500  75.0 %   0.0000   0.0 %    3
b      al    0.1000  50.0 %   0.2000   100.0 %  0
b      bo    0.0500  25.0 %   0.2000   100.0 %  0
a      -     0.0500  25.0 %   0.2000   100.0 %  3
a      ann   0.0500  25.0 %   0.2000   100.0 %  3
""")
expect("usage of nothing", ["usage", "-o", "wide"], 0,
       [("GET /v1/teams", 200, dict(teams, mode="fifo", items=[dict(team, used="0.0000")]))], out="""\
TEAM   USER  USED    OF ALL  RUNNING  OF ALL   JOBS  WEIGHT  HOLDS
(all)  -     0.0000  -       0.2000   100.0 %  3     1       cpu 20
The order is "fifo": what was used before a restart is not known.
""")
expect("usage -o name", ["usage", "-o", "name"], 0, [("GET /v1/teams", 200, used)], out="b\na\n")
expect("windows", ["windows", "--utc"], 0, [("GET /v1/windows", 200, listed)], out="""\
NAME     STATE   NEXT CHANGE                    LASTS  ZONE           AT CLOSE  WAITING  FREEZE
nightly  closed  2026-11-22 21:30:00Z (in 30m)  7h30m  Europe/Berlin  kill      12       release
always   open    never                          -      UTC            finish    0        -
""")
expect("windows -o name", ["windows", "-o", "name"], 0, [("GET /v1/windows", 200, listed)],
       out="nightly\nalways\n")
expect("show -o yaml", ["show", "-o", "yaml", "7"], 0,
       [("GET /v1/jobs/7", 200, {"id": 7, "name": "true", "at": "2026-11-22", "a": [1, {"b": []}],
                                 "o": {"x": None, "y": "a: b", "z": "plain"}, "e": {}, "f": True,
                                 "l": [["p"]]})],
       out="""\
id: 7
name: "true"
at: "2026-11-22"
a:
- 1
- b: []
o:
  x: null
  "y": "a: b"
  z: plain
e: {}
f: true
l:
- - p
""")
expect("show -o json", ["show", "-o", "json", "7"], 0, [("GET /v1/jobs/7", 200, {"id": 7})],
       out='{\n  "id": 7\n}\n')
expect("why", ["why", "7"], 0, [("GET /v1/jobs/7/why?forecast=true", 200, {
    "start": "expected", "p50": "2026-11-22T22:40:00Z", "p90": "2026-11-22T23:05:00Z", "after": 4,
    "job": job(7, reason={"code": "Quota", "message": "needs 3, free 1"}), "ahead": 2,
    "checks": [{"check": "order", "passed": True, "message": "first"},
               {"check": "quota", "passed": False, "message": "needs 3, free 1"}]})], out="""\
etl (job 7) is QUEUED: needs 3, free 1
  yes order     first
  no  quota     needs 3, free 1
  2 waiting jobs are before it
  expected start: 2026-11-22 22:40:00, nine in ten by 2026-11-22 23:05:00 (the end of job 4 makes way)
""")
outlook = {"id": 7, "name": "etl", "namespace": "team-a", "team": "a", "state": "QUEUED",
           "reason": "Quota", "start": "expected", "p50": "2026-11-22T22:40:00Z",
           "p90": "2026-11-22T23:05:00Z"}
forecast = {"asOf": "2026-11-22T22:00:00Z", "until": "2026-12-22T22:00:00Z", "futures": 20, "items": [
    outlook, {**outlook, "id": 8, "name": "dig", "start": "unknown", "p50": None, "p90": None},
    {**outlook, "id": 9, "name": "ant", "start": "later", "p50": None, "p90": None}]}
expect("forecast", ["forecast", "-n", "team-a"], 0,
       [("GET /v1/forecast?namespace=team-a&limit=500", 200, forecast)], out="""\
ID  NAME  NAMESPACE  TEAM  START                BY                   IN   WAITS FOR
7   etl   team-a     a     2026-11-22 22:40:00  2026-11-22 23:05:00  40m  Quota
8   dig   team-a     a     unknown              unknown              -    Quota
9   ant   team-a     a     later                later                -    Quota
""")
expect("forecast of a job", ["forecast", "-o", "name", "7"], 0,
       [("GET /v1/jobs/7/forecast", 200, forecast)], out="7\n8\n9\n")
expect("forecast of nothing", ["forecast"], 0,
       [("GET /v1/forecast?limit=500", 200, {"items": []})], out="", err="nothing waits\n")
with open(os.path.join(folder.name, "new.yaml"), "w") as file:
    file.write("kind: BatchJob\n")
NEW = os.path.join(folder.name, "new.yaml")
expect("simulate", ["simulate", "--add", NEW], 0,
       [("POST /v1/forecast?file=" + NEW.replace("/", "%2F"), 200, {
           **forecast, "items": [outlook],
           "delayed": [{**outlook, "id": 3, "withoutP50": "2026-11-22T22:10:00Z"}]})], out="""\
ID  NAME  NAMESPACE  TEAM  START                BY                   IN   WAITS FOR
7   etl   team-a     a     2026-11-22 22:40:00  2026-11-22 23:05:00  40m  Quota

1 would start later:
ID  NAME  TEAM  START                INSTEAD OF           LATER BY
3   etl   a     2026-11-22 22:40:00  2026-11-22 22:10:00  30m
""")
check("simulate sends the manifest", seen[0][2] == b"kind: BatchJob\n", seen)
expect("simulate without a file", ["simulate"], 2, err=re.compile("--add FILE"))
event = {"jobId": 7, "sequence": 1, "at": "2026-11-22T22:00:00Z", "attempt": 1, "state": "RUNNING",
         "kind": "started", "text": "on n1"}
expect("events", ["events", "7"], 0, [("GET /v1/jobs/7/events", 200, {"items": [event]})], out="""\
TIME                 ATTEMPT  STATE    EVENT    TEXT
2026-11-22 22:00:00  1        RUNNING  started  on n1
""")
expect("events -f", ["events", "-f", "7"], 0,
       [("GET /v1/jobs/7/events?follow=true", 200, json.dumps(event) + "\n\n" +
         json.dumps(event) + "\n")],
       out="2026-11-22 22:00:00  1  RUNNING  started  on n1\n" * 2)
expect("logs", ["logs", "7", "--tail", "5", "--attempt=2", "-f"], 0,
       [("GET /v1/jobs/7/logs?attempt=2&tail=5&follow=true", 200, "one\ntwo\n")], out="one\ntwo\n")
expect("logs of an executor", ["logs", "7", "--executor", "3"], 0,
       [("GET /v1/jobs/7/logs?executor=3", 200, "x\n")], out="x\n")
expect("logs -f waits for their beginning", ["logs", "7", "-f"], 0,
       [("GET /v1/jobs/7?brief=true", 200, job(7)), ("GET /v1/jobs/7?brief=true", 200, job(7, "STARTING")),
        ("GET /v1/jobs/7?brief=true", 200, job(7, "RUNNING", attempts=1)),
        ("GET /v1/jobs/7/logs?attempt=1&follow=true", 200, "one\n"),
        ("GET /v1/jobs/7?brief=true", 200, job(7, "SUCCEEDED", attempts=1))], out="one\n")
expect("logs -f goes on with the next attempt", ["logs", "7", "-f"], 0,
       [("GET /v1/jobs/7?brief=true", 200, job(7, "RUNNING", attempts=2)),
        ("GET /v1/jobs/7/logs?attempt=2&follow=true", 200, "two\n"),
        ("GET /v1/jobs/7?brief=true", 200, job(7, "RETRY_WAIT", attempts=2)),
        ("GET /v1/jobs/7?brief=true", 200, job(7, "RUNNING", attempts=4)),
        ("GET /v1/jobs/7/logs?attempt=3&follow=true", 200, "three\n"),
        ("GET /v1/jobs/7?brief=true", 200, job(7, "FAILED", attempts=4)),
        ("GET /v1/jobs/7/logs?attempt=4&follow=true", 200, "four\n"),
        ("GET /v1/jobs/7?brief=true", 200, job(7, "FAILED", attempts=4))], out="two\nthree\nfour\n",
       err="nightshift: attempt 3\nnightshift: attempt 4\n")
expect("logs -f of a job that never ran", ["logs", "7", "-f"], 4,
       [("GET /v1/jobs/7?brief=true", 200, job(7, "CANCELLED")),
        ("GET /v1/jobs/7/logs?follow=true", 404, refusal("NotFound", "no pod"))],
       out="", err="nightshift: no pod\n")
expect("logs that are not there", ["logs", "7"], 4,
       [("GET /v1/jobs/7/logs", 404, refusal("NotFound", "no pod yet"))],
       out="", err="nightshift: no pod yet\n")
for verb in "cancel", "hold", "release":
    expect(verb, [verb, "7"], 0, [("POST /v1/jobs/7/" + verb, 200, job(7, "HELD"))],
           out="7 etl HELD\n")
expect("all are tried, the worst counts", ["cancel", "7", "8"], 4,
       [("POST /v1/jobs/7/cancel", 404, refusal("NotFound", "no job 7")),
        ("POST /v1/jobs/8/cancel", 200, job(8, "CANCELLED"))], out="8 etl CANCELLED\n")

# --- names ---
show7 = ("GET /v1/jobs/7", 200, job(7))
expect("a name", ["show", "etl"], 0, [(FIND, 200, items(job(7))), show7])
expect("a name means the one that lives", ["show", "etl"], 0,
       [(FIND, 200, items(job(3, "FAILED"), job(7))), show7])
expect("with its namespace", ["show", "team-a/etl"], 0,
       [(FIND + "&namespace=team-a", 200, items(job(7))), show7])
expect("or by an option", ["show", "-n", "b", "etl"], 0,
       [(FIND + "&namespace=b", 200, items(job(7))), show7])
expect("no such name", ["show", "etl"], 4, [(FIND, 200, items())],
       err="nightshift: there is no job etl\n")
expect("several that live", ["show", "etl"], 2, [(FIND, 200, items(job(3), job(7)))])
expect("several that ended", ["show", "etl"], 2,
       [(FIND, 200, items(job(3, "FAILED"), job(7, "FAILED")))])

# --- status, config, help ---
status = {"version": "1", "queueUid": "q", "role": "alone", "host": "h", "pid": 3, "ready": False,
          "notReady": "pods not listed", "configFile": "/c", "nodesCheck": False, "cluster": "https://k",
          "startedAt": "2026-11-22T22:00:00Z", "now": "2026-11-23T00:00:00Z",
          "syncs": [{"name": "pods", "state": "listing", "objects": 5}],
          "jobs": {"HELD": 0, "QUEUED": 3, "RUNNING": 1}, "kube": {}, "store": {}}
expect("status", ["status"], 0, [("GET /v1/status", 200, status)], out="""\
version     1
daemon      not ready on h, pid 3, up 2h, since 2026-11-22 22:00:00
not ready   pods not listed
leader      this one, alone: without a lease
queue       q
config      /c
cluster     https://k
  pods            listing, 5
nodes check off: no right to list nodes, only quotas are checked
jobs        3 QUEUED, 1 RUNNING
requests    -
store       -
""")
leases = [
    ("leader", {"role": "leader", "leader": "a_1", "leaseExpiresAt": "2026-11-23T00:00:12Z",
                "leaseTransitions": 3}, "this one, lease for 12s unless renewed, 3 changes of leader"),
    ("standby", {"role": "standby", "leader": "a_1", "leaderAddress": "https://a:8443",
                 "leaseExpiresAt": "2026-11-23T00:00:05Z", "leaseTransitions": 1},
     "a_1 at https://a:8443, lease for 5s unless renewed, 1 changes of leader; this one stands by"),
    ("nobody leads", {"role": "standby"}, "nobody, 0 changes of leader; this one stands by"),
    ("run out", {"role": "standby", "leader": "a_1", "leaseExpiresAt": "2026-11-22T00:00:05Z"},
     "a_1, lease run out, 0 changes of leader; this one stands by"),
]
for what, members, line in leases:
    done = run("status", answers=[("GET /v1/status", 200, {**status, **members})])
    check("status of the lease: " + what, "leader      " + line + "\n" in done.stdout, done)

expect("version", ["version"], 0, out=RE(r"^nightshift \d+\.\d+\.\d+\n$"))
expect("help", ["help"], 0, out=RE(r"submit FILE\.\.\."))
def completes(line):
    """What bash offers for it."""
    words = line.split(" ")
    script = "%s\nCOMP_WORDS=(%s) COMP_CWORD=%d\n_nightshift\necho \"${COMPREPLY[@]}\"" % (
        subprocess.run([PROGRAM, "completion"], capture_output=True, text=True, check=True).stdout,
        " ".join("'%s'" % word for word in words), len(words) - 1)
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                          check=True).stdout.strip()


for line, offered in [("nightshift rel", "release"), ("nightshift wait --sel", "--selector"),
                      ("nightshift help sub", "submit"), ("nightshift ls nothing", ""),
                      ("nightshift submit --af", "--after")]:
    if completes(line) != offered:
        count["failed"] += 1
        print("test failed: cli: completion of %r: %r" % (line, completes(line)))
    else:
        count["ok"] += 1
        print("test ok: cli: completion of %r" % line)
expect("completion of another shell", ["completion", "fish"], 2, out="")
expect("help of a verb", ["help", "wait"], 0, out=RE(r"--timeout TIME"))
expect("--help", ["ls", "--help"], 0, out=RE(r"-s, --state STATE"))
good, bad = os.path.join(folder.name, "good"), os.path.join(folder.name, "bad")
for path, text in ((good, "{}\n"), (bad, "dataDri: /x\n")):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
expect("config check of a good file", ["config", "check", good], 0, out=good + ": good\n")
expect("of a bad one", ["config", "check", bad], 3, err=RE(r"bad:1:1: .*dataDri"))
expect("of none", ["config", "check", "/nowhere"], 4)
expect("config needs a word", ["config", "chekc", good], 2)

# --- exit statuses ---
for code, want in ((400, 3), (401, 6), (403, 6), (404, 4), (409, 3), (413, 3), (422, 3), (429, 8),
                   (500, 8), (503, 8)):
    expect("HTTP %d is exit %d" % (code, want), ["status"], want,
           [("GET /v1/status", code, refusal("X", "because"))], err="nightshift: because\n")
expect("an answer of others", ["status"], 8, [("GET /v1/status", 502, "<html>")],
       err="nightshift: the daemon answered with HTTP status 502\n")
expect("an answer that is no JSON", ["status"], 8, [("GET /v1/status", 200, "{")])
expect("an answer of a wrong type", ["status"], 8, [("GET /v1/status", 200, {"pid": "x"})],
       err=RE("pid: expected a whole number"))
expect("nobody there", ["status", "--server", "unix:///nowhere/s"], 5)
for what, args in (("no verb", []), ("an unknown verb", ["lst"]), ("an unknown option", ["ls", "-x"]),
                   ("an option of others", ["status", "--all"]), ("no operand", ["show"]),
                   ("too many operands", ["show", "1", "2"]), ("no value", ["ls", "-o"]),
                   ("an unknown form", ["ls", "-o", "xml"]), ("no number", ["ls", "-l", "many"]),
                   ("no duration", ["wait", "--timeout", "5", "7"]),
                   ("http without TLS", ["ls", "--server", "http://localhost:1"])):
    expect(what + " is exit 2", args, 2)

server.shutdown()
server.server_close()
folder.cleanup()
print("%(ok)d passed, %(failed)d failed" % count)
sys.exit(1 if count["failed"] else 0)
