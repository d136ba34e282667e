#!/usr/bin/env python3
"""nightshift spark-submit: what a command line of spark-submit's becomes. Source: Spark's documentation
of spark-submit, and what SparkSubmitArguments does; see docs/manual/spark-submit.md."""
import json
import os
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])
FOLDER = tempfile.mkdtemp(prefix="spark-submit-")
count = {"ok": 0, "failed": 0}

DEFAULTS = os.path.join(FOLDER, "conf")
os.makedirs(DEFAULTS)
with open(os.path.join(DEFAULTS, "spark-defaults.conf"), "w", encoding="utf-8") as out:
    out.write("# of the cluster\n"
              "spark.executor.memory   3g\n"
              "spark.eventLog.enabled  true\n"
              "spark.driver.memory=4g\n"
              "nightshift.team=from-defaults\n"
              "hive.metastore.uris thrift://x\n")
FILE = os.path.join(FOLDER, "job.properties")
with open(FILE, "w", encoding="utf-8") as out:
    out.write("spark.executor.memory=5g\n"
              "! a remark\n"
              "  spark.a : colon  \n"
              "spark.b\tblank and = sign\n"
              "spark.c=one \\\n      two\n"
              "spark.d=tab\\there\\u00e9\\ud83d\\ude00 \\q\n"
              "spark.e\n"
              "spark.f\\=g\\:h\\ i=j\n"
              "spark.g=path\\\\to\r\n"
              "spark.h=last")


def check(what, good, told=""):
    count["ok" if good else "failed"] += 1
    print("test %s: spark-submit: %s" % ("ok" if good else "failed", what))
    if not good:
        print("    | " + str(told).replace("\n", "\n    | "))


def run(*args, env=None):
    environment = {"PATH": os.environ["PATH"], "NIGHTSHIFT_SERVER": "unix:/does/not/exist"}
    environment.update(env or {})
    return subprocess.run([PROGRAM, "spark-submit", *args], env=environment, text=True, timeout=30,
                          capture_output=True)


def manifest(*args, env=None):
    done = run("--print-manifest", "-o", "json", *args, env=env)
    if done.returncode != 0:
        return {"error": done.stderr}
    return json.loads(done.stdout)


JAR = "local:///opt/app.jar"
MAIN = ("--class", "org.example.Main")


def file_of(name, text):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def conf_of(*args, env=None):
    made = manifest(*args, env=env)
    return made.get("spec", {}).get("spark", {}).get("sparkConf", made)


def conf_row(what, args, want, env=None):
    """The properties named in want are so; None: not there."""
    got = conf_of(*args, env=env)
    shown = {key: got.get(key) for key in want}
    check(what, shown == want, "got  %s\nwant %s\nof   %s" % (shown, want, got))


# --- From where a property comes --------------------------------------------------------------

env = {"SPARK_CONF_DIR": DEFAULTS}
conf_row("spark-defaults.conf counts", (*MAIN, JAR),
         {"spark.executor.memory": "3g", "spark.driver.memory": "4g", "spark.eventLog.enabled": "true",
          "hive.metastore.uris": None}, env)
conf_row("that of SPARK_HOME too", (*MAIN, JAR), {"spark.executor.memory": "3g"},
         {"SPARK_HOME": FOLDER})
conf_row("a properties file stands in its place", ("--properties-file", FILE, *MAIN, JAR),
         {"spark.executor.memory": "5g", "spark.driver.memory": None}, env)
conf_row("unless it is loaded too",
         ("--properties-file", FILE, "--load-spark-defaults", *MAIN, JAR),
         {"spark.executor.memory": "5g", "spark.driver.memory": "4g"}, env)
conf_row("--conf goes before the file, the last one wins",
         ("--conf", "spark.executor.memory=6g", "-c", "spark.executor.memory=7g",
          "--properties-file", FILE, *MAIN, JAR), {"spark.executor.memory": "7g"}, env)
conf_row("an option goes before --conf, wherever it stands",
         ("--executor-memory", "8g", "--conf", "spark.executor.memory=6g", *MAIN, JAR),
         {"spark.executor.memory": "8g"}, env)
conf_row("the environment comes last",
         (*MAIN, JAR), {"spark.executor.memory": "3g", "spark.executor.cores": "2"},
         dict(env, SPARK_EXECUTOR_MEMORY="9g", SPARK_EXECUTOR_CORES="2"))
conf_row("but for the folders for scratch files",
         ("--conf", "spark.local.dir=/a", *MAIN, JAR), {"spark.local.dir": "/b,/c"},
         {"SPARK_LOCAL_DIRS": "/b,/c"})
PYTHONS = {"PYSPARK_PYTHON": "/p3", "PYSPARK_DRIVER_PYTHON": "/d3"}
conf_row("the submitter's Pythons are the driver's", ("local:///a.py",),
         {"spark.kubernetes.driverEnv.PYSPARK_PYTHON": "/p3",
          "spark.kubernetes.driverEnv.PYSPARK_DRIVER_PYTHON": "/d3"}, PYTHONS)
conf_row("unless a property names one", ("--conf", "spark.pyspark.python=/own", "local:///a.py"),
         {"spark.kubernetes.driverEnv.PYSPARK_PYTHON": None,
          "spark.kubernetes.driverEnv.PYSPARK_DRIVER_PYTHON": None}, PYTHONS)
conf_row("and not those of a JVM's application", (*MAIN, JAR),
         {"spark.kubernetes.driverEnv.PYSPARK_PYTHON": None}, PYTHONS)
conf_row("YARN's keytab is as good",
         ("--conf", "spark.yarn.keytab=local:///k", "--conf", "spark.yarn.principal=p", *MAIN, JAR),
         {"spark.kerberos.keytab": "local:///k", "spark.kerberos.principal": "p"})
conf_row("a value keeps its = signs and blanks",
         ("--conf", "spark.driver.extraJavaOptions=-Da=b -Dc=' d '", *MAIN, JAR),
         {"spark.driver.extraJavaOptions": "-Da=b -Dc=' d '"})
conf_row("Java's way of writing properties",
         ("--properties-file", FILE, *MAIN, JAR),
         {"spark.a": "colon", "spark.b": "blank and = sign", "spark.c": "one two",
          "spark.d": "tab\thereé😀 q", "spark.e": "", "spark.f=g:h i": "j",
          "spark.g": "path\\to", "spark.h": "last"})
conf_row("each option is a property", (
    "--name", "My App", "--jars", "https://x/a.jar,local:///b.jar", "--py-files", "s3a://x/c.zip",
    "--files", "hdfs://n/d", "--archives", "https://x/e.tgz#e", "--packages", "g:a:1",
    "--exclude-packages", "g:b", "--repositories", "https://r", "--driver-memory", "1g",
    "--driver-cores", "2", "--executor-memory=2g", "--executor-cores=3", "--num-executors", "4",
    "--driver-class-path", "/p", "--driver-java-options", "-Xss1m", "--driver-library-path", "/l",
    *MAIN, JAR),
    {"spark.app.name": "My App", "spark.jars": "https://x/a.jar,local:///b.jar",
     "spark.submit.pyFiles": "s3a://x/c.zip", "spark.files": "hdfs://n/d",
     "spark.archives": "https://x/e.tgz#e", "spark.jars.packages": "g:a:1",
     "spark.jars.excludes": "g:b", "spark.jars.repositories": "https://r",
     "spark.driver.memory": "1g", "spark.driver.cores": "2", "spark.executor.memory": "2g",
     "spark.executor.cores": "3", "spark.executor.instances": "4",
     "spark.driver.extraClassPath": "/p", "spark.driver.extraJavaOptions": "-Xss1m",
     "spark.driver.extraLibraryPath": "/l"})
# Every option that spark-submit 3.5 and 4 print: the property it is, a value, and the variable that comes last.
OPTIONS = {
    "--master": ("spark.master", "k8s://h:1", "MASTER"),
    "--deploy-mode": ("spark.submit.deployMode", "cluster", "DEPLOY_MODE"),
    "--name": ("spark.app.name", "n", None),
    "--jars": ("spark.jars", "local:///j", None),
    "--py-files": ("spark.submit.pyFiles", "local:///p", None),
    "--files": ("spark.files", "local:///f", None),
    "--archives": ("spark.archives", "local:///a#b", None),
    "--packages": ("spark.jars.packages", "g:a:1", None),
    "--exclude-packages": ("spark.jars.excludes", "g:b", None),
    "--repositories": ("spark.jars.repositories", "https://r", None),
    "--driver-memory": ("spark.driver.memory", "2g", "SPARK_DRIVER_MEMORY"),
    "--driver-cores": ("spark.driver.cores", "2", None),
    "--executor-memory": ("spark.executor.memory", "3g", "SPARK_EXECUTOR_MEMORY"),
    "--executor-cores": ("spark.executor.cores", "3", "SPARK_EXECUTOR_CORES"),
    "--num-executors": ("spark.executor.instances", "4", None),
    "--driver-class-path": ("spark.driver.extraClassPath", "/c", None),
    "--driver-java-options": ("spark.driver.extraJavaOptions", "-Da=b", None),
    "--driver-library-path": ("spark.driver.extraLibraryPath", "/l", None),
    "--principal": ("spark.kerberos.principal", "p", None),
    "--keytab": ("spark.kerberos.keytab", "local:///k", None),
}
# What the others do is shown below, or above.
OTHERS = {"--class", "--conf", "--help", "--kill", "--load-spark-defaults", "--properties-file", "--proxy-user", "--queue",
          "--remote", "--status", "--supervise", "--total-executor-cores", "--verbose", "--version"}
HIGH = {key: value for key, value, _ in OPTIONS.values()}
LOW = {key: {"spark.master": "k8s://low:1"}.get(key, value + "0" if value.isdigit() else value)
       for key, value in HIGH.items()}
VARIABLES = {variable: HIGH[key] for key, _, variable in OPTIONS.values() if variable is not None}
given = [word for option, (_, value, _) in OPTIONS.items() for word in (option, value)]
low = ("--properties-file", file_of("low.properties", "".join("%s=%s\n" % pair for pair in LOW.items())))
by_conf = [word for pair in HIGH.items() for word in ("--conf", "%s=%s" % pair)]
low_conf = [word for pair in LOW.items() for word in ("--conf", "%s=%s" % pair)]
for what, args, env_given, want in (
        ("each is a property", given, {}, HIGH),
        ("each with =", ["%s=%s" % (option, value) for option, (_, value, _) in OPTIONS.items()], {}, HIGH),
        ("each before --conf", given + low_conf, {}, HIGH),
        ("each --conf before the file", by_conf + list(low), {}, HIGH),
        ("the file before the environment", low, VARIABLES, LOW),
        ("the environment last", (), VARIABLES, {key: HIGH[key] for key, _, name in OPTIONS.values() if name})):
    conf_row("options: " + what, (*args, *MAIN, JAR), want, env_given)
listed = set(word for line in run("--help").stdout.split("\n") for word in line.split()[:1] if word.startswith("--"))
check("there is no option of Spark's without a row", set(OPTIONS) | OTHERS == listed - {
    "--ca-file", "--dry-run", "--output", "--print-manifest", "--queue-NAME", "--server", "--token-file"}, listed)
conf_row("two executors, as spark-submit has it", (*MAIN, JAR), {"spark.executor.instances": "2"})
conf_row("unless they are allocated dynamically",
         ("--conf", "spark.dynamicAllocation.enabled=true", *MAIN, JAR),
         {"spark.executor.instances": None})

# --- The application --------------------------------------------------------------------------


def shape(made):
    spark = made.get("spec", {}).get("spark", {})
    metadata = made.get("metadata", {})
    return {"name": metadata.get("name"), "namespace": metadata.get("namespace"),
            "type": spark.get("type"), "class": spark.get("mainClass"),
            "file": spark.get("mainApplicationFile"), "arguments": spark.get("arguments"),
            "app": spark.get("sparkConf", {}).get("spark.app.name")}


for what, args, want in (
        ("a jar", (*MAIN, JAR, "--conf", "x", "a b", ""),
         {"name": "org-example-main", "type": "Scala", "class": "org.example.Main", "file": JAR,
          "arguments": ["--conf", "x", "a b", ""], "app": "org.example.Main"}),
        ("a Python file is named after itself", ("https://x/y/Word_Count.py", "in", "out"),
         {"name": "word-count-py", "type": "Python", "class": None,
          "arguments": ["in", "out"], "app": "Word_Count.py"}),
        ("R", ("local:///a.R",), {"type": "R", "name": "a-r"}),
        ("no file of its own", ("--class", "C", "spark-internal"), {"file": "spark-internal"}),
        ("a name of its own", ("--name", "7 Nächte – Lauf!", *MAIN, JAR),
         {"name": "spark-7-n-chte-lauf", "app": "7 Nächte – Lauf!"}),
        ("a long name is cut", ("--name", "x" * 100, *MAIN, JAR), {"name": "x" * 63}),
        ("a namespace", ("--conf", "spark.kubernetes.namespace=team-a", *MAIN, JAR),
         {"namespace": "team-a"}),
):
    found = manifest(*args)
    got = shape(found)
    check(what, all(got[key] == value for key, value in want.items()),
          "got %s\nwant %s\nof %s" % (got, want, found))

made = manifest("--queue-team", "etl", "--conf", "nightshift.window=nightly", "--conf",
                "nightshift.team=other", "--queue-expected-runtime=2h", *MAIN, JAR, env=env)
check("the queue's fields, options first",
      made["metadata"]["annotations"] == {"nightshift/team": "etl", "nightshift/window": "nightly",
                                          "nightshift/expected-runtime": "2h"}, made)
made = manifest("--proxy-user", "bob", *MAIN, JAR)
check("a proxy user", made["spec"]["spark"]["proxyUser"] == "bob", made)

# --- Pod templates ----------------------------------------------------------------------------


TEMPLATE = file_of("driver.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {a: 'yes', b: on}\n"
                   "spec:\n  priorityClassName: high\n  containers:\n  - name: main\n"
                   "    env: [{name: E, value: \"5\"}]\n")
made = manifest("--conf", "spark.kubernetes.driver.podTemplateFile=" + TEMPLATE, "--conf",
                "spark.kubernetes.executor.podTemplateFile=file://" + TEMPLATE, *MAIN, JAR)
want = {"metadata": {"labels": {"a": "yes", "b": "on"}},
        "spec": {"priorityClassName": "high",
                 "containers": [{"name": "main", "env": [{"name": "E", "value": "5"}]}]}}
check("pod templates are read here", made["spec"]["spark"].get("driver") == {"template": want} and
      made["spec"]["spark"].get("executor") == {"template": want}, made)
for what, value, words in (
        ("a template that is not there", "/does/not/exist", "/does/not/exist"),
        ("a template elsewhere", "s3a://b/t.yaml", "download it first"),
        ("a template that is no YAML", file_of("bad.yaml", "a: [1\n"), "bad.yaml:2:1"),
        ("a template of another kind", file_of("job.yaml", "kind: Job\n"), "not one Pod"),
        ("two templates", file_of("two.yaml", "kind: Pod\n---\nkind: Pod\n"), "not one Pod"),
):
    done = run("--print-manifest", "--conf", "spark.kubernetes.driver.podTemplateFile=" + value, *MAIN, JAR)
    check("refused: " + what, done.returncode == 3 and words in done.stderr,
          "%d %s" % (done.returncode, done.stderr))

# --- Files of this machine --------------------------------------------------------------------


def folder_of(name, files):
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.join(path, "a folder"))
    for key, text in files.items():
        with open(os.path.join(path, key), "wb") as out:
            out.write(text)
    return path


SPARK = folder_of("spark-conf", {"log4j2.properties": b"a=b\n", "spark-env.sh": b"x", "spark-defaults.conf": b"",
                                 "metrics.properties.template": b"x", "core.jar": b"x", "binary": b"\xff\xfe"})
HADOOP = folder_of("hadoop-conf", {"core-site.xml": b"<x/>", "hdfs-site.xml": b"<y/>"})
made = manifest("--conf", "spark.kubernetes.kerberos.krb5.path=" + file_of("krb5.conf", "[libdefaults]"), *MAIN,
                JAR, env={"SPARK_CONF_DIR": SPARK, "HADOOP_CONF_DIR": HADOOP})
check("files of this machine are taken along", made["spec"]["spark"].get("localFiles") == {
    "sparkConf": {"log4j2.properties": "a=b\n", "spark-env.sh": "x"},
    "hadoopConf": {"core-site.xml": "<x/>", "hdfs-site.xml": "<y/>"},
    "krb5Conf": {"krb5.conf": "[libdefaults]"}}, made)
for what, args, given, words in (
        ("Hadoop's files and a ConfigMap of them", ("--conf", "spark.kubernetes.hadoop.configMapName=m"),
         {"HADOOP_CONF_DIR": HADOOP}, "HADOOP_CONF_DIR is set"),
        ("a file of Hadoop's that is no text", (), {"HADOOP_CONF_DIR": SPARK}, "binary can't be read"),
        ("a krb5.conf that is not there", ("--conf", "spark.kubernetes.kerberos.krb5.path=/does/not/exist"), {},
         "/does/not/exist"),
):
    done = run("--print-manifest", *args, *MAIN, JAR, env=given)
    check("refused: " + what, done.returncode == 3 and words in done.stderr,
          "%d %s" % (done.returncode, done.stderr))

# --- Secrets ----------------------------------------------------------------------------------

SECRETS = folder_of("secrets", {"a.keytab": b"\x05\x02keys", "ca.crt": b"CA", "t": b"hush\n", "empty": b"",
                                "large": b"x" * (128 * 1024 + 1)})
AUTH = "spark.kubernetes.authenticate."
made = manifest("--principal", "p", "--keytab", SECRETS + "/a.keytab", "--conf", AUTH + "driver.caCertFile=" + SECRETS
                + "/ca.crt", "--conf", AUTH + "driver.oauthToken=hush", "--conf", AUTH + "submission.oauthToken=hush",
                "--conf", AUTH + "driver.mounted.clientKeyFile=/k", *MAIN, JAR)
check("secrets are packed under Spark's names, and not printed", made["spec"]["spark"].get("localFiles") == {
    "keytab": {"a.keytab": "<present_but_redacted>"},
    "driverCredentials": {"ca-cert": "<present_but_redacted>", "oauth-token": "<present_but_redacted>"}}, made)
check("tokens are no properties", "hush" not in json.dumps(made) and
      made["spec"]["spark"]["sparkConf"][AUTH + "driver.oauthToken"] == "<present_but_redacted>" and
      made["spec"]["spark"]["sparkConf"][AUTH + "submission.oauthToken"] == "<present_but_redacted>", made)
made = manifest("--principal", "p", "--keytab", "local:///k", "--conf", AUTH + "driver.oauthTokenFile=" + SECRETS
                + "/t", *MAIN, JAR)
check("a token's file, and a keytab of the image", made["spec"]["spark"].get("localFiles") == {
    "driverCredentials": {"oauth-token": "<present_but_redacted>"}}, made)
for what, args, words in (
        ("a keytab that is not there", ("--principal", "p", "--keytab", "/does/not/exist"), "/does/not/exist"),
        ("an empty keytab", ("--principal", "p", "--keytab", SECRETS + "/empty"), "is empty"),
        ("a large keytab", ("--principal", "p", "--keytab", SECRETS + "/large"), "at most 128 KiB"),
        ("a keytab without an end", ("--principal", "p", "--keytab", "/dev/zero"), "at most 128 KiB"),
        ("a folder", ("--conf", AUTH + "driver.caCertFile=" + SECRETS), "caCertFile: " + SECRETS),
        ("two tokens", ("--conf", AUTH + "driver.oauthToken=a", "--conf", AUTH + "driver.oauthTokenFile=b"),
         "which token"),
):
    done = run("--print-manifest", *args, *MAIN, JAR)
    check("refused: " + what, done.returncode == 3 and words in done.stderr,
          "%d %s" % (done.returncode, done.stderr))

# --- What is refused --------------------------------------------------------------------------

for what, args, words in (
        ("nothing to run", (), "no application"),
        ("an unknown option", ("--drver-memory", "1g", JAR), "did you mean --driver-memory?"),
        ("an option without its value", ("--conf",), "--conf needs a value"),
        ("--conf without =", ("--conf", "a", JAR), "write it as KEY=VALUE"),
        ("client mode", ("--deploy-mode", "client", *MAIN, JAR), "runs in the cluster here"),
        ("client mode by a property", ("--conf", "spark.submit.deployMode=client", *MAIN, JAR),
         "runs in the cluster here"),
        ("no such mode", ("--deploy-mode", "Cluster", *MAIN, JAR), "must be cluster"),
        ("another master", ("--master", "yarn", *MAIN, JAR), "must begin with k8s://"),
        ("no class", (JAR,), "--class is missing"),
        ("client mode by the environment, whatever else there is", ("--driver-memory", "1g", "CLIENT", *MAIN, JAR),
         "DEPLOY_MODE"),
        ("a shell", ("--class", "x", "pyspark-shell"), "stay with Spark's own"),
        ("Spark Connect", ("--remote", "sc://h", *MAIN, JAR), "Spark Connect"),
        ("no such file", ("--properties-file", "/does/not/exist", *MAIN, JAR), "/does/not/exist"),
):
    done = run(*[word for word in args if word != "CLIENT"], env={"DEPLOY_MODE": "client"} if "CLIENT" in args else None)
    check("refused: " + what, done.returncode == 2 and words in done.stderr,
          "%d %s" % (done.returncode, done.stderr))
for what, args, words in (
        ("a jar of this machine", (*MAIN, "app.jar"), "the application app.jar: files of this machine"),
        ("with a scheme", (*MAIN, "file:///app.jar"), "files of this machine can't be uploaded"),
        ("among the jars", ("--jars", "https://x/a.jar,b.jar", *MAIN, JAR), "--jars b.jar"),
        ("text that is none", ("--name", b"\xff", *MAIN, JAR), "not UTF-8"),
):
    done = run("--print-manifest", *args)
    check("refused: " + what, done.returncode == 3 and words in done.stderr,
          "%d %s" % (done.returncode, done.stderr))
BAD = os.path.join(FOLDER, "bad.properties")
for text, words in (("spark.a=1\nspark.b=\\u12x4\n", "line 2: \\u needs"),
                    ("spark.a=\\ud800x\n", "line 1: half a character"),
                    ("spark.a=\\u0000\n", "line 1: a NUL character")):
    with open(BAD, "w", encoding="utf-8") as out:
        out.write(text)
    done = run("--properties-file", BAD, *MAIN, JAR)
    check("refused: " + words, done.returncode == 2 and BAD in done.stderr and words in done.stderr,
          done.stderr)

# --- The rest ---------------------------------------------------------------------------------

done = run(*MAIN, JAR)
check("no daemon", done.returncode == 5 and "/does/not/exist" in done.stderr, done.stderr)
done = run("--queue", "default", "--supervise", "--total-executor-cores", "5", "--print-manifest", *MAIN, JAR)
check("what Kubernetes does not use is told and left out",
      done.returncode == 0 and done.stderr.count("is ignored") == 3, done.stderr)
done = run("--verbose", "--print-manifest", "--conf", "spark.hadoop.fs.s3a.secret.key=hush", *MAIN, JAR)
check("-v tells what was understood, and no secrets",
      "application: local:///opt/app.jar" in done.stderr and "hush" not in done.stderr, done.stderr)
done = run("--help")
check("--help", done.returncode == 0 and "--num-executors N" in done.stdout, done.stdout)
done = run("--version")
check("--version", done.returncode == 0 and "nightshift" in done.stdout, done.stdout)

print("%(ok)d passed, %(failed)d failed, 0 skipped" % count)
sys.exit(1 if count["failed"] else 0)
