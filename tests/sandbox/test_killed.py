#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""test_killed.py [--build DIR] [--only REGEXP]

Whatever is killed with kill -9 in the middle of a run, a keeper, its stage, a node, whole groups of
them or every one of our own processes: nothing of the program is left soon after, at every level of
isolation. The program has sessions of its own, orphans, and a chain in which each forks the next.
And where there is a /proc, the kernel kills the program before any of ours when memory is short.
Ends with "N passed, N failed, N skipped".
"""
import argparse
import functools
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e")]
import harness  # noqa: E402
import slots as driver  # noqa: E402

PATIENCE_S = 60
GONE_S = 30  # far less than a run may take
LIMITS = {"wallMs": 120000, "cpuMs": 60000, "processes": 32}
FORKERS = 7
WORST = 1000

FORKER = """
import os, time
def rest():
    while True:
        time.sleep(1000)
for i in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setpgid(0, 0)
            rest()
        if i == 0:
            os._exit(0)
        rest()
if os.fork() == 0:
    os.setsid()
    while True:
        if os.fork():
            os._exit(0)
        time.sleep(0.02)
rest()
"""

# How a machine gets no better than that level; everything of it is one process in the end.
ORDINARY = "setpriv --reuid 65534 --regid 65534 --clear-groups"
WITHOUT = "{top}/without namespaces"
HIDING = "unshare --mount --propagation private sh -c '%s && exec \"$@\"' sh"
WORLDS = {
    "full": "",
    "ns": ORDINARY,
    "ns-noproc": HIDING % "mount --bind /dev/null /proc/version" + " " + ORDINARY,
    "lsm": ORDINARY + " " + WITHOUT,
    "lsm as root": HIDING % "mount -t tmpfs none /sys/fs/cgroup" + " " + WITHOUT,
    "lsm with cgroups": WITHOUT,
}


def of_program(token):
    """The processes that have the token among their words."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if token.encode() in f.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            pass
    return found


def ours(root):
    """A process of ours, and all of ours below it."""
    return [root] + [pid for pid, name in driver.descendants(root) if name.startswith("arena")]


def kill_all(pids):
    """At once, as far as it can be: none gets to see another's end."""
    for sig in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass


class Keeper:
    """One keeper, and the program in it."""
    wrap = "setsid"
    kills = {
        "its keeper": lambda k: kill_all([k.pid]),
        "its keeper's process group": lambda k: os.killpg(k.pid, signal.SIGKILL),
        "its stage": lambda k: kill_all([p for p, (parent, _) in driver.children().items()
                                         if parent == k.pid]),
        "its keeper and all below that is ours": lambda k: kill_all(ours(k.pid)),
    }

    def __init__(self, top, _build):
        self.slots = driver.Slots(1, top)
        self.pid = self.slots.pids[0]
        self.level = self.slots.levels[0][0]

    def step(self, folder, text, token):
        path = os.path.join(folder, "main.py")
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return {"profile": "python", "phase": "run", "slot": 0, "sources": ["main.py"],
                "files": [{"name": "main.py", "path": path}], "args": [token], "limits": LIMITS}

    def start(self, folder, token):
        self.slots.send(self.step(folder, FORKER, token))

    def worth(self, folder, token):
        """What the kernel thinks of the program when it looks for somebody to kill."""
        self.start(folder, token)
        pids = harness.until("the program runs", lambda: of_program(token), PATIENCE_S)
        with open(f"/proc/{pids[0]}/oom_score_adj", encoding="ascii") as f:
            return int(f.read())

    def works(self, folder):
        """The driver has another keeper when it has lost one."""
        for _ in range(3):
            try:
                return self.slots.run(self.step(folder, "print(42)", "x"))["out"] == b"42\n"
            except driver.Lost:
                pass
        return False

    def close(self):
        self.slots.close()
        self.slots.process.stdout.close()


class Node:
    """The same for a whole node."""
    wrap = ""
    kills = {
        "its node": lambda n: kill_all([n.pid]),
        "its node's process group": lambda n: os.killpg(n.pid, signal.SIGKILL),
        "its node and all below that is ours": lambda n: kill_all(ours(n.pid)),
    }

    def __init__(self, top, build):
        self.folder = tempfile.mkdtemp(dir=top)
        self.build = build
        control, client, metrics = harness.free_ports(3)
        self.peers = f"tcp://127.0.0.1:{client}"
        environment = {
            "ARENA_PROFILE_DIR": os.environ["ARENA_PROFILE_DIR"], "ARENA_NAME": "killed",
            "ARENA_BIND": "127.0.0.1", "ARENA_ADVERTISE": "127.0.0.1", "ARENA_CLUSTER": "killed",
            "ARENA_DATA_DIR": self.folder, "ARENA_PORT": str(control),
            "ARENA_CLIENT_PORT": str(client), "ARENA_METRICS_PORT": str(metrics),
            "ARENA_NODES_EXPECTED": "1", "ARENA_SELFTEST": "false", "ARENA_ISOLATION_MIN": "lsm",
            "WORKER_CONCURRENCY": "1", "ARENA_SANDBOX": os.environ["ARENA_SANDBOX"]}
        self.daemon = harness.Daemon("arenad", [os.path.join(build, "arenad")], environment,
                                     self.folder)
        self.daemon.ready_port = metrics
        self.begin()

    def begin(self):
        self.daemon.start()
        self.pid = self.daemon.process.pid
        self.daemon.wait_ready()

    def arena(self, command, folder, text, *words):
        path = os.path.join(folder, "main.py")
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return subprocess.run([os.path.join(self.build, "arena"), "--peers", self.peers, command,
                               *words[:2], path, *words[2:]], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=PATIENCE_S, check=True).stdout

    def start(self, folder, token):
        self.arena("submit", folder, FORKER, "--wall", "60000", "--", token)

    def works(self, folder):
        """It is started again, with what it had accepted."""
        self.daemon.kill()
        shutil.rmtree(self.folder)
        os.mkdir(self.folder)
        self.begin()
        return self.arena("run", folder, "print(42)") == b"42\n"

    def close(self):
        status = self.daemon.stop()
        if status != 0:
            print(self.daemon.tail())


class Killed:
    def __init__(self, options, top):
        self.options, self.top = options, top
        self.passed = self.failed = self.skipped = 0
        os.chmod(top, 0o755)
        for name in ("arena-sandbox", "tests/sandbox/without"):
            shutil.copy2(os.path.join(options.build, name), top)
        os.makedirs(os.path.join(top, "tests/sandbox"))
        shutil.copy2(os.path.join(options.build, "tests/sandbox/slots"),
                     os.path.join(top, "tests/sandbox"))
        shutil.copytree(os.environ.get("ARENA_PROFILE_DIR") or
                        os.path.join(driver.TOP, "images/profiles"),
                        os.path.join(top, "profiles"))
        subprocess.run(["chmod", "-R", "a+rX", os.path.join(top, "profiles")], check=True)
        os.environ["ARENA_PROFILE_DIR"] = os.path.join(top, "profiles")

    def enter(self, world, kind):
        """What is started as a keeper from now on is one of that world."""
        path = os.path.join(self.top, "keeper")
        wrap = WORLDS[world].format(top=self.top)
        with open(path, "w", encoding="ascii") as f:
            f.write(f'#!/bin/sh\nexec {kind.wrap} {wrap} {self.top}/arena-sandbox "$@"\n')
        os.chmod(path, 0o755)
        os.environ["ARENA_SANDBOX"] = path

    def found(self):
        """The level that the keepers of this world have."""
        text = subprocess.run([os.environ["ARENA_SANDBOX"], "check"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False).stdout.decode()
        match = re.search(r"^level: (\S+)$", text, re.M)
        return match[1] if match else text.strip()[-100:]

    def first(self):
        """Is the program the first to be killed for memory? What is wrong, or None."""
        token = "token-" + secrets.token_hex(8)
        at = Keeper(self.top, self.options.build)
        try:
            found = at.worth(self.top, token)
            return None if found == WORST else f"oom_score_adj is {found}, not {WORST}"
        finally:
            kill_all([at.pid] + of_program(token))
            at.close()

    @staticmethod
    def left(token):
        """What is left of a program after a while."""
        until = time.monotonic() + GONE_S
        while of_program(token) and time.monotonic() < until:
            time.sleep(0.02)
        return of_program(token)

    def trial(self, kind, what, kill):
        """What is wrong, or None."""
        token = "token-" + secrets.token_hex(8)
        at = kind(self.top, self.options.build)
        try:
            at.start(self.top, token)
            harness.until("the program has forked", lambda: len(of_program(token)) >= FORKERS,
                          PATIENCE_S)
            kill(at)
            # Where nothing of ours has survived, the next of its kind sees to it.
            if "all" not in what:
                left = self.left(token)
            works = at.works(self.top)
            if "all" in what:
                left = self.left(token)
            return f"{len(left)} processes are left" if left else \
                None if works else "no program runs any more"
        except (AssertionError, subprocess.SubprocessError) as e:
            return str(e)
        finally:
            kill_all(of_program(token))
            at.close()

    def report(self, name, why):
        self.failed += why is not None
        self.passed += why is None
        print(f"ok    {name}" if why is None else f"FAIL  {name}: {why}", flush=True)

    def cases(self, world):
        """(kind, name, what to do) for all that is tried there."""
        for kind in (Keeper, Node):
            for what, kill in kind.kills.items():
                yield (kind, f"{world}: a program ends when {what} is killed",
                       functools.partial(self.trial, kind, what, kill))
        if world != "ns-noproc":
            yield Keeper, f"{world}: a program is the first to be killed for memory", self.first

    def run(self):
        for world in WORLDS:
            level = None
            for kind, name, act in self.cases(world):
                if not re.search(self.options.only, name):
                    continue
                self.enter(world, kind)
                level = level or self.found()
                if level != world.split(" ")[0]:
                    self.skipped += 1
                    print(f"skip: {name}: this machine has level {level}")
                    continue
                self.report(name, act())


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--build", default=os.environ.get("BUILD") or
                    os.path.join(driver.TOP, "build"))
    ap.add_argument("--only", default="")
    options = ap.parse_args()
    options.build = os.path.abspath(options.build)
    if os.geteuid() != 0:
        print("skip: only root can make such machines")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory(prefix="arena-killed-") as top:
        k = Killed(options, top)
        k.run()
    print(f"{k.passed} passed, {k.failed} failed, {k.skipped} skipped")
    return 1 if k.failed else 0


if __name__ == "__main__":
    sys.exit(main())
