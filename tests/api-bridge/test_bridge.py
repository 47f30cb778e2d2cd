#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""The bridge's calls against a peer that runs nothing: shapes, streams, fail over, limits."""
import base64
import hmac
import http.server
import json
import os
import re
import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bridge  # noqa: E402
from bridge import JOB, Bridge, Peer, read_all, statuses, until  # noqa: E402


def job(**more):
    return dict(JOB, **more)


class Case(bridge.Case):
    def submit(self, **more):
        status, answer, _ = self.bridge.post("/api/execute", job(**more))
        self.assertEqual(status, 202, answer)
        return answer["jobId"]

    def events(self, path, headers=(), timeout=10):
        """All events of a stream, to its end."""
        lines = ["GET %s HTTP/1.0" % path, "Host: x"] + list(headers)
        with self.bridge.connect(timeout) as sock:
            sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
            data = read_all(sock).partition(b"\r\n\r\n")[2].decode()
        found = []
        for block in data.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            if "event" in fields:
                found.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
        return found


class Calls(Case):
    def test_an_old_client_submits_and_polls(self):
        status, answer, headers = self.bridge.post(
            "/api/execute", {"code": "x", "language": "py", "input": "hello", "testCases": [],
                             "priority": 1})
        self.assertEqual((status, answer["status"]), (202, "queued"))
        self.assertEqual(headers["Location"], "/api/jobs/" + answer["jobId"])
        status, seen, _ = self.bridge.get("/api/jobs/" + answer["jobId"])
        self.assertEqual((status, seen["state"], seen["progress"]), (200, "completed", 100))
        self.assertEqual(seen["result"]["stdout"], "hello")
        self.assertEqual(seen["result"]["cpuTime"], 0.012345)
        self.assertEqual(seen["result"]["memory"], 1 << 20)
        self.assertEqual(seen["language"], "python")

    def test_a_failed_job_has_its_reason(self):
        seen = self.bridge.get("/api/jobs/" + self.submit(tags=["fail"]))[1]
        self.assertEqual((seen["state"], seen["failedReason"]), ("failed", "broken"))
        self.assertNotIn("result", seen)

    def test_a_submit_may_wait_for_the_result(self):
        status, answer, _ = self.bridge.post("/api/execute?wait=10", job(input="now"))
        self.assertEqual((status, answer["result"]["stdout"]), (200, "now"))

    def test_a_wait_that_is_too_short_names_the_job(self):
        status, answer, _ = self.bridge.post("/api/execute?wait=0.2", job(tags=["wait"]))
        self.assertEqual((status, answer["status"]), (202, "queued"))
        seen = self.bridge.get("/api/jobs/%s?wait=0.2" % answer["jobId"])
        self.assertEqual((seen[0], seen[1]["state"]), (200, "queued"))

    def test_a_wait_ends_when_the_job_is_cancelled(self):
        name = self.submit(tags=["wait"])
        got = []
        waiter = threading.Thread(
            target=lambda: got.append(self.bridge.get("/api/jobs/%s?wait=30" % name)))
        waiter.start()
        status, answer, _ = self.bridge.request("DELETE", "/api/jobs/" + name)
        waiter.join(20)
        self.assertEqual((status, answer["state"]), (200, "cancelled"))
        self.assertEqual((got[0][0], got[0][1]["state"]), (200, "cancelled"))

    def test_a_job_that_has_finished_cannot_be_cancelled(self):
        status, answer, _ = self.bridge.request("DELETE", "/api/jobs/" + self.submit())
        self.assertEqual((status, answer["error"]["code"]), (409, "already_finished"))

    def test_bytes_that_are_not_text_come_as_base64(self):
        body = {"code": "eA==", "language": "python", "input": "AP8=", "encoding": "base64"}
        result = self.bridge.post("/api/execute?wait=5", body)[1]["result"]
        self.assertEqual((result["stdout"], result["stdoutEncoding"]), ("AP8=", "base64"))
        answer = self.bridge.post("/api/execute?wait=5&encoding=base64", job(input="a"))[1]
        result = answer["result"]
        self.assertEqual((result["stdout"], result["stdoutEncoding"]), ("YQ==", "base64"))

    def test_a_version_may_be_asked_for(self):
        for version in ("3", "3.11", "^3.9", ">=3.8 <4", "2 || 3.x", "*"):
            self.submit(version=version)
        for version in ("4", ">3.11", "2.7", "latest", "python 3"):
            status, answer, _ = self.bridge.post("/api/execute", job(version=version))
            self.assertEqual((status, answer["error"]["field"]), (400, "version"), version)
        self.assertIn("there is: 3.11", self.bridge.post(
            "/api/execute", job(version="4"))[1]["error"]["message"])

    def test_a_language_has_ceilings_of_its_own(self):
        for limits, field in (({"time": 20.5}, "limits.time"),
                              ({"memory": 536870913}, "limits.memory")):
            self.submit(limits=limits)
            status, answer, _ = self.bridge.post("/api/execute", job(language="c++", limits=limits))
            self.assertEqual((status, answer["error"]["code"], answer["error"]["field"]),
                             (400, "out_of_range", field))
        self.submit(language="c++", limits={"time": 20, "memory": 536870912})

    def test_a_hidden_test_hides_its_data(self):
        answer = self.bridge.post("/api/execute?wait=5", job(testCases=[
            {"input": "open", "name": "a"}, {"input": "secret", "hidden": True}]))[1]
        tests = answer["result"]["tests"]
        self.assertEqual([t["stdout"] for t in tests], ["open", ""])
        self.assertTrue(tests[1]["hidden"])
        self.assertNotIn("secret", json.dumps(answer))

    def test_the_same_key_is_the_same_job(self):
        head = {"Idempotency-Key": "key-1"}
        first = self.bridge.post("/api/execute", JOB, headers=head)[1]
        again = self.bridge.post("/api/execute", JOB, headers=head)
        self.assertEqual((again[0], again[1]["jobId"]), (202, first["jobId"]))
        self.assertTrue(again[1]["duplicate"])
        other = self.bridge.post("/api/execute", job(input="x"), headers=head)
        self.assertEqual((other[0], other[1]["error"]["code"]), (422, "idempotency_key_reused"))
        self.assertNotEqual(self.submit(), self.submit())

    def test_a_full_queue_is_told_with_a_time(self):
        status, answer, headers = self.bridge.post("/api/execute", job(tags=["refuse-full"]))
        self.assertEqual((status, answer["error"]["code"]), (429, "queue_full"))
        self.assertEqual(headers["Retry-After"], "2")
        status, answer, headers = self.bridge.post("/api/execute", job(tags=["refuse-drain"]))
        self.assertEqual((status, answer["error"]["code"]), (503, "draining"))
        self.assertTrue(headers["Retry-After"])

    def test_a_batch_takes_each_job_on_its_own(self):
        status, answer, _ = self.bridge.post("/api/batch", {"jobs": [
            JOB, job(language="nope"), {"code": 1, "language": "c++"}, job(tags=["refuse-full"])]})
        self.assertEqual(status, 200)
        codes = [r.get("error", {}).get("code") for r in answer["results"]]
        self.assertEqual(codes, [None, "invalid_value", "invalid_type", "queue_full"])
        self.assertEqual((answer["accepted"], answer["refused"]), (1, 3))
        name = answer["results"][0]["jobId"]
        self.assertEqual(self.bridge.get("/api/jobs/" + name)[0], 200)

    def test_a_batch_of_a_thousand_is_taken_and_one_more_is_not(self):
        status, answer, _ = self.bridge.post("/api/batch", {"jobs": [job(input="x" * 200)] * 1000})
        self.assertEqual((status, answer["accepted"]), (200, 1000))
        self.assertEqual(len({r["jobId"] for r in answer["results"]}), 1000)
        status, answer, _ = self.bridge.post("/api/batch", {"jobs": [JOB] * 1001})
        self.assertEqual((status, answer["error"]["field"]), (400, "jobs"))
        for body in ({}, {"jobs": []}, {"jobs": 1}, {"jobs": [], "x": 1}, []):
            self.assertEqual(self.bridge.post("/api/batch", body)[0], 400)

    def test_jobs_are_found_by_tag_and_state(self):
        name = self.submit(tags=["find-me"])
        status, answer, _ = self.bridge.get("/api/jobs?tag=find-me&state=completed,failed")
        self.assertEqual((status, [j["jobId"] for j in answer["jobs"]]), (200, [name]))
        self.assertEqual(self.bridge.get("/api/jobs?tag=find-me&state=queued")[1]["jobs"], [])
        for query in ("state=nope", "limit=0", "limit=x", "limit=5000", "limit=4294967297",
                      "limit=18446744073709551617", "cursor=x", "nope=1",
                      "tag=" + "x" * 65):
            self.assertEqual(self.bridge.get("/api/jobs?" + query)[0], 400, query)

    def test_an_event_of_any_size_comes_and_the_stream_goes_on(self):
        found = self.events("/api/jobs/%s/events" % self.submit(tags=["lump"]))
        self.assertEqual([e[0] for e in found],
                         ["queued", "started", "output", "decided", "done"])
        self.assertEqual(len(base64.b64decode(found[2][2]["data"])), 1 << 20)

    def test_stats_languages_and_probes_answer(self):
        self.assertEqual(self.bridge.get("/api/stats")[1]["nodes"][0]["slots"]["total"], 5)
        names = [x["name"] for x in self.bridge.get("/api/languages")[1]["languages"]]
        self.assertEqual(names, ["python", "cpp"])
        for path in ("/health", "/livez", "/readyz"):
            self.assertEqual(self.bridge.get(path)[0], 200)

    def test_the_clients_request_id_is_kept_when_it_is_sane(self):
        self.assertEqual(self.bridge.get("/livez", headers={"X-Request-Id": "a-1"})[2]
                         ["X-Request-Id"], "a-1")
        self.assertNotIn("<", self.bridge.get("/livez", headers={"X-Request-Id": "<a>"})[2]
                         ["X-Request-Id"])

    def test_metrics_count_by_route_and_code(self):
        self.bridge.get("/api/jobs/none")
        text = self.bridge.get("/metrics")[1].decode()
        self.assertRegex(text, r'mesh_http_requests_total\{method="GET",route="/api/jobs/:jobId",'
                               r'code="404"\} [1-9]')
        self.assertIn('mesh_http_request_duration_seconds_bucket{method="POST",'
                      'route="/api/execute",le="2"}', text)
        self.assertIn("mesh_bridge_links_up 1", text)
        self.assertRegex(text, r"\nprocess_resident_memory_bytes [1-9]")


class TwoLoops(Calls):
    """The same calls, with connections spread over two loops."""

    settings = {"ARENA_HTTP_LOOPS": "2"}

    def test_metrics_count_by_route_and_code(self):
        row = 'mesh_http_requests_total{method="GET",route="/api/jobs/:jobId",code="404"}'
        before = self.bridge.metric(row)
        for _ in range(20):
            self.bridge.get("/api/jobs/none")
        # A loop counts an answer once it has left: the other may be asked before that.
        until("all are counted", lambda: self.bridge.metric(row) == before + 20)
        self.assertEqual(self.bridge.metric("mesh_bridge_links_up"), 2)


class Receiver:
    """A server that takes callbacks, after it has refused the first of each."""

    def __init__(self, refuse_first=True):
        outer = self
        self.got = []
        self.refused = set()
        self.changed = threading.Condition()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = self.headers["X-Arena-Event"]
                with outer.changed:
                    first = refuse_first and event not in outer.refused
                    outer.refused.add(event)
                    if not first:
                        outer.got.append((dict(self.headers), body))
                    outer.changed.notify_all()
                self.send_response(500 if first else 204)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/hook" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, n):
        with self.changed:
            return self.changed.wait_for(lambda: len(self.got) >= n, 60)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Callbacks(Case):
    settings = {"ARENA_WEBHOOK_SECRET": "hush", "ARENA_WEBHOOK_HTTP": "true",
                "ARENA_WEBHOOK_ALLOW": "127.0.0.1/32"}

    def test_the_result_is_brought_signed_until_it_is_taken(self):
        receiver = Receiver()
        self.addCleanup(receiver.stop)
        one = self.submit(input="brought", callback=receiver.url)
        late = self.submit(tags=["wait"], callback=receiver.url)
        self.assertTrue(receiver.wait(1))
        headers, body = receiver.got[0]
        job = json.loads(body)
        self.assertEqual((job["jobId"], job["result"]["stdout"]), (one, "brought"))
        signed = "%s.%s.".encode() % (headers["X-Arena-Timestamp"].encode(),
                                      headers["X-Arena-Event"].encode()) + body
        self.assertEqual(headers["X-Arena-Signature"],
                         "sha256=" + hmac.new(b"hush", signed, "sha256").hexdigest())
        self.bridge.request("DELETE", "/api/jobs/" + late)
        self.assertTrue(receiver.wait(2))
        self.assertEqual(json.loads(receiver.got[1][1])["state"], "cancelled")

    def test_a_bridge_that_dies_leaves_its_callbacks_to_another(self):
        receiver = Receiver(refuse_first=False)
        self.addCleanup(receiver.stop)
        other = Bridge([self.peer], **self.settings).ready()
        status, answer, _ = other.post("/api/execute", job(tags=["wait"], callback=receiver.url))
        self.assertEqual(status, 202, answer)
        other.kill()
        self.bridge.request("DELETE", "/api/jobs/" + answer["jobId"])
        self.assertTrue(receiver.wait(1))
        seen = json.loads(receiver.got[0][1])
        self.assertEqual((seen["jobId"], seen["state"]), (answer["jobId"], "cancelled"))

    def test_an_address_that_is_not_allowed_is_refused(self):
        for url in ("http://127.0.0.2/", "https://10.0.0.1/", "ftp://a.example/", "nonsense",
                    "https://user:pw@a.example/", "http://[::1]/", "http://0x7f.1/x y"):
            status, answer, _ = self.bridge.post("/api/execute", job(callback=url))
            self.assertEqual((status, answer["error"]["field"]), (400, "callback"), url)


class Ready(Case):
    def test_a_mesh_that_is_not_whole_makes_the_bridge_unready(self):
        self.assertEqual(self.bridge.get("/readyz")[0], 200)
        self.submit(tags=["lonely"])
        status, answer, _ = self.bridge.get("/readyz")
        self.assertEqual((status, answer["ready"], answer["reason"]), (503, False, "no_quorum"))
        status, answer, _ = self.bridge.get("/health")
        self.assertEqual((status, answer["status"], answer["reason"]),
                         (200, "degraded", "no_quorum"))
        self.submit(tags=["together"])
        status, answer, _ = self.bridge.get("/readyz")
        self.assertEqual((status, answer["status"]), (200, "ok"))
        self.assertNotIn("reason", self.bridge.get("/health")[1])


    def test_ready_means_that_every_loop_would_take_a_job(self):
        other = Bridge([self.peer], ARENA_HTTP_LOOPS="4")
        self.addCleanup(other.stop)
        until("it is ready", lambda: other.get("/readyz")[0] == 200)
        self.assertEqual([other.post("/api/execute", JOB)[0] for _ in range(20)], [202] * 20)


class Crowd(Case):
    settings = {"ARENA_HTTP_ADDRESS_MAX": 3, "ARENA_HTTP_LOOPS": 2}

    def hold(self):
        """As many as are let in, over all loops: each is served, so each is counted."""
        held = []
        while len(held) < 3:
            one = self.bridge.connect()
            try:
                one.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                taken = b"200 OK" in one.recv(4096)
            except OSError:
                taken = False
            if taken:
                held.append(one)
            else:  # the server has not learnt yet that others left
                one.close()
        return held

    def refused(self, held):
        """How many were, asked on a connection that was let in."""
        held.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        text = b""
        while b"\nmesh_http_connections_refused_total " not in text or not text.endswith(b"\n"):
            text += held.recv(65536)
        return int(re.search(rb"\nmesh_http_connections_refused_total (\d+)", text).group(1))

    def test_connections_that_are_not_let_in_are_not_kept_open(self):
        held = self.hold()
        open_now = len(os.listdir(f"/proc/{self.bridge.process.pid}/fd"))
        before = self.refused(held[0])
        pushy = [self.bridge.connect() for _ in range(100)]  # which never close their end
        while self.refused(held[0]) < before + len(pushy):
            pass
        # Those who are told may stay for a moment to read it, 16 of an address at a time.
        self.assertLessEqual(len(os.listdir(f"/proc/{self.bridge.process.pid}/fd")),
                             open_now + 16)
        for one in pushy + held:
            one.close()

    def test_an_address_with_too_many_connections_is_told_so(self):
        held = self.hold()
        with self.bridge.connect() as fourth:
            answer = read_all(fourth)
        self.assertEqual(statuses(answer), [429])
        self.assertIn(b"too_many_connections", answer)
        self.assertIn(b"Retry-After: 5\r\n", answer)
        for one in held:
            one.close()
        status = None
        while status != 200:  # the server learns of it in its own time
            try:
                status, text, _ = self.bridge.get("/metrics")
            except OSError:
                continue
        self.assertIn(b"mesh_http_connections_refused_total ", text)

    def test_each_answer_has_a_line_in_the_access_log_that_names_its_client(self):
        with tempfile.NamedTemporaryFile("r", encoding="ascii") as log:
            own = Bridge([self.peer], ARENA_ACCESS_LOG=log.name, ARENA_HTTP_ADDRESS_MAX=1,
                         ARENA_HTTP_LOOPS=1)
            with own.connect() as first:
                first.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertIn(b"200 OK", first.recv(4096))
                self.assertEqual(statuses(own.raw(b"")), [429])
                first.sendall(b"GET / HTTP/1.1\r\nno header\r\n\r\n")
                self.assertEqual(statuses(read_all(first)), [400])
            self.assertEqual(own.stop(), 0)  # which writes what is left
            lines = [json.loads(line) for line in log]
        self.assertEqual([(line["client"], line["status"], line.get("error")) for line in lines],
                         [("127.0.0.1", 200, None), ("127.0.0.1", 429, "too_many_connections"),
                          ("127.0.0.1", 400, "bad_request")])


class LargeBodies(Case):
    """What is read in a worker's thread."""
    INPUT = "x" * 200000
    piston = {"language": "python", "version": "*", "files": [{"content": "x"}], "stdin": INPUT}
    judge0 = {"language_id": 71, "source_code": "x", "stdin": INPUT}

    def test_every_api_takes_them(self):
        self.assertEqual(self.bridge.post("/api/execute", job(input=self.INPUT))[0], 202)
        status, answer, _ = self.bridge.post("/api/batch", {"jobs": [job(input=self.INPUT)] * 2})
        self.assertEqual((status, answer["accepted"]), (200, 2))
        status, answer, _ = self.bridge.post("/api/v2/execute", self.piston)
        self.assertEqual((status, answer["run"]["stdout"]), (200, self.INPUT))
        status, answer, _ = self.bridge.post("/submissions", self.judge0)
        self.assertEqual((status, list(answer)), (201, ["token"]))
        status, answer, _ = self.bridge.post("/submissions/batch",
                                             {"submissions": [self.judge0, {}]})
        self.assertEqual(status, 201)
        self.assertEqual([list(one)[0] for one in answer], ["token", "source_code"])

    def test_what_is_wrong_with_them_is_told(self):
        for path in ("/api/execute", "/api/batch", "/api/v2/execute", "/submissions",
                     "/submissions/batch"):
            status, answer, _ = self.bridge.request(
                "POST", path, ("[" + json.dumps(self.INPUT) + ",]").encode(),
                headers={"Content-Type": "application/json"})
            self.assertEqual(status, 400, path)
            self.assertIn("JSON", json.dumps(answer), path)

    def test_a_client_may_leave_while_they_are_read(self):
        for path, body in (("/api/execute", job(input=self.INPUT)),
                           ("/api/batch", {"jobs": [job(input=self.INPUT)]}),
                           ("/api/v2/execute", self.piston), ("/submissions", self.judge0),
                           ("/submissions/batch", {"submissions": [self.judge0]})):
            text = json.dumps(body).encode()
            for _ in range(20):
                with self.bridge.connect() as sock:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    sock.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                                 % (path.encode(), len(text), text))
            self.assertEqual(self.bridge.get("/livez")[0], 200)


class NoCallbacks(Case):
    def test_without_a_secret_there_are_none(self):
        status, answer, _ = self.bridge.post("/api/execute", job(callback="https://a.example/"))
        self.assertEqual((status, answer["error"]["field"]), (400, "callback"))


class Streams(Case):
    settings = {"ARENA_HTTP_HEARTBEAT": "500ms", "ARENA_HTTP_WRITE_TIMEOUT": "1s"}

    def test_a_stream_tells_a_job_from_queued_to_decided(self):
        name = self.submit(input="out")
        found = self.events("/api/jobs/%s/events" % name)
        self.assertEqual([e[0] for e in found], ["queued", "started", "decided", "done"])
        self.assertEqual(found[2][2]["job"]["result"]["stdout"], "out")

    def test_a_client_that_comes_back_gets_the_rest(self):
        path = "/api/jobs/%s/events" % self.submit()
        found = self.events(path, ["Last-Event-ID: 2"])
        self.assertEqual([e[0] for e in found], ["decided", "done"])
        found = self.events(path, ["Last-Event-ID: nonsense"])
        self.assertEqual([e[0] for e in found][0], "queued")

    def test_one_stream_follows_many_jobs_and_resumes_each(self):
        names = [self.submit(), self.submit(), self.submit()]
        path = "/api/events?jobs=" + ",".join(names)
        found = self.events(path)
        self.assertEqual({e[2]["jobId"] for e in found if e[2]}, set(names))
        self.assertEqual([e[0] for e in found].count("decided"), 3)
        last = [e[1] for e in found if e[1]][-1]
        self.assertEqual(last, "3.3.3")
        found = self.events(path, ["Last-Event-ID: 3.0.2"])
        self.assertEqual(sorted(e[0] for e in found),
                         ["decided", "decided", "decided", "done", "queued", "started"])

    def test_output_comes_whole_and_in_order(self):
        found = self.events("/api/jobs/%s/events" % self.submit(tags=["burst"]))
        ids = [int(e[1], 16) for e in found if e[0] == "output"]
        self.assertEqual(ids, list(range(3, 1003)))
        self.assertEqual(found[-2][0], "decided")

    def test_a_result_that_json_makes_large_is_left_to_be_fetched(self):
        name = self.submit(input="\x01" * 60000)
        found = self.events("/api/jobs/%s/events" % name)
        self.assertEqual([e[0] for e in found], ["queued", "started", "decided", "done"])
        self.assertTrue(found[2][2]["resultOmitted"])
        self.assertEqual(self.bridge.get("/api/jobs/" + name)[1]["result"]["stdout"],
                         "\x01" * 60000)

    def test_a_stream_of_no_job_is_refused(self):
        for path in ("/api/jobs/x/events", "/api/jobs/0190b0c8-0000-8000-8000-000000000000/events"):
            self.assertEqual(self.bridge.get(path)[0], 404)
            self.assertEqual(self.bridge.request("HEAD", path)[0], 404)
        name = self.submit()
        self.assertEqual(self.bridge.request("HEAD", "/api/jobs/%s/events" % name)[0], 200)
        for query in ("", "jobs=", "jobs=x", "jobs=" + ",".join(["x" * 36] * 3),
                      "jobs=%s,%s" % (name, name)):
            self.assertEqual(self.bridge.get("/api/events?" + query)[0], 400)

    def test_a_job_that_is_not_there_fails_in_a_stream_of_many(self):
        found = self.events("/api/events?jobs=0190b0c8-0000-8000-8000-000000000000")
        self.assertEqual([e[0] for e in found], ["failure", "done"])
        self.assertEqual(found[0][2]["code"], "job_not_found")

    def test_a_silent_stream_shows_signs_of_life(self):
        with self.bridge.connect() as sock:
            sock.sendall(b"GET /api/jobs/%s/events HTTP/1.1\r\nHost: x\r\n\r\n"
                         % self.submit(tags=["wait"]).encode())
            seen = b""
            while seen.count(b": ping") < 2:
                piece = sock.recv(65536)
                self.assertTrue(piece)
                seen += piece

    def test_a_client_that_never_reads_is_dropped(self):
        names = ",".join(self.submit(tags=["burst"]) for _ in range(20))
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", self.bridge.port))
        sock.sendall(b"GET /api/events?jobs=%s HTTP/1.1\r\nHost: x\r\n\r\n" % names.encode())
        until("it is dropped", lambda: self.bridge.metric("mesh_http_streams_dropped_total"))
        sock.close()
        self.assertEqual(self.bridge.get("/livez")[0], 200)


def token(secret, **claims):
    """A JWT (RFC 7519), HS256."""
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(
        dict({"exp": int(time.time()) + 600}, **claims))
    sign = hmac.new(secret, signed, "sha256").digest()
    return (signed + b"." + base64.urlsafe_b64encode(sign).rstrip(b"=")).decode()


class WithKeys(bridge.Case):
    SECRET = b"0123456789abcdef0123456789abcdef"

    @classmethod
    def setUpClass(cls):
        cls.keys = tempfile.NamedTemporaryFile()
        cls.keys.write(cls.SECRET)
        cls.keys.flush()
        cls.addClassCleanup(cls.keys.close)
        cls.settings = dict(cls.settings, ARENA_JWT_KEYS=cls.keys.name)
        super().setUpClass()

    def call(self, method, path, body=None, secret=SECRET, **claims):
        head = {"Authorization": "Bearer " + token(secret, **claims)} if claims else {}
        return self.bridge.request(method, path, body, headers=head)


class StreamsOfAToken(WithKeys):
    settings = {"ARENA_HTTP_STREAMS_TOKEN_MAX": 2, "ARENA_HTTP_LOOPS": 2}

    def opened(self, path, key):
        """An open stream, or the status it was refused with."""
        sock = self.bridge.connect()
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n"
                     f"Authorization: Bearer {key}\r\n\r\n".encode())
        status = int(sock.recv(4096).split()[1])
        if status == 200:
            return sock
        sock.close()
        return status

    def test_each_token_has_its_share_of_streams(self):
        mine = token(self.SECRET, sub="ann", scope="submit read cancel", jti="1")
        other = token(self.SECRET, sub="ann", scope="submit read cancel", jti="2")
        status, answer, _ = self.bridge.request("POST", "/api/execute", job(tags=["wait"]),
                                                headers={"Authorization": "Bearer " + mine})
        self.assertEqual(status, 202, answer)
        one = f"/api/jobs/{answer['jobId']}/events"
        held = [self.opened(one, mine), self.opened("/api/events?jobs=" + answer["jobId"], mine)]
        self.assertEqual(self.opened(one, mine), 429)
        self.assertEqual(self.opened("/api/events?jobs=" + answer["jobId"], mine), 429)
        held.append(self.opened(one, other))
        held.pop(0).close()
        again = 429
        while again == 429:  # the server learns of it in its own time
            again = self.opened(one, mine)
        for sock in held + [again]:
            sock.close()


class Tenants(WithKeys):
    def followed_job_is_not_shown_to(self, other, path, mine):
        """A stream of a job that others follow opens without asking for it again."""
        ask = (f"GET {path}/events HTTP/1.1\r\nHost: x\r\n"
               f"Authorization: Bearer {token(self.SECRET, **mine)}\r\n\r\n").encode()
        with self.bridge.connect(10) as first, self.bridge.connect(10) as second:
            for sock in (first, second):
                sock.sendall(ask)
                data = b""
                while b"event: queued" not in data:
                    data += sock.recv(4096)
                self.assertTrue(data.startswith(b"HTTP/1.1 200 "), data)
            self.assertEqual(self.call("GET", path + "/events", **other)[0], 404)

    def test_a_job_is_seen_by_its_tenant_only(self):
        mine = {"sub": "ann", "scope": "submit read cancel"}
        other = {"sub": "bob", "scope": "submit read cancel"}
        status, answer, _ = self.call("POST", "/api/execute", job(tags=["wait"]), **mine)
        self.assertEqual(status, 202, answer)
        path = "/api/jobs/" + answer["jobId"]
        self.assertEqual(self.call("GET", path, **mine)[0], 200)
        self.assertEqual(self.call("GET", path, **other)[0], 404)
        self.assertEqual(self.call("DELETE", path, **other)[0], 404)
        self.assertEqual(self.call("GET", path + "/events", **other)[0], 404)
        self.followed_job_is_not_shown_to(other, path, mine)
        self.assertEqual(self.call("DELETE", path, **mine)[0], 200)
        # What was answered from the bridge's own memory is as private.
        first = self.call("GET", path, **mine)
        self.assertEqual((first[0], first[1]["state"]), (200, "cancelled"))
        self.assertEqual(self.call("GET", path, **mine)[:2], first[:2])
        self.assertEqual(self.call("GET", path, **other)[0], 404)

    def test_the_same_key_of_two_tenants_is_two_jobs(self):
        names = set()
        for who in ("ann", "bob"):
            head = {"Idempotency-Key": "k", "Authorization": "Bearer " + token(
                self.SECRET, sub=who, scope="submit")}
            status, answer, _ = self.bridge.post("/api/execute", JOB, headers=head)
            self.assertEqual(status, 202)
            names.add(answer["jobId"])
        self.assertEqual(len(names), 2)

    def test_what_a_token_does_not_grant_is_refused(self):
        self.assertEqual(self.call("POST", "/api/execute", JOB)[0], 401)
        self.assertEqual(self.call("POST", "/api/execute", JOB, sub="a", scope="read")[0], 403)
        self.assertEqual(self.call("GET", "/api/stats", sub="a", scope="submit")[0], 403)
        self.assertEqual(self.call("GET", "/api/stats", sub="a", scope="read")[0], 200)
        self.assertEqual(self.call("GET", "/api/stats", secret=b"x" * 32, sub="a",
                                   scope="read")[0], 401)
        self.assertEqual(self.call("GET", "/api/stats", sub="a", scope="read", exp=1)[0], 401)
        for path in ("/livez", "/readyz", "/health", "/api/openapi.json"):
            self.assertEqual(self.bridge.get(path)[0], 200, path)

    def test_a_ticket_opens_a_stream_without_a_header(self):
        ann = {"sub": "ann", "scope": "submit read"}
        name = self.call("POST", "/api/execute", job(input="x"), **ann)[1]["jobId"]
        self.assertEqual(self.call("POST", "/api/stream-ticket")[0], 401)
        status, refusal, _ = self.call("POST", "/api/stream-ticket", sub="a", scope="cancel")
        self.assertEqual(status, 403)
        self.assertIn('"submit" or "read"', refusal["error"]["message"])
        status, answer, headers = self.call("POST", "/api/stream-ticket", **ann)
        self.assertEqual((status, headers["Cache-Control"]), (200, "no-store"))
        self.assertGreater(answer["expiresIn"], 0)
        for path in ("/api/jobs/%s/events?ticket=" % name, "/api/events?jobs=%s&ticket=" % name):
            status, stream, headers = self.bridge.get(path + answer["ticket"])
            self.assertEqual((status, headers["Content-Type"]), (200, "text/event-stream"))
            self.assertIn(b"event: decided", stream)
            self.assertEqual(self.bridge.get(path)[0], 401)
            self.assertEqual(self.bridge.get(path + answer["ticket"][:-1])[0], 401)
        # A WebSocket too, if its owner may submit.
        hello = ("GET /api/sessions?ticket=%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        for ticket, want in ((answer["ticket"], b"HTTP/1.1 101 "), ("x", b"HTTP/1.1 401 ")):
            with self.bridge.connect() as sock:
                sock.sendall((hello % ticket).encode())
                self.assertEqual(sock.recv(4096)[:13], want)
        # What its owner may not do it does not open.
        only = self.call("POST", "/api/stream-ticket", sub="a", scope="submit")[1]["ticket"]
        with self.bridge.connect() as sock:
            sock.sendall((hello % only).encode())
            self.assertEqual(sock.recv(4096)[:13], b"HTTP/1.1 101 ")
        self.assertEqual(self.bridge.get("/api/jobs/%s/events?ticket=%s" % (name, only))[0], 403)
        # It opens streams, of its own tenant, and nothing else.
        other = self.call("POST", "/api/stream-ticket", sub="bob", scope="read")[1]["ticket"]
        self.assertEqual(self.bridge.get("/api/jobs/%s/events?ticket=%s" % (name, other))[0], 404)
        self.assertEqual(self.bridge.get("/api/jobs/%s?ticket=%s" % (name, answer["ticket"]))[0],
                         401)

    def test_judge0_clients_have_a_header_of_their_own(self):
        good = token(self.SECRET, sub="ann", scope="read")
        self.assertEqual(self.bridge.get("/statuses", headers={"X-Auth-Token": good})[0], 200)
        self.assertEqual(self.bridge.get("/statuses", headers={"X-Auth-Token": good[:-1]})[0], 401)
        self.assertEqual(self.bridge.get("/statuses")[0], 401)
        self.assertEqual(self.bridge.get("/api/stats", headers={"X-Auth-Token": good})[0], 401)

    def test_a_refused_body_does_not_break_the_connection(self):
        body = json.dumps(JOB).encode()
        one = (b"POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
               % (len(body), body))
        last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        self.assertEqual(statuses(self.bridge.raw(one + one + last)), [401, 401, 200])


class Gates(Case):
    settings = {"API_RATE_LIMIT": "5", "ARENA_CORS_ORIGINS": "https://a.example",
                "ARENA_TRUSTED_PROXIES": "127.0.0.1/32"}

    def test_a_hasty_client_is_told_when_to_come_back_and_others_are_not_touched(self):
        hasty = {"X-Forwarded-For": "192.0.2.1"}
        answers = [self.bridge.get("/api/stats", headers=hasty) for _ in range(8)]
        self.assertEqual([a[0] for a in answers[:5]], [200] * 5)
        refused = [a for a in answers if a[0] == 429]
        self.assertTrue(refused)
        self.assertEqual(refused[0][1]["error"]["code"], "rate_limited")
        self.assertGreater(int(refused[0][2]["Retry-After"]), 0)
        self.assertEqual(refused[0][2]["RateLimit-Limit"].split(",")[0], "5")
        other = {"X-Forwarded-For": "192.0.2.2"}
        self.assertEqual(self.bridge.get("/api/stats", headers=other)[0], 200)

    def test_a_client_behind_a_proxy_is_the_last_it_names_however_much_it_named_before(self):
        ask = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n"
        last = b"X-Forwarded-For: 192.0.2.7:80, 127.0.0.1\r\n"
        names = (last, b"X-Forwarded-For: 1.1.1.1\r\n" + last,
                 b"x-forwarded-for: " + b"1.1.1.1, " * 200 + b"192.0.2.7\r\n",
                 last + b"X-FORWARDED-FOR:\r\n", last + b"X-Forwarded-For: [::ffff:127.0.0.1]\r\n")
        with tempfile.NamedTemporaryFile("r", encoding="ascii") as log:
            own = Bridge([self.peer], ARENA_ACCESS_LOG=log.name, **self.settings)
            for name in names:
                self.assertEqual(statuses(own.raw(ask % name)), [200])
            self.assertEqual(own.stop(), 0)  # which writes what is left
            clients = [json.loads(line)["client"] for line in log]
        self.assertEqual(clients, ["192.0.2.7"] * len(names))

    def test_a_browser_of_an_allowed_origin_may_read_the_answer(self):
        ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST",
               "Access-Control-Request-Headers": "content-type"}
        status, _, headers = self.bridge.request("OPTIONS", "/api/execute", headers=ask)
        self.assertEqual(status, 204)
        self.assertEqual(headers["Access-Control-Allow-Origin"], "https://a.example")
        headers = self.bridge.get("/livez", headers={"Origin": "https://b.example"})[2]
        self.assertNotIn("Access-Control-Allow-Origin", headers)


class ManyStreams(Case):
    """Ten thousand, or as many as this machine lets one process open."""
    # Under AddressSanitizer what was freed counts as used until its quarantine is full.
    settings = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}

    def test_idle_streams_cost_little_and_disturb_nobody(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        n = min(10000, hard - 1000)
        name = self.submit(tags=["wait"]).encode()
        request = b"GET /api/jobs/%s/events HTTP/1.1\r\nHost: x\r\n\r\n" % name
        before = self.memory()
        socks = []
        for i in range(n):
            sock = socket.create_connection(("127.0.0.1", self.bridge.port))
            sock.sendall(request)
            socks.append(sock)
        waiting = {s.fileno(): s for s in socks}
        poll = select.epoll()
        for fd in waiting:
            poll.register(fd, select.EPOLLIN)
        deadline = time.monotonic() + 60
        while waiting and time.monotonic() < deadline:
            for fd, _ in poll.poll(1):
                if b"event: queued" in waiting[fd].recv(65536):
                    poll.unregister(fd)
                    del waiting[fd]
        self.assertEqual(len(waiting), 0, "streams that saw nothing")
        each = (self.memory() - before) / n
        print("%d streams, %.0f bytes each" % (n, each), file=sys.stderr)
        self.assertLess(each, 4096)
        self.assertEqual(self.bridge.get("/livez")[0], 200)
        for sock in socks:
            sock.close()

    def memory(self):
        with open("/proc/%d/statm" % self.bridge.process.pid, encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class FailOver(unittest.TestCase):
    def setUp(self):
        self.peers = [Peer(), Peer()]
        self.bridge = Bridge(self.peers).ready()
        self.addCleanup(self.end)

    def end(self):
        self.assertEqual(self.bridge.stop(), 0)
        for peer in self.peers:
            peer.kill()

    def test_a_dead_peer_costs_no_request(self):
        self.peers[0].kill()
        for _ in range(50):
            self.assertEqual(self.bridge.post("/api/execute", JOB)[0], 202)
        self.bridge.wait_for_links(1)

    def test_a_request_under_way_goes_to_another_peer(self):
        got = []
        threads = [threading.Thread(target=lambda: got.append(
            self.bridge.post("/api/execute?wait=5", job(tags=["wait"]))[0])) for _ in range(8)]
        for thread in threads:
            thread.start()
        self.peers[0].kill()
        for _ in range(20):
            self.assertEqual(self.bridge.post("/api/execute?wait=5", JOB)[0], 200)
        self.assertEqual(self.bridge.get("/readyz")[0], 200)
        for thread in threads:
            thread.join(30)
        self.assertEqual(got, [202] * 8)

    def test_no_peer_at_all_is_told_with_a_time(self):
        for peer in self.peers:
            peer.kill()
        self.bridge.wait_for_links(0)
        status, answer, headers = self.bridge.post("/api/execute", JOB)
        self.assertEqual((status, answer["error"]["code"]), (503, "unavailable"))
        self.assertTrue(headers["Retry-After"])
        for path, body in (("/api/v2/execute", LargeBodies.piston),
                           ("/submissions", LargeBodies.judge0)):
            status, _, headers = self.bridge.post(path, body)
            self.assertEqual(status, 503)
            self.assertTrue(headers["Retry-After"], path)
        self.assertEqual(self.bridge.get("/readyz")[0], 503)
        self.assertEqual(self.bridge.get("/livez")[0], 200)

    def test_ready_means_that_some_peer_would_take_a_job(self):
        endpoint = self.peers[1].endpoint
        self.peers[1].kill()
        self.bridge.wait_for_links(1)
        self.assertEqual(self.bridge.post("/api/execute", job(tags=["lonely"]))[0], 202)
        self.assertEqual(self.bridge.get("/readyz")[0], 503)
        self.peers[1] = Peer(endpoint)
        self.bridge.wait_for_links(2)
        # Whichever is asked first.
        self.assertEqual([self.bridge.get("/readyz")[0] for _ in range(6)], [200] * 6)

    def test_a_peer_that_comes_back_is_used_again(self):
        endpoints = [p.endpoint for p in self.peers]
        for peer in self.peers:
            peer.kill()
        self.bridge.wait_for_links(0)
        self.peers = [Peer(e) for e in endpoints]
        self.bridge.wait_for_links(2)
        self.assertEqual(self.bridge.post("/api/execute", JOB)[0], 202)

    def test_a_silent_peer_is_not_waited_for(self):
        self.peers[0].process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(4):
                self.assertEqual(self.bridge.post("/api/execute", JOB)[0], 202)
        finally:
            self.peers[0].process.send_signal(signal.SIGCONT)


class Stopping(unittest.TestCase):
    def test_what_is_under_way_is_answered_before_the_end(self):
        peer = Peer()
        self.addCleanup(peer.kill)
        bridge = Bridge([peer]).ready()
        name = bridge.post("/api/execute", job(tags=["wait"]))[1]["jobId"]
        got = []
        waiter = threading.Thread(
            target=lambda: got.append(bridge.get("/api/jobs/%s?wait=30" % name)))
        stream = bridge.connect()
        stream.sendall(b"GET /api/jobs/%s/events HTTP/1.1\r\nHost: x\r\n\r\n" % name.encode())
        self.assertIn(b"200 OK", stream.recv(65536))
        before = bridge.metric("mesh_http_requests_in_flight")
        waiter.start()
        until("both are under way",
              lambda: bridge.metric("mesh_http_requests_in_flight") == before + 1)
        began = time.monotonic()
        self.assertEqual(bridge.stop(), 0)
        self.assertLess(time.monotonic() - began, 25)  # and not the 30 that were asked for
        waiter.join()
        self.assertIn(b"event: bye", read_all(stream))
        stream.close()
        self.assertEqual((got[0][0], got[0][1]["state"]), (200, "queued"))

    def test_a_stream_asked_for_at_the_end_is_told_that_it_is_the_end(self):
        peer = Peer()
        self.addCleanup(peer.kill)
        bridge = Bridge([peer], ARENA_HTTP_LOOPS=1).ready()
        name = bridge.post("/api/execute", job(tags=["wait"]))[1]["jobId"].encode()
        ask = b"GET /api/jobs/%s/events HTTP/1.1\r\nHost: x\r\n\r\n" % name
        with bridge.connect() as stream, bridge.connect() as late:
            stream.sendall(ask)
            self.assertIn(b"200 OK", stream.recv(65536))
            # Half of it comes with a request that is answered, so it was read.
            late.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" + ask[:20])
            self.assertIn(b"200 OK", late.recv(65536))
            bridge.process.terminate()
            self.assertIn(b"event: bye", read_all(stream))
            late.sendall(ask[20:])
            answer = read_all(late)
        self.assertEqual(bridge.stop(), 0)
        self.assertIn(b"HTTP/1.1 503 ", answer)
        self.assertIn(b'"draining"', answer)


class Settings(unittest.TestCase):
    def run_bridge(self, *args, **env):
        env = {"PATH": "", **env}
        from bridge import BUILD
        return subprocess.run([os.path.join(BUILD, "arena-bridge"), *args], env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)

    def test_help_names_every_setting(self):
        text = self.run_bridge("--help").stdout.decode()
        for name in ("ARENA_HTTP_PORT", "ARENA_PEERS", "API_RATE_LIMIT", "MAX_CODE_SIZE",
                     "ARENA_JWT_KEYS", "LOG_LEVEL"):
            self.assertIn(name, text)

    def test_a_bad_setting_is_named_and_refused(self):
        for name, value in (("ARENA_HTTP_PORT", "x"), ("ARENA_HTTP_PORT", "70000"),
                            ("LOG_LEVEL", "loud"), ("ARENA_PEERS", "localhost"),
                            ("MAX_CODE_SIZE", "-1"), ("ARENA_TRUSTED_PROXIES", "x")):
            done = self.run_bridge(**{name: value, "ARENA_HTTP_BIND": "127.0.0.1"})
            self.assertNotEqual(done.returncode, 0, name)
            self.assertIn(name, done.stderr.decode())

    def test_a_file_is_read_and_a_misspelt_name_in_it_is_refused(self):
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as f:
            f.write("ARENA_HTTP_PROT = 1\n")
            f.flush()
            done = self.run_bridge("--config", f.name)
            self.assertEqual(done.returncode, 2)
            self.assertIn("ARENA_HTTP_PROT", done.stderr.decode())

    def test_settings_are_read_again_while_it_runs(self):
        peer = Peer()
        self.addCleanup(peer.kill)
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as f:
            f.write("MAX_CODE_SIZE = 10\n")
            f.flush()
            bridge = Bridge([peer], ARENA_CONFIG=f.name).ready()
            try:
                self.assertEqual(bridge.post("/api/execute", job(code="x" * 20))[0], 400)
                f.seek(0)
                f.write("MAX_CODE_SIZE = 99\n")
                f.flush()
                bridge.process.send_signal(signal.SIGHUP)
                until("the file is read again", lambda: bridge.post(
                    "/api/execute", job(code="x" * 20))[0] == 202)
            finally:
                self.assertEqual(bridge.stop(), 0)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.cert = os.path.join(cls.folder.name, "cert.pem")
        cls.key = os.path.join(cls.folder.name, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", cls.key, "-out", cls.cert,
                        "-days", "2", "-subj", "/CN=localhost"], check=True,
                       stderr=subprocess.DEVNULL)
        cls.peer = Peer()
        cls.bridge = Bridge([cls.peer], ARENA_TLS_CERT=cls.cert, ARENA_TLS_KEY=cls.key,
                            ARENA_HTTP_HEADER_TIMEOUT="2s")

    @classmethod
    def tearDownClass(cls):
        status = cls.bridge.stop()
        cls.peer.kill()
        cls.folder.cleanup()
        assert status == 0

    def test_requests_go_through_tls(self):
        body = json.dumps(job(input="x" * 200000)).encode()

        def ask():
            answer = self.bridge.raw(
                b"POST /api/execute?wait=5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            return answer if statuses(answer) == [200] else None

        self.assertIn(b"x" * 200000, until("a peer answers", ask))

    def told(self, end):
        """How it ends for a client to whom a connection that is cut is an error."""
        strict = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        strict.check_hostname, strict.verify_mode = False, ssl.CERT_NONE
        strict.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        plain = socket.create_connection(("127.0.0.1", self.bridge.port), timeout=10)
        with strict.wrap_socket(plain, suppress_ragged_eofs=False) as sock:
            sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n%s\r\n" % end)
            answer = b""
            while not answer.endswith(b"}"):
                answer += sock.recv(65536)
            if end:
                self.assertEqual(sock.recv(65536), b"")
            else:
                sock.unwrap()  # says good-bye, and waits for the bridge's

    def test_the_end_of_a_connection_is_told(self):
        self.told(b"Connection: close\r\n")
        self.told(b"")

    def test_garbage_and_silence_end_the_connection(self):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b""):
            with socket.create_connection(("127.0.0.1", self.bridge.port), timeout=10) as sock:
                sock.sendall(data)
                read_all(sock)
        self.assertEqual(statuses(self.bridge.raw(
            b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), [200])


if __name__ == "__main__":
    unittest.main()
