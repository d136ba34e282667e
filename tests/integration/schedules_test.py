#!/usr/bin/python3
"""Schedules in nightshiftd: when they fire, and what becomes of what was missed.

Usage: schedules_test.py KUBESIM NIGHTSHIFTD CLOCK_SHIM NIGHTSHIFT [PART OF A ROW'S NAME]

The wall clock is moved beneath the daemon (tests/fake/clock_shim.c), and it reads a time zone that
was made for the test: clocks are put back when the test wants it.
"""
import datetime
import json
import os
import random
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import LIVING, PATIENCE_S, pod_job, until  # noqa: E402
from time_test import Displaced  # noqa: E402

ROWS = table.Rows("schedules")
CLI = next((os.path.abspath(word) for word in sys.argv if word.endswith("/nightshift")), None)
MINUTE_S = 60
HOUR_S = 3600
DAY_S = 24 * HOUR_S


class Scheduled(Displaced):
    """Its wall clock can be set, and its time zones are its own."""

    def __init__(self, program, folder, kubeconfig, config):
        self.zones = os.path.join(folder, "zones")
        os.mkdir(self.zones)
        super().__init__(program, folder, kubeconfig, {**config, "zoneinfoDir": self.zones})
        self.offset_s = 0

    def set_clock(self, wall_s):
        """It looks at the clock again once in a minute; here, at once."""
        self.offset_s = wall_s - time.time()
        self.move(self.offset_s, 0)
        if self.process is not None and self.process.poll() is None:
            for item in self.get("/v1/schedules")["items"][:1]:
                self.post("/v1/schedules/default/%s/resume" % item["name"])

    def now(self):
        return time.time() + self.offset_s

    def put_back_at(self, name, instant_s):
        """A zone two hours ahead of UTC until then, and one hour from then on."""
        def block(form):
            return (b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 1, 2, 8) +
                    struct.pack(form, instant_s) + b"\1" +
                    struct.pack(">lBB", 2 * HOUR_S, 1, 0) + struct.pack(">lBB", HOUR_S, 0, 4) +
                    b"TWO\0ONE\0")
        with open(os.path.join(self.zones, name), "wb") as file:
            file.write(block(">l") + block(">q") + b"\nONE-1\n")

    def put(self, manifest, result="created"):
        status, answer, _ = self.ask("POST", "/v1/jobs", json.dumps(manifest),
                                     {"Content-Type": "application/json"})
        same(status, 201, answer)
        same([put["result"] for put in answer["schedules"]], [result], answer)

    def runs(self, name):
        """All its jobs, as they were made."""
        jobs = self.get("/v1/jobs?limit=1000&name=" + name)["items"]
        return sorted((job for job in jobs if job["schedule"] == name), key=lambda job: job["id"])

    def schedule(self, name, query=""):
        return self.get("/v1/schedules/default/%s%s" % (name, query))

    def cli(self, *words, status=0):
        done = subprocess.run([CLI, *words], capture_output=True, text=True, check=False,
                              env={**os.environ, "NIGHTSHIFT_SERVER": "unix:" + self.socket})
        if done.returncode != status:
            raise AssertionError("%s: %d %s%s" % (words, done.returncode, done.stdout, done.stderr))
        return done.stdout


def same(got, expected, what=""):
    if got != expected:
        raise AssertionError("%s: got %r, expected %r" % (what, got, expected))


def row(what, **options):
    return ROWS.row(what, daemon=Scheduled, **options)


def schedule(cron="* * * * *", name="tick", job=None, **spec):
    """A Schedule of a pod."""
    template = job or pod_job(sim={"runtime": "50ms"})
    return {"apiVersion": "nightshift/v1", "kind": "Schedule", "metadata": {"name": name},
            "spec": {"cron": cron, **spec, "template": {"spec": template["spec"]}}}


def quiet(daemon):
    """Nothing falls due while the story is being set up. Returns the next minute."""
    minute = int(daemon.now()) // MINUTE_S * MINUTE_S + 5 * MINUTE_S
    daemon.set_clock(minute - 50)
    return minute


def civil(instant_s, offset_s=0):
    return datetime.datetime.fromtimestamp(
        instant_s + offset_s, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


@row("created, unchanged, changed; it fires on the minute, and its run knows for when it is")
def fires(world):
    daemon = world.daemon
    minute = quiet(daemon)
    job = pod_job(sim={"runtime": "50ms"})
    container = job["spec"]["pod"]["spec"]["containers"][0]
    container["args"] = ["--day={{ businessDate }}", "{{businessDateNoDash}}", "{{other}}"]
    daemon.put(schedule(job=job))
    daemon.put(schedule(job=job), "unchanged")
    daemon.put(schedule(job=job, overlap="Forbid"), "changed")
    daemon.set_clock(minute - 0.5)
    run = until("it fires", lambda: next(
        (job for job in daemon.runs("tick") if job["occurrence"] == civil(minute)), None))
    day = civil(minute)[:10]
    same((run["schedule"], run["businessDate"]), ("tick", day))
    daemon.wait_final(run["id"], "SUCCEEDED")
    container = world.pods(job_id=run["id"])[0]["spec"]["containers"][0]
    same(container["args"], ["--day=" + day, day.replace("-", ""), "{{other}}"])
    same({item["name"]: item["value"] for item in container["env"]}, {
        "NIGHTSHIFT_SCHEDULE": "tick", "NIGHTSHIFT_OCCURRENCE": civil(minute),
        "NIGHTSHIFT_OCCURRENCE_TIME": civil(minute) + "Z", "NIGHTSHIFT_BUSINESS_DATE": day})
    state = daemon.schedule("tick", "?next=3")
    same((state["last"], state["lastJob"], state["next"]),
         (civil(minute), run["id"], civil(minute + MINUTE_S)))
    same([item["occurrence"] for item in state["upcoming"]],
         [civil(minute + MINUTE_S * i) for i in (1, 2, 3)])


@row("the command: ls, show, next, pause, trigger, resume, delete")
def command(world):
    daemon = world.daemon
    path = os.path.join(world.folder.name, "schedule.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(schedule("@daily", businessDate={"offsetDays": -1}), file)
    same(daemon.cli("submit", path), "schedule default/tick created\n")
    same(daemon.cli("submit", path), "schedule default/tick unchanged\n")
    for part in ("tick", "default", "active", "@daily", "UTC"):
        assert part in daemon.cli("schedules"), part
    assert "overlap     Allow" in daemon.cli("schedules", "show", "tick")
    same(len(daemon.cli("schedules", "next", "tick", "5").splitlines()), 6)
    same(daemon.cli("schedules", "pause", "default/tick"), "default/tick is paused\n")
    assert "skipped (suspended)" in daemon.cli("schedules", "next", "tick", "1")
    printed = daemon.cli("schedules", "trigger", "tick", "--date", "2026-02-28")
    run = daemon.runs("tick")[0]
    same(printed, "job %d for 2026-02-28\n" % run["id"])
    daemon.wait_final(run["id"], "SUCCEEDED")
    daemon.kill()
    daemon.start()
    same(daemon.cli("schedules", "resume", "tick"), "default/tick is active\n")
    same(daemon.cli("schedules", "delete", "tick"), "tick is deleted; its jobs stay\n")
    daemon.cli("schedules", "show", "default/tick", status=4)
    daemon.kill()
    daemon.start()
    same(daemon.get("/v1/schedules")["items"], [])
    same(daemon.job(run["id"])["schedule"], "tick")


@row("killed again and again around the minute: each occurrence is one job, none is left out")
def killed(world):
    daemon = world.daemon
    chance = random.Random(20261122)
    first = quiet(daemon)
    daemon.put(schedule(misfire={"policy": "all"}))
    last = first
    for i in range(8):
        last = first + (i + 1) * MINUTE_S
        daemon.set_clock(last - 0.15)
        if i > 0:
            daemon.start(ready=False)
        time.sleep(chance.random() * 0.4)
        daemon.kill()
    daemon.set_clock(last + 5)
    daemon.start()
    want = [civil(first + i * MINUTE_S) for i in range((last - first) // MINUTE_S + 1)]
    until("the last is made", lambda: len(daemon.runs("tick")) >= len(want))
    same([run["occurrence"] for run in daemon.runs("tick")], want)
    for run in daemon.runs("tick"):
        daemon.wait_final(run["id"], "SUCCEEDED")
    world.check_once()


@row("restarted in the hour that comes twice: a fixed time once, each quarter of it twice",
     start=False)
def repeated(world):
    daemon = world.daemon
    back = int(daemon.now()) // HOUR_S * HOUR_S + 3 * HOUR_S
    daemon.put_back_at("Shifting", back)
    hour = int(civil(back, HOUR_S)[11:13])  # shown from `back` on, and an hour before it too
    daemon.set_clock(back - HOUR_S - MINUTE_S)
    daemon.start()
    daemon.put(schedule("30 %d * * *" % hour, name="once", zone="Shifting"))
    daemon.put(schedule("*/15 %d * * *" % hour, name="twice", zone="Shifting"))
    fixed = civil(back + 1800, HOUR_S)
    daemon.set_clock(back - 1800 + 1)
    until("it fires", lambda: len(daemon.runs("once")) == 1)
    for at in (back - 1800 + 10, back - 1, back + 1, back + 1800 + 1, back + HOUR_S + 1):
        daemon.kill()
        daemon.set_clock(at)
        daemon.start()
    until("both are over", lambda: all(
        daemon.schedule(name)["nextAt"][:10] > civil(back)[:10] or
        daemon.schedule(name)["next"] > fixed for name in ("once", "twice")))
    same([run["occurrence"] for run in daemon.runs("once")], [fixed], "once")
    made = [run["occurrenceAt"] for run in daemon.runs("twice")]
    same(len(made), len(set(made)), "no instant twice")
    same([at[:19] for at in made], [civil(back - HOUR_S + 900 * i) for i in range(8)], "twice")


@row("an outage of two days: all, at a bounded rate; the last; none; and those that are too late",
     config={"limits": {"catchUpPerSecond": 15}})
def outage(world):
    daemon = world.daemon
    start = int(daemon.now()) // HOUR_S * HOUR_S + 600
    daemon.set_clock(start)
    daemon.put(schedule("0 * * * *", "all", misfire={"policy": "all", "maxCount": 40}))
    daemon.put(schedule("0 * * * *", "last"))
    daemon.put(schedule("0 * * * *", "none", misfire={"policy": "none"}))
    daemon.put(schedule("0 * * * *", "late", misfire={"policy": "all", "maxLateness": "150m"}))
    daemon.put(schedule("* * * * *", "many", misfire={"policy": "none"}))
    daemon.kill()
    daemon.set_clock(start + 2 * DAY_S)
    began = time.monotonic()
    daemon.start()

    def states(name):
        found = [run["state"] != "SKIPPED" for run in daemon.runs(name)]
        return (found.count(True), found.count(False))

    until("all is caught up with", lambda: states("all") == (40, 8))
    took = time.monotonic() - began
    if took < (40 + 1 + 3) / 15 - 1:
        raise AssertionError("44 runs in %.1f s" % took)
    until("the others too", lambda: [states(name) for name in ("last", "none", "late")] ==
          [(1, 47), (0, 48), (3, 45)])
    skipped = [run for run in daemon.runs("late") if run["state"] == "SKIPPED"]
    same({daemon.events(run["id"])[-1]["text"] for run in skipped}, {"too late"})
    # Each minute is accounted for, and not with a record of its own.
    state = until("minutes", lambda: next((state for state in [daemon.schedule("many")]
                                           if state["lastJob"] > 0), None))
    if state["skipped"] + state["runs"] != 2 * 24 * 60 or state["runs"] != 1:
        raise AssertionError(state)
    if len(daemon.runs("many")) > 110:
        raise AssertionError("%d records" % len(daemon.runs("many")))


@row("as many jobs wait as the team may have: the run is skipped, and says whose limit it is",
     config={"teams": [{"name": "small", "limits": {"waitingJobs": 1}}]})
def limited(world):
    daemon = world.daemon
    minute = quiet(daemon)
    held = daemon.submit(pod_job("held", team="small", hold=True))
    daemon.put(schedule(job=pod_job(team="small", sim={"runtime": "50ms"})))
    daemon.set_clock(minute - 0.5)
    run = until("it fires", lambda: next(iter(daemon.runs("tick")), None))
    same(run["state"], "SKIPPED")
    text = daemon.events(run["id"])[-1]["text"]
    assert "team small" in text and "as many as may wait" in text, text
    daemon.post("/v1/jobs/%d/release" % held)
    daemon.wait_final(held, "SUCCEEDED")
    daemon.set_clock(minute + MINUTE_S - 0.5)
    run = until("it fires again", lambda: next(iter(daemon.runs("tick")[1:]), None))
    daemon.wait_final(run["id"], "SUCCEEDED")


@row("a run that is an array: one occurrence, an element for each index; skipped while one goes on",
     sim=("--nodes", "1"))
def array(world):
    daemon = world.daemon
    minute = quiet(daemon)
    job = pod_job(cpu="3", sim={"runtime": "50ms"}, array="3-7:2")
    job["spec"]["pod"]["spec"]["containers"][0]["args"] = ["{{index}}", "{{ occurrence }}"]
    daemon.put(schedule(job=job, overlap="Forbid", history={"succeeded": 1}))
    blocker = daemon.submit(pod_job("blocker", cpu="3", hold=True))
    daemon.set_clock(minute - 0.5)

    def ticks():
        return [run for run in daemon.get("/v1/jobs")["items"] if run["schedule"] == "tick"]
    runs = until("all are there", lambda: ticks() if len(ticks()) == 3 else None)
    same([(run["name"], run["occurrence"], run["arrayIndex"]) for run in runs],
         [("tick-%d" % i, civil(minute), i) for i in (3, 5, 7)])
    for run in runs:
        daemon.wait_final(run["id"], "SUCCEEDED")
    same([world.pods(job_id=run["id"])[0]["spec"]["containers"][0]["args"] for run in runs],
         [[str(i), civil(minute)] for i in (3, 5, 7)])
    same((daemon.schedule("tick")["runs"], daemon.schedule("tick")["active"]), (1, 0))
    daemon.kill()
    daemon.start()
    daemon.post("/v1/jobs/%d/cancel" % blocker)
    daemon.set_clock(minute + MINUTE_S - 0.5)
    until("it fires again, and the run before it goes", lambda: sorted(
        run["occurrence"] for run in ticks() if run["state"] == "SUCCEEDED") ==
        [civil(minute + MINUTE_S)] * 3)
    same(daemon.schedule("tick")["runs"], 2)


@row("what is to come is in the forecast, and in the report where it is at risk",
     sim=("--nodes", "1"), config={"zone": "UTC"}, start=False)
def to_come(world):
    daemon = world.daemon
    with open(os.path.join(daemon.zones, "UTC"), "wb") as file:
        file.write(b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) +
                   struct.pack(">lBB", 0, 0, 0) + b"UTC\0" +
                   b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) +
                   struct.pack(">lBB", 0, 0, 0) + b"UTC\0" + b"\nUTC0\n")
    midnight = int(daemon.now()) // DAY_S * DAY_S + DAY_S
    daemon.set_clock(midnight + 20 * HOUR_S)
    daemon.start()
    daemon.put(schedule("0 22 * * *", "long", pod_job(cpu="3900m", expectedRuntime="3h")))
    daemon.put(schedule("5 22 * * *", "behind", pod_job(
        cpu="3900m", expectedRuntime="30m", finishBy="+1d 01:20")))
    daemon.put(schedule("10 22 * * *", "in-time", pod_job(
        cpu="100m", expectedRuntime="10m", finishBy="+1d 01:20")))
    daemon.put(schedule("0 23 * * *", "off", suspend=True))

    def runs():
        found = {run["schedule"]: run for run in daemon.get("/v1/forecast").get("runs", [])}
        # On a busy machine the two seconds that a forecast may take are short.
        return found if len(found) == 4 and all(
            run["doneP50"] or run["start"] == "skipped" for run in found.values()) else None
    found = until("all are foreseen", runs, 3 * PATIENCE_S)
    first = midnight + 22 * HOUR_S
    same({name: (run["start"], run["p50"] and run["p50"][:19], run["doneP50"] and
                 run["doneP50"][:19], run["atRisk"]) for name, run in found.items()}, {
        "long": ("expected", civil(first), civil(first + 3 * HOUR_S), False),
        "behind": ("expected", civil(first + 3 * HOUR_S), civil(first + 3.5 * HOUR_S), True),
        "in-time": ("expected", civil(first + 600), civil(first + 1200), False),
        "off": ("skipped", None, None, False)})
    same(daemon.get("/v1/forecast?namespace=other").get("runs", []), [])
    risks = until("the report says so", lambda: daemon.get(
        "/v1/report?format=json")["atRisk"]["jobs"] or None, 3 * PATIENCE_S)
    same([(job["id"], job["name"], job["state"], job["due"]) for job in risks],
         [(None, "behind", "PLANNED", civil(first + 3 * HOUR_S + 1200) + "Z")])
    # A job of today takes the id that in the futures was a run's: nothing is said of it that is
    # meant for the other.
    now = daemon.submit(pod_job("now", hold=True))
    same([item["id"] for item in daemon.get("/v1/forecast")["items"]
          if item["start"] == "expected"], [], now)
    assert "run of " in daemon.cli("report") and "behind" in daemon.cli("forecast")


@row("an earlier run is not over: Forbid skips and says so, Replace cancels, Allow goes on",
     sim=("--nodes", "1"))
def overlap(world):
    daemon = world.daemon
    minute = quiet(daemon)
    for policy in ("Allow", "Forbid", "Replace"):
        daemon.put(schedule(name=policy.lower(), overlap=policy,
                            job=pod_job(sim={"runtime": "1h"})))
    daemon.set_clock(minute - 0.3)
    for name in ("allow", "forbid", "replace"):
        until("it fires", lambda name=name: any(
            run["occurrence"] == civil(minute) for run in daemon.runs(name)))
        daemon.wait_state(daemon.runs(name)[-1]["id"], "RUNNING")
    before = {name: daemon.runs(name)[-1]["id"] for name in ("allow", "forbid", "replace")}
    daemon.set_clock(minute + MINUTE_S - 0.3)
    after = {name: until("again", lambda name=name: next(
        (run for run in daemon.runs(name) if run["id"] > before[name]), None)) for name in before}
    daemon.wait_state(after["allow"]["id"], "RUNNING")
    same(daemon.job(after["forbid"]["id"])["state"], "SKIPPED")
    same(daemon.events(after["forbid"]["id"])[-1]["text"],
         "job %d is not over, and overlap is Forbid" % before["forbid"])
    daemon.wait_final(before["replace"], "CANCELLED")
    daemon.wait_state(after["replace"]["id"], "RUNNING")
    same(daemon.job(before["allow"])["state"], "RUNNING")


@row("CronJob and ScheduledSparkApplication are taken as they are; history is kept to its limit")
def foreign(world):
    daemon = world.daemon
    minute = quiet(daemon)
    cron_job = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "theirs"},
                "spec": {"schedule": "* * * * *", "timeZone": "Etc/UTC",
                         "successfulJobsHistoryLimit": 1, "jobTemplate": {"spec": {
                             "template": pod_job(sim={"runtime": "20ms"})["spec"]["pod"]}}}}
    status, answer, _ = daemon.ask("POST", "/v1/jobs", json.dumps(cron_job),
                                   {"Content-Type": "application/json"})
    same(status, 422, "there is no such zone in the test's folder")
    assert "Etc/UTC" in json.dumps(answer), answer
    cron_job["spec"]["timeZone"] = "UTC"
    daemon.put(cron_job)
    spark = {"apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "ScheduledSparkApplication",
             "metadata": {"name": "pi"},
             "spec": {"schedule": "@every 1h", "template": {}}}
    status, answer, _ = daemon.ask("POST", "/v1/jobs", json.dumps(spark),
                                   {"Content-Type": "application/json"})
    same(status, 422, answer)
    made = set()
    for i in range(3):
        daemon.set_clock(minute + i * MINUTE_S - 0.2)
        run = until("it fires", lambda: next(
            (run for run in daemon.runs("theirs") if run["id"] not in made), None))
        daemon.wait_job(run["id"], "it succeeds", lambda job: job["state"] == "SUCCEEDED")
        made.add(run["id"])
    until("one is kept", lambda: [run["id"] for run in daemon.runs("theirs")] == [max(made)])
    until("and its pod", lambda: len(world.pods()) == 1)


@row("a schedule's run waits for another schedule's of the same business date")
def after(world):
    daemon = world.daemon
    minute = quiet(daemon)
    daemon.put(schedule(name="load", job=pod_job(sim={"runtime": "1s"})))
    daemon.put(schedule(name="build", job=pod_job(sim={"runtime": "20ms"},
                                                  after=["schedule/load"])))
    status, answer = daemon.try_submit(schedule(name="load", job=pod_job(after=["schedule/build"])))
    same((status, [one["message"] for one in answer["error"]["details"]]),
         (422, ["with schedules of the queue, runs wait for each other in a circle: "
                "load -> build -> load"]))
    daemon.set_clock(minute - 0.2)
    load, build = (until("it fires", lambda name=name: next(iter(daemon.runs(name)), None))
                   for name in ("load", "build"))
    if daemon.wait_final(load["id"], "SUCCEEDED")["finishedAt"] > daemon.wait_final(
            build["id"], "SUCCEEDED")["startedAt"]:
        raise AssertionError("it did not wait")


def main():
    LIVING.clear()
    words = [word for word in sys.argv[1:]
             if not word.endswith(".so") and not word.endswith("/nightshift")]
    programs, rest = table.programs_of(words)
    sys.exit(ROWS.run(programs, *rest, workers=4))


if __name__ == "__main__":
    main()
