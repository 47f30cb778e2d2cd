#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""test_limits.py [--slots N] [--repeat N] [--only TEXT] [--strict] [--load] [--build DIR]

Compiles every case of cases.py once and runs it --repeat times in a shuffled order on all slots at
once, so that each is measured while the machine is busy with the others; with --load every CPU is
kept busy with something else besides. A case passes when every repeat ends as it must. Prints how
far limits were overshot and how long a kill takes; with --strict those figures must meet their
targets too. Ends with "N passed, N failed, N skipped".
"""
import argparse
import collections
import os
import random
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "sandbox")]
import cases  # noqa: E402
import slots as driver  # noqa: E402

SOURCES = {"c": "main.c", "cpp": "main.cpp", "python": "main.py", "javascript": "main.js",
           "java": "Main.java"}
FORK_BOMB = cases.c("for (;;) fork();")
KILLS = 20
TARGETS = {"limits_wall_overshoot_p99_ms": 20.0, "limits_cpu_overshoot_p99_ms": 5.0,
           "limits_kill_64_processes_median_ms": 15.0}


class Load:
    """Something that wants every CPU of the machine for as long as it is there."""

    def __init__(self):
        self.burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                        for _ in os.sched_getaffinity(0)]

    def share(self):
        """CPUs' worth of time that it has got: proof that there was a load."""
        ticks = 0
        for b in self.burners:
            with open(f"/proc/{b.pid}/stat", encoding="latin-1") as f:
                ticks += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self):
        for b in self.burners:
            b.kill()
            b.wait()


class Suite:
    def __init__(self, options):
        self.options = options
        self.files = driver.Files()
        self.slots = driver.Slots(options.slots, options.build)
        self.lock = threading.Lock()
        self.seen = collections.defaultdict(list)
        self.skips = {}
        self.over = {"cpu_time": [], "wall_time": []}
        self.todo = []
        self.compiled = {}
        self.locks = {f"{c[1]}: {c[0]}": threading.Lock() for c in cases.CASES}

    def sources(self, language, source, options):
        files = {SOURCES[language]: source, **options.get("files", {})}
        return list(files), [{"name": n, "path": self.files.of(t)} for n, t in files.items()]

    def limits(self, language, options):
        return {**cases.LIMITS, **cases.SLOW.get(language, {}), **options.get("limits", {})}

    def compile(self, case, slot, name):
        _, language, source, _, options = case
        names, files = self.sources(language, source, options)
        return self.slots.run({"id": name[:60], "profile": language, "phase": "compile",
                               "slot": slot,
                               "sources": names, "files": files, "limits": {}})

    def outcome(self, case, slot):
        """How it ended, as a text, and the outcome."""
        _, language, source, _, options = case
        names, files = self.sources(language, source, options)
        step = {"profile": language, "phase": "run", "slot": slot, "sources": names,
                "files": files, "args": options.get("args", []),
                "limits": self.limits(language, options)}
        if "stdin" in options:
            step["stdin"] = self.files.of(options["stdin"])
        if language in ("c", "cpp", "java"):
            name = f"{language}: {case[0]}"
            with self.locks[name]:
                if name not in self.compiled:
                    self.compiled[name] = self.compile(case, slot, name)
            o = self.compiled[name]
            if o["end"] != "exited" or o["exitCode"]:
                what = o["exitCode"] if o["end"] == "exited" else f"{o['end']} {o['detail']}"
                return f"compile:{what} {o['errText']}".strip(), o
            step.update({"from": name[:60], "files": []})
        o = self.slots.run(step)
        end = {"exited": f"exited:{o.get('exitCode')}",
               "signaled": f"signaled:{o.get('signal')}"}.get(o["end"], o["end"])
        return end, o

    def one(self, case, slot):
        name, language, _, expected, options = case
        level = self.slots.levels[slot][0]
        if expected == "processes" and level != "full":
            self.skips[(language, name)] = f"at level {level} nothing counts the forks refused"
            return
        end, o = self.outcome(case, slot)
        if o["end"] == "refused" and "not on this machine" in o["errText"]:
            self.skips[(language, name)] = o["errText"]
            return
        wrong = None
        if end != expected:
            wrong = f"ended {end}, not {expected}: {o.get('detail', '')} {o.get('errText', '')}"
            wrong += f" stderr {o['err'][-300:]!r}"
        elif "out" in options and o["out"] != options["out"]:
            wrong = f"wrote {o['out'][:100]!r}, not {options['out']!r}"
        elif "check" in options:
            wrong = options["check"](o)
        with self.lock:
            self.seen[(language, name)].append((end, wrong))
            if o["end"] in self.over and not wrong:
                self.over[o["end"]].append(o["overshootUs"] / 1000)

    def work(self, slot):
        while True:
            with self.lock:
                if not self.todo:
                    return
                case = self.todo.pop()
            try:
                self.one(case, slot)
            except Exception as e:  # a lost keeper or driver is this case's failure
                with self.lock:
                    self.seen[(case[1], case[0])].append(("lost", f"{type(e).__name__}: {e}"))

    def kills(self):
        """Milliseconds from the wish to kill a full fork bomb until it is confirmed dead."""
        case = ("bomb", "c", FORK_BOMB, "killed", {})
        o = self.compile(case, 0, "bomb")
        if o["end"] != "exited":
            return []
        found = []
        for _ in range(KILLS):
            o = self.slots.run({"profile": "c", "phase": "run", "slot": 0, "from": "bomb",
                                "limits": dict(cases.LIMITS, cpuMs=5000, processes=64),
                                "killAfterMs": 100})
            if o["end"] != "killed":
                self.seen[("c", "a fork bomb is killed")].append((o["end"], f"ended {o['end']}"))
            found.append(o["killUs"] / 1000)
        return found

    def run(self):
        wanted = [c for c in cases.CASES if self.options.only in f"{c[1]}: {c[0]}"]
        if not wanted:
            sys.exit("no such case")
        self.todo = wanted * self.options.repeat
        random.Random(self.options.seed).shuffle(self.todo)
        load, begin = Load() if self.options.load else None, time.monotonic()
        workers = [threading.Thread(target=self.work, args=(s,)) for s in range(self.options.slots)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        if load:
            print(f"load: {load.share():.0f} s of CPU time in {time.monotonic() - begin:.0f} s "
                  f"on {len(load.burners)} CPUs")
            load.close()
        # A kill is measured by itself: it is about the kernel's work, not about its share.
        killed = self.kills() if not self.options.only else []
        self.slots.close()
        self.files.close()
        return self.report(killed)

    def report(self, killed):
        failed = 0
        for (language, name), ends in sorted(self.seen.items()):
            wrong = collections.Counter(w for _, w in ends if w)
            if len({e for e, _ in ends}) > 1:
                wrong["verdicts differ: " + ", ".join(sorted({e for e, _ in ends}))] += 1
            failed += bool(wrong)
            print(f"{'FAIL' if wrong else 'ok  '}  {language}: {name}" +
                  (f"  {sum(wrong.values())} of {len(ends)}" if wrong else ""))
            for w, _ in wrong.most_common(3):
                print(f"      {w}")
        for (language, name), why in sorted(self.skips.items()):
            print(f"skip: {language}: {name}: {why}")
        short = self.figures(killed)
        passed = len(self.seen) - failed
        failed += short if self.options.strict else 0
        print(f"{passed} passed, {failed} failed, {len(self.skips)} skipped")
        return 1 if failed or not self.seen else 0

    def figures(self, killed):
        def at(values, share):
            return sorted(values)[min(len(values) - 1, int(len(values) * share))]

        figures = {}
        if self.over["wall_time"]:
            figures["limits_wall_overshoot_p99_ms"] = at(self.over["wall_time"], 0.99)
        if self.over["cpu_time"]:
            figures["limits_cpu_overshoot_p99_ms"] = at(self.over["cpu_time"], 0.99)
        if killed:
            figures["limits_kill_64_processes_median_ms"] = at(killed, 0.5)
        short = 0
        for name, figure in figures.items():
            ok = figure <= TARGETS[name]
            short += not ok
            print(f"{name} ratio {figure:.1f} target {TARGETS[name]:.0f} {'ok' if ok else 'short'}")
        return short


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--slots", type=int, default=2)
    ap.add_argument("--repeat", type=int, default=1)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--only", default="")
    ap.add_argument("--strict", action="store_true")
    ap.add_argument("--load", action="store_true")
    ap.add_argument("--build", default=os.environ.get("BUILD") or
                    os.path.join(driver.TOP, "build"))
    options = ap.parse_args()
    options.build = os.path.abspath(options.build)
    driver.own_namespaces()
    return Suite(options).run()


if __name__ == "__main__":
    sys.exit(main())
