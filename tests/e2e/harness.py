# SPDX-License-Identifier: MPL-2.0
"""Real daemons for the end-to-end tests: nodes and a bridge on ports of their own, with data in
a folder of their own, all gone when the test is.

Nothing here sleeps for luck. Readiness is the daemons' own /readyz; a job's end is a long poll;
a process's end is waitpid. What has to be asked again is asked with a deadline that fails the
test by name.
"""
import atexit
import ctypes
import functools
import http.client
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
PROFILES = os.path.join(ROOT, "images", "profiles")
PROGRAMS = os.path.join(HERE, "programs")
LANGUAGES = ("python", "javascript", "c", "cpp", "java")
FINAL = ("completed", "failed", "cancelled")
PATIENCE = 90  # seconds before a test says that it waits in vain
PORTS_FROM = 10000
PR_SET_PDEATHSIG = 1
# What a client of TLS needs, before it connects: from then on its time is counted.
ANY_SERVER = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANY_SERVER.check_hostname, ANY_SERVER.verify_mode = False, ssl.CERT_NONE

_libc = ctypes.CDLL(None, use_errno=True)
_running = []


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@atexit.register
def _kill_all():
    for daemon in list(_running):
        daemon.kill()


def free_ports(count):
    """Ports nobody listens on, each with the one above it free too (a node's bulk lane). They are
    below those the kernel gives to whoever connects: else a client, or its closed connection for
    a minute, may sit on the port of a daemon that is down and is to come back."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        end = int(f.read().split()[0])
    if end - PORTS_FROM < 1000:
        end = 65536
    held = []
    while len(held) < count:
        port = random.randrange(PORTS_FROM, end - 1)
        one, above = socket.socket(), socket.socket()
        try:
            one.bind(("127.0.0.1", port))
            above.bind(("127.0.0.1", port + 1))
        except OSError:
            one.close()
            above.close()
            continue
        held.append((one, above))
    ports = [one.getsockname()[1] for one, _ in held]
    for pair in held:
        for s in pair:
            s.close()
    return ports


def until(what, ask, patience=PATIENCE, pause=0.02):
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + patience
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience} s in vain: {what}")
        time.sleep(pause)


def each_language(test):
    """A test that is run for every language, and says for which it fails."""
    @functools.wraps(test)
    def run(self):
        for language in LANGUAGES:
            with self.subTest(language=language):
                test(self, language)
    return run


class Daemon:
    """One process, its log, and what it was started with."""

    def __init__(self, name, argv, environment, folder):
        self.name = name
        self.argv = argv
        self.environment = environment
        self.log = os.path.join(folder, name + ".log")
        self.process = None
        self.address = "127.0.0.1"
        self.ready_port = None

    def start(self):
        self.check()
        clean = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TMPDIR")}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**clean, **self.environment}, start_new_session=True,
                preexec_fn=_die_with_parent)
        _running.append(self)

    def wait_ready(self):
        until(f"{self.name} is ready", self._ready)

    def _ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}\n"
                                 + self.tail())
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(self, path, timeout=60):
        """(status, text) of its own HTTP endpoint."""
        status, _, body = request(self.ready_port, "GET", path, timeout=timeout,
                                  address=self.address)
        return status, body.decode()

    def metric(self, name):
        return metric(self.get("/metrics")[1], name)

    def check(self):
        """Fails when it ended badly and nobody had killed it."""
        if self.process and self.process.poll() not in (None, 0, -signal.SIGKILL):
            raise AssertionError(f"{self.name} died: {self.process.returncode}\n{self.tail()}")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9, as a power cut would."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
        if self in _running:
            _running.remove(self)

    def stop(self, patience=30):
        """SIGTERM, and its exit status."""
        self.process.terminate()
        return self.ended(patience)

    def ended(self, patience=PATIENCE):
        """Its exit status, whatever it is, when it ends by itself, as the test means it to."""
        status = self.process.wait(patience)
        self.process = None
        if self in _running:
            _running.remove(self)
        return status

    def tail(self, size=4000):
        with open(self.log, "rb") as f:
            f.seek(0, os.SEEK_END)
            f.seek(max(0, f.tell() - size))
            return f"--- {self.name} ---\n" + f.read().decode(errors="replace")


def request(port, method, path, body=None, headers=None, timeout=60, address="127.0.0.1"):
    """(status, headers, body) of one HTTP exchange on a connection of its own."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        raw = json.dumps(body) if isinstance(body, (dict, list)) else body
        head = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, raw, {**head, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    except http.client.HTTPException as e:
        raise OSError(f"{method} {path}: {e!r}") from e
    finally:
        connection.close()


def metric(text, name):
    """One series of /metrics, written as there, or the sum of all of that name."""
    series = [line.rsplit(" ", 1) for line in text.splitlines()]
    found = [float(value) for key, value in series if name in (key, key.split("{")[0])]
    assert found, f"there is no metric {name}"
    return sum(found)


class Mesh:
    """N nodes and one bridge. Settings are the daemons' own environment names."""

    def __init__(self, nodes=1, bridge=None, **settings):
        self.folder = tempfile.mkdtemp(prefix="arena-e2e-")
        ports = free_ports(nodes * 3 + 1)
        self.port = ports[-1]
        self.ports = [ports[i * 3:i * 3 + 3] for i in range(nodes)]
        seeds = ",".join(f"127.0.0.1:{p[0]}" for p in self.ports)
        peers = ",".join(f"tcp://127.0.0.1:{p[1]}" for p in self.ports)
        base = {"ARENA_PROFILE_DIR": PROFILES, "LOG_LEVEL": "info", "ARENA_CLUSTER": "e2e",
                "ARENA_SELFTEST": "false"}
        self.nodes = []
        for i, (control, client, metrics) in enumerate(self.ports):
            environment = {
                **base, "ARENA_NAME": f"node-{i}", "ARENA_BIND": "127.0.0.1",
                "ARENA_DATA_DIR": os.path.join(self.folder, f"node-{i}"),
                "ARENA_ADVERTISE": "127.0.0.1", "ARENA_PORT": str(control),
                "ARENA_CLIENT_PORT": str(client), "ARENA_METRICS_PORT": str(metrics),
                "ARENA_SEEDS": seeds, "ARENA_NODES_EXPECTED": str(nodes),
                "ARENA_SANDBOX": os.path.join(BUILD, "arena-sandbox"), **settings,
            }
            os.makedirs(environment["ARENA_DATA_DIR"], exist_ok=True)
            node = Daemon(f"node-{i}", [os.path.join(BUILD, "arenad")], environment, self.folder)
            node.ready_port = metrics
            self.nodes.append(node)
        environment = {
            **base, "ARENA_PEERS": peers, "ARENA_HTTP_PORT": str(self.port),
            "ARENA_HTTP_BIND": "127.0.0.1", "API_RATE_LIMIT": "1000000", **(bridge or {}),
        }
        self.bridge = Daemon("bridge", [os.path.join(BUILD, "arena-bridge")], environment,
                             self.folder)
        self.bridge.ready_port = self.port

    def start(self):
        for daemon in self.nodes + [self.bridge]:
            daemon.start()
        for daemon in self.nodes + [self.bridge]:
            daemon.wait_ready()
        self.await_acquainted()
        # Nodes that have just met refuse jobs until they trust each other to keep them.
        until("a job is accepted", lambda: self.call("POST", "/api/execute", {
            "language": "python", "code": "print()"})[0] == 202, pause=0.2)
        return self

    def stop(self):
        for daemon in [self.bridge] + self.nodes:
            daemon.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def await_acquainted(self):
        """Until every node hears every other: it is ready with the first."""
        until("the nodes have met", lambda: all(
            node.metric('mesh_gossip_members{state="alive"}') == len(self.nodes)
            for node in self.nodes))

    def await_links(self):
        """Until a bridge of one loop is linked to every node: it is ready with the first."""
        until("the bridge is linked to every node",
              lambda: self.bridge.metric("mesh_bridge_links_up") == len(self.nodes))

    def restart(self, node):
        """kill -9, and back to where the bridge asks it again."""
        node.kill()
        node.start()
        node.wait_ready()
        self.await_acquainted()
        self.await_links()

    def tails(self):
        return "\n".join(d.tail() for d in self.nodes + [self.bridge] if d.process)

    # --- the API ------------------------------------------------------------------------------
    def call(self, method, path, body=None, headers=None):
        status, head, raw = request(self.port, method, path, body, headers)
        try:
            return status, head, json.loads(raw) if raw else None
        except ValueError:
            return status, head, raw

    def bridge_answers(self):
        try:
            return self.call("GET", "/livez")[0] == 200
        except OSError:
            return False

    def submit(self, **job):
        """The id of a job the bridge has acknowledged."""
        status, _, answer = self.call("POST", "/api/execute", job)
        if status != 202:
            raise AssertionError(f"not accepted: {status} {answer}")
        assert answer["status"] == "queued", answer
        return answer["jobId"]

    def job(self, jid):
        status, _, answer = self.call("GET", f"/api/jobs/{jid}")
        assert status == 200, (status, answer)
        return answer

    def finished(self, jid, patience=PATIENCE):
        """The job once it is decided: long polls, and patience with a mesh that is being hurt."""
        deadline = time.monotonic() + patience
        last = None
        while time.monotonic() < deadline:
            try:
                status, _, last = self.call("GET", f"/api/jobs/{jid}?wait=10")
                if status == 200 and last["state"] in FINAL:
                    return last
                if status == 200:
                    continue
            except OSError as e:
                last = e
            time.sleep(0.1)
        raise AssertionError(f"job {jid} was not decided in {patience} s: {last}\n{self.tails()}")

    def until_state(self, jid, state):
        return until(f"job {jid} is {state}", lambda: self.job(jid)["state"] == state)

    def run(self, **job):
        """A job from submit to its result."""
        done = self.finished(self.submit(**job))
        if done["state"] != "completed":
            raise AssertionError(f"not completed: {json.dumps(done)[:2000]}\n{self.tails()}")
        return done["result"]

    def all_finished(self, jids):
        """Decided jobs by id, waited for side by side."""
        found, faults = {}, []

        def wait(jid):
            try:
                found[jid] = self.finished(jid)
            except AssertionError as e:
                faults.append(e)

        threads = [threading.Thread(target=wait, args=(jid,)) for jid in jids]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        if faults:
            raise faults[0]
        return found


class MeshCase(unittest.TestCase):
    """A test class with one mesh for all its tests."""
    nodes = 1
    settings = {}
    bridge = {}

    @classmethod
    def setUpClass(cls):
        cls.mesh = Mesh(cls.nodes, {"ARENA_HTTP_LOOPS": "1", **cls.bridge}, **cls.settings)
        cls.addClassCleanup(cls.mesh.stop)
        cls.mesh.start()
        cls.mesh.await_links()

    def tearDown(self):
        for daemon in self.mesh.nodes + [self.mesh.bridge]:
            daemon.check()


def main():
    sys.dont_write_bytecode = True
    unittest.main(verbosity=2)
