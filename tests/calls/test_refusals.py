#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""test_refusals.py [--build DIR]

What a verdict says of a system call that a program may not make, at each level of isolation, and
where no listener can tell its name: absent, refused and deadly ones, and what a language's own
list refuses. Ends with "N passed, N failed, N skipped".
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "sandbox"))
import slots as driver  # noqa: E402

HEAD = "#include <errno.h>\n#include <stdio.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n"
# Prints what the call fails with.
CALL = HEAD + ("int main(void) { errno = 0; long r = syscall(%s); "
               'printf("%%ld %%d\\n", r, errno); return 0; }\n')
EPERM, ENOSYS = 1, 38


class Case:
    """A program, and what it sees, what is named, and how it ends, with a listener or without."""

    def __init__(self, name, source, errno=None, refused="", end="exited", detail="exited with 0",
                 nameless="exited with 0"):
        self.name, self.source, self.errno = name, source, errno
        self.refused, self.end, self.detail, self.nameless = refused, end, detail, nameless

    def problems(self, o, listens):
        want = {"end": self.end, "refused": self.refused if listens else "",
                "detail": self.detail if listens else self.nameless}
        if self.errno is not None:
            want["stdout"] = f"-1 {self.errno}\n"
        return [f"{k} is {o.get(k)!r}, not {v!r}" for k, v in want.items() if o.get(k) != v]


CASES = [
    Case("absent, and its libc tries another: clone3", CALL % "SYS_clone3, 0, 0", ENOSYS),
    Case("absent in every kernel", CALL % "9999", ENOSYS),
    Case("a libc's own question: getpwuid",
         "#include <pwd.h>\nint main(void) { return getpwuid(4242) != 0; }\n"),
    Case("refused to all: socket", CALL % "SYS_socket, 2, 1, 0", EPERM, "socket"),
    Case("refused to this language: listxattr", CALL % 'SYS_listxattr, "/", 0, 0', EPERM,
         "listxattr"),
    Case("deadly: ptrace", CALL % "SYS_ptrace, 0, 0, 0, 0", None, "ptrace", "syscall",
         "killed for calling ptrace", "SIGSYS: a system call was refused"),
]
ORDINARY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
# What the machine lacks, how it is made so, the level there is then and whether names are heard.
WORLDS = [
    ("as it is", [], None, True),
    ("without a listener", ["{without}", "listener"], None, False),
    ("as an ordinary user", ORDINARY, "ns", True),
    ("as an ordinary user without a listener", ORDINARY + ["{without}", "listener"], "ns", False),
    ("without namespaces", ORDINARY + ["{without}", "namespaces"], "lsm", True),
    ("without namespaces or a listener", ORDINARY + ["{without}", "namespaces,listener"], "lsm",
     False),
]


class Refusals:
    def __init__(self, top, build):
        self.top = top
        self.sandbox = os.path.join(top, "arena-sandbox")
        self.without = os.path.join(top, "without")
        shutil.copy2(os.path.join(build, "arena-sandbox"), self.sandbox)
        shutil.copy2(os.path.join(build, "tests", "sandbox", "without"), self.without)
        shutil.copytree(os.path.join(TOP, "images", "profiles"), os.path.join(top, "profiles"))
        self.passed = self.failed = self.skipped = 0

    def run(self, wrap, case):
        """(the run's outcome, level); None = this machine has no such world."""
        source = os.path.join(self.top, "main.c")
        with open(source, "w", encoding="utf-8") as f:
            f.write(case.source)
        subprocess.run(["chmod", "-R", "a+rX", self.top], check=True)
        words = [w.format(without=self.without) for w in wrap]
        words += [self.sandbox, "run", "--json", "--wall-time", "60", source]
        environment = dict(os.environ, ARENA_PROFILE_DIR=os.path.join(self.top, "profiles"))
        said = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        try:
            told = json.loads(said.stdout)
        except json.JSONDecodeError:
            return {"end": said.stdout[-200:] + said.stderr[-200:]}, None
        return told.get("run", told.get("compile", {})), told["level"]

    def world(self, name, wrap, level, listens):
        for case in CASES:
            title = f"{name}: {case.name}"
            o, has = self.run(wrap, case)
            if level and has and has != level:
                self.skipped += 1
                print(f"skip: {title}: this machine has level {has}", flush=True)
                continue
            problems = case.problems(o, listens)
            self.passed += not problems
            self.failed += bool(problems)
            print(f"{'FAIL' if problems else 'ok'}    {title}", flush=True)
            for p in problems:
                print(f"      {p}", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--build", default=os.environ.get("BUILD") or os.path.join(TOP, "build"))
    options = ap.parse_args()
    driver.own_namespaces()
    with tempfile.TemporaryDirectory(prefix="arena-refusals-") as top:
        r = Refusals(top, os.path.abspath(options.build))
        for world in WORLDS if os.geteuid() == 0 else WORLDS[:2]:
            r.world(*world)
    print(f"{r.passed} passed, {r.failed} failed, {r.skipped} skipped")
    return 1 if r.failed else 0


if __name__ == "__main__":
    sys.exit(main())
