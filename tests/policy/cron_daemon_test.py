#!/usr/bin/python3
"""What cron itself does in the nights that change the clocks, beside what we say it does.

Usage: cron_daemon_test.py CRON_LIST CLOCK_SHIM [CRON [CRONTAB]]

CRON is cron's daemon (without it, the one that is installed) and CRONTAB the file that it reads
(/etc/crontab). It runs in a mount namespace of its own, where that file is the test's and there
are no other crontabs, under clocks that go 300 times as fast. Needs root.
"""
import concurrent.futures
import datetime
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zoneinfo

SPEED = 300
LATE_S = 240  # of a job's own time: a busy machine takes a while to start it
NIGHTS = [("Europe/Berlin", (2026, 10, 25)), ("Europe/Berlin", (2027, 3, 28)),
          ("America/New_York", (2026, 11, 1)), ("America/New_York", (2027, 3, 14)),
          ("Australia/Lord_Howe", (2027, 4, 4)), ("Australia/Lord_Howe", (2026, 10, 4))]
LINES = ["30 2 * * *", "45 1 * * *", "15 2 * * sun", "0 3 * * *", "0 1-3 * * *", "10,50 2 * * *",
         "*/15 * * * *", "*/20 2 * * *", "30 * * * *", "20 */2 * * *", "@hourly", "5 1,2,3,4 * * *"]
IN_A_NAMESPACE = """
mount --make-rprivate /
mount --bind "$CRONTAB" "$TARGET"
for folder in /etc/cron.d /var/spool/cron "${TARGET%/*/*}/var/run"; do
    if [ -d "$folder" ]; then mount -t tmpfs none "$folder"; fi
done
mount -t tmpfs none /run
exec "$CRON" $FOREGROUND
"""


def crontab(folder, shim):
    job = "date +\\%s >> " + folder + "/"
    head = ["SHELL=/bin/sh", "PATH=/usr/bin:/bin", 'MAILTO=""', "LD_PRELOAD=" + shim,
            "NIGHTSHIFT_CLOCK_SHIM=%s/clock" % folder]
    return "\n".join(head + ["%s root %s%d" % (line, job, i) for i, line in enumerate(LINES)]) + "\n"


def watch(night, cron, target, shim):
    """What each line did: {line: [seconds since 1970]}, from one o'clock until past five."""
    zone, day = night
    begin_s = int(datetime.datetime(*day, 0, 50, tzinfo=zoneinfo.ZoneInfo(zone)).timestamp())
    with tempfile.TemporaryDirectory(prefix="cron-") as folder:
        path = os.path.join(folder, "crontab")
        with open(path, "w", encoding="utf-8") as file:
            file.write(crontab(folder, shim))
        os.chmod(path, 0o644)
        since_s = time.monotonic()
        with open(os.path.join(folder, "clock"), "wb") as file:
            file.write(struct.pack("4q", int((begin_s - time.time()) * 1e6), 0, int(since_s * 1e6),
                                   SPEED))
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", IN_A_NAMESPACE], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "TZ": zone, "CRON": cron, "CRONTAB": path, "TARGET": target,
                 "LD_PRELOAD": shim, "NIGHTSHIFT_CLOCK_SHIM": os.path.join(folder, "clock"),
                 "FOREGROUND": "-n" if cron.endswith("crond") else "-f"})
        try:
            time.sleep(4.5 * 3600 / SPEED)
        finally:
            process.kill()
            process.wait()
            time.sleep(1)  # What it has started ends by itself.
        until_s = begin_s + int((time.monotonic() - since_s) * SPEED)
        found = {}
        for i, line in enumerate(LINES):
            name = os.path.join(folder, str(i))
            if os.path.exists(name):
                with open(name, encoding="utf-8") as file:
                    found[line] = sorted(int(word) for word in file.read().split())
        return begin_s, until_s, found


def say(instants, zone):
    clocks = zoneinfo.ZoneInfo(zone)
    return " ".join(datetime.datetime.fromtimestamp(at, clocks).strftime("%H:%M%z")
                    for at in instants)


def compare(night, cron_list, begin_s, until_s, found):
    """Returns the lines that differ."""
    wrong = 0
    for line in LINES:
        # The first minutes it starts in, and the last it may be late in.
        words = [cron_list, night[0], line, str(begin_s + 300), str(until_s - 2 * LATE_S)]
        wanted = [int(word) for word in subprocess.run(
            words, check=True, capture_output=True, text=True).stdout.split()]
        got = [at for at in found.get(line, [])
               if begin_s + 300 <= at < until_s - LATE_S][:len(wanted) + 1]
        if len(got) == len(wanted) + 1 and got[-1] >= until_s - 2 * LATE_S:
            got.pop()
        good = len(got) == len(wanted) and all(
            0 <= at - due < LATE_S for at, due in zip(got, wanted))
        if not good:
            wrong += 1
            print("    %s %s: %s\n      cron: %s\n      ours: %s" % (
                night[0], night[1], line, say(got, night[0]), say(wanted, night[0])), flush=True)
    return wrong


def main():
    cron_list, shim = (os.path.abspath(word) for word in sys.argv[1:3])
    cron = sys.argv[3] if len(sys.argv) > 3 else shutil.which("cron", path="/usr/sbin:/usr/bin")
    target = sys.argv[4] if len(sys.argv) > 4 else "/etc/crontab"
    if cron is None or os.geteuid() != 0 or not os.path.exists(target):
        print("test skipped: cron_daemon: it needs root, and cron")
        return
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(lambda night: watch(night, cron, target, shim), NIGHTS))
    wrong = [compare(night, cron_list, *what) for night, what in zip(NIGHTS, seen)]
    ran = sum(len(times) for _, _, found in seen for times in found.values())
    print("test %s: cron_daemon: %d nights of %d lines, %d runs of cron; %d lines differ" % (
        "failed" if sum(wrong) or ran == 0 else "ok", len(NIGHTS), len(LINES), ran, sum(wrong)))
    sys.exit(1 if sum(wrong) or ran == 0 else 0)


if __name__ == "__main__":
    main()
