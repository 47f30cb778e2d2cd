#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""bench-http: the bridge and one node beside Express + Bull + Redis doing the same.

Server and load generator have a core each, and the same connections. Requests a second and core
are requests by the CPU time that all processes of a server took for them (bridge, node and their
threads; node.js and Redis), as the scheduler counts it: a server that waits for its disk does not
use its core, and one that shares it with another benchmark's idle timers is not charged for
those. Rounds alternate between the two servers, and the medians are compared, so that a noisy
minute hurts both. Submits are acknowledged when they are durable: Redis is told to sync its log
for every answer, as our store does. BENCH_FSYNC=everysec shows Redis as most people run it.
Neither side writes an access log or limits rates: Express has neither. Status reads are of jobs
that are finished; BENCH_CACHE=0 has our bridge ask its node for each of them, as Express asks
Redis, instead of keeping answers that cannot change.

Each verdict is a line `NAME ratio FIGURE target FIGURE ok|short`; the exit status is 0 when all
are ok. `--install` only fetches what npm has to fetch: the measurement itself has no network but
its own.
"""
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
sys.dont_write_bytecode = True
import harness  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
STREAMS = int(os.environ.get("BENCH_STREAMS", "10000"))
CACHE = os.environ.get("BENCH_CACHE", "8m")
FSYNC = os.environ.get("BENCH_FSYNC", "always")
CONNECTIONS = 64
SERVER_CPU, CLIENT_CPU = "0", "1"
N_STATUS = 100
TARGET_SUBMIT, TARGET_STATUS = 10, 15
TARGET_STREAM_MB, TARGET_POST_P99_MS = 20, 25
PLAIN = {"LOG_LEVEL": "warn", "ARENA_ACCESS_LOG": "off", "API_RATE_LIMIT": "0",
         "ARENA_CACHE_SIZE": CACHE, "ARENA_RATE_EXEMPT": "127.0.0.0/8"}
TICKER = ("import sys, time\nfor i in range(600):\n    print(i, flush=True)\n"
          "    time.sleep(1)\n")


def need(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        sys.exit(f"bench-http needs {', '.join(missing)}: apt-get install wrk redis-server npm")


def descendants(pid):
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                for child in f.read().split():
                    found += descendants(int(child))
        except OSError:
            continue
    return found


def cpu_ns(pids):
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                    total += int(f.read().split()[0])
            except OSError:
                continue
    return total


def memory_mb(pid):
    """What is the process's own, in MB: not the pages of libraries it shares."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", f.read(), re.M))
    return (int(fields["Private_Dirty"]) + int(fields["Private_Clean"])) / 1024


def pin(pids, cpu):
    for pid in pids:
        subprocess.run(["taskset", "-a", "-p", "-c", cpu, str(pid)], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wrk(port, script, arguments=(), seconds=SECONDS):
    """requests a second, p99 in ms, errors."""
    command = ["taskset", "-c", CLIENT_CPU, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s",
               "-s", os.path.join(HERE, script), f"http://127.0.0.1:{port}/api/execute", "--",
               *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    m = re.search(r"requests (\d+) micros (\d+) p99 (\d+) errors (\d+)", said)
    requests, micros, p99, errors = map(int, m.groups())
    return requests, requests / (micros / 1e6), p99 / 1000, errors


class Ours:
    name = "arena"

    def __init__(self):
        self.mesh = harness.Mesh(1, WORKER_CONCURRENCY="2", QUEUE_MAX_DEPTH="1000000",
                                 LOG_LEVEL="warn", bridge=PLAIN)
        self.mesh.start()
        self.port = self.mesh.port
        self.roots = [self.mesh.nodes[0].process.pid, self.mesh.bridge.process.pid]
        hello = {"language": "python", "code": "print('hello')"}
        self.ids = [self.mesh.submit(**hello) for _ in range(N_STATUS)]
        self.mesh.all_finished(self.ids)

    def stop(self):
        self.mesh.stop()


class Theirs:
    name = "express"

    def __init__(self, folder):
        self.folder = tempfile.mkdtemp(prefix="bench-redis-")
        self.port, redis_port = harness.free_ports(2)
        self.redis = subprocess.Popen(
            ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--dir",
             self.folder, "--save", "", "--appendonly", "yes", "--appendfsync", FSYNC],
            stdout=subprocess.DEVNULL)
        harness.until("redis answers", lambda: self._answers(redis_port))
        self.node = subprocess.Popen(
            ["node", "server.js", str(self.port), str(redis_port)], cwd=folder,
            stdout=subprocess.DEVNULL, env={**os.environ, "NODE_ENV": "production"})
        harness.until("express answers", lambda: self._answers(self.port))
        self.roots = [self.redis.pid, self.node.pid]
        self.ids = []
        for _ in range(N_STATUS):
            _, _, raw = harness.request(self.port, "POST", "/api/execute",
                                        {"language": "python", "code": "print('hello')"})
            self.ids.append(re.search(rb'"jobId":"([^"]+)"', raw).group(1).decode())
        for jid in self.ids:
            harness.until("express completes", lambda jid=jid: b'"completed"' in harness.request(
                self.port, "GET", f"/api/jobs/{jid}")[2])

    @staticmethod
    def _answers(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def stop(self):
        for process in (self.node, self.redis):
            process.terminate()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def install_express():
    """npm ci into .cache/, once for each lock file."""
    folder = os.path.join(harness.ROOT, ".cache", "express-bull")
    source = os.path.join(HERE, "express-bull")
    lock = os.path.join(folder, "package-lock.json")
    with open(os.path.join(source, "package-lock.json"), "rb") as f:
        wanted = f.read()
    done = os.path.join(folder, "installed.lock")
    os.makedirs(folder, exist_ok=True)
    for name in ("package.json", "package-lock.json", "server.js"):
        shutil.copy(os.path.join(source, name), folder)
    if os.path.exists(done) and open(done, "rb").read() == wanted:
        return folder
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                   check=True)
    shutil.copy(lock, done)
    return folder


def measure(server, script, arguments=()):
    pids = [p for root in server.roots for p in descendants(root)]
    pin(pids, SERVER_CPU)
    before = cpu_ns(pids)
    requests, rate, p99, errors = wrk(server.port, script, arguments)
    cpu_us = (cpu_ns(pids) - before) / 1000 / max(1, requests)
    print(f"  {server.name:8} {script:11} {rate:9.0f} req/s {cpu_us:8.1f} us of CPU a request "
          f"p99 {p99:7.1f} ms  errors {errors}", flush=True)
    if errors:
        print(f"  {server.name}: {errors} answers were not right: not counted as a figure")
    return cpu_us, errors


def compare(ours, theirs, script):
    """Requests a second and core, ours over theirs."""
    costs = {ours.name: [], theirs.name: []}
    errors = 0
    for _ in range(ROUNDS):
        for server in (theirs, ours):
            cpu_us, bad = measure(server, script,
                                  server.ids if script == "status.lua" else ())
            costs[server.name].append(cpu_us)
            errors += bad
    cost = {name: statistics.median(all_of_it) for name, all_of_it in costs.items()}
    print(f"  requests a second and core: {1e6 / cost[ours.name]:.0f} against "
          f"{1e6 / cost[theirs.name]:.0f}", flush=True)
    return 0.0 if errors else cost[theirs.name] / cost[ours.name]


def streams():
    """(MB for all streams, p99 of POST in ms) while one event a second goes to all of them."""
    mesh = harness.Mesh(1, WORKER_CONCURRENCY="2", QUEUE_MAX_DEPTH="1000000", LOG_LEVEL="warn",
                        bridge=PLAIN)
    try:
        mesh.start()
        jid = mesh.submit(language="python", code=TICKER, stream=True,
                          limits={"wallTime": 120})
        mesh.until_state(jid, "active")
        pid = mesh.bridge.process.pid
        wrk(mesh.port, "submit.lua", seconds=2)
        pin([pid, mesh.nodes[0].process.pid], SERVER_CPU)
        before = memory_mb(pid)
        client = subprocess.Popen(
            ["taskset", "-c", CLIENT_CPU,
             os.path.join(harness.BUILD, "tests/bench/streams"), str(mesh.port),
             f"/api/jobs/{jid}/events", str(STREAMS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        opened = client.stdout.readline().strip()
        if opened != f"open {STREAMS}":
            raise AssertionError(f"the streams did not open: {opened!r}\n{mesh.bridge.tail()}")
        used = memory_mb(pid) - before
        _, rate, p99, errors = wrk(mesh.port, "submit.lua", seconds=10)
        busy = memory_mb(pid) - before
        client.stdin.close()
        said = client.stdout.read().strip()
        client.wait()
        print(f"  {STREAMS} streams: {used:.1f} MB, {busy:.1f} MB while they are written to; "
              f"POST {rate:.0f}/s p99 {p99:.1f} ms, {errors} errors; fan-out: {said}", flush=True)
        whole = int(re.search(r"events (\d+)", said).group(1))
        lost = int(re.search(r"lost (\d+)", said).group(1))
        if whole < 5 or lost or errors:
            print("  the events did not reach every stream: not counted as a figure")
            return float("inf"), float("inf")
        return max(used, busy), p99
    finally:
        mesh.stop()


def verdict(name, ratio, target, ok):
    print(f"{name} ratio {ratio:.2f} target {target:.2f} {'ok' if ok else 'short'}", flush=True)
    return ok


def main():
    need("wrk", "redis-server", "npm", "node", "taskset")
    folder = install_express()
    if "--install" in sys.argv:
        return
    print(f"submit and status, {ROUNDS} rounds of {SECONDS} s, Redis appendfsync {FSYNC}")
    started = []
    try:
        for server in (Ours, lambda: Theirs(folder)):
            started.append(server())
        ours, theirs = started
        status = compare(ours, theirs, "status.lua")
        submit = compare(ours, theirs, "submit.lua")
    finally:
        for server in started:
            server.stop()
    megabytes, p99 = streams()
    ok = [
        verdict("http-submit-per-core", submit, TARGET_SUBMIT, submit >= TARGET_SUBMIT),
        verdict("http-status-per-core", status, TARGET_STATUS, status >= TARGET_STATUS),
        verdict("http-streams-memory", megabytes / TARGET_STREAM_MB, 1,
                megabytes < TARGET_STREAM_MB),
        verdict("http-streams-post-p99", p99 / TARGET_POST_P99_MS, 1, p99 < TARGET_POST_P99_MS),
    ]
    sys.exit(0 if all(ok) else 1)


main()
