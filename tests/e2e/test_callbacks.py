#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""A callback is delivered though the bridge that took the job is killed, and only once when it
is not."""
import base64
import hmac
import http.server
import json
import threading
import unittest

import harness

SETTINGS = {"ARENA_WEBHOOK_SECRET": "hush", "ARENA_WEBHOOK_HTTP": "true",
            "ARENA_WEBHOOK_ALLOW": "127.0.0.1/32"}
SECRET = b"hush"


class Receiver:
    """A client's server: keeps what it is told."""

    def __init__(self):
        outer = self
        self.got = []
        self.changed = threading.Condition()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signed = f"{self.headers['X-Arena-Timestamp']}.{self.headers['X-Arena-Event']}."
                right = "sha256=" + hmac.new(SECRET, signed.encode() + body, "sha256").hexdigest()
                good = self.headers["X-Arena-Signature"] == right
                self.send_response(204 if good else 400)
                self.end_headers()
                if good:
                    outer.keep(json.loads(body))

            def do_PUT(self):
                """As a client of Judge0 takes them: by token, in base64."""
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()
                outer.keep({"jobId": told["token"], "judge0": told})

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/hook" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def keep(self, one):
        with self.changed:
            self.got.append(one)
            self.changed.notify_all()

    def told(self, jid):
        with self.changed:
            return [one for one in self.got if one["jobId"] == jid]

    def wait(self, jid):
        with self.changed:
            if not self.changed.wait_for(lambda: any(one["jobId"] == jid for one in self.got),
                                         harness.PATIENCE):
                raise AssertionError(f"nobody was told of {jid}")

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Callbacks(harness.MeshCase):
    nodes = 3
    settings = {"WORKER_CONCURRENCY": "2"}
    bridge = SETTINGS

    def second_bridge(self):
        """One more bridge in front of the same mesh."""
        port = harness.free_ports(1)[0]
        first = self.mesh.bridge
        other = harness.Daemon("second", first.argv, {**first.environment,
                                                      "ARENA_HTTP_PORT": str(port)},
                               self.mesh.folder)
        other.ready_port = port
        other.start()
        self.addCleanup(other.kill)
        other.wait_ready()
        return other

    def test_the_death_of_a_bridge_and_of_a_node_loses_no_callback(self):
        receiver = Receiver()
        self.addCleanup(receiver.stop)
        doomed = self.second_bridge()
        # What is delivered by its own bridge is not delivered again by another.
        plain = self.mesh.submit(language="python", code="print(1)", callback=receiver.url)
        status, _, raw = harness.request(doomed.ready_port, "POST", "/api/execute", {
            "language": "python", "code": "import time\ntime.sleep(3)\nprint('late')",
            "callback": receiver.url})
        self.assertEqual(status, 202, raw)
        jid = json.loads(raw)["jobId"]
        doomed.kill()
        self.assertEqual(self.mesh.finished(jid)["state"], "completed")
        self.assertEqual(receiver.told(jid), [])
        self.mesh.nodes[2].kill()
        receiver.wait(jid)
        self.assertEqual(receiver.told(jid)[0]["result"]["stdout"], "late\n")
        self.assertEqual(len(receiver.told(plain)), 1)

    def test_judge0_clients_are_called_as_judge0_calls(self):
        receiver = Receiver()
        self.addCleanup(receiver.stop)
        status, _, answer = self.mesh.call("POST", "/submissions", {
            "language_id": 71, "source_code": "print('hello')", "callback_url": receiver.url})
        self.assertEqual(status, 201, answer)
        receiver.wait(answer["token"])
        told = receiver.told(answer["token"])[0]["judge0"]
        self.assertEqual(told["status"], {"id": 3, "description": "Accepted"})
        self.assertEqual(base64.b64decode(told["stdout"]), b"hello\n")
        status, _, answer = self.mesh.call("POST", "/submissions", {
            "language_id": 71, "source_code": "print()", "callback_url": "http://10.0.0.1/"})
        self.assertEqual((status, list(answer)), (422, ["callback_url"]))


class Whole(unittest.TestCase):
    def test_a_bridge_is_not_ready_before_its_mesh_is_whole(self):
        mesh = harness.Mesh(3)
        self.addCleanup(mesh.stop)
        for daemon in (mesh.nodes[0], mesh.bridge):
            daemon.start()

        def reason():
            status, _, answer = mesh.call("GET", "/readyz")
            self.assertEqual(status, 503, answer)
            return answer["reason"] == "no_quorum"

        harness.until("the bridge has found its node", lambda: mesh.bridge_answers() and reason())
        status, _, answer = mesh.call("POST", "/api/execute", {"language": "python", "code": "1"})
        self.assertEqual((status, answer["error"]["code"]), (503, "no_quorum"))
        for daemon in mesh.nodes[1:]:
            daemon.start()
        mesh.bridge.wait_ready()
        # Another node may hear of the last one a moment later, and refuse until it has.
        harness.until("a job is accepted", lambda: mesh.call(
            "POST", "/api/execute", {"language": "python", "code": "1"})[0] == 202)


if __name__ == "__main__":
    harness.main()
