# SPDX-License-Identifier: MPL-2.0
"""A bridge with a peer that runs nothing, for the tests of this folder."""
import json
import os
import socket
import subprocess
import sys
import threading
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import harness  # noqa: E402 (found through the line above)
from harness import until  # noqa: E402

BUILD = os.environ.get("ARENA_BUILD") or os.getcwd()


class Peer:
    """tests/api-bridge/fakepeer.c"""

    def __init__(self, endpoint=None):
        program = os.path.join(BUILD, "tests/api-bridge/fakepeer")
        self.process = subprocess.Popen(
            [program] + ([endpoint] if endpoint else []),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.endpoint = self.process.stdout.readline().decode().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Bridge:
    """arena-bridge on a port the kernel chose; settings are keyword arguments."""

    def __init__(self, peers, **settings):
        env = {"PATH": os.environ.get("PATH", ""), "ARENA_HTTP_PORT": "0",
               "ARENA_HTTP_BIND": "127.0.0.1", "ARENA_HTTP_LOOPS": "1", "API_RATE_LIMIT": "0",
               "ARENA_ACCESS_LOG": "off",
               "ARENA_PEERS": ",".join(p.endpoint for p in peers)}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        env.update({k: str(v) for k, v in settings.items()})
        self.tls = "ARENA_TLS_CERT" in env
        self.links = len(peers) * int(env["ARENA_HTTP_LOOPS"])
        self.process = subprocess.Popen([os.path.join(BUILD, "arena-bridge")], env=env,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = []
        self.port = None
        for raw in self.process.stderr:
            line = json.loads(raw)
            self.lines.append(line)
            if line["message"] == "listening":
                self.port = line["port"]
                break
        if self.port is None:
            raise RuntimeError("the bridge did not start: %r" % self.lines)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for raw in self.process.stderr:
            self.lines.append(raw.decode(errors="replace"))

    def ready(self):
        """Waits until every peer has answered every loop, and jobs are taken."""
        until("it is ready", lambda: self.get("/readyz")[0] == 200)
        return self.wait_for_links(self.links)

    def wait_for_links(self, n):
        until("%d links" % n, lambda: self.metric("mesh_bridge_links_up") == n)
        return self

    def metric(self, name):
        return harness.metric(self.get("/metrics")[1].decode(), name)

    def stop(self):
        """Ends it as an operator would; its exit status must be 0."""
        self.process.terminate()
        status = self.process.wait(timeout=30)
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def kill(self):
        """kill -9: nothing is finished, nobody is told."""
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()

    def connect(self, timeout=10):
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        if self.tls:
            sock = harness.ANY_SERVER.wrap_socket(sock, server_hostname="localhost")
        return sock

    def raw(self, data, timeout=10):
        """Sends bytes, returns all that comes until the server closes or is silent."""
        with self.connect(timeout) as sock:
            sock.sendall(data)
            return read_all(sock)

    def request(self, method, path, body=None, headers=None):
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, path), data,
                                         dict(headers or {}), method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                return answer.status, decode(answer.read()), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, decode(error.read()), error.headers

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, body, **kw):
        return self.request("POST", path, body, **kw)


def decode(data):
    try:
        return json.loads(data)
    except ValueError:
        return data


def read_all(sock):
    out = b""
    try:
        while True:
            piece = sock.recv(65536)
            if not piece:
                break
            out += piece
    except (socket.timeout, ConnectionError):
        pass
    return out


def statuses(data):
    """The status of every answer in a stream of answers that carry a Content-Length."""
    found = []
    while data.startswith(b"HTTP/1.1 "):
        found.append(int(data[9:12]))
        head, _, rest = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        data = rest[length:]
    return found


JOB = {"code": "print(1)", "language": "python"}


class Case(unittest.TestCase):
    """Tests of one bridge with these settings."""
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.peer = Peer()
        cls.bridge = Bridge([cls.peer], **cls.settings).ready()

    @classmethod
    def tearDownClass(cls):
        status = cls.bridge.stop()
        cls.peer.kill()
        assert status == 0, "the bridge ended with %d" % status
