#!/usr/bin/python3
"""nightshiftd tells receivers: signed, repeated, put aside, and what deadlines have to do with it.

Usage: notify_test.py KUBESIM NIGHTSHIFTD NIGHTSHIFT [PART OF A ROW'S NAME]
"""
import datetime
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import pod_job, until  # noqa: E402
from receivers import Mail, Web, check_signature, make_certificate  # noqa: E402

ROWS = table.Rows("notify")
SECRET = b"a shared secret"


def row(what):
    return ROWS.row(what, start=False)


def write(world, name, content):
    path = os.path.join(world.folder.name, name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def configure(world, receivers, events=("failed",), **more):
    """Everybody hears of these events."""
    world.daemon.settings["notifications"] = {
        "receivers": receivers,
        "routes": [{"receivers": [receiver["name"] for receiver in receivers],
                    "events": list(events)}], **more}
    world.daemon.settings.setdefault("scheduling", {})["lookAhead"] = "200ms"
    world.daemon.write_config(world.daemon.settings)


def failing(name="etl", **fields):
    return pod_job(name, sim={"runtime": "50ms", "exit-code": "3"}, retry={"maxRetries": 0}, **fields)


def soon(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat()


def listed(world):
    return world.daemon.get("/v1/notifications")["items"]


def cli(world, *words):
    return subprocess.run([world.programs["nightshift"], *words, "--server",
                           "unix:" + world.daemon.socket], check=True, capture_output=True,
                          text=True, timeout=60).stdout


@row("a webhook is signed, routed by team and class, and carries an id")
def _(world):
    with Web() as web, Web() as other:
        configure(world, [
            {"name": "hook", "webhook": {"url": web.url(),
                                         "secretFile": write(world, "key", SECRET + b"\n")}},
            {"name": "chat", "slack": {"urlFile": write(world, "url", other.url().encode())}}])
        settings = world.daemon.settings
        settings["teams"] = [{"name": "red"}, {"name": "blue"}]
        settings["notifications"]["routes"] = [
            {"receivers": ["hook"], "events": ["failed", "succeeded"], "teams": ["red"]},
            {"receivers": ["chat"], "events": ["failed"]}]
        world.daemon.write_config(settings)
        world.daemon.start()
        job = world.daemon.submit(failing(team="red"))
        world.daemon.submit(failing("other", team="blue"))
        fine = world.daemon.submit(pod_job("fine", team="red"))
        until("both failures and the success are told",
              lambda: len(web.got) == 2 and len(other.got) == 2)
        until("nothing is left", lambda: listed(world) == [])
        for headers, body in web.got:
            check_signature(headers, body, SECRET)
        told = {message["job"]["id"]: message for message in web.messages()}
        if set(told) != {job, fine} or told[job]["class"] != "failed" or \
                told[job]["job"]["state"] != "FAILED" or "exit code 3" not in told[job]["text"]:
            raise AssertionError(web.messages())
        ids = {headers["X-Nightshift-Id"] for headers, _ in web.got}
        if ids != {message["id"] for message in told.values()} or len(ids) != 2:
            raise AssertionError(ids)
        if not all(list(message) == ["text"] for message in other.messages()):
            raise AssertionError(other.messages())
        if SECRET.decode() in world.daemon.log() or other.url() in world.daemon.log():
            raise AssertionError("a secret is in the log")


@row("a receiver that is down for a while misses nothing")
def _(world):
    web = Web().start()
    web.stop()
    configure(world, [{"name": "hook", "webhook": {"url": web.url()}}])
    world.daemon.start()
    jobs = [world.daemon.submit(failing("etl%d" % i)) for i in range(8)]
    until("it was tried", lambda: any(notice["tries"] > 0 for notice in listed(world)))
    for job in jobs:
        world.daemon.wait_final(job, "FAILED")
    if len(listed(world)) != 8:
        raise AssertionError(listed(world))
    world.daemon.kill()
    world.daemon.start()
    with web:
        world.daemon.post("/v1/notifications/%d/retry" % listed(world)[0]["id"])
        until("all are told", lambda: {message["job"]["id"] for message in web.messages()}
              == set(jobs))
        until("nothing is left", lambda: listed(world) == [])


@row("killed between commit and answer, it tells again with the same id")
def _(world):
    with Web() as web:
        web.hold.clear()
        configure(world, [{"name": "hook", "webhook": {"url": web.url()}}])
        world.daemon.start()
        job = world.daemon.submit(failing())
        until("it is being told", lambda: len(web.got) == 1)
        world.daemon.kill()
        web.hold.set()
        world.daemon.start()
        until("it was told again", lambda: len(web.got) >= 2)
        until("nothing is left", lambda: listed(world) == [])
        if len({headers["X-Nightshift-Id"] for headers, _ in web.got}) != 1:
            raise AssertionError(web.got)
        if world.daemon.kinds(job).count("failed") != 1:
            raise AssertionError(world.daemon.kinds(job))


@row("what a receiver refuses is put aside until a person decides")
def _(world):
    with Web(status=404) as web:
        configure(world, [{"name": "hook", "webhook": {"url": web.url()}}])
        world.daemon.start()
        for name in ("one", "two"):
            world.daemon.submit(failing(name))
        until("both are put aside",
              lambda: [notice["state"] for notice in listed(world)] == ["dead", "dead"])
        first, second = listed(world)
        if "404" not in first["error"] or first["tries"] != 1:
            raise AssertionError(first)
        text = cli(world, "notifications")
        if "dead" not in text or "hook" not in text:
            raise AssertionError(text)
        world.daemon.kill()
        world.daemon.start()
        if [notice["state"] for notice in listed(world)] != ["dead", "dead"]:
            raise AssertionError(listed(world))
        web.status = 204
        count = len(web.got)
        cli(world, "notifications", "retry", str(first["id"]))
        until("the first is told", lambda: len(web.got) == count + 1)
        cli(world, "notifications", "drop", str(second["id"]))
        until("nothing is left", lambda: listed(world) == [])
        if len(web.got) != count + 1:
            raise AssertionError("what was dropped was told")


@row("what can't be told for too long is put aside")
def _(world):
    with Web(status=503) as web:
        configure(world, [{"name": "hook", "webhook": {"url": web.url()}}], giveUp="1ms")
        world.daemon.start()
        world.daemon.submit(failing())
        until("it is put aside", lambda: [notice["state"] for notice in listed(world)] == ["dead"])
        if "nightshift_notifications_dead 1" not in world.daemon.get("/metrics"):
            raise AssertionError("not in the metrics")


@row("mail goes over TLS, with a login; a certificate that nobody vouches for is refused")
def _(world):
    certificate = make_certificate(world.folder.name)
    login = ("user", "a mail password")
    with Mail(certificate, login=login) as mail, Mail(starttls=certificate, login=login) as upgraded, \
            Web(certificate) as web:
        options = {"from": "night@example.com", "to": ["a@example.com", "b@example.com"],
                   "userFile": write(world, "user", b"user\n"),
                   "passwordFile": write(world, "password", b"a mail password\n")}
        configure(world, [
            {"name": "mail", "email": {"server": mail.url(), "caFile": certificate[0], **options}},
            {"name": "start", "email": {"server": upgraded.url(), "caFile": certificate[0],
                                        **options}},
            {"name": "good", "webhook": {"url": web.url(), "caFile": certificate[0]}},
            {"name": "strange", "webhook": {"url": web.url()}}])
        world.daemon.start()
        job = world.daemon.submit(failing())
        for server in (mail, upgraded):
            until("the mail came", lambda server=server: len(server.got) == 1)
            to, secure, message = server.got[0]
            text = message.get_payload(decode=True).decode()
            if to != ["a@example.com", "b@example.com"] or not secure or \
                    message["From"] != "night@example.com" or "job %d" % job not in text or \
                    "exit code 3" not in text:
                raise AssertionError((to, secure, message.as_string(), text))
        until("only the one without an authority is left",
              lambda: [notice["receiver"] for notice in listed(world)] == ["strange"] and
              listed(world)[0]["tries"] > 0)
        if "certificate" not in listed(world)[0]["error"] or len(web.got) != 1:
            raise AssertionError((listed(world), web.got))
        if login[1] in world.daemon.log():
            raise AssertionError("a password is in the log")


@row("a mail server without TLS is trusted only if the configuration says so")
def _(world):
    with Mail() as mail:
        options = {"server": mail.url(), "from": "n@example.com", "to": ["a@example.com"]}
        configure(world, [{"name": "plain", "email": {**options, "allowPlain": True}},
                          {"name": "strict", "email": options}])
        world.daemon.start()
        world.daemon.submit(failing())
        until("one came", lambda: len(mail.got) == 1)
        until("the other is put aside",
              lambda: [(notice["receiver"], notice["state"]) for notice in listed(world)] ==
              [("strict", "dead")])


@row("an Event stands at the job's pod, once; of a job that never had one at its namespace")
def _(world):
    configure(world, [{"name": "pods", "kubernetes": {}}], events=("failed", "missed"))
    world.daemon.start()
    job = world.daemon.submit(failing())
    world.daemon.wait_final(job, "FAILED")
    path = "/api/v1/namespaces/default/events"

    def ours():
        return [event for event in world.kube("GET", path)["items"]
                if event.get("source", {}).get("component") == "nightshift"]

    until("it is there", ours)
    until("nothing is left", lambda: listed(world) == [])
    event, = ours()
    if event["reason"] != "Failed" or event["type"] != "Warning" or \
            event["involvedObject"]["name"] != world.daemon.job(job)["podName"]:
        raise AssertionError(event)
    held = world.daemon.submit(pod_job("never", hold=True, startBy=soon(0.5)))
    until("there is another", lambda: len(ours()) == 2)
    event, = [event for event in ours() if event["reason"] == "StartMissed"]
    about = event["involvedObject"]
    if (about["kind"], about["name"], about["namespace"]) != ("Namespace",) + ("default",) * 2 or \
            not event["message"].startswith("job %d never: it has not started" % held):
        raise AssertionError(event)


@row("a deadline that will be missed, and is: told once each, over a kill")
def _(world):
    with Web() as web:
        configure(world, [{"name": "hook", "webhook": {"url": web.url()}}],
                  events=("risk", "missed", "long", "skipped"))
        world.quota("default", pods=1)
        world.daemon.start()
        first = world.daemon.submit(pod_job("first", sim={"runtime": "60s"}, expectedRuntime="5m",
                                            maxRuntime={"warn": "1s"}, finishBy=soon(3600)))
        world.daemon.wait_state(first, "RUNNING")
        late = world.daemon.submit(pod_job("late", expectedRuntime="1m", startBy=soon(8)))
        gone = world.daemon.submit(pod_job("gone", startBy={"at": soon(8), "onMiss": "skip"}))
        until("the risks are told",
              lambda: web.events().count("start_risk") == 2 and "runtime_long" in web.events())
        world.daemon.kill()
        world.daemon.start()
        until("the misses are told", lambda: web.events().count("start_missed") == 2)
        world.daemon.wait_final(gone, "SKIPPED")
        until("the skip is told", lambda: "skipped" in web.events())
        until("nothing is left", lambda: listed(world) == [])
        if world.daemon.job(late)["state"] != "QUEUED":
            raise AssertionError(world.daemon.job(late))
        for job in (first, late, gone):
            kinds = [kind for kind in world.daemon.kinds(job)
                     if kind in ("start_risk", "start_missed", "runtime_long", "skipped")]
            if len(kinds) != len(set(kinds)):
                raise AssertionError(kinds)


@row("the report: figures as the attempts have them, by team, pool and label; sent by mail and clock")
def _(world):
    with Mail() as mail, Web() as web:
        configure(world, [
            {"name": "mail", "email": {"server": mail.url(), "from": "n@example.com",
                                       "to": ["a@example.com"], "allowPlain": True}},
            {"name": "hook", "webhook": {"url": web.url()}}])
        settings = world.daemon.settings
        due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=7)
        settings["notifications"]["routes"] = []
        settings["notifications"]["reports"] = [
            {"at": "00:00", "receivers": ["mail"]},
            {"at": due.strftime("%H:%M:%S"), "receivers": ["hook"]}]
        settings["prices"] = {"cpuHour": "3600", "gibHour": "0", "currency": "EUR"}
        settings["report"] = {"nodePoolLabel": "kubernetes.io/hostname", "jobLabel": "cost"}
        settings["teams"] = [{"name": "red"}, {"name": "blue"}]
        world.daemon.write_config(settings)
        world.daemon.start()
        jobs = [world.daemon.submit(pod_job("red%d" % i, cpu="500m", team="red",
                                            sim={"runtime": "300ms"})) for i in range(3)]
        bad = failing("bad", team="blue")
        bad["metadata"]["labels"] = {"cost": "shop"}
        jobs.append(world.daemon.submit(bad))
        for job in jobs:
            world.daemon.wait_state(job, "SUCCEEDED", "FAILED")
        report = world.daemon.get("/v1/report?since=1h")
        attempts = {job: world.daemon.get("/v1/jobs/%d/attempts" % job)["items"] for job in jobs}

        def seconds(items):
            times = [[datetime.datetime.fromisoformat(item[key].replace("Z", "+00:00"))
                      for key in ("admittedAt", "finishedAt")] for item in items]
            return sum((end - begin).total_seconds() for begin, end in times)

        used = {team["name"]: team for team in report["teams"]}
        red = sum(seconds(attempts[job]) for job in jobs[:3]) * 0.5
        if abs(used["red"]["cost"] - red) > 0.02 * red + 0.02 or used["red"]["jobs"] != 3 or \
                used["blue"]["jobs"] != 1:
            raise AssertionError((used, red))
        if report["ran"] != 4 or report["states"]["SUCCEEDED"] != 3 or \
                [job["name"] for job in report["failed"]["jobs"]] != ["bad"] or \
                [label["name"] for label in report["labels"]] != ["shop"] or \
                sum(pool["jobs"] for pool in report["nodePools"]) != 4:
            raise AssertionError(report)
        text = cli(world, "report", "--since", "today")
        if "4 jobs ran: 3 succeeded, 1 failed" not in text or "default/bad" not in text:
            raise AssertionError(text)
        page = cli(world, "report", "-o", "html", "--since", "yesterday")
        if not page.startswith("<!DOCTYPE html>") or "default/bad" not in page or \
                " EUR</td></tr>" not in page:
            raise AssertionError(page)
        to_come = world.daemon.get("/v1/report?since=1h&until=2100-01-01")
        if to_come["until"] > soon(1)[:19] or to_come["ran"] != 4:
            raise AssertionError(to_come)
        for query in ("since=never", "since=1h&until=2h", "window=none", "format=pdf"):
            status = world.daemon.ask("GET", "/v1/report?" + query)[0]
            if status not in (400, 404, 422):
                raise AssertionError((query, status))
        cli(world, "report", "--email")
        until("both receivers got what was asked for", lambda: len(mail.got) == 1 and web.got)
        message = mail.got[0][2]
        if message.get_content_type() != "text/html" or \
                "default/bad" not in message.get_payload(decode=True).decode():
            raise AssertionError(message.as_string())
        until("and the one that was due by the clock", lambda: len(web.got) == 2)
        if {message["event"] for message in web.messages()} != {"report"} or \
                "4 jobs ran" not in web.messages()[0]["text"]:
            raise AssertionError(web.messages())
        until("nothing is left", lambda: listed(world) == [])


if __name__ == "__main__":
    PROGRAMS, REST = table.programs_of(sys.argv[1:])
    sys.exit(ROWS.run(PROGRAMS, *REST, workers=5))
