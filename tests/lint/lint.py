#!/usr/bin/python3
"""Checks the whole tree against the house rules; says where one is broken.

Usage: tests/lint/lint.py            all rules
       tests/lint/lint.py --c-files  the C files it looks at, each ended by a NUL
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
# As a Bazel test this file is a link to the tree, which is what is to be checked.
HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import rules  # noqa: E402
import source  # noqa: E402

# Another version lays out some code in another way.
CLANG_FORMAT_VERSION = "14."


def report(name, findings):
    for path, line, message in findings:
        print("%s:%s: %s" % (path, line, message))
    print("test %s: lint: %s" % ("failed" if findings else "ok", name), flush=True)
    return len(findings)


def skip(name, why):
    print("test skipped: lint: %s: %s" % (name, why), flush=True)
    return 0


def run(command):
    return subprocess.run(command, cwd=ROOT, text=True, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout


def findings_of(commands, pattern):
    """Runs the commands side by side; what they say, as (path, line, message)."""
    found = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for output in pool.map(run, commands):
            found += re.findall(pattern, output, re.M)
    return found


def portions(paths, size=20):
    return [paths[at:at + size] for at in range(0, len(paths), size)]


def check_format(paths):
    name = "the sources are formatted"
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if tool is None or " " + CLANG_FORMAT_VERSION not in run([tool, "--version"]).replace(
            "version", ""):
        return skip(name, "it takes clang-format 14")
    commands = [[tool, "--dry-run", "-Werror"] + some for some in portions(paths)]
    found = findings_of(commands, r"^(.+?):(\d+):\d+: error: (.*)$")
    first = {path: line for path, line, _ in reversed(found)}
    return report(name, [(path, first[path], "not as clang-format has it: ./run format")
                         for path in sorted(first)])


def check_scripts(paths):
    name = "shellcheck finds nothing in the scripts"
    if shutil.which("shellcheck") is None:
        return skip(name, "shellcheck isn't installed")
    commands = [["shellcheck", "--format=gcc", "--external-sources"] + some
                for some in portions(paths)]
    return report(name, findings_of(commands, r"^(.+?):(\d+):\d+: (.*)$"))


def main():
    tree = source.read_tree(ROOT)
    c_files = [item.path for item in tree if item.is_c]
    if sys.argv[1:] == ["--c-files"]:
        sys.stdout.write("".join(path + "\0" for path in c_files))
        return 0
    broken = 0
    for rule in rules.RULES:
        broken += report(rule.__doc__.rstrip("."), [
            (item.path, line, message) for item in tree for line, message in rule(item)])
    broken += check_format(c_files)
    broken += check_scripts([item.path for item in tree if item.is_shell()])
    return 1 if broken else 0


sys.exit(main())
