"""Writes the figures of a run into docs/performance.md, with the machine they come from."""
import datetime
import json
import os
import platform
import re
import subprocess
import sys

from rig import bench_folder

PAGE = "docs/performance.md"
BEGIN = "<!-- figures of %s: written by ./run bench --table -->\n"
END = "<!-- end of %s -->\n"


def processor():
    with open("/proc/cpuinfo") as file:
        found = re.search(r"model name\s*: (.*)", file.read())
    return found.group(1) if found else platform.machine()


def memory_gib():
    with open("/proc/meminfo") as file:
        return int(re.search(r"MemTotal:\s+(\d+)", file.read()).group(1)) / 1024 / 1024


def disk():
    """The device and file system under the folder that benchmarks use."""
    said = subprocess.run(["findmnt", "-no", "SOURCE,FSTYPE", "-T", bench_folder()],
                          capture_output=True, text=True)
    return " ".join(said.stdout.split()) or "unknown"


def machine():
    load = "%.1f" % os.getloadavg()[0]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True,
                            text=True).stdout.strip()
    return ("%s, %d cores, %.0f GiB, disk %s, Linux %s; load %s before the run; commit %s; %s" %
            (processor(), os.cpu_count(), memory_gib(), disk(), platform.release(), load, commit,
             datetime.date.today().isoformat()))


def number(value):
    return "{:,}".format(int(value)) if value == int(value) else "%g" % value


def row(line):
    if line["median"] is None:
        return "| %s | %s | | | | %s |\n" % (line["case"], line["unit"], line["why"])
    cells = [line["case"], line["unit"], number(line["median"]), number(line["min"]),
             number(line["max"])]
    against = ""
    if "peer" in line:
        against = "%s: %s (%s×)" % (line["peer"], number(line["peer_median"]), line["ratio"])
    if "goal" in line:
        verdict = "%s: %s" % (line["goal"], "met" if line["met"] else "**missed**")
        against = "%s; %s" % (verdict, against) if against else verdict
    return "| " + " | ".join(cells + [against]) + " |\n"


def section(name, lines, runs, where):
    head = ("Median, least and most of %d runs. %s.\n\n"
            "| what | unit | median | min | max | against |\n"
            "| --- | --- | ---: | ---: | ---: | --- |\n" % (runs, where))
    return BEGIN % name + head + "".join(map(row, lines)) + END % name


def put(page, name, text):
    begin, end = BEGIN % name, END % name
    if begin in page and end in page:
        return page[:page.index(begin)] + text + page[page.index(end) + len(end):]
    return page + "\n## %s\n\n%s" % (name, text)


def write(names, runs, program, programs):
    for name in names:
        where = machine()
        run = subprocess.Popen([sys.executable, program, "--programs", programs, "--runs",
                                str(runs), name], stdout=subprocess.PIPE, text=True)
        lines = []
        for line in run.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(json.loads(line))
        if run.wait() != 0:
            return run.returncode
        with open(PAGE) as file:
            page = file.read()
        with open(PAGE, "w") as file:
            file.write(put(page, name, section(name, lines, runs, where)))
    return 0
