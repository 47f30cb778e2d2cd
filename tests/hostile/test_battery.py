#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""test_battery.py [--slots N] [--repeat N] [--only REGEXP] [--mode fresh|reused|both] [--build DIR]
                [--level full|ns|ns-noproc|lsm|lsm-root] [--core] [--growth KIB]

Runs the battery of hostile programs against arena-sandbox, the way the daemon would: resident
keepers, compile and run in a sandbox each. What must not happen is looked for from outside,
after every program, in the machine; battery.table says what for. The whole is run with new
namespaces for every program and with slots that are used again; --list names the programs.

--level makes root run it where the sandbox can only have that level of isolation: as an ordinary
user, with a masked /proc, behind a filter that refuses namespaces. What a level does not promise
to stop is skipped by name; levels.table says why. --core takes a quarter of the time.
Ends with "N passed, N failed, N skipped".
"""
import argparse
import fnmatch
import collections
import ctypes
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "sandbox"))
import slots as driver  # noqa: E402

# The wall time is generous: a busy machine may give a program little of its CPU time in a second.
LIMITS = {"cpuMs": 1000, "wallMs": 20000, "memory": 64 << 20, "output": 65536, "processes": 64,
          "stack": 16 << 20, "fileSize": 16 << 20, "files": 1024, "cpuShare": 1000}
ROOMY = {"javascript": 128 << 20, "java": 128 << 20}
SUFFIX = {"c": "main.c", "cpp": "main.cpp", "python": "main.py", "javascript": "main.js"}
SHELL_WORDS = ["$(touch /tmp/HOSTILE-MARK)", "`touch /tmp/HOSTILE-MARK`", "a;b|c&d", "two\nlines",
               "--version", "", "${IFS}x", "'\"\\", "*", "../../etc/passwd"]
WANTED = ["wanted.txt", "wanted.d/hostname", "folder/secret"]
# Programs that leave a regular file of that name; what is in it is looked at.
MAY_RETURN = ("plant_swapped", "plant_huge", "plant_mapped")
MARKS = [os.path.join(d, n) for d in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/")
         for n in ("HOSTILE-MARK", "hostile", "arena-hostile-compiled")]
SLOW = int(os.environ.get("ARENA_TEST_SLOW", "1"))  # an emulated machine takes so much longer
CONFIRM_S = 0.05 * SLOW
LATE_US = 1_000_000 * SLOW
GROWTH_KIB = 2048

Row = collections.namedtuple("Row", "program language phase ends checks limits")


def table():
    rows = []
    with open(os.path.join(HERE, "battery.table"), encoding="utf-8") as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                continue
            program, language, phase, ends, checks, limits = line.split()
            own = {} if limits == "-" else {k: int(v) for k, v in
                                            (x.split("=") for x in limits.split(","))}
            rows.append(Row(program, language, phase, ends.split("|"), checks.split(","), own))
    return rows


def unpublished(rows):
    """Published attacks that no program of the battery tries."""
    have, bad = {r.program for r in rows}, []
    with open(os.path.join(HERE, "published.table"), encoding="utf-8") as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                continue
            incident, programs, _ = line.split(None, 2)
            bad += [f"{incident}: {p} is not in the battery" for p in programs.split(",")
                    if p not in have]
    return bad


def unpromised(level):
    """(pattern of programs, reason) for all that a level does not promise to stop."""
    found = []
    with open(os.path.join(HERE, "levels.table"), encoding="utf-8") as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                continue
            levels, pattern, reason = line.split(None, 2)
            if level in levels.split(","):
                found.append((pattern, reason.strip()))
    return found


def core(rows):
    """Two programs of each kind: what they are written in, how they end, what is looked at."""
    seen, chosen = collections.Counter(), []
    for r in rows:
        kind = (r.language, r.phase, r.ends[0], r.checks[0])
        seen[kind] += 1
        if seen[kind] <= (2 if r.language == "c" else 1):
            chosen.append(r)
    return chosen


# How root gets a machine on which no more than that level can be had.
ORDINARY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
MASK = ["mount", "--bind", "/dev/null", "/proc/version"]
HIDE = ["mount", "-t", "tmpfs", "none", "/sys/fs/cgroup"]
WORLDS = {"ns": ([], ORDINARY), "ns-noproc": ([MASK], ORDINARY),
          "lsm": ([], ORDINARY + ["{without}", "namespaces"]),
          "lsm-root": ([HIDE], ["{without}", "namespaces"])}


def in_world(options):
    """Runs this program again in the world of a level, from a copy that anybody may read."""
    prepare, wrap = WORLDS[options.level]
    with tempfile.TemporaryDirectory(prefix="arena-level-") as top:
        os.chmod(top, 0o755)
        for folder in ("tests/hostile", "tests/sandbox", "images/profiles"):
            shutil.copytree(os.path.join(driver.TOP, folder), os.path.join(top, folder))
        build = os.path.join(top, "build")
        for program in ("arena-sandbox", "tests/sandbox/slots", "tests/sandbox/without"):
            os.makedirs(os.path.dirname(os.path.join(build, program)), exist_ok=True)
            shutil.copy2(os.path.join(options.build, program), os.path.join(build, program))
        subprocess.run(["chmod", "-R", "a+rX", top], check=True)
        for command in prepare:
            subprocess.run(command, check=True)
        wrap = [w.format(without=os.path.join(build, "tests/sandbox/without")) for w in wrap]
        words = [sys.executable, os.path.join(top, "tests/hostile/test_battery.py"), "--build",
                 build, "--slots", str(options.slots), "--repeat", str(options.repeat), "--only",
                 options.only, "--mode", "fresh", "--inside", options.level]
        words += ["--quiet"] if options.quiet else []
        words += ["--core"] if options.core else []
        environment = dict(os.environ, ARENA_PROFILE_DIR=os.path.join(top, "images/profiles"))
        environment.pop("ARENA_SANDBOX", None)
        return subprocess.run(wrap + words, env=environment, check=False).returncode


class Machine:
    """What a program could reach if something leaked, and the state it must leave alone."""

    def __init__(self):
        self.secret = "secret-" + secrets.token_hex(12)
        self.dir = tempfile.mkdtemp(prefix="arena-hostile-")
        os.chmod(self.dir, 0o755)
        self.file = os.path.join(self.dir, "secret")
        with open(self.file, "w", encoding="ascii") as f:
            f.write(self.secret + "\n")
        os.chmod(self.file, 0o644)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.name = "arena-hostile-" + secrets.token_hex(4)
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind("\0" + self.name)
        self.unix.listen()
        self.named = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.named.bind(os.path.join(self.dir, "datagrams"))
        os.chmod(os.path.join(self.dir, "datagrams"), 0o777)
        self.sockets = (self.tcp, self.udp, self.unix, self.named)
        for s in self.sockets:
            s.setblocking(False)
        self.shadow = self.first_line("/etc/shadow")
        self.machine_id = self.first_line("/etc/machine-id")
        alone = os.environ.get("ARENA_TEST_ALONE") and os.geteuid() == 0
        self.mq = os.path.join(self.dir, "mq") if alone else None
        if self.mq:
            os.mkdir(self.mq)
            if subprocess.run(["mount", "-t", "mqueue", "none", self.mq], check=False,
                              stderr=subprocess.DEVNULL).returncode:
                self.mq = None

    @staticmethod
    def first_line(path):
        try:
            with open(path, encoding="latin-1") as f:
                return f.readline().strip()
        except OSError:
            return ""

    def secrets(self):
        """Texts no program may know: (what it is, text)."""
        return [(what, text.encode()) for what, text in (
            ("the secret", self.secret), ("/etc/shadow", self.shadow),
            ("the machine id", self.machine_id)) if len(text) > 8]

    def heard(self):
        """What reached a service of the machine; empty when nothing did."""
        found = []
        for what, s in (("TCP", self.tcp), ("abstract socket", self.unix)):
            try:
                s.accept()[0].close()
                found.append(what)
            except OSError:
                pass
        for what, s in (("UDP", self.udp), ("named socket", self.named)):
            try:
                found.append(f"{what} {s.recv(64)!r}")
            except OSError:
                pass
        return found

    def left(self):
        """Objects that belong to nobody: what a program may have left on the machine."""
        found = [m for m in MARKS if os.path.lexists(m)]
        for kind in ("shm", "sem", "msg"):
            with open(f"/proc/sysvipc/{kind}", encoding="ascii") as f:
                if len(f.readlines()) > 1 and os.environ.get("ARENA_TEST_ALONE"):
                    found.append(f"System V {kind}")
        if self.mq and os.listdir(self.mq):
            found.append("message queues")
        return found

    def state(self):
        """Counters that must be the same at the end."""
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            mounts = len(f.readlines())
        packets = 0
        if os.environ.get("ARENA_TEST_ALONE"):
            with open("/proc/net/dev", encoding="ascii") as f:
                packets = sum(int(line.split(":")[1].split()[1]) for line in f if ":" in line)
        return {"mounts": mounts, "packets": packets}

    def close(self):
        if self.mq:
            subprocess.run(["umount", self.mq], check=False)
        for s in self.sockets:
            s.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Battery:
    def __init__(self, options, rows, mode):
        self.options = options
        self.mode = mode
        self.rows = rows
        self.machine = Machine()
        self.slots = driver.Slots(options.slots, options.build,
                                  {"ARENA_HOSTILE_SECRET": self.machine.secret,
                                   "SANDBOX_FRESH": "1" if mode == "fresh" else "0"})
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0
        self.cgroups = set()
        self.over, self.confirm = [], []
        self.level, self.open = "none", []

    # --- one program -------------------------------------------------------------------------

    def step(self, row, phase, slot):
        name = os.path.basename(row.program)
        limits = dict(LIMITS, memory=ROOMY.get(row.language, LIMITS["memory"]))
        source = SUFFIX.get(row.language, name)
        files = [{"name": source, "path": os.path.join(HERE, row.program)}]
        if phase == "compile" and row.phase != "compile":
            limits = {}
        else:
            limits.update(row.limits)
        for name in set(limits) & {"cpuMs", "wallMs"}:
            limits[name] *= SLOW
        if row.program.startswith("c/"):
            files.append({"name": "hostile.h", "path": os.path.join(HERE, "c", "hostile.h")})
        step = {"profile": row.language, "phase": phase, "slot": slot, "sources": [source],
                "files": files, "limits": limits}
        if phase == "run":
            step["args"] = [str(self.machine.port), self.machine.file, self.machine.name,
                            str(os.getpid())]
            if "args" in row.checks:
                step["args"] += SHELL_WORDS
            if "plant" in row.checks:
                step["out"] = WANTED
        return step

    def compiled(self, row, slot, name):
        """The program, kept in the driver under `name`; None, or why there is none."""
        if row.language not in ("c", "cpp", "java") or row.phase == "compile":
            return None
        o = self.slots.run(dict(self.step(row, "compile", slot), id=name))
        if o["end"] != "exited" or o["exitCode"] != 0:
            return f"does not compile: {o['end']} {o.get('detail')} {o['err'][:300]} {o['errText']}"
        return None

    def excused(self, row):
        """What is reported for a program that this level does not promise to stop."""
        for pattern, reason in self.open:
            if fnmatch.fnmatch(row.program, pattern):
                return None, f"{self.level} does not promise it: {reason}"
        return None

    def one(self, row, slot):
        """Problems seen; empty = it held. None = skipped, with the reason."""
        name = f"{row.program}@{slot}"
        why = self.compiled(row, slot, name)
        if why:
            return [why]
        step = self.step(row, row.phase, slot)
        if row.phase == "run" and row.language in ("c", "cpp", "java"):
            step["from"] = name
            step["files"] = []
        o = self.slots.run(step)
        self.slots.drop(name)
        self.slots.drop(o["id"])
        if o["end"] == "refused" and "not on this machine" in o["errText"]:
            return None, o["errText"]
        bad = self.faults(row, o) + self.processes(slot) + self.machine.left()
        bad += [f"heard: {h}" for h in self.machine.heard()]
        bad += self.canary(slot)
        return bad

    def canary(self, slot):
        o = self.slots.run({"profile": "c", "phase": "run", "slot": slot, "from": "canary",
                            "limits": dict(LIMITS, memory=64 << 20)})
        if o["end"] != "exited" or o["out"] != b"clean\n":
            return [f"the next program finds: {o['end']} {o['out'][:300]}"]
        return []

    def warm(self, slot):
        """A step of every kind, so that what a keeper keeps ready is there before it is measured."""
        for row in {(r.language, r.phase): r for r in self.rows}.values():
            for phase in ("compile", "run"):
                step = self.step(row, phase, slot)
                step.update(files=[], limits={}, sources=[])
                self.slots.run(step)

    def processes(self, slot):
        """Nothing of a run may live below its keeper; CONFIRM_S to be gone."""
        keeper, until = self.slots.pids[slot], time.monotonic() + CONFIRM_S
        while True:
            left = [f"{pid} {name}" for pid, name in driver.descendants(keeper)
                    if not name.startswith("arena-sandbox")]
            if not left:
                return []
            if time.monotonic() > until:
                return ["processes are left: " + ", ".join(left)]
            time.sleep(0.005)

    def faults(self, row, o):
        bad = []
        if not self.ended(row, o):
            bad.append(f"ended {self.end_of(o)}, not {'|'.join(row.ends)}: {o['detail']} {o['errText']}")
        text = o["out"] + o["err"]
        for word in (b"ESCAPED", b"DIRTY"):
            bad += [line.decode("latin-1")[:200] for line in text.splitlines() if word in line]
        texts = [("its output", text)]
        texts += [(f["name"], f["data"].encode("latin-1")) for f in o["files"]]
        for what, secret in self.machine.secrets():
            bad += [f"{what} is in {where}" for where, t in texts if secret in t]
        if "plant" in row.checks:
            bad += self.planted(row, o)
        if "out" in row.checks:
            n = max(len(o["out"]), len(o["err"]))
            if n != 65536:
                bad.append(f"{n} bytes of output were kept, not 65536")
        if "args" in row.checks and o["out"] != "".join(f"[{w}]" for w in SHELL_WORDS).encode() + b"\n":
            bad.append(f"arguments arrived as {o['out']!r}")
        if row.program == "c/mountinfo.c" and driver.TOP.encode() in o["out"]:
            bad.append("mountinfo names folders of the machine")
        if o["overshootUs"] > LATE_US:
            bad.append(f"{o['overshootUs']} us over its limit")
        with self.lock:
            if o["end"] in ("cpu_time", "wall_time"):
                self.over.append(o["overshootUs"])
        return bad

    @staticmethod
    def planted(row, o):
        bad = []
        stem = os.path.basename(row.program).split(".")[0]
        host = socket.gethostname()
        for f in o["files"]:
            if not f["regular"]:
                bad.append(f"{f['name']} came out and is no regular file")
            if f["name"] in WANTED and not stem.startswith(MAY_RETURN):
                bad.append(f"{f['name']} came out: {f['data'][:80]!r}")
            if f["size"] > LIMITS["fileSize"]:
                bad.append(f"{f['name']} has {f['size']} bytes")
            if len(host) > 6 and host in f["data"]:
                bad.append(f"{f['name']} holds the machine's name")
        return bad

    @staticmethod
    def end_of(o):
        if o["end"] == "exited":
            return f"exited:{o['exitCode']}"
        return f"signaled:{o['signal']}" if o["end"] == "signaled" else o["end"]

    def ended(self, row, o):
        end = self.end_of(o)
        return end in row.ends or (":" in end and end.split(":")[0] + ":*" in row.ends)

    # --- the campaign ------------------------------------------------------------------------

    def note_cgroups(self):
        for pid, _ in driver.descendants(self.slots.process.pid):
            try:
                with open(f"/proc/{pid}/cgroup", encoding="utf-8") as f:
                    self.cgroups |= {tuple(line.strip().split(":", 2)[1:]) for line in f}
            except OSError:
                pass

    def cgroups_left(self):
        with open("/proc/self/cgroup", encoding="utf-8") as f:
            mine = {tuple(line.strip().split(":", 2)[1:]) for line in f}
        left = []
        for controllers, path in self.cgroups - mine:
            for base in (controllers.replace("name=", ""), "unified", ""):
                at = os.path.join("/sys/fs/cgroup", base, path.lstrip("/"))
                if path != "/" and os.path.isdir(at) and (controllers, path) not in mine:
                    left.append(at)
                    break
        return left

    def report(self, row, problems, took):
        with self.lock:
            if isinstance(problems, tuple):
                self.skipped += 1
                print(f"skip: {row.program}: {problems[1]}", flush=True)
            elif problems:
                self.failed += 1
                print(f"FAIL  {row.program}", flush=True)
                for p in problems[:8]:
                    print(f"      {p}", flush=True)
            else:
                self.passed += 1
                if not self.options.quiet:
                    print(f"ok    {row.program}  {took:.2f} s", flush=True)

    def work(self, slot, todo):
        while True:
            with self.lock:
                if not todo:
                    return
                row = todo.pop()
            start = time.monotonic()
            try:
                problems = self.excused(row) or self.one(row, slot)
            except driver.Lost as e:
                problems = [f"the keeper was lost: {e}"]
            except Exception as e:  # the driver itself is gone: everything after fails too
                problems = [f"{type(e).__name__}: {e}"]
            self.report(row, problems, time.monotonic() - start)
            if slot == 0:
                self.note_cgroups()

    def private(self):
        pids = [self.slots.process.pid]
        pids += [p for p, name in driver.descendants(self.slots.process.pid)
                 if name.startswith("arena-sandbox")]
        return sum(map(driver.resident, pids)), len(pids)

    def run(self):
        canary = Row("c/canary.c", "c", "run", ["exited:0"], [], {})
        why = self.compiled(canary, 0, "canary")
        if why:
            sys.exit(f"the canary {why}")
        for slot in range(self.options.slots):
            self.warm(slot)
            bad = self.canary(slot)
            if bad:
                print(f"FAIL  canary before any program, slot {slot}: {bad[0]}")
                self.failed += 1
        self.level, lacks = self.slots.levels[0]
        self.open = unpromised(self.level)
        print(f"{self.mode} slots, isolation {self.level}{': without ' + lacks if lacks else ''}",
              flush=True)
        if self.options.inside and self.level != self.options.inside.split("-root")[0]:
            print(f"FAIL  the level is {self.level}, not {self.options.inside}")
            self.failed += 1
        self.note_cgroups()
        before, kib = self.machine.state(), self.private()
        todo = list(reversed(self.rows * self.options.repeat))
        workers = [threading.Thread(target=self.work, args=(s, todo))
                   for s in range(self.options.slots)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        self.finish(before, kib)

    def finish(self, before, kib):
        after, now = self.machine.state(), self.private()
        problems = [f"{k}: {before[k]} before, {after[k]} after" for k in before
                    if before[k] != after[k]]
        problems += [f"keepers were lost: {w}" for w in self.slots.losses]
        if now[0] > kib[0] + self.options.growth * self.options.slots or now[1] > kib[1] + self.options.slots:
            problems.append(f"keepers grew from {kib} to {now} (KiB, processes)")
        status = self.slots.close()
        if status != 0:
            problems.append(f"the driver ended with {status}")
        stray = [f"{p} {n}" for p, n in driver.descendants(os.getpid())]
        if stray:
            problems.append("processes are left at the end: " + ", ".join(stray[:8]))
        problems += [f"cgroup is left: {c}" for c in self.cgroups_left()]
        problems += self.machine.left()
        self.machine.close()
        for p in problems:
            print(f"FAIL  after the campaign: {p}")
        self.failed += len(problems)
        if not problems:
            print(f"ok    nothing is left; keepers {kib[0]} KiB before, {now[0]} KiB after")
        over = sorted(self.over)
        if over:
            print(f"overshoot of time limits, us: median {over[len(over) // 2]}, most {over[-1]}, "
                  f"of {len(over)}")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--slots", type=int, default=2)
    ap.add_argument("--repeat", type=int, default=1)
    ap.add_argument("--only", default="")
    ap.add_argument("--growth", type=int, default=GROWTH_KIB)
    ap.add_argument("--quiet", action="store_true")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("--mode", choices=("fresh", "reused", "both"), default="both")
    ap.add_argument("--level", choices=["full", *WORLDS])
    ap.add_argument("--inside", default="", help=argparse.SUPPRESS)
    ap.add_argument("--core", action="store_true")
    ap.add_argument("--build", default=os.environ.get("BUILD") or
                    os.path.join(driver.TOP, "build"))
    options = ap.parse_args()
    options.build = os.path.abspath(options.build)
    rows = [r for r in table() if re.search(options.only, r.program)]
    if not rows:
        sys.exit("no such program")
    if options.core:
        rows = core(rows)
    if options.list:
        for r in rows:
            print(r.program)
        return 0
    if options.level in WORLDS and os.geteuid() != 0:
        print(f"skip: level {options.level}: only root can make such a machine")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    driver.own_namespaces()
    if options.level in WORLDS:
        return in_world(options)
    # Orphans of anything below come to us, so that none can be missed.
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    passed = failed = skipped = 0
    for problem in unpublished(table()):
        print(f"FAIL  published attack {problem}")
        failed += 1
    for mode in ("fresh", "reused") if options.mode == "both" else (options.mode,):
        b = Battery(options, rows, mode)
        b.run()
        passed, failed, skipped = passed + b.passed, failed + b.failed, skipped + b.skipped
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
