#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""test_crowd.py [--runs N] [--slots N] [--seed N] [--mode fresh|reused|both] [--build DIR]

Many hostile programs of all languages in an order drawn from a seed, and then: is anything left?
All of it happens in a pid, ipc, network and mount namespace of its own, with /tmp, /var/tmp and
/dev/shm to itself and in cgroups of its own, so that every process, mount, cgroup, file, ipc object
and key that is counted is of these runs. Counted from outside before the first program, after the
last with the keepers idle, and after the keepers' end. Ends with "N passed, N failed, N skipped".
"""
import argparse
import collections
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "sandbox")]
import slots as driver  # noqa: E402
import test_battery as battery  # noqa: E402

OURS = "arena-crowd-"
FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
SETTLE_S = 10
# Per slot: what the allocators of a keeper and its stages may settle at, and the kernel's caches
# of small objects charged to the groups.
GROWTH_KIB = 4096
RUNS = 60
battery.LATE_US = 60_000_000


def alone():
    """Starts this program again in namespaces of its own; returns False when that is not allowed."""
    if os.environ.get("ARENA_CROWD_ALONE"):
        for folder in FOLDERS:
            subprocess.run(["mount", "-t", "tmpfs", "crowd", folder], check=True)
        return True
    probe = ["unshare", "--net", "--ipc", "--mount", "--pid", "--fork", "--mount-proc",
             "--propagation", "private"]
    if os.geteuid() or subprocess.run(probe + ["true"], stderr=subprocess.DEVNULL,
                                      check=False).returncode:
        return False
    os.environ["ARENA_CROWD_ALONE"] = os.environ["ARENA_TEST_ALONE"] = "1"
    sys.exit(subprocess.run(probe + ["sh", "-c", 'ip link set lo up; "$@"', "sh", sys.executable] +
                            sys.argv, check=False).returncode)


class Groups:
    """Cgroups of our own, one per hierarchy; the keepers' groups are made below them."""

    def __init__(self):
        self.made = []
        self.memory = None
        with open("/proc/self/cgroup", encoding="utf-8") as f:
            lines = [line.strip().split(":", 2) for line in f]
        for _, controllers, path in lines:
            name = controllers.replace("name=", "") or "unified"
            base = os.path.join("/sys/fs/cgroup", name, path.lstrip("/"))
            if not os.path.isdir(base) and name == "unified":
                base = os.path.join("/sys/fs/cgroup", path.lstrip("/"))
            self.enter(base, name)

    def enter(self, base, name):
        if "cpuset" in name:
            return
        at = os.path.join(base, f"{OURS}{os.getpid()}")
        try:
            os.mkdir(at)
            self.made.append((base, at))
            # A v2 group with processes in it may not be divided: the keepers see to it themselves.
            if name != "unified" or os.path.exists("/sys/fs/cgroup/unified"):
                with open(os.path.join(at, "cgroup.procs"), "w", encoding="ascii") as f:
                    f.write("0")
            # Without a share of it nobody below may be of a real-time class, as keepers want to be.
            if "cpu" in name.split(","):
                with open(os.path.join(at, "cpu.rt_runtime_us"), "w", encoding="ascii") as f:
                    f.write("400000")
        except OSError:
            pass
        if name == "memory" and os.path.isdir(at):
            self.memory = at

    def count(self):
        return sum(len(dirs) for _, at in self.made for _, dirs, _ in os.walk(at))

    def read(self, name, key=None):
        try:
            with open(os.path.join(self.memory, name), encoding="ascii") as f:
                text = f.read()
        except (OSError, TypeError):
            return 0
        return int(re.search(rf"^{key} (\d+)", text, re.M)[1]) if key else int(text)

    def kib(self):
        """What cannot be reclaimed, and the kernel's own."""
        return (self.read("memory.stat", "total_rss") +
                self.read("memory.kmem.usage_in_bytes")) // 1024

    def leave(self):
        for base, at in self.made:
            try:
                with open(os.path.join(base, "cgroup.procs"), "w", encoding="ascii") as f:
                    f.write("0")
                os.rmdir(at)
            except OSError:
                pass


def lines(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.readlines()
    except OSError:
        return []


def pids():
    """All processes there are, but us and who asks."""
    return [int(p) for p in os.listdir("/proc") if p.isdigit()]


def count(groups):
    """Everything a run could leave, by kind."""
    found = collections.Counter()
    for pid in pids():
        found["processes"] += 1
        found["mounts"] += len(lines(f"/proc/{pid}/mountinfo"))
        try:
            found["descriptors"] += len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            pass
    for folder in FOLDERS:
        found["files"] += sum(len(d) + len(f) for _, d, f in os.walk(folder))
    for kind in ("shm", "sem", "msg"):
        found["ipc objects"] += len(lines(f"/proc/sysvipc/{kind}")) - 1
    found["abstract and other sockets"] += len(lines("/proc/net/unix")) - 1
    # Keys that belong to ids of a run: above those of people and services.
    found["keys"] = sum(1 for line in lines("/proc/keys") if int(line.split()[5]) > 65535)
    found["cgroups"] = groups.count()
    return dict(found)


def settled(groups, wanted):
    """The count, once it is what is wanted, or after a time. What is made ready for a next run is
    made after the reply of the last."""
    until = time.monotonic() + SETTLE_S
    while True:
        now = count(groups)
        if now == wanted or time.monotonic() > until:
            return now
        time.sleep(0.05)


class Crowd(battery.Battery):
    """The battery's programs, without a canary after each."""

    def __init__(self, options, rows, mode):
        options.quiet, options.repeat = True, 1
        super().__init__(options, rows, mode)
        self.names = {}
        self.making = collections.defaultdict(threading.Lock)
        self.ends = collections.Counter()
        self.left_to_do = options.runs
        self.random = random.Random(options.seed)

    def made(self, row, slot):
        """Where the compiled program is kept; compiled once."""
        with self.lock:
            lock = self.making[row.program]
        with lock:
            if row.program not in self.names:
                why = self.compiled(row, slot, row.program[:60])
                self.names[row.program] = why
        return self.names[row.program]

    def one(self, row, slot):
        why = self.made(row, slot)
        if why:
            return [why]
        step = self.step(row, row.phase, slot)
        if row.phase == "run" and row.language in ("c", "cpp", "java"):
            step["from"] = row.program[:60]
            step["files"] = []
        o = self.slots.run(step)
        self.slots.drop(o["id"])
        with self.lock:
            self.ends[o["end"]] += 1
        if o["end"] == "refused" and "not on this machine" in o["errText"]:
            return None, o["errText"]
        return self.faults(row, o)

    def ended(self, row, o):
        # This is about what is left; on a busy machine any program may run out of its time.
        return super().ended(row, o) or o["end"] in ("wall_time", "cpu_time")

    def next_row(self):
        with self.lock:
            if self.left_to_do == 0:
                return None
            self.left_to_do -= 1
            return self.random.choice(self.rows)

    def work(self, slot, todo):
        while True:
            row = self.next_row()
            if row is None:
                return
            try:
                problems = self.one(row, slot)
            except driver.Lost as e:
                problems = [f"the keeper was lost: {e}"]
            self.report(row, problems, 0)

    def everywhere(self):
        """A run of every kind in every slot, so that what is kept ready is there."""
        for slot in range(self.options.slots):
            self.warm(slot)

    def campaign(self):
        workers = [threading.Thread(target=self.work, args=(s, None))
                   for s in range(self.options.slots)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()


def compare(what, before, after):
    return [f"{what}: {kind}: {before.get(kind, 0)} before, {after.get(kind, 0)} after"
            for kind in sorted(set(before) | set(after))
            if after.get(kind, 0) > before.get(kind, 0)]


def trial(options, rows, mode, groups):
    """(passed, failed, skipped) of one mode."""
    empty = count(groups)
    crowd = Crowd(options, rows, mode)
    crowd.everywhere()
    for row in {r.program: r for r in rows}.values():
        crowd.made(row, 0)
    crowd.everywhere()
    before = steady(groups)
    private, kib = crowd.private()[0], groups.kib()
    crowd.campaign()
    crowd.everywhere()
    after = settled(groups, before)
    problems = compare("keepers idle", before, after)
    grown = (crowd.private()[0] - private, groups.kib() - kib)
    for what, n in zip(("keepers and their stages", "their cgroups"), grown):
        if n > GROWTH_KIB * options.slots:
            problems.append(f"{what} grew by {n} KiB")
    problems += [f"keepers were lost: {w}" for w in crowd.slots.losses]
    problems += crowd.machine.left()
    status = crowd.slots.close()
    crowd.slots.process.stdout.close()
    if status != 0:
        problems.append(f"the driver ended with {status}")
    crowd.machine.close()
    problems += compare("keepers gone", empty, settled(groups, empty))
    print(f"{mode}: {options.runs} runs of {len(rows)} programs, seed {options.seed}: "
          + ", ".join(f"{n} {e}" for e, n in crowd.ends.most_common()))
    print(f"{mode}: " + ", ".join(f"{k} {after.get(k, 0)}" for k in sorted(after))
          + f"; KiB of keepers {grown[0]:+}, of cgroups {grown[1]:+}")
    for p in problems:
        print(f"FAIL  {mode}: {p}")
    if not problems:
        print(f"ok    {mode}: nothing is left")
    return crowd.passed + (not problems), crowd.failed + len(problems), crowd.skipped


def blind(groups):
    """Kinds that the count does not see when something is left on purpose."""
    before = count(groups)
    child = subprocess.Popen(["sleep", "1000"])
    mark = os.path.join(FOLDERS[0], "crowd-mark")
    os.mkdir(mark)
    subprocess.run(["mount", "-t", "tmpfs", "crowd", mark], check=True)
    ipc = re.search(r"\d+", subprocess.run(["ipcmk", "-M", "1"], check=True, text=True,
                                           stdout=subprocess.PIPE).stdout)[0]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0crowd")
    below = os.path.join(groups.made[0][1], "crowd") if groups.made else None
    if below:
        os.mkdir(below)
    after = count(groups)
    if below:
        os.rmdir(below)
    listener.close()
    subprocess.run(["ipcrm", "-m", ipc], check=True)
    subprocess.run(["umount", mark], check=True)
    os.rmdir(mark)
    child.kill()
    child.wait()
    return [k for k in before if k not in ("keys", "cgroups" if not below else "")
            and after[k] <= before[k]] + [k for k in before if count(groups)[k] != before[k]]


def steady(groups):
    """A count that two looks agree on."""
    until, last = time.monotonic() + SETTLE_S, None
    while True:
        now = count(groups)
        if now == last or time.monotonic() > until:
            return now
        last = now
        time.sleep(0.2)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--runs", type=int, default=RUNS)
    ap.add_argument("--slots", type=int, default=2)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--only", default="")
    ap.add_argument("--mode", choices=("fresh", "reused", "both"), default="both")
    ap.add_argument("--build", default=os.environ.get("BUILD") or
                    os.path.join(driver.TOP, "build"))
    options = ap.parse_args()
    options.build = os.path.abspath(options.build)
    if not alone():
        print("skip: no namespaces of our own here")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    rows = [r for r in battery.table() if re.search(options.only, r.program)]
    if options.runs < len(rows):
        rows = random.Random(options.seed).sample(rows, max(1, options.runs // 2))
    groups = Groups()
    unseen = blind(groups)
    if unseen:
        print(f"FAIL  the count does not see what is left: {', '.join(unseen)}")
    else:
        print("ok    the count sees a process, a mount, a file, ipc, a socket and a group")
    total = [not unseen, len(unseen), 0]
    for mode in ("fresh", "reused") if options.mode == "both" else (options.mode,):
        for i, n in enumerate(trial(options, rows, mode, groups)):
            total[i] += n
    groups.leave()
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
