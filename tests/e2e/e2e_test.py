#!/usr/bin/python3
"""The end-to-end script itself, with kubesim as the cluster that KUBECONFIG names."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from kubesim_process import Kubesim  # noqa: E402

SCRIPT, NIGHTSHIFT, DAEMON, KUBESIM = (os.path.abspath(sys.argv.pop(1)) for _ in range(4))
PATH = os.environ.get("PATH", "") + ":/usr/local/bin:/usr/bin:/bin"


class EndToEnd(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="e2e-", dir="/tmp")
        for path in (NIGHTSHIFT, DAEMON):
            os.symlink(path, os.path.join(self.folder.name, os.path.basename(path)))
        self.sim = Kubesim(KUBESIM, "--nodes", "2", "--start-delay", "20ms")

    def tearDown(self):
        self.sim.stop()
        self.folder.cleanup()

    def run_script(self, kubeconfig, seconds=60):
        """Returns (status, what it printed)."""
        env = {"PATH": PATH, "HOME": self.folder.name, "NIGHTSHIFT_BIN": self.folder.name,
               "NIGHTSHIFT_E2E_SECONDS": str(seconds)}
        if kubeconfig is not None:
            env["KUBECONFIG"] = kubeconfig
        done = subprocess.run([SCRIPT], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=env, timeout=240)
        return done.returncode, done.stdout

    def check_nothing_is_left(self):
        _, answer, _ = self.sim.ask("GET", "/api/v1/namespaces")
        names = [item["metadata"]["name"] for item in answer["items"]]
        self.assertFalse([name for name in names if "e2e" in name])

    def test_all_steps_hold(self):
        status, output = self.run_script(self.sim.kubeconfig)
        self.assertEqual(status, 0, output)
        self.assertIn("e2e: 7 passed, 0 failed\n", output)
        self.check_nothing_is_left()

    def test_a_step_that_does_not_hold_fails_and_cleans_up(self):
        self.sim.fault(fault="error", verb="create", resource="pods", code=500, count=-1)
        status, output = self.run_script(self.sim.kubeconfig, seconds=3)
        self.assertEqual(status, 1, output)
        self.assertRegex(output, r"FAILED: job \d+ is RUNNING")
        self.check_nothing_is_left()

    def test_without_a_cluster_it_refuses(self):
        for kubeconfig, words in ((None, "KUBECONFIG is not set"),
                                  (self.folder.name + "/none", "the cluster does not answer")):
            status, output = self.run_script(kubeconfig)
            self.assertEqual(status, 2, output)
            self.assertIn(words, output)


if __name__ == "__main__":
    if shutil.which("kubectl", path=PATH) is None:
        print("test skipped: e2e: kubectl isn't installed")
    else:
        unittest.main()
