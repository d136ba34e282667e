#!/usr/bin/python3
"""Several nightshiftd on one data folder and one Lease: who works, and what a change costs.

Usage: leader_test.py KUBESIM NIGHTSHIFTD [PART OF A ROW'S NAME]

Clients go on submitting while leaders are killed, stopped, cut off or told to go. At the end each
job that was acknowledged is there once, ran once, and each attempt had one pod.
"""
import http.client
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import (  # noqa: E402
    FINAL, LIVING, PATIENCE_S, Nightshiftd, pod_job, spark_job, until)

ROWS = table.Rows("leader")
LOST = (OSError, http.client.HTTPException, ValueError)
# Short, so that a takeover is; long enough for a busy machine to renew in time.
LEASE_S, RENEW_S, RETRY_S = 4, 3, 0.4
# What a takeover needs beyond the lease: tries, and 2 s for a living owner to let go.
SLACK_S = 4 * float(os.environ.get("SLOWNESS", "2"))
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
STEPPED_DOWN = 6


class Member(Nightshiftd):
    """One of several daemons of a data folder. prefix: what its command line begins with."""

    def __init__(self, world, name, kubeconfig=None, prefix=(), kubernetes=None):
        folder = os.path.join(world.folder.name, name)
        os.mkdir(folder)
        super().__init__(world.programs["nightshiftd"], folder,
                         kubeconfig or world.sim.kubeconfig, {
            "dataDir": os.path.join(world.folder.name, "data"),
            "leader": {"enabled": True, "leaseDuration": "%ds" % LEASE_S,
                       "renewDeadline": "%ds" % RENEW_S,
                       "retryPeriod": "%dms" % (RETRY_S * 1000),
                       "address": "https://%s:8443" % name},
            "kubernetes": {"requestTimeout": "2s", **(kubernetes or {})}})
        self.name = name
        self.prefix = list(prefix)

    def spawn(self):
        with open(self.log_file, "ab") as log:
            return subprocess.Popen(self.prefix + [self.program, "--config", self.config_file],
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def begin(self):
        """Started and answering, as a leader or as a standby."""
        self.start(ready=False)
        until(self.name + " answers", self.role)
        return self

    def role(self):
        if self.process.poll() is not None:
            return None
        try:
            return self.get("/v1/status")["role"]
        except LOST:
            return None

    def leads(self):
        return self.role() == "leader"

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)


class Team:
    """The daemons of a row, asked as if they were one."""

    def __init__(self, world):
        self.world = world
        self.members = []

    def add(self, *arguments, **options):
        self.members.append(Member(self.world, *arguments, **options))
        return self.members[-1].begin()

    def leader(self):
        return until("somebody leads", lambda: next(
            (m for m in self.members if m.is_alive() and m.leads()), None))

    def end(self):
        for member in self.members:
            if member.is_alive():
                member.signal(signal.SIGCONT)
                member.kill()

    def ask(self, *arguments):
        """The first answer that is no standby's; LOST if nobody gives one."""
        for member in self.members:
            if not member.is_alive():
                continue
            try:
                status, answer, head = member.ask(*arguments)
            except LOST:
                continue
            if status != 503:
                return status, answer, head
        raise OSError("nobody answers")

    def get(self, path):
        status, answer, _ = self.ask("GET", path)
        if status != 200:
            raise AssertionError("GET %s: %d %s" % (path, status, answer))
        return answer


def insist(ask, statuses, seconds=PATIENCE_S):
    def once():
        try:
            status, answer = ask()[:2]
        except LOST:
            return None
        return (status, answer) if status in statuses else None
    return until("an answer of %s" % (statuses,), once, seconds)


class Client(threading.Thread):
    """Submits jobs, one after the other, whoever leads; its jobs are those that were acknowledged."""

    def __init__(self, team, name):
        super().__init__(daemon=True)
        self.team, self.name = team, name
        self.stop = threading.Event()
        self.chance = random.Random(name)
        self.jobs = {}
        self.problem = None

    def run(self):
        try:
            while not self.stop.is_set():
                self.submit("%s-%d" % (self.name, len(self.jobs)))
                time.sleep(self.chance.uniform(0, 0.1))
        except BaseException as error:  # pylint: disable=broad-except
            self.problem = error

    def submit(self, name):
        runtime = {"runtime": "%dms" % self.chance.randint(50, 1500)}
        kind = spark_job if self.chance.random() < 0.3 else pod_job
        body = json.dumps(kind(name, sim=runtime))
        head = {"Content-Type": "application/json", "Idempotency-Key": name}
        self.jobs[name] = insist(
            lambda: self.team.ask("POST", "/v1/jobs?file=job.yaml", body, head),
            (200, 201), 3 * PATIENCE_S)[1]["jobs"][0]["id"]


def with_load(world, act, clients=2):
    """Clients submit while act(team) does its worst; then the audit."""
    world.team = team = Team(world)
    try:
        team.add("a")
        team.leader()
        team.add("b")
        threads = [Client(team, "c%d" % n) for n in range(clients)]
        for thread in threads:
            thread.start()
        until("it runs", lambda: sum(len(thread.jobs) for thread in threads) > 10)
        try:
            act(team)
        finally:
            for thread in threads:
                thread.stop.set()
        for thread in threads:
            thread.join()
            if thread.problem is not None:
                raise thread.problem
        audit(world, {name: job for thread in threads for name, job in thread.jobs.items()})
    finally:
        team.end()
        for member in team.members:
            world.daemon.log_more.append("--- %s\n%s" % (member.name, member.log()[-4000:]))


def all_jobs(team):
    items, after = [], "0"
    while after:
        page = team.get("/v1/jobs?limit=500&continue=" + after)
        items += page["items"]
        after = page["continue"]
    return items


def settled(team):
    try:
        jobs = all_jobs(team)
    except LOST:
        return None
    return jobs if all(job["state"] in FINAL for job in jobs) else None


def audit(world, acknowledged):
    team = world.team
    team.leader()
    jobs = until("every job has ended", lambda: settled(team), 3 * PATIENCE_S)
    found = {job["name"]: job for job in jobs}
    if len(found) != len(jobs):
        raise AssertionError("a job is there twice")
    for name, job_id in acknowledged.items():
        if name not in found or found[name]["id"] != job_id:
            raise AssertionError("%s, acknowledged as job %d, is lost: %s" % (
                name, job_id, found.get(name)))
    for job in jobs:
        if (job["state"], job["attempts"]) != ("SUCCEEDED", 1):
            raise AssertionError((job, team.get("/v1/jobs/%d/events" % job["id"])["items"]))
    world.check_once()
    made = world.creations()
    if len(made) != len(jobs):
        raise AssertionError("%d jobs, %d main pods" % (len(jobs), len(made)))


def takes_over(member, began, most_s):
    until(member.name + " leads", lambda: member.role() == "leader", PATIENCE_S)
    took = time.monotonic() - began
    if took > most_s:
        raise AssertionError("%s led only after %.1f s, wanted %.1f" % (member.name, took, most_s))
    return took


def row(what, **options):
    def keep(function):
        def run(world):
            world.daemon.log_more = []
            function(world)
        return ROWS.row(what, start=False, daemon=LogKeeper, **options)(run)
    return keep


class LogKeeper(Nightshiftd):
    """Stands for the row's daemons where the row's end shows a log."""

    log_more = ()

    def log(self):
        return "".join(self.log_more)


# --- Peace ---------------------------------------------------------------------------------------

@row("one leads; the other is well, is not ready, and says whom to ask")
def two(world):
    team = Team(world)
    try:
        a = team.add("a")
        takes_over(a, time.monotonic(), PATIENCE_S)
        b = team.add("b")
        until("a is ready", lambda: a.ask("GET", "/readyz")[0] == 200)
        until("b has read the lease", lambda: b.get("/v1/status").get("leader"))
        if b.ask("GET", "/healthz")[0] != 200:
            raise AssertionError("b is not well")
        status, text, _ = b.ask("GET", "/readyz")
        if status != 503 or not re.search(r"standby: \S+ leads, at https://a:8443", text):
            raise AssertionError((status, text))
        status, answer = b.try_submit(pod_job())
        if status != 503 or "at https://a:8443; ask the leader" not in answer["error"]["message"]:
            raise AssertionError((status, answer))
        for path in ("/v1/jobs", "/v1/jobs/1", "/v1/jobs/1/why"):
            if b.ask("GET", path)[0] != 503:
                raise AssertionError(path)
        seen = {m.name: m.get("/v1/status") for m in team.members}
        lease = world.kube("GET", LEASES + "/nightshift")
        holder = lease["spec"]["holderIdentity"]
        if [seen[n]["role"] for n in "ab"] != ["leader", "standby"] or \
                [seen[n]["leader"] for n in "ab"] != [holder, holder] or \
                seen["b"]["leaderAddress"] != "https://a:8443" or \
                seen["b"]["leaseExpiresAt"] <= seen["b"]["now"]:
            raise AssertionError((seen, lease))
        if lease["spec"]["leaseDurationSeconds"] != LEASE_S:
            raise AssertionError(lease)
        for member, leads in ((a, 1), (b, 0)):
            if "\nnightshift_leader %d\n" % leads not in member.ask("GET", "/metrics")[1]:
                raise AssertionError(member.name)
        job_id = a.submit(pod_job())
        a.wait_final(job_id, "SUCCEEDED")
    finally:
        team.end()


@row("a leader that is told to go gives the lease away: nobody waits for it to run out")
def handed_over(world):
    def act(team):
        a, b = team.members
        began = time.monotonic()
        a.signal(signal.SIGTERM)
        # It drains first; the lease itself is taken within a try or two.
        takes_over(b, began, LEASE_S + SLACK_S)
        if a.wait() != 0:
            raise AssertionError("a ended with %d" % a.process.returncode)
        if "event=folder_claimed" in b.log() and "event=owner_ended" in b.log():
            raise AssertionError("b ended what was ending by itself")
    with_load(world, act)


@row("what others write into the lease's metadata stays")
def metadata(world):
    team = Team(world)
    world.kube("POST", LEASES, {
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "nightshift", "labels": {"owner": "ops"}}, "spec": {}})
    try:
        a = team.add("a")
        takes_over(a, time.monotonic(), PATIENCE_S)
        lease = world.kube("GET", LEASES + "/nightshift")
        if lease["metadata"]["labels"] != {"owner": "ops"} or \
                lease["metadata"]["annotations"]["nightshift/address"] != "https://a:8443":
            raise AssertionError(lease)
    finally:
        team.end()


@row("the lease is had, and a daemon without one has the queue: that is said, and waited for")
def queue_busy(world):
    team = Team(world)
    plain = Nightshiftd(world.programs["nightshiftd"], world.folder.name, world.sim.kubeconfig,
                        {"dataDir": os.path.join(world.folder.name, "data")})
    plain.start()
    try:
        a = team.add("a")
        until("a says so", lambda: re.search(
            r"has the lease and waits for the queue: .*another process has this queue open",
            a.ask("GET", "/readyz")[1]))
        plain.stop()
        takes_over(a, time.monotonic(), PATIENCE_S)
    finally:
        plain.process.kill()
        team.end()


# --- A leader dies -------------------------------------------------------------------------------

@row("killed: the other sees that it is dead, and takes over without waiting for the lease")
def killed(world):
    def act(team):
        a, b = team.members
        began = time.monotonic()
        a.kill()
        takes_over(b, began, LEASE_S)
        time.sleep(0.5)
        a.begin()
        began = time.monotonic()
        b.kill()
        takes_over(a, began, LEASE_S)
    with_load(world, act)


@row("stopped wherever it is: its lease runs out, it is ended, and wakes no more")
def stopped(world):
    def act(team):
        for _ in range(2):
            old = team.leader()
            new = next(m for m in team.members if m is not old)
            if not new.is_alive():
                new.begin()
            time.sleep(random.uniform(0, 0.5))
            began = time.monotonic()
            old.signal(signal.SIGSTOP)
            takes_over(new, began, LEASE_S + SLACK_S)
            old.signal(signal.SIGCONT)
            if old.wait() != -signal.SIGKILL:
                raise AssertionError("%s ended with %s" % (old.name, old.process.returncode))
            if "event=owner_ended" not in new.log():
                raise AssertionError(new.log())
    with_load(world, act)


def steal(world, holder):
    """Somebody else's hand on the lease, as a daemon of another machine would do it."""
    path = LEASES + "/nightshift"
    world.kube("PATCH", path, {"spec": {"holderIdentity": holder, "leaseTransitions": 9}},
               headers={"Content-Type": "application/merge-patch+json"})


def creations(world):
    return world.kube("GET", "/sim/stats")["requests"].get("create", {}).get("pods")


@row("stopped and woken when another has the lease: what waited to be sent is not, and it goes")
def wakes(world):
    team = Team(world)
    try:
        # A request a second: creations wait for their turn, and for this the pause gives tokens.
        a = team.add("a", kubernetes={"qps": 1, "burst": 12})
        takes_over(a, time.monotonic(), PATIENCE_S)
        for _ in range(30):
            a.submit(pod_job(cpu="10m"))
        until("some are made", lambda: creations(world))
        a.signal(signal.SIGSTOP)
        time.sleep(RENEW_S + 0.5)
        steal(world, "other")
        before = creations(world)
        a.signal(signal.SIGCONT)
        if a.wait() != STEPPED_DOWN:
            raise AssertionError("it ended with %d" % a.process.returncode)
        if before != creations(world) or before["201"] > 20:
            raise AssertionError((before, creations(world)))
        if "event=stepping_down" not in a.log():
            raise AssertionError(a.log())
    finally:
        team.end()


@row("stopped and woken with nobody else there: it renews its lease and goes on",
     sim=("--nodes", "1", "--node-cpu", "1"))
def wakes_alone(world):
    team = Team(world)
    try:
        a = team.add("a")
        takes_over(a, time.monotonic(), PATIENCE_S)
        first = a.submit(pod_job("first", cpu="900m", sim={"runtime": "1s"}))
        second = a.submit(pod_job("next", cpu="900m"))
        a.wait_state(first, "RUNNING")
        a.signal(signal.SIGSTOP)
        time.sleep(LEASE_S + 1)
        a.signal(signal.SIGCONT)
        a.wait_final(second, "SUCCEEDED")
        if "event=lease_expired" not in a.log() or "event=lease_renewed" not in a.log():
            raise AssertionError(a.log())
        world.check_once()
    finally:
        team.end()


@row("an owner that can't be ended from here, in another container, is waited for, and named")
def out_of_reach(world):
    prefix = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run(prefix + ["true"], capture_output=True, check=False).returncode != 0:
        prefix = ["unshare", "--user", "--map-root-user"] + prefix[1:]
        if subprocess.run(prefix + ["true"], capture_output=True, check=False).returncode != 0:
            print("SKIP: process namespaces are not permitted here", flush=True)
            return
    team = Team(world)
    try:
        a = team.add("a", prefix=prefix)
        takes_over(a, time.monotonic(), PATIENCE_S)
        job_id = a.submit(pod_job())
        a.wait_final(job_id, "SUCCEEDED")
        inner = int(subprocess.run(["pgrep", "-P", str(a.process.pid)], capture_output=True,
                                   check=True).stdout)
        b = team.add("b")
        os.kill(inner, signal.SIGSTOP)
        until("b says who is in the way", lambda: "in another container" in
              b.ask("GET", "/readyz")[1])
        os.kill(inner, signal.SIGCONT)
        takes_over(b, time.monotonic(), LEASE_S + SLACK_S)
        if b.job(job_id)["state"] != "SUCCEEDED" or a.wait() != STEPPED_DOWN:
            raise AssertionError((b.job(job_id), a.process.returncode))
    finally:
        team.end()


# --- The network is cut --------------------------------------------------------------------------

class Cable(threading.Thread):
    """A way to the API server that can be cut: then bytes go nowhere, and nobody is told."""

    def __init__(self, world, folder):
        super().__init__(daemon=True)
        self.target = (world.sim.host, world.sim.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.is_cut = False
        self.pairs = {}
        with open(world.sim.kubeconfig, encoding="utf-8") as file:
            text = file.read()
        self.kubeconfig = os.path.join(folder, "cable")
        with open(self.kubeconfig, "w", encoding="utf-8") as file:
            file.write(text.replace(":%d" % world.sim.port,
                                    ":%d" % self.listener.getsockname()[1]))
        os.chmod(self.kubeconfig, 0o600)
        self.start()

    def run(self):
        while True:
            if self.is_cut:
                time.sleep(0.05)
                continue
            ready, _, _ = select.select([self.listener, *self.pairs], [], [], 0.1)
            for sock in ready:
                if self.is_cut:
                    break
                if sock is self.listener:
                    inner = self.listener.accept()[0]
                    outer = socket.create_connection(self.target)
                    self.pairs[inner], self.pairs[outer] = outer, inner
                elif sock in self.pairs:
                    self.carry(sock)

    def carry(self, sock):
        try:
            data = sock.recv(65536)
            if data:
                self.pairs[sock].sendall(data)
                return
        except OSError:
            pass
        other = self.pairs.pop(sock)
        self.pairs.pop(other, None)
        sock.close()
        other.close()


def cut_row(world, cut, mend, **options):
    """The leader of a is cut off; b takes over; a goes by itself when b asks for the folder."""
    world.team = team = Team(world)
    try:
        a = team.add("a", **options)
        takes_over(a, time.monotonic(), PATIENCE_S)
        b = team.add("b")
        client = Client(team, "c")
        client.start()
        until("it runs", lambda: len(client.jobs) > 10)
        began = time.monotonic()
        cut()
        takes_over(b, began, LEASE_S + SLACK_S)
        if a.wait() != STEPPED_DOWN:
            raise AssertionError("a ended with %d" % a.process.returncode)
        if "event=owner_ended" in b.log():
            raise AssertionError("b did not wait for a to go by itself")
        mend()
        time.sleep(0.5)
        client.stop.set()
        client.join()
        if client.problem is not None:
            raise client.problem
        audit(world, client.jobs)
    finally:
        team.end()
        for member in team.members:
            world.daemon.log_more.append("--- %s\n%s" % (member.name, member.log()[-4000:]))


@row("cut off from the API server, it starts nothing, goes when it is asked, and the other takes over")
def cut_cable(world):
    cable = Cable(world, world.folder.name)

    def cut():
        cable.is_cut = True

    def mend():
        cable.is_cut = False
    cut_row(world, cut, mend, kubeconfig=cable.kubeconfig)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


def in_namespaces(world):
    """Runs where this process has a network of its own, and the leader one behind a cable."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
    LIVING.add(holder)
    try:
        inner = ["nsenter", "-t", str(holder.pid), "-n"]
        mine = os.readlink("/proc/self/ns/net")
        until("it has a network of its own",
              lambda: os.readlink("/proc/%d/ns/net" % holder.pid) != mine)
        ip("link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", str(holder.pid))
        ip("addr", "add", "10.77.0.1/24", "dev", "v0")
        ip("link", "set", "v0", "up")
        for words in (("addr", "add", "10.77.0.2/24", "dev", "v1"), ("link", "set", "v1", "up"),
                      ("link", "set", "lo", "up")):
            subprocess.run(inner + ["ip", *words], check=True, capture_output=True)
        with open(world.sim.kubeconfig, encoding="utf-8") as file:
            text = file.read()
        config = os.path.join(world.folder.name, "far")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text.replace("127.0.0.1:", "10.77.0.1:").replace(
                "    server:", "    tls-server-name: 127.0.0.1\n    server:"))
        os.chmod(config, 0o600)
        cut_row(world, lambda: ip("link", "set", "v0", "down"),
                lambda: ip("link", "set", "v0", "up"), kubeconfig=config, prefix=inner)
    finally:
        holder.kill()
        holder.wait()
        LIVING.discard(holder)


@row("cut off by network namespaces, the same", sim=("--listen", "0.0.0.0:0"))
def cut_namespace(world):
    if os.environ.get("NIGHTSHIFT_IN_NAMESPACE"):
        in_namespaces(world)
        return
    ways = [["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]]
    probe = ["sh", "-c", "ip link set lo up && ip link add p0 type veth peer name p1"]
    way = next((way for way in ways if subprocess.run(
        way + probe, capture_output=True, check=False).returncode == 0), None)
    if way is None:
        print("SKIP: network namespaces are not permitted here", flush=True)
        return
    programs = [world.programs["kubesim"], world.programs["nightshiftd"]]
    result = subprocess.run(
        way + ["sh", "-c", "ip link set lo up && exec \"$@\"", "sh", sys.executable, __file__,
               *programs, "network namespaces"],
        env={**os.environ, "NIGHTSHIFT_IN_NAMESPACE": "1"}, capture_output=True, text=True,
        check=False)
    if result.returncode != 0:
        raise AssertionError(result.stdout + result.stderr)


@row("with the API server away from everybody, the leader keeps its queue and takes submissions")
def server_away(world):
    team = Team(world)
    try:
        a = team.add("a")
        takes_over(a, time.monotonic(), PATIENCE_S)
        b = team.add("b")
        for resource in ("leases", "pods", "nodes", "resourcequotas", "limitranges"):
            world.sim.fault(fault="reset", resource=resource, count=-1)
        until("its lease has run out", lambda: a.ask("GET", "/readyz")[0] == 503)
        job_id = a.submit(pod_job())
        reason = a.wait_reason(job_id, "NotLeader")
        if "nothing is started" not in reason:
            raise AssertionError(reason)
        time.sleep(LEASE_S)
        world.kube("DELETE", "/sim/faults")
        leader = team.leader()
        until("the job has ended", lambda: insist(
            lambda: team.ask("GET", "/v1/jobs/%d" % job_id), (200,))[1]["state"] == "SUCCEEDED")
        if b.log().count("event=owner_ended") and leader is a:
            raise AssertionError(b.log())
        world.check_once()
    finally:
        team.end()


# --- All of it -----------------------------------------------------------------------------------

def storm(world, rounds, seed):
    """Leaders are killed, stopped for a while, stopped for good, and told to go, under load."""
    chance = random.Random(seed)

    def hit(team):
        old = team.leader()
        kind = chance.choice(["kill", "stop", "pause", "go"])
        if kind == "kill":
            old.kill()
        elif kind == "go":
            old.signal(signal.SIGTERM)
            old.wait()
        else:
            old.signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0, 2 * LEASE_S if kind == "stop" else RENEW_S))
            old.signal(signal.SIGCONT)
        for member in team.members:
            if not member.is_alive():
                member.begin()

    def act(team):
        team.add("c")
        for _ in range(rounds):
            hit(team)
            team.leader()
            time.sleep(chance.uniform(0, 1))
            for member in team.members:
                if not member.is_alive():
                    member.begin()
    with_load(world, act)


def main():
    programs, rest = table.programs_of(sys.argv[1:])
    rounds = int(rest.pop(0)) if rest and rest[0].isdigit() else 4
    seed = int(rest.pop(0)) if rest and rest[0].isdigit() else random.randrange(1 << 30)
    row("%d times killed, stopped, paused or told to go, three in turn: nothing is lost or done "
        "twice (seed %d)" % (rounds, seed))(lambda world: storm(world, rounds, seed))
    sys.exit(ROWS.run(programs, *rest, workers=6))


if __name__ == "__main__":
    main()
