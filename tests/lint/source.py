"""The tree's files, and C text without what isn't code."""
import fnmatch
import os
import re

# Not ours, or made by tools.
SKIPPED_FOLDERS = {".git", "bin", "node_modules", "__pycache__", ".cache", "corpus"}
COMMENT_OR_STRING = re.compile(
    r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def _blank(match):
    """Keeps a comment's or string's place: its quotes, its lines, its length."""
    text = match.group(0)
    if text[0] in "\"'":
        return text[0] + " " * (len(text) - 2) + text[-1]
    return re.sub(r"[^\n]", " ", text)


class Source:
    """One file: its path from the root, its text, and for C its code alone."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.folder = path.split("/")[0]
        self.is_c = path.endswith((".c", ".h"))
        self.is_header = path.endswith(".h")
        self.code = COMMENT_OR_STRING.sub(_blank, text) if self.is_c else ""

    def matches(self, patterns):
        return any(fnmatch.fnmatchcase(self.path, pattern) for pattern in patterns)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def is_shell(self):
        first = self.text.split("\n", 1)[0]
        return self.path.endswith(".sh") or re.match(r"#!.*\b(ba|da)?sh\b", first) is not None


def read_tree(root):
    """Returns the Source of every text file under root, in order of path."""
    sources = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS
                            and not name.startswith("bazel-"))
        for name in sorted(names):
            full = os.path.join(folder, name)
            if os.path.islink(full) or not os.path.isfile(full):
                continue
            try:
                with open(full, encoding="utf-8") as stream:
                    text = stream.read()
            except UnicodeDecodeError:
                continue
            sources.append(Source(os.path.relpath(full, root), text))
    return sources
