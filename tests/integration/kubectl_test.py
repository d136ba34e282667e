#!/usr/bin/python3
"""kubectl, as it is installed, against kubesim: what people type while they debug."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kubesim_process import Kubesim, pod  # noqa: E402

PROGRAM = sys.argv.pop(1)
KUBECTL = shutil.which("kubectl", path=os.environ.get("PATH", "") + ":/usr/local/bin:/usr/bin")


@unittest.skipUnless(KUBECTL, "kubectl isn't installed")
class Kubectl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sim = Kubesim(PROGRAM, "--nodes", "2", "--runtime", "30s", "--start-delay", "10ms")
        cls.home = tempfile.TemporaryDirectory(prefix="kubectl-")

    @classmethod
    def tearDownClass(cls):
        cls.sim.stop()
        cls.home.cleanup()

    def run_kubectl(self, *words, stdin=None, status=0):
        """Returns what it prints, errors included; checks its exit status."""
        done = subprocess.run([KUBECTL, "--kubeconfig", self.sim.kubeconfig, *words], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60, env={"HOME": self.home.name, "PATH": "/usr/bin:/bin"})
        self.assertEqual(done.returncode, status, "kubectl %s: %s" % (" ".join(words), done.stdout))
        return done.stdout

    def apply(self, value, status=0):
        return self.run_kubectl("apply", "-f", "-", stdin=json.dumps(value), status=status)

    def test_pod_from_apply_to_delete(self):
        self.assertIn("created", self.apply(pod("a", app="x")))
        self.assertIn("unchanged", self.apply(pod("a", app="x")))
        self.assertIn("configured", self.apply(pod("a", app="y")))
        self.run_kubectl("wait", "--for=condition=Ready", "pod/a", "--timeout=20s")
        self.assertRegex(self.run_kubectl("get", "pods"), r"a +1/1 +Running +0")
        self.assertRegex(self.run_kubectl("get", "pods", "-o", "wide"), r"a .* node-[12] ")
        self.assertEqual(self.run_kubectl("get", "pods", "-l", "app in (y,z)", "-o", "name"),
                         "pod/a\n")
        self.assertIn('"phase": "Running"', self.run_kubectl("get", "pod", "a", "-o", "json"))
        self.assertIn("phase: Running", self.run_kubectl("get", "pod", "a", "-o", "yaml"))
        described = self.run_kubectl("describe", "pod", "a")
        self.assertIn("Successfully assigned default/a to node-", described)
        self.assertIn("started", self.run_kubectl("logs", "a"))
        self.run_kubectl("label", "pod", "a", "tier=gold")
        self.run_kubectl("annotate", "pod", "a", "note=kept")
        self.run_kubectl("wait", "--for=jsonpath={.metadata.labels.tier}=gold", "pod/a")
        self.assertIn("deleted", self.run_kubectl("delete", "pod", "a"))
        self.assertIn("not found", self.run_kubectl("get", "pod", "a", status=1))

    def test_refusals_are_the_servers_words(self):
        bad = pod("bad", app="a b")
        del bad["spec"]["containers"][0]["image"]
        said = self.apply(bad, status=1)
        self.assertIn('The Pod "bad" is invalid', said)
        self.assertIn("spec.containers[0].image: Required value", said)
        self.assertIn('namespaces "nowhere" not found',
                      self.run_kubectl("-n", "nowhere", "run", "x", "--image=i", status=1))

    def test_namespaces_quotas_and_friends(self):
        self.run_kubectl("create", "namespace", "team")
        self.run_kubectl("-n", "team", "create", "quota", "q", "--hard=pods=1,requests.cpu=1")
        self.run_kubectl("-n", "team", "wait", "--for=jsonpath={.status.hard.pods}=1", "quota/q")
        self.run_kubectl("-n", "team", "create", "configmap", "c", "--from-literal=k=v")
        self.run_kubectl("-n", "team", "create", "secret", "generic", "s", "--from-literal=k=v")
        self.run_kubectl("-n", "team", "create", "service", "clusterip", "svc", "--tcp=80:80")
        self.run_kubectl("-n", "team", "apply", "-f", "-", stdin=json.dumps(pod("one")))
        said = self.run_kubectl("-n", "team", "create", "-f", "-", stdin=json.dumps(pod("two")),
                                status=1)
        self.assertIn("exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1", said)
        listed = self.run_kubectl("-n", "team", "get", "all,cm,secret,quota,sa,events,limits")
        self.assertRegex(listed, r"pods: 1/1, requests.cpu: 100m/1")
        self.assertRegex(self.run_kubectl("-n", "team", "describe", "quota", "q"), r"pods +1 +1")
        for kind in ("namespace/team", "-n team svc/svc", "-n team cm/c", "node/node-1"):
            self.run_kubectl("describe", *kind.split())
        self.run_kubectl("delete", "namespace", "team")
        self.assertNotIn("team", self.run_kubectl("get", "namespaces"))

    def test_nodes(self):
        self.assertRegex(self.run_kubectl("get", "nodes"), r"node-1 +Ready")
        self.run_kubectl("cordon", "node-2")
        self.assertRegex(self.run_kubectl("get", "nodes"), r"node-2 +Ready,SchedulingDisabled")
        self.run_kubectl("drain", "node-2", "--ignore-daemonsets", "--force")
        self.run_kubectl("uncordon", "node-2")
        self.run_kubectl("taint", "node", "node-1", "k=v:NoSchedule")
        self.run_kubectl("taint", "node", "node-1", "k-")

    def test_discovery_and_server_side(self):
        self.run_kubectl("version")
        self.assertIn("resourcequotas", self.run_kubectl("api-resources"))
        self.assertIn("coordination.k8s.io/v1", self.run_kubectl("api-versions"))
        self.assertEqual(self.run_kubectl("auth", "can-i", "create", "pods"), "yes\n")
        self.run_kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(pod("ssa")))
        self.run_kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod("dry")))
        self.run_kubectl("get", "pod", "dry", status=1)
        self.run_kubectl("patch", "pod", "ssa", "-p", '{"metadata":{"labels":{"p":"q"}}}')
        self.run_kubectl("delete", "pod", "ssa", "--now")

    def test_watch(self):
        watch = subprocess.Popen(
            [KUBECTL, "--kubeconfig", self.sim.kubeconfig, "get", "pods", "-w",
             "--no-headers", "--request-timeout=10s"], stdout=subprocess.PIPE, text=True,
            env={"HOME": self.home.name, "PATH": "/usr/bin:/bin"})
        try:
            self.run_kubectl("create", "-f", "-", stdin=json.dumps(pod("w")))
            self.assertRegex(watch.stdout.readline(), r"^w +[01]/1 ")
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()


if __name__ == "__main__":
    unittest.main(verbosity=1)
