#!/usr/bin/python3
"""Asks a running kubesim over real sockets: tokens, streams, logs, and every fault of the API."""
import http.client
import json
import os
import ssl
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kubesim_process import Kubesim, pod  # noqa: E402

PROGRAM = sys.argv.pop(1)
PODS = "/api/v1/namespaces/default/pods"


class Api(unittest.TestCase):
    """One kubesim --bare: pods stay as they are made."""

    def setUp(self):
        self.sim = Kubesim(PROGRAM, "--bare", "--chunk-bytes", "100")

    def tearDown(self):
        self.assertEqual(self.sim.stop(), 0, "SIGTERM ends it in good order")

    def create(self, name, **labels):
        return self.sim.ask("POST", PODS, pod(name, **labels))[0]

    def watch(self, query="", timeout=5):
        connection, response = self.sim.open("GET", PODS + "?watch=1" + query, timeout=timeout)
        self.assertEqual(response.status, 200)
        self.addCleanup(connection.close)
        self.addCleanup(response.close)
        return response

    def event(self, response):
        line = response.readline()
        return json.loads(line) if line else None

    def test_tokens(self):
        self.assertEqual(self.sim.ask("GET", PODS, token="wrong")[0], 401)
        status, answer, _ = self.sim.ask("GET", PODS, token="")
        self.assertEqual(status, 403)
        self.assertIn("system:anonymous", answer["message"])
        self.assertEqual(self.sim.ask("GET", "/readyz", token="")[1], "ok")
        self.assertEqual(os.stat(self.sim.kubeconfig).st_mode & 0o777, 0o600)

    def test_certificate_is_checked(self):
        stranger = ssl.create_default_context()
        connection = http.client.HTTPSConnection(self.sim.host, self.sim.port, context=stranger)
        with self.assertRaises(ssl.SSLCertVerificationError):
            connection.request("GET", "/readyz")

    def test_watch_streams_events_across_chunks(self):
        response = self.watch("&resourceVersion=0")
        for name in "abc":
            self.assertEqual(self.create(name), 201)
            event = self.event(response)
            self.assertEqual((event["type"], event["object"]["metadata"]["name"]), ("ADDED", name))

    def test_watch_ends_at_its_time_with_a_bookmark_before(self):
        start = time.monotonic()
        response = self.watch("&resourceVersion=0&timeoutSeconds=3&allowWatchBookmarks=true")
        event = self.event(response)
        self.assertEqual(event["type"], "BOOKMARK")
        self.assertEqual(list(event["object"]["metadata"]),
                         ["resourceVersion", "creationTimestamp"])
        self.assertIsNone(self.event(response), "ends cleanly")
        self.assertGreaterEqual(time.monotonic() - start, 2.9)

    def test_list_from_the_future_waits_and_refuses(self):
        start = time.monotonic()
        status, answer, headers = self.sim.ask("GET", PODS + "?resourceVersion=999999")
        self.assertEqual(status, 504)
        self.assertEqual(headers["Retry-After"], "1")
        self.assertEqual(answer["details"]["causes"][0]["reason"], "ResourceVersionTooLarge")
        self.assertGreaterEqual(time.monotonic() - start, 2.9)

    def test_compaction_expires_new_watches_only(self):
        version = self.sim.ask("GET", PODS)[1]["metadata"]["resourceVersion"]
        self.assertEqual(self.create("a"), 201)
        old = self.watch("&resourceVersion=0")
        self.event(old)
        self.assertEqual(self.sim.ask("POST", "/sim/compact")[0], 200)
        event = self.event(self.watch("&resourceVersion=" + version))
        self.assertEqual((event["type"], event["object"]["code"]), ("ERROR", 410))
        self.create("b")
        self.assertEqual(self.event(old)["object"]["metadata"]["name"], "b")

    def test_large_list(self):
        for i in range(300):
            self.assertEqual(self.create("p%03d" % i), 201)
        status, answer, _ = self.sim.ask("GET", PODS)
        self.assertEqual((status, len(answer["items"])), (200, 300))
        response = self.watch("&resourceVersion=0")
        names = [self.event(response)["object"]["metadata"]["name"] for _ in range(300)]
        self.assertEqual(names, sorted(names))

    # Faults.

    def test_fault_429(self):
        self.sim.fault(fault="error", verb="create", resource="pods", code=429, retryAfter=7)
        status, answer, headers = self.sim.ask("POST", PODS, pod("a"))
        self.assertEqual((status, headers["Retry-After"]), (429, "7"))
        self.assertTrue(headers["Content-Type"].startswith("text/plain"))
        self.assertEqual(answer, "Too many requests, please try again later.\n")
        self.assertEqual(self.create("a"), 201, "once")

    def test_a_watch_by_websocket_is_refused_so_that_clients_take_http(self):
        status, _, _ = self.sim.ask("GET", PODS + "?watch=1", headers={
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
        self.assertEqual(status, 503)

    def test_fault_500_by_count_and_skip(self):
        self.sim.fault(fault="error", resource="pods", verb="create", skip=1, count=2)
        self.assertEqual([self.create(name) for name in "abcd"], [201, 500, 500, 201])
        self.sim.fault(fault="error", code=503, count=-1)
        self.assertEqual(self.sim.ask("GET", PODS)[0], 503)
        self.assertEqual(self.sim.ask("DELETE", "/sim/faults")[0], 200)
        self.assertEqual(self.sim.ask("GET", PODS)[0], 200)

    def test_fault_by_name_of_a_create(self):
        self.sim.fault(fault="error", verb="create", name="-driver", code=503)
        self.assertEqual([self.create(n) for n in ("a-exec-1", "a-driver", "a-driver")],
                         [201, 503, 201])

    def test_fault_reset_and_lost_reply(self):
        broken = (ConnectionError, http.client.HTTPException, ssl.SSLError)
        self.sim.fault(fault="reset", verb="create")
        with self.assertRaises(broken):
            self.create("a")
        self.assertEqual(self.sim.ask("GET", PODS + "/a")[0], 404, "not executed")
        self.sim.fault(fault="lose-reply", verb="create")
        with self.assertRaises(broken):
            self.create("a")
        self.assertEqual(self.sim.ask("GET", PODS + "/a")[0], 200, "executed")

    def test_fault_latency_and_hang(self):
        self.sim.fault(fault="latency", verb="list", delay="300ms")
        start = time.monotonic()
        self.assertEqual(self.sim.ask("GET", PODS)[0], 200)
        self.assertGreaterEqual(time.monotonic() - start, 0.3)
        self.sim.fault(fault="hang", verb="list")
        with self.assertRaises(TimeoutError):
            self.sim.ask("GET", PODS, timeout=0.5)

    def test_fault_events(self):
        response = self.watch("&resourceVersion=0")
        self.sim.fault(fault="drop-event", resource="pods")
        self.create("lost")
        self.sim.fault(fault="duplicate-event", resource="pods")
        self.create("twice")
        self.create("once")
        names = [self.event(response)["object"]["metadata"]["name"] for _ in range(3)]
        self.assertEqual(names, ["twice", "twice", "once"])

    def test_fault_watches(self):
        expired, cut, silent = (self.watch("&resourceVersion=0", timeout=1) for _ in range(3))
        # The newest watch is met first.
        self.sim.fault(fault="silence-watch", resource="pods")
        self.sim.fault(fault="cut-watch", resource="pods", skip=1)
        self.sim.fault(fault="expire-watch", resource="pods", skip=1)
        self.create("a")
        with self.assertRaises(TimeoutError):
            self.event(silent)
        results = []
        for response in (expired, cut):
            try:
                event = self.event(response)
                results.append(event["object"]["reason"] if event else "broken")
            except (ConnectionError, http.client.HTTPException, ssl.SSLError):
                results.append("broken")
        self.assertEqual(sorted(results), ["Expired", "broken"])

    def test_fault_is_checked(self):
        for rule, why in (({"fault": "nope"}, "there is no fault"),
                          ({"fault": "error", "verbs": "x"}, "meant verb"),
                          ({"fault": "latency", "delay": "soon"}, "no duration"),
                          ([], "no JSON object")):
            status, answer, _ = self.sim.ask("POST", "/sim/faults", rule)
            self.assertEqual(status, 400, rule)
            self.assertIn(why, answer["message"])

    def test_stats_count_what_was_asked(self):
        self.create("a")
        self.create("a")
        self.sim.ask("GET", PODS)
        stats = self.sim.ask("GET", "/sim/stats")[1]
        self.assertEqual(stats["requests"]["create"]["pods"], {"201": 1, "409": 1})
        self.assertEqual(stats["requests"]["list"]["pods"], {"200": 1})
        self.assertEqual(stats["exceededQuota"], 0)


class Living(unittest.TestCase):
    """A kubesim with nodes, quotas and a runtime."""

    def setUp(self):
        self.sim = Kubesim(PROGRAM, "--nodes", "1", "--runtime", "600ms", "--start-delay", "50ms")

    def tearDown(self):
        self.assertEqual(self.sim.stop(), 0)

    def wait_for(self, path, good):
        for _ in range(100):
            answer = self.sim.ask("GET", path)[1]
            if good(answer):
                return answer
            time.sleep(0.05)
        self.fail("%s stays %s" % (path, answer))

    def test_pod_lives_and_its_log_can_be_followed(self):
        self.assertEqual(self.sim.ask("POST", PODS, pod("a"))[0], 201)
        self.wait_for(PODS + "/a", lambda p: p["status"]["phase"] == "Running")
        connection, response = self.sim.open("GET", PODS + "/a/log?follow=true")
        log = response.read().decode()
        connection.close()
        self.assertIn("started", log)
        self.assertIn("ended", log, "the stream goes on to the end")
        self.assertEqual(self.sim.ask("GET", PODS + "/a")[1]["status"]["phase"], "Succeeded")
        last = self.sim.ask("GET", PODS + "/a/log?tailLines=1")[1]
        self.assertEqual(last, log.splitlines()[-1] + "\n")

    def test_quota_refusals_are_counted(self):
        quota = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}}}
        path = "/api/v1/namespaces/default/resourcequotas"
        self.assertEqual(self.sim.ask("POST", path, quota)[0], 201)
        self.wait_for(path + "/q", lambda q: "hard" in q.get("status", {}))
        self.assertEqual(self.sim.ask("POST", PODS, pod("a"))[0], 201)
        status, answer, _ = self.sim.ask("POST", PODS, pod("b"))
        self.assertEqual(status, 403)
        self.assertIn("exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1",
                      answer["message"])
        stats = self.sim.ask("GET", "/sim/stats")[1]
        self.assertEqual(stats["exceededQuota"], 1)
        self.assertIn("quotas", stats["cluster"])

    def test_cluster_faults_go_to_the_cluster(self):
        self.assertEqual(self.sim.ask("POST", PODS, pod("a"))[0], 201)
        self.wait_for(PODS + "/a", lambda p: p["status"]["phase"] == "Running")
        self.sim.fault(fault="oom-kill", namespace="default", pod="a")
        failed = self.wait_for(PODS + "/a", lambda p: p["status"]["phase"] == "Failed")
        state = failed["status"]["containerStatuses"][0]["state"]["terminated"]
        self.assertEqual((state["exitCode"], state["reason"]), (137, "OOMKilled"))


class Start(unittest.TestCase):
    def test_objects_are_loaded(self):
        with Kubesim(PROGRAM, "--objects", os.path.join(os.path.dirname(__file__),
                                                        "kubesim_objects.yaml")) as sim:
            self.assertEqual(sim.ask("GET", "/api/v1/namespaces/team-a")[0], 200)
            data = sim.ask("GET", "/api/v1/namespaces/team-a/configmaps/c")[1]["data"]
            self.assertEqual(data, {"yes": "true", "number": "5"})
            self.assertEqual(sim.ask("GET", "/api/v1/nodes/big")[1]["status"]["capacity"]["cpu"],
                             "64")


if __name__ == "__main__":
    unittest.main()
