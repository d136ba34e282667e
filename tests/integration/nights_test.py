#!/usr/bin/python3
"""Nights of the real daemon and a kubesim whose clocks go many times as fast.

Usage: nights_test.py KUBESIM NIGHTSHIFTD CLOCK_SHIM [--speed N] [--hours H] [--schedules N]

The shape is that of tests/scheduler/month_test.c: scheduled jobs of three teams in chains, windows,
deadlines, programs that fail, a node that dies, an API server that is away, a daemon that is
killed, a holiday, and the night in which clocks are put back. What must hold is read
from the daemon's HTTP interface and the cluster's history, and compared with arithmetic of its own.
"""
import argparse
import collections
import datetime
import http.client
import json
import os
import struct
import sys
import tempfile
import time
import zoneinfo

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from leader_test import Cable  # noqa: E402
from nightshift_process import PATIENCE_S, Nightshiftd, World, pod_job, until  # noqa: E402

UTC = datetime.timezone.utc
MINUTE_S, HOUR_S = 60, 3600
TEAMS = ("finance", "search", "weather")
NODES, NODE_CPU, QUOTA_CPU = 12, 8, 30
RETRIES = 2
NO_CHECK_TIME = 0x200000  # of OpenSSL: certificates are of another year
# An alarm may be told so late: five minutes of these while the API server is away; and a busy
# machine takes its own time.
LATE_S, LATE_REAL_S = 420, 4
LOST = (OSError, http.client.HTTPException)


class Story:
    """What befalls whom, by the clocks of a zone. Windows are of the day on which they open; the
    third one does not open on the holiday."""

    def __init__(self, zone, hours, begin, holiday, windows, deadlines, runtime_s):
        self.zone, self.hours, self.holiday, self.runtime_s = zone, hours, holiday, runtime_s
        self.clocks = zoneinfo.ZoneInfo(zone)
        self.begin_s = int(datetime.datetime(*begin, tzinfo=self.clocks).timestamp())
        self.end_s = self.begin_s + int(hours * HOUR_S)
        self.windows = dict(zip(TEAMS, windows))
        self.start_by, self.finish_by = deadlines

    @staticmethod
    def short():
        """From 01:46 to 01:52, when 02:00 becomes 01:30 in between."""
        return Story("Australia/Lord_Howe", 0.6, (2027, 4, 4, 1, 46), "2027-04-03",
                     (("late", 22 * 60, 27 * 60), ("small-hours", 110, 118),
                      ("holidays-off", 20 * 60, 31 * 60)), ("+1d 01:55", "+1d 01:59"), (60, 60))

    @staticmethod
    def long(hours):
        """From the evening on. The first night has an hour more, and the second is a holiday's."""
        return Story("Europe/Berlin", hours, (2026, 10, 24, 18, 0), "2026-10-25",
                     (("late", 22 * 60, 30 * 60), ("small-hours", 60, 5 * 60),
                      ("holidays-off", 20 * 60, 31 * 60)), ("+1d 03:00", "+1d 04:00"),
                     (300, 1500))

    def is_short(self):
        return self.hours < 12

    def wild_minutes(self):
        return 4 if self.is_short() else 20

    def cron_time(self, i):
        """(hour, minute) of schedule i; those that begin a twenty come twice."""
        if self.is_short():
            return (1, 50) if i % 20 < 2 else (1, 48 + i % 8)
        return (2, 30) if i % 20 < 2 else ((18 + i % 7) % 24, i % 60)

    def shown(self, instant_s):
        """Minutes since 1970 that the clocks show, as if they were UTC's."""
        local = datetime.datetime.fromtimestamp(instant_s, self.clocks)
        return int(local.replace(tzinfo=UTC).timestamp()) // MINUTE_S


class Clock:
    """The time of the programs: it begins when the story does, and goes as fast as it is told."""

    def __init__(self, folder, story):
        self.path = os.path.join(folder, "clock")
        self.since_s = time.monotonic()
        self.ahead_s = 0  # of the monotonic clock
        self.begin_s, self.began_s, self.wall_s = story.begin_s, self.since_s, time.time()
        self.speed = 1
        self.write()

    def write(self):
        wall_us = int((self.begin_s - self.wall_s + self.ahead_s) * 1e6)
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as file:
            file.write(struct.pack("4q", wall_us, int(self.ahead_s * 1e6),
                                   int(self.since_s * 1e6), self.speed))

    def go(self, speed):
        now_s = time.monotonic()
        self.ahead_s += (now_s - self.since_s) * (self.speed - 1)
        self.since_s, self.speed = now_s, speed
        self.write()

    def now(self):
        now_s = time.monotonic()
        return self.begin_s + now_s - self.began_s + self.ahead_s + (
            now_s - self.since_s) * (self.speed - 1)

    def wait(self, instant_s):
        time.sleep(max(0, (instant_s - self.now()) / self.speed))


def instant_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def civil_text(minute):
    return datetime.datetime.fromtimestamp(minute * MINUTE_S, UTC).strftime("%Y-%m-%dT%H:%M:%S")


# --- What is scheduled ----------------------------------------------------------------------------

def is_twice(i):
    """What comes twice runs twice, as Kubernetes has it."""
    return i % 20 == 1


def is_wild(i):
    """It goes by what the clocks show."""
    return i % 40 == 5


def has_predecessor(i):
    """Four of a team are a chain, where the one before has one run a day."""
    return i // 3 % 4 != 0 and not is_twice(i - 3) and not is_wild(i - 3) and not is_wild(i)


class Plan:
    """Of schedule i: what it is, in a form that can be computed with."""

    def __init__(self, i, story):
        self.i, self.story = i, story
        self.team = TEAMS[i % 3]
        self.name = "job-%d" % i
        self.wild = is_wild(i)
        self.kubernetes = is_twice(i)
        self.before = "job-%d" % (i - 3) if has_predecessor(i) else None
        self.broken = i % 50 == 7
        self.unlucky = i % 9 == 4  # its first attempt fails
        self.hour, self.minute = story.cron_time(i)
        self.finish_by = story.finish_by if i % 5 == 0 else None
        self.start_by = story.start_by if i % 5 == 1 else None

    def cron(self):
        if self.wild:
            return "*/%d * * * *" % self.story.wild_minutes()
        return "%d %d * * *" % (self.minute, self.hour)

    def matches(self, minute):
        if self.wild:
            return minute % self.story.wild_minutes() == 0
        return (minute // 60 % 24, minute % 60) == (self.hour, self.minute)

    def manifest(self):
        least_s, spread_s = self.story.runtime_s
        sim = {"runtime": "%ds" % (least_s + self.i * 37 % spread_s)}
        if self.broken or self.unlucky:
            sim.update({"fail-attempts": "99" if self.broken else "2", "exit-code": "1"})
        spec = pod_job("x", cpu=str(self.i % 3 + 1), sim=sim,
                       window=self.story.windows[self.team][0],
                       expectedRuntime="%ds" % (least_s + spread_s),
                       retry={"maxRetries": RETRIES, "infraRetries": 20,
                              "backoff": {"initial": "10s", "max": "5m"}})
        for key, value in (("startBy", self.start_by), ("finishBy", self.finish_by)):
            if value is not None:
                spec["spec"][key] = value
        if self.before is not None:
            spec["spec"]["after"] = [{"schedule": self.before}]
        return {"apiVersion": "nightshift/v1", "kind": "Schedule",
                "metadata": {"name": self.name, "namespace": self.team},
                "spec": {"cron": self.cron(), "misfire": {"policy": "all"},
                         "semantics": "kubernetes" if self.kubernetes else "cronie",
                         "businessDate": {"dayStart": "12:00"},
                         "template": {"spec": spec["spec"]}}}

    def occurrences(self, after_s, until_s):
        """[(civil text, instant)]: minute by minute, what the clocks show; no jump is ahead."""
        found, seen = [], set()
        for at in range(int(after_s) // MINUTE_S * MINUTE_S - 2 * HOUR_S, until_s, MINUTE_S):
            minute = self.story.shown(at)
            again = minute in seen
            seen.add(minute)
            if at > after_s and self.matches(minute) and (
                    self.wild or self.kubernetes or not again):
                found.append((civil_text(minute), at))
        return found


def configuration(story):
    windows = [{"name": name, "zone": story.zone,
                "except": ["holidays"] if name == "holidays-off" else [],
                "open": "%02d:%02d" % (opens // 60, opens % 60),
                "close": "%02d:%02d" % (closes // 60 % 24, closes % 60)}
               for name, opens, closes in story.windows.values()]
    return {"zone": story.zone, "windows": windows,
            "calendars": [{"name": "holidays", "dates": [story.holiday]}],
            "teams": [{"name": team, "weight": i + 1} for i, team in enumerate(TEAMS)],
            "scheduling": {"mode": "fair", "startTimeout": "4h"},
            "kubernetes": {"requestTimeout": "15m"},
            "limits": {"catchUpPerSecond": 1000},
            "retry": {"backoff": {"initial": "10s", "max": "5m"}}}


# --- What must hold -------------------------------------------------------------------------------

class Check:
    """Each problem is told; there must be none."""

    def __init__(self, clock, plans, story):
        self.clock, self.story, self.speed = clock, story, clock.speed
        self.plans = {plan.name: plan for plan in plans}
        self.problems = []
        self.alarms = 0

    def expect(self, good, *what):
        if not good:
            self.problems.append(" ".join(str(word) for word in what))

    def is_open(self, window, instant_s):
        """By the latest time that the clocks have shown so far: what comes again is over."""
        latest = max(self.story.shown(instant_s - back) for back in range(0, 2 * HOUR_S, MINUTE_S))
        name, opens, closes = window
        for day in (latest // 1440, latest // 1440 - 1):
            off = name == "holidays-off" and civil_text(day * 1440)[:10] == self.story.holiday
            if not off and opens <= latest - day * 1440 < closes:
                return True
        return False

    def occurrences(self, jobs, submitted_s, until_s):
        made = collections.Counter((job["schedule"], job["occurrence"],
                                    int(instant_of(job["occurrenceAt"]))) for job in jobs)
        for key, count in made.items():
            self.expect(count == 1, key, "was made", count, "times")
        wanted = {(plan.name, *occurrence) for plan in self.plans.values()
                  for occurrence in plan.occurrences(submitted_s[plan.name], until_s)}
        late = {key for key in made if key[2] >= until_s}  # of the last moments
        self.expect(set(made) - late == wanted, "missing:", sorted(wanted - set(made))[:5],
                    "too many:", sorted(set(made) - late - wanted)[:5])
        return len(wanted)

    def job(self, job, events, attempts, by_run):
        plan = self.plans[job["schedule"]]
        for event in events:
            if event["kind"] == "admitted":
                self.expect(self.is_open(self.story.windows[plan.team], instant_of(event["at"])),
                            job["id"], "started outside of its window", event)
                self.expect(self.precedes(plan, job, event, by_run), job["id"],
                            "before its predecessor", event)
        self.expect(job["retries"] <= RETRIES, job["id"], "spent", job["retries"], "retries")
        if plan.broken:
            self.expect(job["state"] != "SUCCEEDED", job["id"], "is broken, and succeeded")
        # What counts is when pods began and ended, not when that was seen.
        began_at = min((attempt["startedAt"] for attempt in attempts if attempt["startedAt"]),
                       default=None)
        ended_at = attempts[-1]["finishedAt"] if attempts and job["finishedAt"] else None
        for kind, by_key, done_at in (("start_missed", "startBy", began_at),
                                      ("finish_missed", "finishBy", ended_at)):
            self.alarm(job, [event for event in events if event["kind"] == kind], kind,
                       job.get(by_key), done_at)

    @staticmethod
    def precedes(plan, job, event, by_run):
        """The other schedule's run for the same day has succeeded by then."""
        if plan.before is None:
            return True
        runs = by_run[(plan.before, job["businessDate"])]
        return len(runs) == 1 and runs[0]["state"] == "SUCCEEDED" and \
            instant_of(runs[0]["finishedAt"]) <= instant_of(event["at"])

    def alarm(self, job, told, kind, by_text, done_at):
        self.expect(len(told) <= 1, job["id"], kind, "was told", len(told), "times")
        self.alarms += len(told)
        if not by_text:
            self.expect(not told, job["id"], kind, "of no deadline")
            return
        by_s = instant_of(by_text)
        done_s = instant_of(done_at) if done_at else self.clock.now()
        allowed_s = LATE_S + LATE_REAL_S * self.speed
        for event in told:
            at_s = instant_of(event["at"])
            self.expect(at_s >= by_s, job["id"], kind, "told too early")
            self.expect(at_s <= by_s + allowed_s or done_s > by_s + allowed_s or
                        job["finishedAt"] and at_s <= instant_of(job["finishedAt"]) + allowed_s,
                        job["id"], kind, "told too late", event)
        if job["state"] in ("SUCCEEDED", "QUEUED", "RUNNING"):
            # What was done in the last moment may not have been seen in time.
            if done_s > by_s or done_s < by_s - self.speed:
                self.expect(bool(told) == (done_s > by_s), job["id"], kind, "by", by_text, "done",
                            done_s - by_s, "s later,", len(told), "alarms")

    def quotas(self, stats):
        """The cluster's own account."""
        self.expect(stats["quotaOverruns"] == 0, "quotas were overrun", stats["quotas"])
        self.expect(len(stats["quotas"]) == len(TEAMS), stats["quotas"])


# --- The nights -----------------------------------------------------------------------------------

def all_jobs(daemon):
    jobs, token = [], ""
    while True:
        page = daemon.get("/v1/jobs?limit=1000" + ("&continue=" + token if token else ""))
        jobs += page["items"]
        token = page.get("continue", "")
        if token == "":
            return jobs


def submit(world, plans):
    """In files of fifty."""
    for at in range(0, len(plans), 50):
        text = "\n---\n".join(json.dumps(plan.manifest()) for plan in plans[at:at + 50])
        status, answer = world.daemon.try_submit(text)
        if status != 201:
            raise AssertionError(answer)


def acts(world, cable, story):
    """[(hour of the story, what happens then)]"""
    def node(fault, number):
        return lambda: world.sim.fault(fault=fault, node="node-%d" % number)

    def cut(is_cut):
        return lambda: setattr(cable, "is_cut", is_cut)

    def crash():
        world.daemon.kill()
        world.daemon.start(ready=not cable.is_cut)  # It is not before it has seen the pods.
    if story.is_short():
        return [(0.1, node("node-loss", 3)), (0.2, node("node-return", 3)), (0.23, cut(True)),
                (0.3, cut(False)), (0.38, crash), (0.5, crash)]
    found = [(8.2, cut(True)), (8.6, crash), (9.3, crash), (10.2, cut(False))]
    for night in range(int(story.hours + 12) // 24):
        found += [(24 * night + 8, node("node-loss", night % NODES + 1)),
                  (24 * night + 10, node("node-return", night % NODES + 1)),
                  (24 * night + 11, crash)]
    return sorted(found, key=lambda act: act[0])


def live(world, cable, clock, story):
    for hour, act in acts(world, cable, story):
        clock.wait(story.begin_s + hour * HOUR_S)
        act()
    clock.wait(story.end_s)


def insistent(ask):
    """Ten seconds of a server's patience are few of ours: it may hang up, and is asked again."""
    def asked(*arguments, **options):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return ask(*arguments, **options)
            except LOST:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
    return asked


class Patient(Nightshiftd):
    def start(self, ready=True):
        self.ask = super().ask  # Not there yet is an answer.
        super().start(ready=False)
        if ready:
            until("nightshiftd is ready", self.is_ready, 5 * PATIENCE_S)
        self.ask = insistent(super().ask)


def prepare(world):
    world.sim.tls.verify_flags |= NO_CHECK_TIME
    world.sim.ask = insistent(world.sim.ask)
    for team in TEAMS:
        world.namespace(team)
        world.quota(team, requests_cpu=str(QUOTA_CPU))
    cable = Cable(world, world.folder.name)
    settings = dict(world.daemon.settings)
    settings["kubernetes"] = {**settings["kubernetes"], "kubeconfig": cable.kubeconfig}
    world.daemon.write_config(settings)
    world.daemon.start()
    return cable


def report(check, jobs, wanted, speed, world):
    states = collections.Counter(job["state"] for job in jobs)
    made = world.creations()
    check.expect(len(made) >= states["SUCCEEDED"], "only", len(made), "pods of", states)
    for key, uids in made.items():
        check.expect(len(uids) == 1, key, "has pods", uids)
    print("    %.1f h at %d times the speed: %d occurrences, %d pods, %s, %d alarms" % (
        check.story.hours, speed, wanted, len(made),
        ", ".join("%d %s" % (count, state) for state, count in sorted(states.items())),
        check.alarms), flush=True)
    check.expect(check.alarms > 0 and states["SUCCEEDED"] > 0, "something was to be seen", states)
    if not check.story.is_short():
        check.expect(states["SUCCEEDED"] > len(jobs) / 4 and states["FAILED"] > 0 and
                     states["SKIPPED"] > 0, "the nights had it all", states)


def run(programs, options):
    story = Story.long(options.hours) if options.hours else Story.short()
    plans = [Plan(i, story) for i in range(options.schedules)]
    with tempfile.TemporaryDirectory(prefix="nights-") as folder:
        clock = Clock(folder, story)
        os.environ.update({
            "LD_PRELOAD": options.shim, "NIGHTSHIFT_CLOCK_SHIM": clock.path,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"})
        with World(programs, daemon=Patient, config=configuration(story),
                   sim=("--nodes", str(NODES), "--node-cpu", str(NODE_CPU), "--start-delay", "5s",
                        "--quota-lag", "2s")) as world:
            cable = prepare(world)
            try:
                submit(world, plans)
                clock.go(options.speed)
                live(world, cable, clock, story)
                return judge(world, clock, Check(clock, plans, story))
            except BaseException:
                print(world.daemon.log()[-8000:], flush=True)
                raise


def judge(world, clock, check):
    daemon, story, speed = world.daemon, check.story, clock.speed
    clock.wait(story.end_s + 2 * MINUTE_S + LATE_REAL_S / 4 * clock.speed)  # All due is made.
    clock.go(1)
    schedules = daemon.get("/v1/schedules")["items"]
    jobs = all_jobs(daemon)
    by_run = collections.defaultdict(list)
    for job in jobs:
        by_run[(job["schedule"], job["businessDate"])].append(job)
    wanted = check.occurrences(jobs, {
        item["name"]: instant_of(item["createdAt"]) for item in schedules}, story.end_s)
    for job in jobs:
        check.job(job, daemon.events(job["id"]),
                  daemon.get("/v1/jobs/%d/attempts" % job["id"])["items"], by_run)
    check.quotas(world.kube("GET", "/sim/stats")["cluster"])
    report(check, jobs, wanted, speed, world)
    for problem in check.problems[:20]:
        print("    " + problem, flush=True)
    return len(check.problems)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kubesim")
    parser.add_argument("nightshiftd")
    parser.add_argument("shim")
    parser.add_argument("--speed", type=int, default=60, help="times as fast as clocks are")
    parser.add_argument("--hours", type=float, help="from the evening on; without, 36 minutes")
    parser.add_argument("--schedules", type=int, default=400)
    options = parser.parse_args()
    options.shim = os.path.abspath(options.shim)
    programs = {"kubesim": os.path.abspath(options.kubesim),
                "nightshiftd": os.path.abspath(options.nightshiftd)}
    problems = run(programs, options)
    print("test %s: nights: each occurrence once, in its window, and told of in time" % (
        "ok" if problems == 0 else "failed"), flush=True)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
