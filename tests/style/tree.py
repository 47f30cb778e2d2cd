# SPDX-License-Identifier: MPL-2.0
"""The project's own files, as every style check sees them.

A check is given the root of a tree and looks at what is there, so that it works the same in a
checkout, in an unpacked release and on the small bad trees of test_style.py.
"""
import os
import sys

LAYERS = ("base", "mesh", "sandbox", "node", "api-bridge", "sim")
FOLDERS = LAYERS + ("images", "kube", "scripts", "tests")
# Not ours to style: programs a sandbox is attacked with, inputs of fuzzers, what npm wrote.
FOREIGN = ("tests/hostile/", "tests/fuzz/corpus/", "tests/e2e/programs/", "node_modules/")
SKIPPED_DIRS = {"node_modules", "__pycache__", "build", "corpus", ".git", ".cache", "dist"}


def root_from_args():
    """The tree to check: the first argument, else the one this file is in."""
    if len(sys.argv) > 1:
        return os.path.abspath(sys.argv[1])
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(root, *suffixes):
    """Paths relative to root, sorted; only those ending in one of the suffixes when given."""
    found = []
    for name in sorted(os.listdir(root)):
        # The top folder also holds what autoconf and an in-tree build write.
        if name.endswith((".md", ".am", ".ac", ".yml", ".yaml")):
            found.append(name)
    for folder in FOLDERS + (".ci",):
        for at, dirs, names in os.walk(os.path.join(root, folder)):
            dirs[:] = sorted(d for d in dirs if d not in SKIPPED_DIRS)
            found += [os.path.relpath(os.path.join(at, n), root) for n in sorted(names)]
    if suffixes:
        found = [f for f in found if f.endswith(suffixes)]
    return found


def sources(root):
    """The C files and headers that follow the house style."""
    return [f for f in files(root, ".c", ".h") if not f.startswith(FOREIGN)]


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="surrogateescape") as f:
        return f.read()


def finish(name, looked_at, wrong):
    """Print what is wrong and the one line that sums up; exit with the fitting status."""
    for line in wrong:
        print(line)
    print(f"{name}: {looked_at} files, {len(wrong)} wrong")
    sys.exit(1 if wrong or not looked_at else 0)
