#!/usr/bin/python3
"""The demo, both ways: what it promises must come true, and nothing is left behind."""
import os
import re
import subprocess
import sys
import tempfile

DEMO, NIGHTSHIFT, DAEMON, KUBESIM, OBJECTS = (os.path.abspath(word) for word in sys.argv[1:6])


def run(*words):
    with tempfile.TemporaryDirectory() as folder:
        for path in (NIGHTSHIFT, DAEMON, KUBESIM):
            os.symlink(path, os.path.join(folder, os.path.basename(path)))
        env = dict(os.environ, NIGHTSHIFT_BIN=folder, NIGHTSHIFT_DRIVER_OBJECTS=OBJECTS,
                   TMPDIR=folder)
        done = subprocess.run([sys.executable, DEMO, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=env, timeout=240)
        left = [name for name in os.listdir(folder) if name.startswith("nightshift-demo")]
    return done.returncode, done.stdout, left


def check(name, condition, output):
    if condition:
        print("test ok: demo__" + name)
        return True
    print("test failed: demo__%s" % name)
    print(output)
    return False


def main():
    code, output, left = run("--runtime", "500ms")
    good = check("runs_all_ten_without_one_refusal",
                 code == 0 and "10 of 10 applications SUCCEEDED" in output
                 and "exceeded quota: 0" in output and "behind job" in output, output)
    peak = re.search(r"requests.cpu: peak (\d+) of (\d+)", output)
    good &= check("never_passes_the_quota",
                  peak is not None and int(peak.group(1)) <= int(peak.group(2)), output)
    good &= check("leaves_nothing_behind", not left, str(left))
    code, output, left = run("--without-queue", "--runtime", "500ms")
    good &= check("shows_the_deadlock_without_a_queue",
                  code == 0 and "9 drivers hold the quota, 0 of the 20 executors" in output
                  and not left, output)
    return 0 if good else 1


sys.exit(main())
