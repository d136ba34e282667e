#!/usr/bin/python3
"""nightshift admin on real queues, beside a daemon and without one, killed at every step.

Usage: admin_test.py KUBESIM NIGHTSHIFTD DAMAGE_RECORD DISK_SHIM
"""
import gzip
import json
import os
import stat
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import rows as table  # noqa: E402
from nightshift_process import FINAL, pod_job, spark_job, until  # noqa: E402

ROWS = table.Rows("admin")
TOOLS = {}
FIXTURE = os.path.join(os.path.dirname(HERE), "fixtures", "queue", "v1")
OK, DAMAGED, USAGE, REFUSED, NOT_FOUND = 0, 1, 2, 3, 4


def admin(world, *words, status=OK, data="data", kill=None, text=None):
    """Runs the tool; returns (stdout, stderr). status None: any."""
    command = [world.daemon.program, "admin", "--data-dir",
               os.path.join(world.folder.name, data), *words]
    env = dict(os.environ)
    if kill is not None:
        env.update(LD_PRELOAD=TOOLS["shim"], DISK_SHIM_KILL=kill,
                   ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=env,
                          check=False)
    if status is not None and done.returncode != status:
        raise AssertionError("%s: %d, wanted %d\n%s%s" % (
            words, done.returncode, status, done.stdout, done.stderr))
    return done


def path_of(world, *parts):
    return os.path.join(world.folder.name, *parts)


def unpack(world, data="data"):
    """A queue of format 1."""
    os.makedirs(path_of(world, data, "queue"), mode=0o700)
    with gzip.open(FIXTURE + ".mdb.gz") as packed, \
            open(path_of(world, data, "queue", "data.mdb"), "wb") as out:
        out.write(packed.read())


def exported(world, data="data"):
    return admin(world, "export", data=data).stdout


def ids_of(export):
    return {json.loads(line)["id"] for line in export.splitlines()
            if json.loads(line)["type"] == "job"}


def fill(world, count=5):
    """Jobs in several states; the daemon is stopped afterwards."""
    daemon = world.daemon
    daemon.start()
    ids = [daemon.submit(pod_job("held-%d" % n, hold=True), key="held-%d" % n)
           for n in range(count)]
    ids.append(daemon.submit(spark_job("done")))
    daemon.wait_final(ids[-1], "SUCCEEDED")
    daemon.stop()
    return ids


# --- What a queue of format 1 says after its migration -----------------------------------------

@ROWS.row("a queue of format 1 says the same of its jobs after its migration", start=False)
def migrated(world):
    unpack(world)
    with open(FIXTURE + ".json", encoding="utf-8") as file:
        wanted = json.load(file)
    # What is active ends as soon as its pods are missed, and back-offs of then are over: those at
    # rest are compared.
    resting = {"SUCCEEDED", "FAILED", "CANCELLED", "REJECTED", "HELD"}
    world.daemon.start()
    if "event=queue_migrated from_format=1" not in world.daemon.log():
        raise AssertionError("not told")
    for old in wanted:
        job = world.daemon.job(old["job"]["id"])
        if old["job"]["state"] not in resting:
            continue
        for name, value in old["job"].items():
            now = job.get(name)
            if name == "attemptList":  # Of each what was known then; later versions know more.
                now = [{key: new[key] for key in was} for new, was in zip(now, value)]
            if now != value and name not in ("reason", "finishedPodsDeleted"):
                raise AssertionError("%s of job %d: %r, was %r" % (name, job["id"],
                                                                   now, value))
        events = world.daemon.events(job["id"])
        if events[:len(old["events"])] != old["events"]:
            raise AssertionError("%s, were %s" % (events, old["events"]))
    if world.daemon.submit(pod_job()) != 39:
        raise AssertionError("ids do not go on")
    if world.daemon.try_submit("\n---\n".join(json.dumps(
            pod_job("bulk-%d" % n, hold=True)) for n in range(5)), key="bulk")[0] not in (200, 201):
        raise AssertionError("a key is not known any more")


@ROWS.row("a file of a later format is refused with its number, by the daemon and the tools",
          start=False)
def newer(world):
    unpack(world)
    path = path_of(world, "data", "queue", "data.mdb")
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(data.replace(b"nightshift-queue-1", b"nightshift-queue-9"))
    world.daemon.start(ready=False)
    if world.daemon.wait() != 4 or "it has format 9, of a later nightshift" not in \
            world.daemon.log():
        raise AssertionError(world.daemon.log())
    for verb in ("verify", "export"):
        if "format 9" not in admin(world, verb, status=DAMAGED).stderr:
            raise AssertionError(verb)


# --- Beside a daemon ---------------------------------------------------------------------------

@ROWS.row("a hot backup has every job that was acknowledged before it, and verifies")
def hot_backup(world):
    daemon = world.daemon
    acknowledged = []
    stop = threading.Event()

    def submit_on():
        while not stop.is_set():
            acknowledged.append(daemon.submit(pod_job(hold=True)))

    client = threading.Thread(target=submit_on)
    client.start()
    try:
        for number in range(12):
            before = set(acknowledged)
            name = path_of(world, "backup-%d" % number)
            admin(world, "backup", name)
            if stat.S_IMODE(os.stat(name).st_mode) != 0o600:
                raise AssertionError("others may read it")
            admin(world, "verify", name)
            admin(world, "restore", "--force", name, data="other")
            found = ids_of(exported(world, "other"))
            if not before <= found:
                raise AssertionError("%s are missing" % (before - found))
    finally:
        stop.set()
        client.join()
    admin(world, "verify")
    if len(ids_of(exported(world))) != len(acknowledged):
        raise AssertionError("an export is not the queue")


@ROWS.row("what changes the queue is refused while its daemon runs, and changes nothing")
def refused(world):
    world.daemon.submit(pod_job(hold=True))
    backup = path_of(world, "backup")
    admin(world, "backup", backup)
    before = exported(world)
    for words in (("restore", "--force", backup), ("compact",), ("import", "--force"),
                  ("quarantine", "drop", "--all")):
        done = admin(world, *words, status=REFUSED, text=before)
        if "another process has this queue open" not in done.stderr:
            raise AssertionError(done.stderr)
    if exported(world) != before:
        raise AssertionError("something has changed")
    world.daemon.submit(pod_job(hold=True))


# --- Backup and restore ------------------------------------------------------------------------

@ROWS.row("after an older backup is restored no id is given twice, and jobs go on", start=False)
def restore(world):
    daemon = world.daemon
    ids = fill(world)
    backup = path_of(world, "backup")
    admin(world, "backup", backup)
    daemon.start()
    later = [daemon.submit(pod_job("later-%d" % n, hold=True)) for n in range(20)]
    daemon.stop()
    done = admin(world, "restore", backup, status=REFUSED)
    if "--force" not in done.stderr:
        raise AssertionError(done.stderr)
    admin(world, "restore", backup, "--force")
    if not os.path.exists(path_of(world, "data", "queue", "data.mdb.replaced")):
        raise AssertionError("the old queue is gone")
    daemon.start()
    jobs = {job["id"]: job for job in daemon.get("/v1/jobs")["items"]}
    if set(jobs) != set(ids):
        raise AssertionError(sorted(jobs))
    if daemon.submit(pod_job("held-0", hold=True), key=None) <= max(later):
        raise AssertionError("an id was given again")
    daemon.post("/v1/jobs/%d/release" % ids[0])
    daemon.wait_final(ids[0], "SUCCEEDED")
    daemon.stop()
    # And once more, of the same backup: other ids again.
    highest = max(ids_of(exported(world)))
    admin(world, "restore", backup, "--force")
    daemon.start()
    if daemon.submit(pod_job(hold=True)) <= highest:
        raise AssertionError("an id was given again")


@ROWS.row("a damaged, cut or foreign backup is refused, and the queue stays", start=False)
def bad_backup(world):
    fill(world)
    before = exported(world)
    good = path_of(world, "good")
    admin(world, "backup", good)
    with open(good, "rb") as file:
        data = file.read()
    for name, content in (("empty", b""), ("text", b"dinner is at eight\n" * 1000),
                          ("short", data[:5000]),
                          ("half", data[:len(data) // 2]), ("a page less", data[:-4096])):
        bad = path_of(world, name)
        with open(bad, "wb") as file:
            file.write(content)
        admin(world, "restore", "--force", bad, status=DAMAGED)
        admin(world, "verify", bad, status=DAMAGED)
    admin(world, "restore", "--force", path_of(world, "nowhere"), status=NOT_FOUND)
    with open(path_of(world, "flipped"), "wb") as file:
        file.write(data.replace(b"held-3", b"hold-3"))
    done = admin(world, "restore", "--force", path_of(world, "flipped"), status=DAMAGED)
    if "damaged" not in done.stdout:
        raise AssertionError(done.stdout)
    if exported(world) != before:
        raise AssertionError("the queue has changed")


@ROWS.row("a backup goes neither into the queue's folder nor over a file", start=False)
def backup_places(world):
    fill(world, 1)
    for name in ("x", "../queue/x", "data.mdb"):
        admin(world, "backup", "--force", path_of(world, "data", "queue", name), status=REFUSED)
    os.symlink(path_of(world, "data", "queue"), path_of(world, "elsewhere"))
    admin(world, "backup", path_of(world, "elsewhere", "x"), status=REFUSED)
    admin(world, "export", path_of(world, "elsewhere", "x"), status=REFUSED)
    admin(world, "backup", path_of(world, "one"))
    admin(world, "backup", path_of(world, "one"), status=REFUSED)
    admin(world, "backup", "--force", path_of(world, "one"))
    admin(world, "backup", path_of(world, "no", "folder"), status=NOT_FOUND)
    admin(world, "backup", path_of(world, "two"), data="nowhere", status=NOT_FOUND)


@ROWS.row("nobody else may read what the daemon and the tools write, whatever the umask",
          start=False)
def permissions(world):
    old = os.umask(0)
    try:
        fill(world, 1)
        admin(world, "backup", path_of(world, "backup"))
        admin(world, "export", path_of(world, "export"))
        admin(world, "compact")
        admin(world, "restore", path_of(world, "backup"), data="other")
    finally:
        os.umask(old)
    for data in ("data", "other"):
        for folder in (path_of(world, data), path_of(world, data, "queue")):
            if stat.S_IMODE(os.stat(folder).st_mode) != 0o700:
                raise AssertionError(folder)
        for name in os.listdir(path_of(world, data, "queue")):
            if stat.S_IMODE(os.stat(path_of(world, data, "queue", name)).st_mode) != 0o600:
                raise AssertionError(name)
    for name in ("backup", "export"):
        if stat.S_IMODE(os.stat(path_of(world, name)).st_mode) != 0o600:
            raise AssertionError(name)


# --- Export and import -------------------------------------------------------------------------

@ROWS.row("an export, imported and exported again, is the same, and a daemon runs on it",
          start=False)
def round_trip(world):
    unpack(world)
    first = exported(world)
    with open(FIXTURE + ".json", encoding="utf-8") as file:
        if ids_of(first) != {old["job"]["id"] for old in json.load(file)}:
            raise AssertionError("not all jobs")
    admin(world, "import", text=first, data="other")
    if exported(world, "other") != first:
        raise AssertionError("it is not the same")
    admin(world, "import", text=first, data="other", status=REFUSED)
    admin(world, "import", "--force", text=first, data="other")
    world.daemon.settings["dataDir"] = path_of(world, "other")
    world.daemon.write_config(world.daemon.settings)
    world.daemon.start()
    if world.daemon.submit(pod_job()) != 39:
        raise AssertionError("ids do not go on")
    world.daemon.post("/v1/jobs/11/release")
    world.daemon.wait_final(11, "SUCCEEDED")


def is_over(daemon, job_id):
    status, job, _ = daemon.ask("GET", "/v1/jobs/%d" % job_id)
    return status == 404 or job["state"] in FINAL


@ROWS.row("what users used is what they were charged: verify finds one number that was changed",
          config={"scheduling": {"mode": "fair", "usageHalfLife": "1m"}, "history": {"count": 3}},
          start=False)
def usage_changed(world):
    """Of two users; jobs that ended, were forgotten, were tried again, and one that runs."""
    daemon = world.daemon
    daemon.start()
    ended = [daemon.submit(pod_job("etl-%d" % n, team="red", ttlSecondsAfterFinished=0))
             for n in range(6)]
    ended.append(daemon.submit(pod_job("again", retry={"maxRetries": 1},
                                       sim={"fail-attempts": "2", "exit-code": "3"})))
    for job_id in ended:
        until("it has ended", lambda i=job_id: is_over(daemon, i))
    daemon.wait_state(daemon.submit(pod_job("long", team="red", sim={"runtime": "10m"})), "RUNNING")
    until("some are forgotten", lambda: daemon.ask("GET", "/v1/jobs/1")[0] == 404)
    daemon.kill()
    admin(world, "verify")
    lines = [json.loads(line) for line in exported(world).splitlines()]
    users = [line["fields"] for line in lines
             if line["type"] == "fact" and "half_life_us" in line["fields"]]
    latest = {line["job"]: line["fields"] for line in lines if line["type"] == "attempt"}
    charges = list(latest.values())
    if len(users) < 2 or len(charges) < 3 or not any(user.get("carried") for user in users):
        raise AssertionError((users, charges))

    def found(line, name, value):
        """What an import says, which verifies what it made, if one thing is another."""
        kept, line[name] = line[name], value
        text = "".join(json.dumps(each) + "\n" for each in lines)
        line[name] = kept
        return admin(world, "import", "--force", text=text, data="other", status=None)

    if found(users[0], "amounts", users[0]["amounts"]).returncode != OK:
        raise AssertionError("nothing was changed")
    for line, name, value in [
            (users[0], "amounts", [users[0]["amounts"][0] + 1] + users[0]["amounts"][1:]),
            (users[1], "carried", [users[1]["carried"][0] + 1] + users[1]["carried"][1:]),
            (charges[0], "charged_us", charges[0]["charged_us"] - 100000),
            (charges[1], "cpu_milli", charges[1]["cpu_milli"] + 100)]:
        done = found(line, name, value)
        if done.returncode != DAMAGED or "usage of " not in done.stdout:
            raise AssertionError("%s of %s: %s" % (name, line, done.stdout + done.stderr))


@ROWS.row("the rows of a template come along in an export")
def template_rows(world):
    daemon = world.daemon
    template = dict(pod_job("row"), spec=dict(pod_job("row")["spec"], hold=True))
    rows = {"apiVersion": "nightshift/v1", "kind": "Rows",
            "spec": {"names": ["day"], "rows": [["2026-11-22"], ["a \"b\" ü"]]}}
    daemon.submit("%s\n---\n%s\n" % (json.dumps(template), json.dumps(rows)))
    daemon.stop()
    first = exported(world)
    kept = [json.loads(json.loads(line)["row"]) for line in first.splitlines() if '"row"' in line]
    if [row[1] for row in kept] != ["2026-11-22", "a \"b\" ü"]:
        raise AssertionError(kept)
    admin(world, "import", text=first, data="other")
    if exported(world, "other") != first:
        raise AssertionError("the rows are lost")


@ROWS.row("an import of anything else is refused with its line, and makes nothing", start=False)
def bad_import(world):
    unpack(world, "from")
    lines = exported(world, "from").splitlines(True)
    job = next(n for n, line in enumerate(lines) if '"type":"job"' in line)
    rows = [
        ("", "empty"), ("x\n", "line 1"), ("{}\n", "line 1: not an export"),
        (lines[0] + "[1]\n", "line 2"), (lines[0] + '{"type":"dinner"}\n', "line 2: a type"),
        (lines[0].replace('"version":1', '"version":9'), "line 1: not an export that"),
        ("".join(lines[:job]) + lines[job].replace('"state":"', '"state":"X'),
         "state is not what it should be"),
        ("".join(lines[:job]) + lines[job].replace('"name":', '"shoeSize":'), "does not know"),
        ("".join(line for line in lines if '"type":"event"' not in line), "problems"),
        ("".join(line for line in lines if '"type":"spec"' not in line), "problems"),
    ]
    for text, words in rows:
        done = admin(world, "import", text=text, status=None)
        if done.returncode not in (REFUSED, DAMAGED) or words not in done.stderr:
            raise AssertionError("%r: %d %s" % (words, done.returncode, done.stderr))
        if os.path.exists(path_of(world, "data", "queue", "data.mdb")):
            raise AssertionError("%r made a queue" % words)


# --- Verify and quarantine ---------------------------------------------------------------------

@ROWS.row("verify names what is wrong, and quarantine shows and drops it", start=False)
def damage(world):
    ids = fill(world)
    for kind, key, words in (("attempts", "%d/1" % ids[-1], "attempt 1 is damaged"),
                             ("events", "%d/1" % ids[-1], "event 1 is damaged"),
                             ("jobs", str(ids[0]), "job %d: its record is damaged" % ids[0]),
                             ("submissions", "held-1", "key held-1: its record is damaged")):
        subprocess.run([TOOLS["damage"], path_of(world, "data", "queue"), kind, key], check=True)
        if words not in admin(world, "verify", status=DAMAGED).stdout:
            raise AssertionError(words)
    world.daemon.start()
    world.daemon.events(ids[-1])
    world.daemon.try_submit(pod_job("held-1", hold=True), key="held-1")
    until("all are found", lambda: world.daemon.get("/v1/status")["store"]["quarantined"] == 4)
    listed = admin(world, "quarantine", "ls").stdout
    for name in ("attempts/%d/1" % ids[-1], "events/%d/1" % ids[-1], "jobs/%d" % ids[0],
                 "submissions/held-1"):
        if name not in listed or not admin(world, "quarantine", "show", name).stdout:
            raise AssertionError(listed)
    admin(world, "quarantine", "show", "jobs/999", status=NOT_FOUND)
    world.daemon.stop()
    admin(world, "quarantine", "drop", "jobs/%d" % ids[0])
    admin(world, "quarantine", "drop", "jobs/%d" % ids[0], status=NOT_FOUND)
    if "jobs/" in admin(world, "quarantine", "ls").stdout:
        raise AssertionError("not dropped")
    admin(world, "quarantine", "drop", "--all")
    if admin(world, "quarantine", "ls").stdout != "":
        raise AssertionError("not dropped")


@ROWS.row("a bad command line is status 2 and says why", start=False)
def usage(world):
    for words in ((), ("dinner",), ("backup",), ("backup", "a", "b"), ("verify", "--dinner"),
                  ("restore", "--force")):
        if admin(world, *words, status=USAGE).stderr == "":
            raise AssertionError(words)
    if "quarantine" not in admin(world, "--help").stdout:
        raise AssertionError("no help")


# --- SIGKILL -----------------------------------------------------------------------------------

def killed_everywhere(world, old, new, *words, text=None):
    """At each write, sync, link and rename, before and after it: the queue is `old` or `new`."""
    states = set()
    number = 0
    while True:
        number += 1
        for when in ("", "."):
            done = admin(world, *words, status=None, kill="%d%s" % (number, when), text=text)
            found = exported(world)
            states.add(found)
            if found not in (old, new):
                raise AssertionError("killed at %d%s it is neither" % (number, when))
            if done.returncode >= 0:
                break
        else:
            if number > 2000:
                raise AssertionError("it never ends")
            continue
        break
    if number < 5 or states != {old, new}:
        raise AssertionError("%d steps, %d states" % (number, len(states)))
    left = [name for name in os.listdir(path_of(world, "data")) if name not in ("queue", "logs")]
    if left:
        raise AssertionError("left behind: %s" % left)
    admin(world, "verify")
    print("%s: killed at %d steps" % (words[0], number), flush=True)


def without_head(export):
    """Its first line has the next id, which each restore moves."""
    return export.split("\n", 1)[1]


@ROWS.row("restore, killed at every step, leaves the old queue or the new one", start=False)
def kill_restore(world):
    fill(world, 2)
    backup = path_of(world, "backup")
    admin(world, "backup", backup)
    new = exported(world)
    number, states = 0, set()
    world.daemon.start()
    world.daemon.submit(pod_job("later", hold=True))
    world.daemon.stop()
    old = exported(world)
    while True:
        number += 1
        admin(world, "restore", "--force", backup, status=None, kill=str(number))
        found = without_head(exported(world))
        states.add(found)
        if found not in (without_head(old), without_head(new)):
            raise AssertionError("killed at %d it is neither" % number)
        if found == without_head(new):
            break
    if number < 5 or len(states) != 2:
        raise AssertionError("%d steps" % number)
    admin(world, "verify")


@ROWS.row("import, killed at every step, leaves the old queue or the new one", start=False)
def kill_import(world):
    fill(world, 2)
    old = exported(world)
    unpack(world, "from")
    new = exported(world, "from")
    killed_everywhere(world, old, new, "import", "--force", text=new)


@ROWS.row("compact and backup, killed at every step, change nothing that can be seen", start=False)
def kill_compact(world):
    fill(world, 2)
    old = exported(world)
    for words in (("compact",), ("backup", "--force", path_of(world, "backup"))):
        number = 0
        while number < 500:
            number += 1
            done = admin(world, *words, status=None, kill=str(number))
            if done.returncode >= 0:
                break
            if exported(world) != old:
                raise AssertionError("%s, killed at %d" % (words[0], number))
        if number < 5 or number == 500:
            raise AssertionError("%s: %d steps" % (words[0], number))
        admin(world, *words)
    admin(world, "verify")
    admin(world, "verify", path_of(world, "backup"))


def main():
    programs, rest = table.programs_of(sys.argv[1:])
    TOOLS.update(damage=os.path.abspath(rest[0]), shim=os.path.abspath(rest[1]))
    sys.exit(ROWS.run(programs, *rest[2:]))


if __name__ == "__main__":
    main()
