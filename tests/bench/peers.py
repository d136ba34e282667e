"""The queues that durable submissions are measured against, each in a folder and on a port or
socket of its own, from Debian's packages. As root, what is missing is installed, and said."""
import glob
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time

from rig import Failed, stop

POLICY = "/usr/sbin/policy-rc.d"  # Debian asks it whether a package may start its service


class Missing(Exception):
    """A peer that can't be had here; why."""


def find_program(pattern):
    """PATH, and where Debian hides servers."""
    for place in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/usr/local/sbin"]:
        found = sorted(glob.glob(os.path.join(place, pattern)))
        if found:
            return found[-1]
    found = sorted(glob.glob(pattern))
    return found[-1] if found else None


def install(packages):
    """Installs what is missing, without starting any service."""
    said = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n"] + packages,
                          capture_output=True, text=True).stdout
    missing = [name for name in packages if "installed %s\n" % name not in said]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing("not installed: Debian's packages " + " ".join(missing))
    print("bench: installing Debian's packages %s, for the comparison alone (their services are "
          "not started)" % " ".join(missing), file=sys.stderr, flush=True)
    ours = not os.path.exists(POLICY)
    if ours:
        with open(POLICY, "w") as file:
            file.write("#!/bin/sh\nexit 101\n")
        os.chmod(POLICY, 0o755)
    try:
        done = subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends"] +
                              missing, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    finally:
        if ours:
            os.unlink(POLICY)
    if done.returncode != 0:
        raise Missing("apt-get can't install %s: %s" % (" ".join(missing),
                                                        done.stderr.strip()[-300:]))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(is_there, what, process, log, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_there():
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    with open(log, errors="replace") as file:
        raise Missing("%s does not start: %s" % (what, file.read()[-400:].strip()))


def answers(address):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.connect(address)
            return True
        except OSError:
            return False


class Peer:
    """One that listens: start() in a folder, then options() for submit_load."""
    packages = []
    name = protocol = None

    def __init__(self, folder):
        self.folder = os.path.join(folder, self.protocol)
        self.process = None

    def start(self):
        install(self.packages)
        os.mkdir(self.folder)
        self.open()

    def spawn(self, command, address, user=None):
        log = os.path.join(self.folder, "log")
        with open(log, "wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, cwd=self.folder,
                                            stdin=subprocess.DEVNULL, user=user,
                                            extra_groups=[] if user else None)
        wait_for(lambda: answers(address), self.name, self.process, log)

    def stop(self):
        stop(self.process)


class Beanstalkd(Peer):
    """-f 0: a sync before each answer."""
    name, protocol, packages = "beanstalkd -f 0", "beanstalkd", ["beanstalkd"]

    def open(self):
        self.port = free_port()
        self.spawn([find_program("beanstalkd"), "-l", "127.0.0.1", "-p", str(self.port), "-b",
                    self.folder, "-f", "0"], ("127.0.0.1", self.port))

    def options(self):
        return {"port": self.port}


class Redis(Peer):
    """An append-only file that is synced before each answer; no other persistence."""
    name, protocol, packages = "Redis, appendfsync always", "redis", ["redis-server"]

    def open(self):
        self.socket = os.path.join(self.folder, "s")
        self.spawn([find_program("redis-server"), "--port", "0", "--unixsocket", self.socket,
                    "--dir", self.folder, "--appendonly", "yes", "--appendfsync", "always",
                    "--save", "", "--daemonize", "no"], self.socket)

    def options(self):
        return {"socket": self.socket}


class PostgreSQL(Peer):
    """Debian's defaults (fsync and synchronous_commit are on), and the table of a queue that
    workers take from with SKIP LOCKED."""
    name, protocol, packages = "PostgreSQL, a SKIP LOCKED table", "postgresql", ["postgresql"]
    TABLE = ("CREATE TABLE jobs (id bigserial PRIMARY KEY, taken_at timestamptz, "
             "payload text NOT NULL);\n"
             "CREATE INDEX waiting ON jobs (id) WHERE taken_at IS NULL;\n")

    def open(self):
        folder = find_program("/usr/lib/postgresql/*/bin")
        user = None
        if os.geteuid() == 0:  # It refuses to run as root.
            user = "postgres" if has_user("postgres") else "nobody"
            shutil.chown(self.folder, user)
        data = os.path.join(self.folder, "data")
        made = subprocess.run([os.path.join(folder, "initdb"), "-D", data, "-U", "bench", "-A",
                               "trust", "--no-sync"], capture_output=True, text=True, user=user,
                              extra_groups=[] if user else None, cwd=self.folder)
        if made.returncode != 0:
            raise Missing("initdb: " + made.stderr[-300:])
        self.socket = os.path.join(self.folder, ".s.PGSQL.5432")
        self.spawn([os.path.join(folder, "postgres"), "-D", data, "-k", self.folder, "-c",
                    "listen_addresses=", "-c", "max_connections=300"], self.socket, user)
        self.wait_for_sql(os.path.join(folder, "psql"))

    def wait_for_sql(self, psql):
        for _ in range(100):
            said = subprocess.run([psql, "-h", self.folder, "-U", "bench", "-d", "postgres", "-q",
                                   "-v", "ON_ERROR_STOP=1"], input=self.TABLE, text=True,
                                  capture_output=True)
            if said.returncode == 0:
                return
            time.sleep(0.1)
        raise Missing("psql: " + said.stderr[-300:])

    def options(self):
        return {"socket": self.socket}


def has_user(name):
    try:
        pwd.getpwnam(name)
        return True
    except KeyError:
        return False


SLURM_CONF = """\
ClusterName=bench
SlurmctldHost=%(host)s(127.0.0.1)
SlurmctldPort=%(port)d
SlurmdPort=%(other_port)d
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=%(folder)s/munge.socket
CredType=cred/munge
StateSaveLocation=%(folder)s/state
SlurmctldPidFile=%(folder)s/slurmctld.pid
SlurmdSpoolDir=%(folder)s/spool
SlurmctldLogFile=%(folder)s/log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/builtin
SelectType=select/linear
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MaxJobCount=1000000
NodeName=none CPUs=1 State=UNKNOWN
PartitionName=all Nodes=none Default=YES MaxTime=INFINITE State=UP
"""


class Slurm(Peer):
    """slurmctld without a node to run on; sbatch, a program started for each job. Its answer does
    not mean that the job is on disk: slurmctld saves its state now and then."""
    name, protocol = "Slurm, sbatch (its answer is not durable)", "slurm"
    packages = ["slurmctld", "slurm-client", "munge"]
    durable = False

    def open(self):
        if os.geteuid() != 0:
            raise Missing("slurmctld and munged are run as root here")
        self.munged = None
        os.mkdir(os.path.join(self.folder, "state"))
        with open(os.path.join(self.folder, "key"), "wb") as file:
            file.write(os.urandom(1024))
        os.chmod(os.path.join(self.folder, "key"), 0o600)
        self.start_munged()
        self.port = free_port()
        self.conf = os.path.join(self.folder, "slurm.conf")
        with open(self.conf, "w") as file:
            file.write(SLURM_CONF % {"host": socket.gethostname(), "folder": self.folder,
                                     "port": self.port, "other_port": free_port()})
        self.spawn([find_program("slurmctld"), "-D", "-f", self.conf], ("127.0.0.1", self.port))
        self.submit(1, 1)

    def start_munged(self):
        path = os.path.join(self.folder, "munge.socket")
        log = os.path.join(self.folder, "munge.out")
        with open(log, "wb") as out:
            self.munged = subprocess.Popen(
                [find_program("munged"), "--foreground", "--force", "--key-file",
                 os.path.join(self.folder, "key"), "--socket", path, "--pid-file",
                 os.path.join(self.folder, "munge.pid"), "--seed-file",
                 os.path.join(self.folder, "seed")], stdout=out, stderr=out, cwd=self.folder)
        wait_for(lambda: answers(path), "munged", self.munged, log)

    def submit(self, clients, jobs):
        """Seconds for so many jobs from so many at once."""
        began = time.monotonic()
        done = subprocess.run(
            ["xargs", "-P", str(clients), "-n", "1", "-I", "{}", find_program("sbatch"),
             "--parsable", "--output=/dev/null", "--job-name=job-{}", "--wrap=true"],
            input="\n".join(map(str, range(jobs))), text=True, capture_output=True,
            env=dict(os.environ, SLURM_CONF=self.conf))
        if done.returncode != 0:
            raise Missing("sbatch: " + (done.stderr or done.stdout)[-300:].strip())
        return time.monotonic() - began

    def stop(self):
        super().stop()
        stop(self.munged)


PEERS = [Beanstalkd, Redis, PostgreSQL, Slurm]


def start_all(folder):
    """The peers that run, and why the others don't: name to words."""
    running, missing = [], {}
    for kind in PEERS:
        peer = kind(folder)
        try:
            peer.start()
            running.append(peer)
        except (Missing, Failed, OSError, TypeError) as why:
            missing[kind.name] = str(why)
            try:
                peer.stop()
            except (OSError, AttributeError):
                pass
    return running, missing
