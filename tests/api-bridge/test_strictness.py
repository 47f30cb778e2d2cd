#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""What a hostile or clumsy client may send, and that the bridge answers clearly and goes on."""
import json
import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bridge  # noqa: E402
from bridge import JOB, Bridge, Peer, read_all, statuses, until  # noqa: E402

HOST = b"Host: x\r\n"
GET = b"GET /livez HTTP/1.1\r\n" + HOST


def post(body, *headers):
    head = [b"POST /api/execute HTTP/1.1", b"Host: x", b"Content-Type: application/json"]
    return b"\r\n".join(head + list(headers)) + b"\r\n\r\n" + body


class Case(bridge.Case):
    def tearDown(self):
        self.assertEqual(self.bridge.get("/livez")[0], 200, "the server keeps serving")


class Parser(Case):
    """Requests that parsers disagree on. Each must get exactly one answer, an error, and the
    connection must end: a second answer would be a smuggled request."""

    REFUSED = {
        "bare CR hides a header": (400, GET + b"X: a\rTransfer-Encoding: chunked\r\n\r\n"),
        "folded header": (400, GET + b"X: a\r\n b\r\n\r\n"),
        "folded header, tab": (400, GET + b"X: a\r\n\tb\r\n\r\n"),
        "folded first header": (400, b"GET /livez HTTP/1.1\r\n Host: x\r\n\r\n"),
        "length and chunked": (400, post(b"0\r\n\r\n", b"Content-Length: 5",
                                         b"Transfer-Encoding: chunked")),
        "chunked and length": (400, post(b"0\r\n\r\n", b"Transfer-Encoding: chunked",
                                         b"Content-Length: 5")),
        "two lengths": (400, post(b"hello", b"Content-Length: 5", b"Content-Length: 6")),
        "two equal lengths": (400, post(b"hello", b"Content-Length: 5", b"Content-Length: 5")),
        "length list": (400, post(b"hello", b"Content-Length: 5, 5")),
        "length with sign": (400, post(b"hello", b"Content-Length: +5")),
        "length in hex": (400, post(b"hello", b"Content-Length: 0x5")),
        "negative length": (400, post(b"hello", b"Content-Length: -5")),
        "length beyond 64 bits": (400, post(b"", b"Content-Length: 99999999999999999999999")),
        "space before colon": (400, post(b"hello", b"Content-Length : 5")),
        "bare LF lines": (400, b"GET /livez HTTP/1.1\nHost: x\n\n"),
        "one bare LF": (400, b"GET /livez HTTP/1.1\r\nHost: x\nX: y\r\n\r\n"),
        "chunk without CRLF": (400, post(b"5\r\nhelloX0\r\n\r\n", b"Transfer-Encoding: chunked")),
        "chunk size not hex": (400, post(b"zz\r\n", b"Transfer-Encoding: chunked")),
        "chunk size too large": (400, post(b"fffffffffffffffff\r\n",
                                           b"Transfer-Encoding: chunked")),
        "two codings": (501, post(b"0\r\n\r\n", b"Transfer-Encoding: gzip, chunked")),
        "coding that is not chunked": (400, post(b"x", b"Transfer-Encoding: identity")),
        "chunked in HTTP/1.0": (400, b"POST /api/execute HTTP/1.0\r\nHost: x\r\n"
                                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        "NUL in a value": (400, GET + b"X: a\0b\r\n\r\n"),
        "control character in a value": (400, GET + b"X: a\x01b\r\n\r\n"),
        "NUL in a name": (400, GET + b"X\0: a\r\n\r\n"),
        "space in a name": (400, GET + b"X Y: a\r\n\r\n"),
        "header without a name": (400, GET + b": a\r\n\r\n"),
        "header without colon": (400, GET + b"nonsense\r\n\r\n"),
        "no host": (400, b"GET /livez HTTP/1.1\r\n\r\n"),
        "two hosts": (400, GET + b"Host: y\r\n\r\n"),
        "host with a path": (400, b"GET /livez HTTP/1.1\r\nHost: x/y\r\n\r\n"),
        "host with a user": (400, b"GET /livez HTTP/1.1\r\nHost: a@b\r\n\r\n"),
        "HTTP/0.9": (505, b"GET /livez\r\n\r\n"),
        "HTTP/2.0": (505, b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n"),
        "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        "HTTP/1.2": (505, b"GET /livez HTTP/1.2\r\nHost: x\r\n\r\n"),
        "unknown method": (501, b"BREW /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
        "CONNECT": (501, b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n"),
        "TRACE": (501, b"TRACE /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
        "lower case method": (501, b"get /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
        "dot segments": (400, b"GET /api/../livez HTTP/1.1\r\nHost: x\r\n\r\n"),
        "escaped dot segments": (400, b"GET /api/%2e%2e/livez HTTP/1.1\r\nHost: x\r\n\r\n"),
        "escaped slash": (400, b"GET /api%2Fstats HTTP/1.1\r\nHost: x\r\n\r\n"),
        "escaped slash, small": (400, b"GET /api/jobs%2fx HTTP/1.1\r\nHost: x\r\n\r\n"),
        "NUL in the path": (400, b"GET /livez%00 HTTP/1.1\r\nHost: x\r\n\r\n"),
        "bad escape": (400, b"GET /livez%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
        "fragment": (400, b"GET /livez#a HTTP/1.1\r\nHost: x\r\n\r\n"),
        "long target": (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
        "large headers": (431, GET + b"X: " + b"a" * 20000 + b"\r\n\r\n"),
        "many headers": (431, GET + b"".join(b"X%d: a\r\n" % i for i in range(100)) + b"\r\n"),
        "unknown expectation": (417, post(b"", b"Expect: tea", b"Content-Length: 0")),
        "TLS on a plain port": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        "chunk extensions without end": (413, post(
            b"1;" + b"x" * 200000 + b"\r\na\r\n", b"Transfer-Encoding: chunked")),
    }

    def test_each_is_refused_once_and_the_connection_ends(self):
        for name, (status, data) in self.REFUSED.items():
            with self.subTest(name):
                answer = self.bridge.raw(data + GET + b"\r\n", timeout=5)
                self.assertEqual(statuses(answer), [status], answer[:300])
                self.assertIn(b"Connection: close", answer)
                error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
                self.assertTrue(error["code"] and error["message"])

    def test_requests_byte_by_byte_are_understood(self):
        data = post(json.dumps(JOB).encode(), b"Content-Length: %d" % len(json.dumps(JOB)))
        with self.bridge.connect() as sock:
            for i in range(len(data)):
                sock.sendall(data[i:i + 1])
            self.assertEqual(int(sock.recv(65536)[9:12]), 202)

    def test_pipelined_requests_are_answered_in_order(self):
        body = json.dumps(JOB).encode()
        one = post(body, b"Content-Length: %d" % len(body))
        missing = b"GET /nope HTTP/1.1\r\nHost: x\r\n\r\n"
        last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = self.bridge.raw((one + missing) * 10 + last)
        self.assertEqual(statuses(answer), [202, 404] * 10 + [200])

    def test_a_chunked_body_is_read(self):
        body = json.dumps(JOB).encode()
        data = b"%x;ext=1\r\n%s\r\n%x\r\n%s\r\n0\r\nTrailer: x\r\n\r\n" % (
            10, body[:10], len(body) - 10, body[10:])
        answer = self.bridge.raw(post(data, b"Transfer-Encoding: chunked", b"Connection: close"))
        self.assertEqual(statuses(answer), [202])

    def test_a_body_that_was_announced_is_asked_for(self):
        body = json.dumps(JOB).encode()
        with self.bridge.connect() as sock:
            sock.sendall(post(b"", b"Content-Length: %d" % len(body), b"Expect: 100-continue"))
            self.assertEqual(sock.recv(65536), b"HTTP/1.1 100 Continue\r\n\r\n")
            sock.sendall(body)
            self.assertEqual(int(sock.recv(65536)[9:12]), 202)

    def test_a_body_too_large_is_refused_before_it_is_sent(self):
        with self.bridge.connect() as sock:
            sock.sendall(post(b"", b"Content-Length: 99999999", b"Expect: 100-continue"))
            self.assertEqual(statuses(read_all(sock)), [413])

    def test_a_chunked_body_too_large_is_refused(self):
        piece = b"10000\r\n" + b"a" * 65536 + b"\r\n"
        with self.bridge.connect() as sock:
            try:
                sock.sendall(post(piece * 40, b"Transfer-Encoding: chunked"))
            except ConnectionError:
                pass
            self.assertEqual(statuses(read_all(sock)), [413])

    def test_a_body_without_length_is_refused(self):
        answer = self.bridge.raw(post(b"", b"Connection: close"))
        self.assertEqual(statuses(answer), [411])

    def test_a_body_where_none_belongs_is_refused(self):
        answer = self.bridge.raw(GET + b"Content-Length: 5\r\nConnection: close\r\n\r\nhello")
        self.assertEqual(statuses(answer), [413])

    def test_http_1_0_ends_the_connection(self):
        answer = self.bridge.raw(b"GET /livez HTTP/1.0\r\n\r\n")
        self.assertEqual(statuses(answer), [200])
        self.assertIn(b"Connection: close", answer)

    def test_head_has_the_length_and_no_body(self):
        answer = self.bridge.raw(b"HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertTrue(answer.endswith(b"\r\n\r\n"))
        self.assertIn(b"Content-Length: 15", answer)

    def test_an_upgrade_nobody_knows_is_ignored(self):
        answer = self.bridge.raw(GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" +
                                 b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertEqual(statuses(answer), [200, 200])

    def test_a_method_that_is_not_there_is_named_with_those_that_are(self):
        status, body, headers = self.bridge.request("PUT", "/api/stats")
        self.assertEqual((status, body["error"]["code"]), (405, "method_not_allowed"))
        self.assertEqual(headers["Allow"], "OPTIONS, GET, HEAD")
        status, _, headers = self.bridge.request("OPTIONS", "/api/jobs/x")
        self.assertEqual((status, headers["Allow"]), (204, "OPTIONS, GET, HEAD, DELETE"))
        self.assertEqual(self.bridge.request("OPTIONS", "/nope")[0], 404)

    def test_a_half_closed_client_still_gets_its_answer(self):
        with self.bridge.connect() as sock:
            body = json.dumps(JOB).encode()
            sock.sendall(post(body, b"Content-Length: %d" % len(body)))
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(statuses(read_all(sock)), [202])


class Fields(Case):
    """Every field of a submit, wrong in every way."""

    TEXT = [1, True, [], {}]
    BAD = {
        "code": TEXT + ["", "x" * 70000],
        "language": TEXT + ["", "cobol", "x" * 65],
        "version": TEXT + ["x" * 65],
        "input": TEXT,
        "args": ["x", {}, 1, [1], ["x" * 5000], ["x"] * 65],
        "files": ["x", {}, []],
        "testCases": ["x", {}, 1, ["x"], [{}] * 1001, [{"nope": 1}], [{"input": 1}],
                      [{"expectedOutput": 1}], [{"weight": -1}], [{"weight": "x"}],
                      [{"hidden": "x"}], [{"name": "x" * 65}], [{"args": "x"}]],
        "checker": ["x", [], {"type": "nope"}, {"nope": 1}, {"type": "float", "absolute": -1},
                    {"type": "float", "relative": "x"}, {"type": "program"}],
        "interactor": ["x", [], {}, {"language": "python"}, {"code": "x"},
                       {"language": "python", "code": "x", "nope": 1}],
        "limits": ["x", [], {"nope": 1}, {"time": "x"}, {"time": -1}, {"time": 0},
                   {"time": 100000}, {"memory": 1.5}, {"memory": -1}, {"memory": 1 << 60},
                   {"processes": 0}, {"output": 1 << 40}, {"wallTime": 1e9}, {"stack": "1m"}],
        "priority": ["x", -1, 1.5, [], 1 << 40],
        "delay": ["x", -1, 1e12],
        "stopOnFailure": ["x", 1],
        "tags": ["x", {}, [1], [""], ["x" * 65], ["x"] * 17],
        "callback": TEXT + ["x" * 3000],
        "encoding": TEXT + ["latin1"],
        "attempts": ["x", -1, 26, 1.5],
        "backoff": ["x", -1, 1e9],
        "stream": ["x", 1],
        "nope": [1],
    }

    def refused(self, body, field, **kw):
        status, answer, _ = self.bridge.post("/api/execute", body, **kw)
        self.assertIn(status, (400, 413), (field, str(body)[:100], answer))
        error = answer["error"]
        self.assertTrue(error["code"] and error["message"], error)
        if field is not None:
            self.assertTrue(error.get("field", "").startswith(field), (field, error))

    def test_each_is_refused_with_its_name(self):
        for field, values in self.BAD.items():
            for value in values:
                with self.subTest(field=field, value=str(value)[:40]):
                    body = dict(JOB, **{field: value})
                    if field == "files":
                        del body["code"]
                    self.refused(body, field)

    def test_what_is_missing_is_named(self):
        self.refused({"language": "python"}, "code")
        self.refused({"code": "x"}, "language")
        self.refused({"code": None, "language": "python"}, "code")

    def test_file_names_that_leave_the_folder_are_refused(self):
        for name in ("../x", "/etc/passwd", "a/../../x", "a//b", "./x", "", "a\\b", "a\nb", "..",
                     "a/", "x" * 200):
            with self.subTest(name):
                self.refused({"language": "python", "files": [{"name": name, "content": "x"}]},
                             "files[0].name")

    def test_files_are_held_to_their_form(self):
        base = {"language": "python"}
        self.refused(dict(base, files=[{"name": "a.py"}]), "files[0].content")
        self.refused(dict(base, files=[{"content": "x"}]), "files[0].name")
        self.refused(dict(base, files=[{"name": "a", "content": "x"}] * 2), "files[1]")
        for names in (("a", "a/b"), ("a/b/c", "a/b"), ("x", "a/b", "a")):
            self.refused(dict(base, files=[{"name": n, "content": "x"} for n in names]),
                         "files[%d]" % (len(names) - 1))
        self.refused(dict(base, code="x", files=[{"name": "a", "content": "x"}]), "files")
        self.refused(dict(base, files=[{"name": "a", "content": "!", "encoding": "base64"}]),
                     "files[0].content")
        self.refused(dict(base, code="!!", encoding="base64"), "code")

    def test_text_that_is_not_json_is_refused(self):
        for body in (b"{", b"", b"[]", b'"x"', b"{}x", b'{"code":"a","code":"b"}',
                     b'{"code":"\xff"}', b'{"code":"a\\u0000b"}', b'{"code":"a\0b"}',
                     b"[" * 10000 + b"]" * 10000, b'{"a":' * 10000 + b"1" + b"}" * 10000,
                     b'{"priority":NaN}', b'{"priority":1e999}', b"\xef\xbb\xbf{}"):
            with self.subTest(body[:30]):
                self.refused(body, None)

    def test_another_content_type_is_refused(self):
        with self.bridge.connect() as sock:
            sock.sendall(b"POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                         b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
            self.assertEqual(statuses(read_all(sock)), [415])

    def test_a_query_that_is_not_known_is_refused(self):
        for query in ("nope=1", "wait=x", "wait=-1", "wait=1000", "wait=1&wait=2", "encoding=x"):
            with self.subTest(query):
                status, answer, _ = self.bridge.post("/api/execute?" + query, JOB)
                self.assertEqual(status, 400, answer)
                self.assertEqual(answer["error"]["field"], query.partition("=")[0])

    def test_an_idempotency_key_has_a_length(self):
        for path, body in (("/api/execute", JOB), ("/api/batch", {"jobs": [JOB]})):
            for key in ("", "x" * 257):
                status, answer, _ = self.bridge.post(path, body, headers={"Idempotency-Key": key})
                self.assertEqual((status, answer["error"]["field"]), (400, "Idempotency-Key"),
                                 (path, len(key)))

    def test_two_idempotency_keys_are_none(self):
        body = json.dumps(JOB).encode()
        answer = self.bridge.raw(post(
            body, b"Content-Length: %d" % len(body), b"Idempotency-Key: a", b"idempotency-key: b",
            b"Connection: close"))
        self.assertEqual(statuses(answer), [400])
        self.assertIn(b'"field":"Idempotency-Key"', answer)

    def test_job_ids_that_are_none_name_no_job(self):
        for name in ("x", "00000000-0000-0000-0000-00000000000", "a" * 500,
                     "0190b0c8-0000-8000-8000-000000000000", "%C0%AE"):
            with self.subTest(name):
                self.assertEqual(self.bridge.get("/api/jobs/" + name)[0], 404)
                self.assertEqual(self.bridge.request("DELETE", "/api/jobs/" + name)[0], 404)


class Slow(Case):
    settings = {"ARENA_HTTP_HEADER_TIMEOUT": "1s", "ARENA_HTTP_BODY_TIMEOUT": "1s",
                "ARENA_HTTP_KEEPALIVE_TIMEOUT": "1s"}

    def test_a_slow_header_is_told_and_cut(self):
        with self.bridge.connect() as sock:
            sock.sendall(b"GET /livez HTTP/1.1\r\nHo")
            self.assertEqual(statuses(read_all(sock)), [408])

    def test_a_slow_body_is_told_and_cut(self):
        with self.bridge.connect() as sock:
            sock.sendall(post(b"{", b"Content-Length: 100"))
            self.assertEqual(statuses(read_all(sock)), [408])

    def test_bytes_one_at_a_time_do_not_move_the_deadline(self):
        began = time.monotonic()
        with self.bridge.connect(timeout=0.1) as sock:
            try:
                while time.monotonic() - began < 20:
                    sock.sendall(b"G")
                    try:
                        if sock.recv(65536):
                            break
                    except socket.timeout:
                        pass
            except ConnectionError:
                pass
        self.assertLess(time.monotonic() - began, 15)

    def test_a_silent_connection_is_closed_without_a_word(self):
        with self.bridge.connect() as sock:
            self.assertEqual(sock.recv(100), b"")

    def test_an_idle_connection_is_closed_after_its_time(self):
        with self.bridge.connect() as sock:
            sock.sendall(GET + b"\r\n")
            self.assertEqual(statuses(read_all(sock)), [200])


class SlowReader(Case):
    settings = {"ARENA_HTTP_WRITE_TIMEOUT": "1s", "ARENA_HTTP_BODY_MAX": "8m",
                "MAX_CODE_SIZE": "8m"}

    def state_of(self, sock):
        """Of the bridge's end of the connection, as the kernel numbers them; None = gone."""
        ends = [":%04X" % port for port in (self.bridge.port, sock.getsockname()[1])]
        with open("/proc/net/tcp", encoding="ascii") as table:
            for line in table:
                fields = line.split()
                if [fields[1][-5:], fields[2][-5:]] == ends:
                    return fields[3]
        return None

    def test_one_that_has_said_all_and_reads_slowly_is_cut(self):
        name = self.bridge.post("/api/execute", dict(JOB, input="y" * 7000000))[1]["jobId"]
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            sock.connect(("127.0.0.1", self.bridge.port))
            sock.sendall(b"GET /api/jobs/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                         % name.encode())
            sock.shutdown(socket.SHUT_WR)
            self.assertTrue(sock.recv(300).startswith(b"HTTP/1.1 200 "))

            def gone():
                try:
                    sock.recv(300, socket.MSG_DONTWAIT)
                except OSError:
                    pass
                return self.state_of(sock) not in ("01", "08")  # established, half closed

            until("it is cut", gone, pause=0.1)


if __name__ == "__main__":
    unittest.main()
