#!/usr/bin/python3
"""A damaged record is put in quarantine and told of; the daemon starts, and the rest goes on.

Usage: damage_test.py KUBESIM NIGHTSHIFTD DAMAGE_RECORD
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import rows as table  # noqa: E402
from nightshift_process import pod_job, spark_job, until  # noqa: E402

ROWS = table.Rows("damage")
TOOL = []
LONG = {"runtime": "2s"}


def damage(world, *records):
    """Stops the daemon, damages records ("attempts/3/1") and starts it again."""
    daemon = world.daemon
    status = daemon.stop()
    if status != 0:
        raise AssertionError("stopped with %d" % status)
    for record in records:
        kind, key = record.split("/", 1)
        subprocess.run([TOOL[0], os.path.join(world.folder.name, "data", "queue"), kind, key],
                       check=True)
    daemon.start()


def check_told(world, *records):
    """Each in the log, once; counted in status and metrics."""
    until("they are counted",
          lambda: world.daemon.get("/v1/status")["store"]["quarantined"] == len(records))
    for record in records:
        if world.daemon.log().count('record="%s"' % record) != 1:
            raise AssertionError("%s is not told of once" % record)
    text = world.daemon.get("/metrics")
    if "nightshift_queue_quarantined_records %d\n" % len(records) not in text:
        raise AssertionError(text)


@ROWS.row("a running job whose attempt is damaged finds its pod by its labels, and succeeds")
def attempt_damaged(world):
    daemon = world.daemon
    job_id = daemon.submit(spark_job(sim=LONG))
    daemon.wait_state(job_id, "RUNNING")
    damage(world, "attempts/%d/1" % job_id)
    check_told(world, "attempts/%d/1" % job_id)
    job = daemon.wait_final(job_id, "SUCCEEDED")
    if job["attempts"] != 1:
        raise AssertionError(job)
    world.check_once()
    damage(world)  # A second start has nothing to tell.
    if daemon.log().count("event=record_quarantined") != 1:
        raise AssertionError("told again")


@ROWS.row("an attempt that was being made when it was damaged is made once")
def submitting_damaged(world):
    daemon = world.daemon
    world.sim.fault(fault="error", verb="create", resource="pods", code=503, count=-1)
    job_id = daemon.submit(pod_job())
    daemon.wait_state(job_id, "SUBMITTING")
    damage(world, "attempts/%d/1" % job_id)
    world.sim.ask("DELETE", "/sim/faults")
    daemon.wait_final(job_id, "SUCCEEDED")
    world.check_once()


@ROWS.row("a damaged event leaves a hole in the history, and the rest of it is shown")
def event_damaged(world):
    daemon = world.daemon
    job_id = daemon.submit(pod_job())
    daemon.wait_final(job_id, "SUCCEEDED")
    count = len(daemon.events(job_id))
    damage(world, "events/%d/1" % job_id)
    numbers = [event["sequence"] for event in daemon.events(job_id)]
    if numbers != [0] + list(range(2, count)):
        raise AssertionError(numbers)
    check_told(world, "events/%d/1" % job_id)


@ROWS.row("a damaged job is told to be lost with its last state, and the others go on")
def job_damaged(world):
    daemon = world.daemon
    held = [daemon.submit(pod_job("held-%d" % n, hold=True), key="k%d" % n) for n in range(3)]
    damage(world, "jobs/%d" % held[1])
    check_told(world, "jobs/%d" % held[1])
    if "job=%d event=job_lost state=waiting" % held[1] not in daemon.log():
        raise AssertionError("not told")
    for job_id in (held[0], held[2]):
        daemon.post("/v1/jobs/%d/release" % job_id)
        daemon.wait_final(job_id, "SUCCEEDED")
    if daemon.submit(pod_job()) <= held[2]:
        raise AssertionError("an id was given again")


@ROWS.row("a damaged idempotency key is not taken for a new one")
def key_damaged(world):
    daemon = world.daemon
    daemon.submit(pod_job(hold=True), key="monday")
    damage(world, "submissions/monday")
    status, answer = daemon.try_submit(pod_job(hold=True), key="monday")
    if status != 500 or len(daemon.get("/v1/jobs")["items"]) != 1:
        raise AssertionError("%d %s" % (status, answer))
    check_told(world, "submissions/monday")


@ROWS.row("a torn page of the tables is refused with its number at each start, never followed")
def page_torn(world):
    daemon = world.daemon
    for number in range(50):
        daemon.submit(pod_job("job-%d" % number, hold=True))
    if daemon.stop() != 0:
        raise AssertionError("it did not stop in good order")
    path = os.path.join(world.folder.name, "data", "queue", "data.mdb")
    with open(path, "rb") as file:
        whole = file.read()
    refused = 0
    for page in range(2, len(whole) // 4096):
        with open(path, "r+b") as file:
            file.seek(page * 4096)
            file.write(b"\xa5" * 512)
        daemon.start(ready=False)
        done = subprocess.run([daemon.program, "admin", "--config", daemon.config_file, "verify"],
                              capture_output=True, text=True, check=False, timeout=60)
        if done.returncode not in (0, 1, 3):
            raise AssertionError("verify: %d %s" % (done.returncode, done.stderr))
        until("it starts, or says why not", lambda: daemon.process.poll() is not None or
              "event=listening" in daemon.log())
        if daemon.process.poll() is not None:
            if daemon.wait() != 4 or "the queue's file is damaged: page" not in daemon.log():
                raise AssertionError(daemon.log())
            refused += 1
        else:
            daemon.kill()
        os.unlink(daemon.log_file)
        with open(path, "wb") as file:
            file.write(whole)
        if refused == 6:
            break
    if refused < 3:
        raise AssertionError("%d pages were refused" % refused)
    daemon.start()


# --- Any record of any table -------------------------------------------------------------------

TABLES = ["meta", "jobs", "attempts", "events", "terms", "terms-index", "terms-users", "texts",
          "texts-index", "texts-users", "demands", "demands-index", "demands-users", "submissions",
          "facts", "quarantine"]
NOTIFY = {"receivers": [{"name": "nobody", "webhook": {"url": "http://127.0.0.1:9/"}}],
          "routes": [{"receivers": ["nobody"], "events": ["failed"]}]}
SCHEDULE = {"apiVersion": "nightshift/v1", "kind": "Schedule", "metadata": {"name": "nightly"},
            "spec": {"cron": "0 0 1 1 *", "zone": "UTC",
                     "template": {"spec": pod_job()["spec"]}}}


def furnish(world):
    """A queue with something in each table."""
    daemon = world.daemon
    status, answer = daemon.try_submit(SCHEDULE)
    if status not in (200, 201):
        raise AssertionError("%d %s" % (status, answer))
    ended = [daemon.submit(pod_job("ended", sim={"runtime": "20ms"}), key="ended"),
             daemon.submit(pod_job("fails", sim={"runtime": "20ms", "exit-code": "1"},
                                   retry={"maxRetries": 1}))]
    daemon.wait_final(ended[0], "SUCCEEDED")
    daemon.wait_final(ended[1], "FAILED")
    for number in range(3):
        daemon.submit(pod_job("held", hold=True), key="held-%d" % number)
    damage(world, "attempts/%d/1" % ended[0])  # For the quarantine.
    until("it is moved", lambda: daemon.get("/v1/status")["store"]["quarantined"] == 1)
    if daemon.stop() != 0 or problems(daemon) != 2:
        raise AssertionError("it did not stop in good order")
    daemon.process = None


def problems(daemon):
    """How many verify finds; what it mends by itself is in quarantine then."""
    done = subprocess.run([daemon.program, "admin", "--config", daemon.config_file, "verify"],
                          capture_output=True, text=True, check=False, timeout=60)
    return sum(map(int, re.search(r"(\d+) in quarantine: (\d+) problems", done.stdout).groups()))


def harmed(world, table_name, nth, how):
    """The daemon starts over a harmed record, or says what is wrong and need not be started again;
    verify finds it. False: there is no such record."""
    daemon = world.daemon
    folder = os.path.join(world.folder.name, "data", "queue")
    with open(os.path.join(folder, "data.mdb"), "rb") as file:
        whole = file.read()
    done = subprocess.run([TOOL[0], folder, table_name, "#%d" % nth, how], check=False)
    if done.returncode == 3:
        return False
    if done.returncode != 0:
        raise AssertionError("damage_record: %d" % done.returncode)
    what = "%s, record %d, %s" % (table_name, nth, how)
    # What is in quarantine already is a problem of its own; as for what is there, nobody knows.
    found = problems(daemon) >= (2 if table_name == "quarantine" else 3)
    for again in (False, True) if how == "value" else (False,):
        if os.path.exists(daemon.log_file):
            os.unlink(daemon.log_file)
        daemon.start(ready=False)
        until("%s: it starts, or says why not" % what, lambda: daemon.process.poll() is not None or
              "event=listening" in daemon.log())
        if daemon.process.poll() is not None:
            raise AssertionError("%s: ended with %d\n%s" % (what, daemon.wait(), daemon.log()))
        if not found and 'record="%s/' % table_name not in daemon.log():
            raise AssertionError("%s: neither verify nor the log tells of it" % what)
        # New work is taken, and what is there is shown.
        status, answer = daemon.try_submit(pod_job("new", hold=True))
        if status != 201 or len(daemon.get("/v1/jobs")["items"]) < 4:
            raise AssertionError("%s: %d %s" % (what, status, answer))
        for job in daemon.get("/v1/jobs")["items"]:
            daemon.ask("GET", "/v1/jobs/%d/events" % job["id"])
        if again:
            daemon.kill()
        elif daemon.stop() != 0:
            raise AssertionError("%s: it did not stop in good order" % what)
        found = True
    daemon.process = None
    with open(os.path.join(folder, "data.mdb"), "wb") as file:
        file.write(whole)
    for name in ("journal", "lock.mdb"):
        os.unlink(os.path.join(folder, name))
    return True


def harm_tables(world, tables, every):
    furnish(world)
    count = 0
    for table_name in tables:
        most = 1000 if every else 9 if table_name == "facts" else 4 if table_name == "meta" else 1
        for nth in range(most):
            if not all([harmed(world, table_name, nth, how) for how in ("value", "key", "cut")]):
                if nth == 0:
                    raise AssertionError("nothing is in %s" % table_name)
                break
            count += 3
    print("damage: %d harms of %s" % (count, ", ".join(tables)), flush=True)


def add_harms(every):
    for first in range(0, len(TABLES), 4):
        tables = TABLES[first:first + 4]
        ROWS.row("a harmed record of %s is found, told of, and stops nothing" % ", ".join(tables),
                 config={"notifications": NOTIFY})(
                     lambda world, tables=tables: harm_tables(world, tables, every))


def main():
    programs, rest = table.programs_of(sys.argv[1:])
    TOOL.append(os.path.abspath(rest[0]))
    add_harms(rest[1:] == ["every"])
    sys.exit(ROWS.run(programs))


if __name__ == "__main__":
    main()
