# SPDX-License-Identifier: MPL-2.0
"""The Python side of tests/sandbox/slots.c, and what both suites know of the machine."""
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def own_namespaces():
    """Starts this program again in its own network, ipc and mount namespace, when root may."""
    if os.geteuid() != 0 or os.environ.get("ARENA_TEST_ALONE"):
        return
    os.environ["ARENA_TEST_ALONE"] = "1"
    probe = ["unshare", "--net", "--ipc", "--mount", "--propagation", "private"]
    if subprocess.run(probe + ["true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        os.execvp(probe[0], probe + ["sh", "-c", 'ip link set lo up; exec "$@"', "sh",
                                     sys.executable] + sys.argv)


class Lost(Exception):
    """A keeper died under a step: never a program's right."""


class Slots:
    """N keepers; a step is a dict as tests/sandbox/slots.c describes, an outcome one too."""

    def __init__(self, n, build, env=None):
        sandbox = os.environ.get("ARENA_SANDBOX") or os.path.join(build, "arena-sandbox")
        profiles = os.environ.get("ARENA_PROFILE_DIR") or os.path.join(TOP, "images", "profiles")
        program = os.path.join(build, "tests", "sandbox", "slots")
        for path in (sandbox, program):
            if not os.access(path, os.X_OK):
                sys.exit(f"{path} is not built")
        environment = dict(os.environ, ARENA_PROFILE_DIR=profiles, **(env or {}))
        self.n = n
        self.process = subprocess.Popen([program, str(n), sandbox, profiles], env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.waiting = {}
        self.pieces = {}
        self.pids = {}
        self.levels = {}
        self.losses = []
        self.lock = threading.Lock()
        self.all_ready = threading.Event()
        self.count = 0
        threading.Thread(target=self._read, daemon=True).start()
        if not self.all_ready.wait(30):
            sys.exit("the keepers do not become ready")

    def _read(self):
        for line in self.process.stdout:
            news = json.loads(line)
            if "ready" in news:
                self.pids[news["ready"]] = news["pid"]
                self.levels[news["ready"]] = (news["level"], news["lacks"])
                if len(self.pids) == self.n:
                    self.all_ready.set()
            elif "piece" in news:
                self.pieces.setdefault(news["piece"], []).append(news["data"])
            else:
                if "lost" in news:
                    self.losses.append(news["why"])
                with self.lock:
                    box = self.waiting.pop(news["id"], None)
                if box:
                    box.put(news)
        with self.lock:
            left, self.waiting = self.waiting, {}
        for box in left.values():
            box.put({"lost": -1, "why": "the driver has ended"})

    def send(self, step):
        """Returns a queue that gets the outcome."""
        box = queue.Queue()
        with self.lock:
            self.count += 1
            step.setdefault("id", f"s{self.count}")
            self.waiting[step["id"]] = box
            self.process.stdin.write(json.dumps(step).encode() + b"\n")
            self.process.stdin.flush()
        return box

    def run(self, step, timeout=240):
        outcome = self.send(step).get(timeout=timeout)
        if "lost" in outcome:
            raise Lost(outcome["why"])
        outcome["out"] = outcome.get("out", "").encode("latin-1")
        outcome["err"] = outcome.get("err", "").encode("latin-1")
        return outcome

    def drop(self, name):
        with self.lock:
            self.process.stdin.write(json.dumps({"drop": name}).encode() + b"\n")
            self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=60)


def children():
    """Parent of every process."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
                stat = f.read()
        except OSError:
            continue
        name, rest = stat.split("(", 1)[1].rsplit(")", 1)
        parents[int(pid)] = (int(rest.split()[1]), name)
    return parents


def descendants(root):
    """(pid, name) of everything below a process."""
    parents, below, found = children(), {root}, []
    grown = True
    while grown:
        grown = False
        for pid, (parent, name) in parents.items():
            if parent in below and pid not in below:
                below.add(pid)
                found.append((pid, name))
                grown = True
    return found


def resident(pid):
    """KiB of a process that are its own."""
    total = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            for line in f:
                if line.startswith(("Private_Dirty", "Private_Clean")):
                    total += int(line.split()[1])
    except OSError:
        pass
    return total


class Files:
    """Texts as files, made once."""

    def __init__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="arena-test-")
        self.made = {}
        self.lock = threading.Lock()

    def of(self, text):
        data = text.encode() if isinstance(text, str) else text
        with self.lock:
            if data not in self.made:
                path = os.path.join(self.dir.name, f"f{len(self.made)}")
                with open(path, "wb") as f:
                    f.write(data)
                self.made[data] = path
            return self.made[data]

    def close(self):
        self.dir.cleanup()
