#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""test_mutants.py [--build DIR] [--only REGEXP]

The self-test notices when a protection is missing, and says which: a sandbox whose protections
can be dropped one by one (sandbox/mutant.h) is made to prove itself without each. Ends with
"N passed, N failed, N skipped".
"""
import argparse
import os
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PATIENCE_S = 90
LSM = ["{without}", "namespaces"]
# Whose user is everybody's: there the keeper's looks are the only limits that are exact.
SHARED = "setpriv --reuid 65534 --regid 65534 --clear-groups".split() + LSM
WHERE = {(): "", tuple(LSM): " at level lsm", tuple(SHARED): " at level lsm with a shared user"}

# What is dropped, the probe that must fail, and how the machine is made poorer for it.
MUTANTS = [
    ("no_filter", "namespaces", []),
    ("no_filter", "network", []),
    ("no_pid_namespace", "pids", []),
    ("no_ipc_namespace", "spaces", []),
    ("no_cgroup_namespace", "spaces", []),
    ("machine_network", "spaces", []),
    ("runs_as_root", "identity", []),
    ("kept_capabilities", "identity", []),
    ("writable_root", "mounts", []),
    ("devices_in_work", "mounts", []),
    ("whole_proc", "proc", []),
    ("inherited_descriptor", "descriptors", []),
    ("daemon_environment", "environment", []),
    ("links_followed", "plants", []),
    ("no_landlock", "files", LSM),
    ("no_landlock", "proc", LSM),
    ("no_filter", "network", LSM),
    ("loose_processes", "processes", []),
    ("loose_memory", "memory-over", []),
    ("loose_output", "output", []),
    ("loose_files", "disk", []),
    ("loose_cpu_time", "busy", []),
    ("loose_wall_time", "idle", []),
    ("loose_processes", "processes", LSM),
    ("loose_processes", "processes", SHARED),
    ("unwatched", "processes", SHARED),
    ("unwatched", "disk", SHARED),
]


def lines(process, until):
    """The lines it writes, until it ends or the time is up."""
    poll = selectors.DefaultSelector()
    poll.register(process.stdout, selectors.EVENT_READ)
    text = b""
    while time.monotonic() < until and poll.select(until - time.monotonic()):
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            return
        text += data
        *whole, text = text.split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)


class Mutants:
    def __init__(self, build, folder):
        # Where anybody may read it.
        os.chmod(folder, 0o755)
        self.program = os.path.join(folder, "arena-sandbox")
        self.without = os.path.join(folder, "without")
        shutil.copy2(os.path.join(build, "tests/sandbox/arena-sandbox-mutant"), self.program)
        shutil.copy2(os.path.join(build, "tests/sandbox/without"), self.without)
        self.profiles = os.path.join(folder, "profiles")
        shutil.copytree(os.environ.get("ARENA_PROFILE_DIR") or
                        os.path.join(TOP, "images/profiles"), self.profiles)
        self.passed = self.failed = self.skipped = 0

    def start(self, mutant, wrap, command):
        env = dict(os.environ, ARENA_PROFILE_DIR=self.profiles, SANDBOX_MUTANT=mutant)
        words = [w.format(without=self.without) for w in wrap] + [self.program, command]
        return subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def level(self, wrap):
        with self.start("", wrap, "check") as p:
            return p.stdout.readline().decode().strip().removeprefix("level: ")

    def verdict(self, mutant, probe, wrap):
        """None when it is noticed, else what is wrong."""
        said = []
        with self.start(mutant, wrap, "selftest") as p:
            for line in lines(p, time.monotonic() + PATIENCE_S):
                said.append(line)
                if line.startswith("FAIL") and f"({probe})" in line:
                    # What a program does that is not held back is not to be waited for.
                    p.terminate()
                    return None
            p.kill()
        return "the self-test says: " + "; ".join(s for s in said[-3:])

    def whole(self):
        """Without a mutation it is a sandbox like any other."""
        with self.start("", [], "selftest") as p:
            text = p.communicate()[0].decode(errors="replace")
            return None if p.returncode == 0 else text[-300:]

    def report(self, name, why):
        self.failed += why is not None
        self.passed += why is None
        print(f"ok    {name}" if why is None else f"FAIL  {name}: {why}", flush=True)

    def run(self, only):
        levels = {tuple(w): self.level(w) for w in ([], LSM, SHARED)}
        self.report("with all protections it passes", self.whole())
        for mutant, probe, wrap in MUTANTS:
            name = f"{mutant} is noticed by {probe}{WHERE[tuple(wrap)]}"
            if not re.search(only, name):
                continue
            if levels[tuple(wrap)] != ("lsm" if wrap else "full"):
                self.skipped += 1
                print(f"skip: {name}: this machine has level {levels[tuple(wrap)]}")
                continue
            self.report(name, self.verdict(mutant, probe, wrap))


def hooks(path):
    """Has this program a way to drop protections?"""
    with open(path, "rb") as f:
        return b"SANDBOX_MUTANT" in f.read()


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--build", default=os.environ.get("BUILD") or os.path.join(TOP, "build"))
    ap.add_argument("--only", default="")
    options = ap.parse_args()
    with tempfile.TemporaryDirectory(prefix="arena-mutants-") as folder:
        m = Mutants(options.build, folder)
        m.report("the test's program can drop protections",
                 None if hooks(m.program) else "it cannot: nothing is tested here")
        for name in ("arena-sandbox", "arenad"):
            m.report(f"{name} cannot", "SANDBOX_MUTANT is in it"
                     if hooks(os.path.join(options.build, name)) else None)
        m.run(options.only)
    print(f"{m.passed} passed, {m.failed} failed, {m.skipped} skipped")
    return 1 if m.failed else 0


if __name__ == "__main__":
    sys.exit(main())
