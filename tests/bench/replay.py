"""Policies compared on public traces, and on a made-up one: docs/scheduling.md."""
import json
import os
import subprocess

from rig import figure, say

PAGE = "docs/scheduling.md"
BEGIN = "<!-- replay: written by ./run bench replay --table -->\n"
END = "<!-- end of replay -->\n"
TRACES = "../shared/traces"

# Title, file, options. Loads are such that jobs wait and none waits for ever.
RUNS = [
    ("NASA Ames iPSC/860, 1993", TRACES + "/nasa-ipsc-1993.swf.gz",
     ["--load", "0.7", "--forecasts", "4"]),
    ("CERIT-SC, 2013", TRACES + "/cerit-sc-2013.swf.gz",
     ["--machines", TRACES + "/cerit-sc-2013.machines", "--skip-bad-lines", "--load", "0.55"]),
    ("Facebook, 2009", TRACES + "/facebook-2009.tsv.gz",
     ["--nodes", "20x16x64Gi", "--load", "0.8"]),
    ("a made-up night", "examples/trace.jsonl", ["--nodes", "4x16x64Gi", "--load", "0.9"]),
]


def present():
    for title, path, options in RUNS:
        if os.path.exists(path):
            yield title, path, options
        else:
            say("replay: skipped %s: there is no %s" % (title, path))


def command(programs, path, options, form):
    return [os.path.join(programs, "nightshift-replay"), path, *options, "-o", form]


def bench(programs, _runs):
    """Chance has no part in it: one run is enough."""
    for title, path, options in present():
        say("replay: " + title)
        said = subprocess.run(command(programs, path, options, "json"), check=True,
                              capture_output=True, text=True)
        rows = {row["policy"]: row for row in json.loads(said.stdout)["policies"]}
        easy, fair = rows["easy"], rows["fair+backfill"]
        figure("replay", title + ": mean bounded slowdown of fair+backfill", "",
               [fair["boundedSlowdown"]["mean"]],
               goal=("at most EASY's %.3g" % easy["boundedSlowdown"]["mean"],
                     lambda value, most=easy["boundedSlowdown"]["mean"]: value <= most))
        figure("replay", title + ": Jain's index of fair+backfill", "", [fair["fairness"]["jain"]],
               goal=("above EASY's %.3g" % easy["fairness"]["jain"],
                     lambda value, least=easy["fairness"]["jain"]: value > least))


def write_page(programs):
    """The tables, as nightshift-replay prints them, between the page's marks."""
    parts = []
    for title, path, options in present():
        say("replay: " + title)
        said = subprocess.run(command(programs, path, options, "markdown"), check=True,
                              capture_output=True, text=True)
        parts.append("### %s\n\n`nightshift-replay %s`\n\n%s" %
                     (title, " ".join([path, *options]), said.stdout))
    with open(PAGE) as file:
        page = file.read()
    begin, end = page.index(BEGIN), page.index(END)
    with open(PAGE, "w") as file:
        file.write(page[:begin] + BEGIN + "\n" + "\n".join(parts) + page[end:])
    return 0
