#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""test_calls.py [--whole] [--write] [--only REGEXP] [--build DIR]

Which system calls does a language's program make, and may it? Real programs run in the real
sandbox, built so that it writes every call down (sandbox/trace.h), each compiled and run apart.
What they make is held against the groups and lists that their profile names, both ways:

    no program makes a call that its list refuses, but for what is meant to be refused;
    no list has a group or a call that no program has shown to be needed.

trace/LANGUAGE.PHASE is what was seen: a call, the group it is in ("-": none) and the first program
that made it. --write makes these anew (make trace-syscalls), --whole runs all programs (make
check-syscalls), else a few. The same programs then run in the sandbox as it is,
where they must end well. Ends with "N passed, N failed, N skipped".
"""
import argparse
import collections
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TESTS = os.path.join(TOP, "tests")
sys.path[:0] = [os.path.join(TESTS, "sandbox"), os.path.join(TESTS, "limits")]
import cases  # noqa: E402
import slots as driver  # noqa: E402

SOURCES = {"c": "main.c", "cpp": "main.cpp", "python": "main.py", "javascript": "main.js",
           "java": "Main.java"}
ENDINGS = {"c": "c", "cpp": "cpp", "python": "py", "javascript": "js", "java": "java"}
COMPILED = ("c", "cpp", "java")
# Wide: a program that is traced is slow, and a call it never comes to is not seen.
WIDE = {"cpuMs": 60000, "wallMs": 150000, "memory": 512 << 20, "processes": 128, "files": 4096,
        "fileSize": 128 << 20, "cpuShare": 2000}
Program = collections.namedtuple("Program", "name language source text stdin args")
Group = collections.namedtuple("Group", "kind calls rules")


def corpus(language):
    """Every honest program there is in this language, the broadest first."""
    ending = ENDINGS[language]
    for path in sorted(glob.glob(os.path.join(HERE, "corpus", language, "*"))):
        name = os.path.relpath(path, HERE)
        yield named(language, name, os.path.basename(path), read(path), "a\n")
    profile = json.loads(read(os.path.join(TOP, "images", "profiles", language + ".json")))
    yield named(language, "the profile's example", SOURCES[language], profile["example"], "x\n")
    path = os.path.join(TESTS, "e2e", "programs", "paths." + ending)
    tests = json.loads(read(os.path.join(TESTS, "e2e", "programs", "paths.json")))
    yield named(language, "e2e/programs/paths." + ending, SOURCES[language], read(path),
                tests[0]["input"])
    for name, of, source, end, options in cases.CASES:
        if of == language and end.startswith("exited") and "files" not in options:
            yield Program("limits: " + name, language, options.get("source", SOURCES[language]),
                          source, options.get("stdin", ""), options.get("args", []))


def named(language, name, source, text, stdin):
    source = source if language == "java" else SOURCES[language]
    return Program(name, language, source, text, stdin, [])


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


# --- what is allowed -----------------------------------------------------------------------------


class Table:
    """The groups of sandbox/calls.c, as the program tells them."""

    def __init__(self, program):
        self.groups = {}
        text = subprocess.run([program, "calls"], check=True, capture_output=True, text=True).stdout
        for line in text.splitlines():
            kind, name, call, *tests = line.split("\t")
            g = self.groups.setdefault(name, Group(kind, set(), collections.defaultdict(list)))
            if tests:
                g.rules[call].append([[int(x, 16) for x in re.split("[&=]", t)] for t in tests])
            else:
                g.calls.add(call)

    def of(self, kind):
        return {name for name, g in self.groups.items() if g.kind == kind}

    def has(self, name, call):
        """Does a group, or a single call, allow a call (NAME, ARG...)?"""
        g = self.groups.get(name)
        if g is None:
            return name == call[0]
        return call[0] in g.calls or any(
            all((call[1 + arg] & mask) == value for arg, mask, value in rule)
            for rule in g.rules.get(call[0], ()))

    def allows(self, names, call):
        return any(self.has(n, call) for n in names)


# --- what is seen --------------------------------------------------------------------------------


class Tracer:
    """Two keepers: one compiles, one runs; the calls of each step are what it has added."""

    def __init__(self, build, folder):
        self.files = driver.Files()
        self.folder = folder
        mutant = os.path.join(build, "tests", "sandbox", "arena-sandbox-mutant")
        os.environ["ARENA_SANDBOX"] = mutant
        self.slots = driver.Slots(2, build, {"SANDBOX_MUTANT": "traced_calls",
                                             "SANDBOX_TRACE": folder})
        del os.environ["ARENA_SANDBOX"]
        self.at = [0, 0]

    def news(self, slot):
        path = os.path.join(self.folder, str(self.slots.pids[slot]))
        if not os.path.exists(path):
            return set()
        with open(path, encoding="ascii") as f:
            f.seek(self.at[slot])
            lines = set(f.readlines())
            self.at[slot] = f.tell()
        return {(name, *(int(a, 16) for a in args)) for name, *args in map(str.split, lines)}

    def trace(self, p):
        """{phase: calls}, and what went wrong or None."""
        seen = {}

        def step(slot, phase):
            self.news(slot)
            o = run(self.slots, self.files, p, phase, slot)
            seen[phase] = self.news(slot)
            return o
        bad = both(p, step)
        self.slots.drop("program")
        return seen, bad

    def close(self):
        self.files.close()
        return self.slots.close()


def run(slots, files, p, phase, slot):
    step = {"profile": p.language, "phase": phase, "slot": slot, "sources": [p.source],
            "files": [{"name": p.source, "path": files.of(p.text)}], "limits": {}}
    if phase == "compile":
        step["id"] = "program"
    else:
        step.update(args=p.args, stdin=files.of(p.stdin), limits=dict(WIDE))
        if p.language in COMPILED:
            step.update({"from": "program", "files": []})
    return slots.run(step, timeout=400)


def said(o):
    return " ".join(str(o.get(k, "")) for k in ("end", "detail", "refused", "errText")) + \
        f" {o['err'][-400:]!r}"


def both(p, step):
    if p.language in COMPILED:
        o = step(0, "compile")
        if (o["end"], o.get("exitCode")) != ("exited", 0):
            return f"does not compile: {said(o)}"
        if o["refused"]:
            return f"its compiler is refused {o['refused']}"
    o = step(1, "run")
    if o["end"] != "exited" or (o["exitCode"] != 0 and not p.name.startswith("limits")):
        return said(o)
    if p.name.startswith("corpus") and not o["out"].endswith(b"ok\n"):
        return f"says {o['out'][-200:]!r}"
    return f"refused {o['refused']}" if o["refused"] and not p.name.startswith("corpus") else None


# --- one against the other -----------------------------------------------------------------------


def group_of(table, call):
    """The group that has a call, "-" for one that nobody is allowed with these arguments."""
    for kind in ("base", "asked", "absent", "idle", "refused", "deadly"):
        for name in sorted(table.of(kind)):
            if table.has(name, call):
                return name
    return "-"


def shown(table, call):
    """Its name, and the arguments that a rule looks at when no rule allows them."""
    if group_of(table, call) != "-":
        return call[0]
    args = sorted({arg for g in table.groups.values() for rule in g.rules.get(call[0], ())
                   for arg, _, _ in rule})
    return call[0] + "".join(f" {arg}:{call[1 + arg]:x}" for arg in args)


def granted(table, names):
    return table.of("base") | set(names)


def outside(table, names, calls):
    """Calls that some profile may have and this list has not."""
    return sorted({shown(table, c) for c in calls if not table.allows(granted(table, names), c)
                   and group_of(table, c) in table.of("asked")})


def unjustified(names, record):
    """Groups and calls of a list that no program has needed."""
    have = {group for group, _ in record} | {call for _, call in record}
    return sorted(set(names) - have)


def compare(table, names, record):
    """What is wrong between a list and a record of what programs make."""
    bad = [f"{name} is allowed, and no program is known to need it"
           for name in unjustified(names, record)]
    return bad + [f"{call} of {group} is made by {record[group, call]}, and not allowed"
                  for group, call in sorted(record)
                  if group in table.of("asked") - set(names) and call not in names]


def profile_lists(folder):
    """{(language, phase): names}"""
    lists = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        profile = json.loads(read(path))
        for phase in ("compile", "run"):
            if phase in profile:
                lists[profile["name"], phase] = profile[phase].get("syscalls", [])
    return lists


def record_read(key):
    """{(group, call): program}"""
    lines = read(os.path.join(HERE, "trace", ".".join(key))).splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {(group, call): program for group, call, program in rows}


def record_write(key, record):
    with open(os.path.join(HERE, "trace", ".".join(key)), "w", encoding="utf-8") as f:
        f.write("# SPDX-License-Identifier: MPL-2.0\n# Written by make trace-syscalls: group, "
                "call, the first program that was seen to make it.\n")
        f.writelines(f"{group}\t{call}\t{record[group, call]}\n" for group, call in sorted(record))


# --- the test ------------------------------------------------------------------------------------


class Test:
    def __init__(self, options):
        self.options = options
        self.table = Table(os.path.join(options.build, "arena-sandbox"))
        self.lists = profile_lists(os.environ.get("ARENA_PROFILE_DIR") or
                                   os.path.join(TOP, "images", "profiles"))
        self.seen = collections.defaultdict(dict)
        self.passed = self.failed = self.skipped = 0

    def report(self, name, problems):
        self.passed += not problems
        self.failed += bool(problems)
        print(f"ok    {name}" if not problems else f"FAIL  {name}", flush=True)
        for p in problems:
            print(f"      {p}", flush=True)

    def skip(self, name, why):
        self.skipped += 1
        print(f"skip: {name}: {why}", flush=True)

    def programs(self):
        chosen = []
        for language in SOURCES:
            mine = list(corpus(language))
            chosen += mine if self.options.whole else mine[:1]
        return [p for p in chosen if re.search(self.options.only, f"{p.language}: {p.name}")]

    def trace(self):
        with tempfile.TemporaryDirectory(prefix="arena-calls-") as folder:
            tracer = Tracer(self.options.build, folder)
            for p in self.programs():
                name = f"{p.language}: {p.name}: makes no call that its list refuses"
                seen, bad = tracer.trace(p)
                if bad and "not on this machine" in bad:
                    self.skip(name, bad)
                    continue
                bad = [bad] if bad else []
                for phase, calls in seen.items():
                    bad += self.note(p, phase, calls)
                self.report(name, bad)
            if tracer.close():
                self.report("the tracer ends well", ["it does not"])

    def note(self, p, phase, calls):
        key = (p.language, phase)
        for c in sorted(calls):
            self.seen[key].setdefault((group_of(self.table, c), shown(self.table, c)), p.name)
        if self.options.write:
            return []
        return [f"{phase}: {c}" for c in outside(self.table, self.lists[key], calls)]

    def honest(self):
        """The same programs in the sandbox as it is."""
        files, slots = driver.Files(), driver.Slots(2, self.options.build)
        for p in self.programs():
            bad = both(p, lambda slot, phase, p=p: run(slots, files, p, phase, slot))
            slots.drop("program")
            name = f"{p.language}: {p.name}: ends well in the sandbox as it is"
            if bad and "not on this machine" in bad:
                self.skip(name, bad)
            else:
                self.report(name, [bad] if bad else [])
        files.close()
        if slots.close():
            self.report("the keepers end well", ["they do not"])

    def records(self):
        """Each list against what was written down, and that this can fail."""
        for key, names in sorted(self.lists.items()):
            record = record_read(key)
            what = f"{key[0]} {key[1]}"
            self.report(f"{what}: its list is what was traced", compare(self.table, names, record))
            wider = names + ["@users", "modify_ldt"]
            self.report(f"{what}: a list that is too wide is noticed",
                        [] if len(compare(self.table, wider, record)) == 2 else ["it is not"])
            # What is absent is not there for those either who are not told so in silence.
            missed = [n for n in set(names) - self.table.of("absent")
                      if not compare(self.table, [x for x in names if x != n], record)]
            self.report(f"{what}: a list that is too narrow is noticed",
                        [f"not without {n}" for n in missed])
        self.base()

    def base(self):
        """The base holds only what every language needs. (Clocks are read without a system call
        where the machine's are good enough.)"""
        languages = {language for language, _ in self.lists}
        for group in sorted(self.table.of("base") - {"@clocks"}):
            without = sorted(l for l in languages if not any(
                g == group for key in self.lists if key[0] == l for g, _ in record_read(key)))
            self.report(f"the base: {group} is for all", [f"not for {l}" for l in without])

    def write(self):
        for key, record in sorted(self.seen.items()):
            record_write(key, record)
            print(f"wrote trace/{'.'.join(key)}: {len(record)} calls")


def unfit(build):
    """Why this machine cannot show what programs call, or None."""
    environment = dict(os.environ)
    environment.setdefault("ARENA_PROFILE_DIR", os.path.join(TOP, "images", "profiles"))
    said = subprocess.run([os.path.join(build, "arena-sandbox"), "check"], env=environment,
                          capture_output=True, text=True, check=False).stdout
    if not re.search(r"^ +yes +names of refused system calls$", said, re.MULTILINE):
        return "no listener hears of system calls here"
    if not said.startswith(("level: full", "level: ns\n")):
        return f"there is too little isolation: {said.splitlines()[0]}"
    return None


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--build", default=os.environ.get("BUILD") or os.path.join(TOP, "build"))
    ap.add_argument("--only", default="")
    ap.add_argument("--whole", action="store_true")
    ap.add_argument("--write", action="store_true")
    options = ap.parse_args()
    options.build = os.path.abspath(options.build)
    driver.own_namespaces()
    t = Test(options)
    why = unfit(options.build)
    if why:
        t.skip("the calls of real programs", why)
    else:
        t.trace()
    if options.write:
        t.write()
    else:
        t.records()
        if not why:
            t.honest()
    print(f"{t.passed} passed, {t.failed} failed, {t.skipped} skipped")
    return 1 if t.failed else 0


if __name__ == "__main__":
    sys.exit(main())
