#!/usr/bin/env python3
"""nightshift-replay as people use it: figures worked out by hand, and the public traces if present."""
import gzip
import json
import os
import subprocess
import sys
import tempfile
import xml.dom.minidom

REPLAY = os.path.abspath(sys.argv[1])
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TRACES = os.path.join(os.path.dirname(ROOT), "shared", "traces")

failed = 0


def run(*arguments, code=0):
    done = subprocess.run([REPLAY, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def figures(*arguments):
    return json.loads(run(*arguments, "-o", "json").stdout)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def line(submit, runtime, cpu, team="a", **more):
    return json.dumps({"submit": submit, "runtime": runtime, "team": team, "pods": [{"cpu": cpu}],
                       **more}) + "\n"


def near(got, want):
    assert abs(got - want) < 1e-6, (got, want)


def test_figures_by_hand(folder):
    """One processor pair; the second job waits 100 s, the third (1 s long) 200 s."""
    trace = write(folder, "t", line(0, 100, 2) + line(0, 100, 2, "b") + line(0, 1, 1, "b") +
                  line(300, 100, 2))
    row = figures(trace, "--nodes", "1x2", "--policies", "fifo")["policies"][0]
    near(row["waitSeconds"]["mean"], 75)
    near(row["waitSeconds"]["p50"], 0)
    near(row["waitSeconds"]["p95"], 200)
    near(row["boundedSlowdown"]["mean"], (1 + 2 + 201 / 10 + 1) / 4)
    near(row["utilisation"], (200 + 200 + 1) / 600)
    near(row["lossOfCapacity"], 0)
    near(row["makespanSeconds"], 400)
    team = row["teams"][1]
    assert team["team"] == "b" and team["jobs"] == 2, team
    near(team["cpuHours"], 201 / 3600)
    near(team["waitMeanSeconds"], 150)


def test_executors_are_not_missed(folder):
    """A driver runs on for hours: its executors are there, though none of them does anything."""
    trace = write(folder, "t", json.dumps({"submit": 0, "runtime": 7200, "pods": [
        {"cpu": 1}, {"count": 3, "cpu": 1}]}) + "\n")
    row = figures(trace, "--nodes", "1x4", "--policies", "fifo")["policies"][0]
    near(row["makespanSeconds"], 7200)


def test_fairness_by_hand(folder):
    """On the first day a gets the machine for 18 hours and b for 6 (it asked for 24): fair would be
    12 each, so a got 1.5 of its due, b half: 2^2 / (2 * 2.5)."""
    trace = write(folder, "t", line(0, 18 * 3600, 1) + line(0, 18 * 3600, 1, "b") +
                  line(86399, 1, 1))
    row = figures(trace, "--nodes", "1x1", "--policies", "fifo")["policies"][0]
    near(row["fairness"]["jain"], 0.8)
    assert row["fairness"]["daysContended"] == 1


def test_quotas_and_clusters(folder):
    cluster = write(folder, "c.yaml", "nodes:\n- {name: n, count: 2, cpu: 4}\n"
                    "quotas:\n- {namespace: a, hard: {requests.cpu: 2}}\n")
    trace = write(folder, "t", line(0, 10, 2, namespace="a") * 2)
    report = figures(trace, "--cluster", cluster, "--policies", "fifo")
    near(report["processors"], 8)
    near(report["policies"][0]["waitSeconds"]["mean"], 5)


def test_backfill_and_shares_by_hand(folder):
    """Two processors. EASY lets the short c, not the long d, past b, which waits for both; fair
    share lets the team that has had nothing go before the one that has."""
    trace = write(folder, "t", line(0, 100, 1, "a", expected=100) +
                  line(1, 100, 2, "b", expected=100) + line(2, 150, 1, "d", expected=150) +
                  line(3, 50, 1, "c", expected=50))
    waits = {}
    for row in figures(trace, "--nodes", "1x2", "--policies", "fifo,easy")["policies"]:
        waits[row["policy"]] = {team["team"]: team["waitMeanSeconds"] for team in row["teams"]}
    assert waits["fifo"] == {"a": 0, "b": 99, "c": 197, "d": 198}, waits
    assert waits["easy"] == {"a": 0, "b": 99, "c": 0, "d": 198}, waits

    trace = write(folder, "u", line(0, 100, 1, "a") + line(1, 100, 1, "a") + line(2, 100, 1, "b"))
    waits = {row["policy"]: row["teams"][1]["waitMeanSeconds"]
             for row in figures(trace, "--nodes", "1x1", "--policies", "fifo,fair")["policies"]}
    assert waits == {"fifo": 198, "fair": 98}, waits


def test_teams_come_from_the_configuration(folder):
    """Of two teams with equal histories and work, the one that weighs three times as much has
    three quarters of the machine."""
    config = write(folder, "nightshift.yaml",
                   "teams:\n- {name: a, weight: 3}\n- {name: b, weight: 1}\n")
    trace = write(folder, "t", "".join(line(0, 100, 1, team) for team in "ab" * 200))
    row = figures(trace, "--nodes", "1x4", "--policies", "fair", "--config", config)["policies"][0]
    a, b = row["teams"]
    assert (a["weight"], b["weight"]) == (3, 1)
    # a's 200 jobs are through after 200 / 3 rounds, in which b's 67 are; then b has all four.
    assert abs(a["waitMeanSeconds"] - 3300) < 200, a
    assert abs(b["waitMeanSeconds"] - (67 * 3300 + 133 * 8300) / 200) < 300, b


def test_windows_and_classes_come_from_the_configuration(folder):
    """The trace begins at midnight, so the window opens after 6 h; the urgent one comes last."""
    config = write(folder, "nightshift.yaml",
                   "windows:\n- {name: morning, zone: UTC, open: '06:00', close: '07:00'}\n"
                   "priorityClasses:\n- {name: urgent, tier: 10}\n")
    trace = write(folder, "t", line(0, 100, 1, "a", window="morning") + line(0, 100, 1, "b") +
                  line(0, 100, 1, "c") + line(0, 100, 1, "d", priorityClass="urgent") +
                  line(0, 7200, 1, "e", window="morning", expected=7200))
    row = figures(trace, "--nodes", "1x1", "--policies", "priority", "--config", config)
    row = row["policies"][0]
    waits = {team["team"]: team["waitMeanSeconds"] for team in row["teams"]}
    assert (waits["a"], waits["d"]) == (6 * 3600, 0), waits
    assert sorted((waits["b"], waits["c"])) == [100, 200], waits
    assert row["refused"] == 1, row


def test_what_is_wrong_is_said(folder):
    trace = write(folder, "t", line(0, 10, 2))
    bad = write(folder, "bad", line(0, 10, 2) + line(-1, 10, 2))
    windowed = write(folder, "w", line(0, 10, 2, window="nightly"))
    classy = write(folder, "p", line(0, 10, 2, priorityClass="gold"))
    cluster = write(folder, "c.yaml", "nodes:\n- {name: n, cpu: lots}\n")
    machines = write(folder, "m", "0 zewura 20\n")
    rows = [
        ((trace,), 1, "does not say how large"),
        ((bad, "--nodes", "1x2"), 1, bad + ':2: "submit" must be seconds'),
        ((trace, "--cluster", cluster), 1, "c.yaml:2:18: nodes[0].cpu"),
        ((trace, "--machines", machines), 1, "m:1:1: must be id, name"),
        ((trace, "--nodes", "1x2", "--config", cluster), 1, "c.yaml:1:1: nodes: unknown"),
        ((windowed, "--nodes", "1x2"), 1, "nightly"),
        ((classy, "--nodes", "1x2"), 1, 'priorityClass "gold" is not in the configuration'),
        ((trace, "--nodes", "many"), 1, "--nodes must be like"),
        ((trace, "--policies", "lifo"), 2, 'no policy "lifo"'),
        ((trace, "--load", "0"), 2, "--load: can't use"),
        ((), 2, "which trace?"),
        (("/nowhere",), 1, "/nowhere: No such file"),
    ]
    for arguments, code, text in rows:
        done = run(*arguments, code=code)
        assert text in done.stderr, (arguments, done.stderr)


def test_what_does_not_fit_is_refused(folder):
    trace = write(folder, "t", line(0, 10, 2) + line(0, 10, 9))
    row = figures(trace, "--nodes", "2x2", "--policies", "fifo")["policies"][0]
    assert (row["jobs"], row["refused"], row["leftOver"]) == (1, 1, 0), row


def test_equal_seeds_give_equal_bytes(folder):
    first = run("--generate", 200, "--seed", 7).stdout
    assert first == run("--generate", 200, "--seed", 7).stdout
    assert first != run("--generate", 200, "--seed", 8).stdout
    trace = os.path.join(folder, "t.gz")
    with gzip.open(trace, "wt") as file:
        file.write(first)
    reports = [run(trace, "--nodes", "8x16x64Gi", "--load", "0.9", "-o", "json").stdout
               for _ in range(2)]
    assert reports[0] == reports[1]
    assert [row["policy"] for row in json.loads(reports[0])["policies"]] == [
        "fifo", "priority", "easy", "conservative", "fair", "fair+backfill"]
    for row in json.loads(reports[0])["policies"]:
        assert row["jobs"] == 200 and row["leftOver"] == 0, row
        assert 0 < row["utilisation"] <= 1 and 0 < row["fairness"]["jain"] <= 1, row


def test_the_example_is_ours(folder):
    with open(os.path.join(ROOT, "examples", "trace.jsonl")) as file:
        assert file.read() == run("--generate", 300).stdout


def test_forecasts_by_hand(folder):
    """b is told that it starts when a is expected to end; a runs half as long."""
    trace = write(folder, "t", line(0, 100, 1, "a", expected=200, name="a") +
                  line(1, 10, 1, "b", expected=10, name="b"))
    row = figures(trace, "--nodes", "1x1", "--policies", "fifo", "--forecasts", 2)["policies"][0]
    assert row["forecast"] == {"jobs": 1, "unknown": 0, "errorMeanSeconds": 100.0,
                               "errorP50Seconds": 100.0, "waitMeanSeconds": 99.0}, row["forecast"]
    trace = write(folder, "u", line(0, 100, 1, "a", name="a") + line(1, 10, 1, "b", name="b"))
    row = figures(trace, "--nodes", "1x1", "--policies", "fifo", "--forecasts", 2)["policies"][0]
    assert (row["forecast"]["jobs"], row["forecast"]["unknown"]) == (1, 1), row["forecast"]


def test_plot_is_a_picture(folder):
    trace = write(folder, "t", run("--generate", 100).stdout)
    plot = os.path.join(folder, "p.svg")
    run(trace, "--nodes", "4x16x64Gi", "--plot", plot)
    picture = xml.dom.minidom.parse(plot)
    assert len(picture.getElementsByTagName("path")) >= 4


def test_public_traces(folder):
    if not os.path.isdir(TRACES):
        print("skipped: there are no public traces at ../shared/traces", flush=True)
        return
    cerit = os.path.join(TRACES, "cerit-sc-2013")
    for arguments in (
            (os.path.join(TRACES, "nasa-ipsc-1993.swf.gz"), "--load", "0.7"),
            (cerit + ".swf.gz", "--machines", cerit + ".machines"),
            (os.path.join(TRACES, "facebook-2009.tsv.gz"), "--nodes", "20x16x64Gi")):
        for row in figures(*arguments, "--jobs", 400, "--forecasts", 4)["policies"]:
            assert row["jobs"] + row["refused"] == 400, (arguments, row["policy"], row["jobs"])
            assert row["leftOver"] == 0, (arguments, row["policy"])


def main():
    global failed
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    test(folder)
                    print("test ok: " + name, flush=True)
                except Exception as error:  # each row says what it expected
                    print("test failed: %s: %r" % (name, error), flush=True)
                    failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
