#!/usr/bin/env python3
"""Writes compile_commands.json, for clangd and clang-tidy, from Bazel's actions.

Usage: bazel/compile_commands.py [bazel options, such as --config=asan]
Compiles nothing. Paths are relative to the workspace, so that editors open the
real files; headers of external repositories are found through bazel-out/../.
"""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Bazel's own, or gcc's alone: clang's tools don't know them.
DROPPED = {"-fno-canonical-system-headers", "-Wno-free-nonheap-object",
           "-Wunused-but-set-parameter", "-MD"}
DROPPED_WITH_VALUE = {"-MF", "-o"}


def run(*words):
    command = [os.environ.get("BAZEL", "bazel")] + list(words)
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout.decode()


def kept(arguments):
    words = iter(arguments)
    for word in words:
        if word in DROPPED_WITH_VALUE:
            next(words)
        elif word not in DROPPED and not word.startswith("-frandom-seed="):
            yield word


def main():
    options = sys.argv[1:]
    execroot = run("info", *options, "execution_root").strip()
    actions = json.loads(run("aquery", *options, "--output=jsonproto",
                             "mnemonic('CppCompile', //...)"))
    entries = {}
    for action in actions.get("actions", []):
        arguments = action["arguments"]
        source = arguments[arguments.index("-c") + 1]
        if source.startswith(("external/", "bazel-out/")):
            continue
        words = [word.replace("external/", execroot + "/external/", 1)
                 if word.startswith("external/") else word for word in kept(arguments)]
        entries.setdefault(source, {"directory": ROOT, "file": source, "arguments": words})
    path = os.path.join(ROOT, "compile_commands.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump([entries[key] for key in sorted(entries)], out, indent=1)
        out.write("\n")
    print("%s: %d files" % (path, len(entries)))


main()
