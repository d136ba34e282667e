#!/usr/bin/python3
"""Stands in for Bazel's (Java) coverage tools: gcov's JSON or lcov in, lcov out.

As the merger of one test, Bazel calls it with --coverage_dir; as the generator
of the combined report, with --reports_file. Other options are ignored.
"""
import gzip
import json
import os
import sys
from collections import defaultdict


def options(argv):
    found = {}
    for word in argv:
        name, _, value = word.lstrip("-").partition("=")
        found[name] = value
    return found


class Report:
    def __init__(self):
        self.lines = defaultdict(lambda: defaultdict(int))
        self.functions = defaultdict(dict)  # file -> name -> [line, count]
        self.branches = defaultdict(lambda: defaultdict(int))

    def function(self, path, name, line, count):
        entry = self.functions[path].setdefault(name, [line, 0])
        entry[0] = line or entry[0]
        entry[1] += count

    def add_gcov(self, path):
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            data = json.load(stream)
        for source in data["files"]:
            name = source["file"]
            for function in source["functions"]:
                self.function(name, function["name"], function["start_line"],
                              function["execution_count"])
            for line in source["lines"]:
                number = line["line_number"]
                self.lines[name][number] += line["count"]
                for index, branch in enumerate(line.get("branches", [])):
                    self.branches[name][(number, 0, index)] += branch["count"]

    def add_lcov(self, path):
        name = None
        with open(path, encoding="utf-8") as stream:
            for row in stream:
                kind, _, rest = row.strip().partition(":")
                if kind == "SF":
                    name = rest
                elif kind == "DA":
                    number, count = rest.split(",")[:2]
                    self.lines[name][int(number)] += int(count)
                elif kind == "FN":
                    line, function = rest.split(",", 1)
                    self.function(name, function, int(line), 0)
                elif kind == "FNDA":
                    count, function = rest.split(",", 1)
                    self.function(name, function, 0, int(count))
                elif kind == "BRDA":
                    line, block, branch, count = rest.split(",")
                    key = (int(line), int(block), int(branch))
                    self.branches[name][key] += 0 if count == "-" else int(count)

    def write(self, path, wanted=None):
        with open(path, "w", encoding="utf-8") as out:
            for name in sorted(self.lines):
                if wanted is not None and name not in wanted:
                    continue
                out.write("SF:%s\n" % name)
                functions = self.functions[name]
                for function, (line, _) in functions.items():
                    out.write("FN:%d,%s\n" % (line, function))
                for function, (_, count) in functions.items():
                    out.write("FNDA:%d,%s\n" % (count, function))
                out.write("FNF:%d\n" % len(functions))
                out.write("FNH:%d\n" % sum(count > 0 for _, count in functions.values()))
                branches = self.branches[name]
                for (line, block, branch), count in sorted(branches.items()):
                    out.write("BRDA:%d,%d,%d,%d\n" % (line, block, branch, count))
                if branches:
                    out.write("BRF:%d\n" % len(branches))
                    out.write("BRH:%d\n" % sum(count > 0 for count in branches.values()))
                lines = self.lines[name]
                for number, count in sorted(lines.items()):
                    out.write("DA:%d,%d\n" % (number, count))
                out.write("LH:%d\n" % sum(count > 0 for count in lines.values()))
                out.write("LF:%d\n" % len(lines))
                out.write("end_of_record\n")


def main():
    given = options(sys.argv[1:])
    report = Report()
    wanted = None
    if given.get("reports_file"):
        with open(given["reports_file"], encoding="utf-8") as stream:
            for path in stream.read().split():
                if os.path.exists(path) and not path.endswith("baseline_coverage.dat"):
                    report.add_lcov(path)
    else:
        if given.get("source_file_manifest"):
            with open(given["source_file_manifest"], encoding="utf-8") as stream:
                wanted = set(stream.read().split())
        output = os.path.realpath(given["output_file"])
        for folder, _, names in os.walk(given["coverage_dir"]):
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith(".gcov.json.gz"):
                    report.add_gcov(path)
                elif name.endswith(".dat") and os.path.realpath(path) != output:
                    report.add_lcov(path)
    report.write(given["output_file"], wanted)


main()
