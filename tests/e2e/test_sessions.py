#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Programs that are talked to while they run, over WebSockets: real programs, a real client, and
clients that vanish, do not read, or break the rules."""
import base64
import hmac
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from harness import until
from websocket import BINARY, CLOSE, PING, TEXT, Closed, Refused, Session, WebSocket

ECHO = {
    "python": "import sys\nfor line in sys.stdin:\n"
              "    print('<' + line.strip() + '>', flush=True)\nsys.exit(3)\n",
    "c": "#include <stdio.h>\n#include <string.h>\nint main(void) { char b[100];\n"
         "while (fgets(b, sizeof(b), stdin)) { b[strcspn(b, \"\\n\")] = 0;\n"
         "printf(\"<%s>\\n\", b); fflush(stdout); } return 3; }\n",
    "java": "import java.util.*;\npublic class Main { public static void main(String[] a) {\n"
            "Scanner s = new Scanner(System.in);\n"
            "while (s.hasNextLine()) System.out.println(\"<\" + s.nextLine() + \">\");\n"
            "System.exit(3); } }\n",
    "javascript": "const r = require('readline').createInterface({input: process.stdin});\n"
                  "r.on('line', l => console.log('<' + l + '>'));\n"
                  "r.on('close', () => process.exit(3));\n",
}
WAIT = "import time\nprint('here', flush=True)\nwhile True: time.sleep(1)\n"


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) * 1024


class SessionCase(harness.MeshCase):
    def session(self, code, language="python", **how):
        return Session(self.mesh.port, {"language": language, "code": code}, **how)

    def nothing_runs(self):
        for node in self.mesh.nodes:
            until("no slot is busy", lambda n=node: n.metric("mesh_jobs_running") == 0)

    def tearDown(self):
        super().tearDown()
        self.nothing_runs()


class Sessions(SessionCase):
    settings = {"WORKER_CONCURRENCY": "4", "ARENA_SESSION_OUTPUT": "1m"}
    bridge = {"ARENA_HTTP_SESSIONS_ADDRESS_MAX": "3", "ARENA_HTTP_HEADER_TIMEOUT": "2s",
              "ARENA_HTTP_HEARTBEAT": "1s", "ARENA_HTTP_WRITE_TIMEOUT": "3s",
              "ARENA_CORS_ORIGINS": "https://good.example"}

    def test_programs_answer_line_by_line(self):
        for language, code in ECHO.items():
            with self.subTest(language=language):
                s = self.session(code, language)
                for word in (b"one", "zwölf".encode(), b"three"):
                    s.ws.type(word + b"\n")
                    s.hear(b"<" + word + b">\n")
                s.ws.say(type="eof")
                end = s.exit()
                self.assertEqual(end["exitCode"], 3)
                self.assertEqual(end["verdict"], "runtime_error")
                self.assertGreater(end["memory"], 0)

    def test_streams_are_told_apart_and_bytes_are_kept(self):
        s = self.session("import sys\ndata = sys.stdin.buffer.read()\n"
                         "sys.stdout.buffer.write(data)\nsys.stderr.write('err')\n")
        everything = bytes(range(256)) * 2000
        for at in range(0, len(everything), 50000):
            s.ws.type(everything[at:at + 50000])
        s.ws.say(type="eof")
        self.assertEqual(s.exit()["verdict"], "accepted")
        self.assertEqual(s.heard[1], everything)
        self.assertEqual(s.heard[2], b"err")

    def test_a_compiler_is_heard_and_a_bad_program_never_starts(self):
        s = self.session("int main(void) { return x; }\n", "c", start=False)
        end = s.exit()
        self.assertEqual(end["verdict"], "compile_error")
        self.assertIn(b"undeclared", s.heard[3])
        self.assertNotIn("started", [m["type"] for m in s.messages])

    def test_signals_reach_the_program(self):
        # Waited for: a handler may miss one that comes just before pause().
        s = self.session("import signal, os\nsignal.pthread_sigmask(signal.SIG_BLOCK, "
                         "{signal.SIGINT})\nprint('ready', flush=True)\n"
                         "while True: os.write(1, b'caught %d\\n' % "
                         "signal.sigwait({signal.SIGINT}))\n")
        s.hear(b"ready\n")
        s.ws.say(type="signal", signal="SIGINT")
        s.hear(b"caught 2\n")
        s.ws.say(type="signal", signal="SIGSEGVX")
        self.assertIn("signal", s.until("error")["error"]["field"])
        s.ws.say(type="signal", signal="SIGKILL")
        end = s.exit()
        self.assertEqual((end["signal"], end["exitCode"]), ("SIGKILL", None))

    def test_a_terminal_is_one(self):
        s = self.session("import os, signal, threading\n"
                         "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})\n"
                         "def watch():\n"
                         "    while signal.sigwait({signal.SIGWINCH}):\n"
                         "        os.write(1, b'now %d %d\\n' % tuple(os.get_terminal_size()))\n"
                         "threading.Thread(target=watch, daemon=True).start()\n"
                         "print(os.isatty(0), *os.get_terminal_size())\n"
                         "try:\n    while True: print('got', input())\n"
                         "except EOFError: print('end')\n",
                         tty={"rows": 30, "columns": 90})
        s.hear(b"True 90 30\r\n")
        s.ws.type(b"hello\n")
        s.hear(b"got hello\r\n")
        s.ws.say(type="resize", rows=50, columns=132)
        s.hear(b"now 132 50\r\n")
        s.ws.type(b"\x04")
        s.hear(b"end\r\n")
        self.assertEqual(s.exit()["verdict"], "accepted")

    def test_without_a_terminal_a_resize_is_an_error_and_harms_nothing(self):
        s = self.session(ECHO["python"])
        s.ws.say(type="resize", rows=50, columns=132)
        self.assertIn("tty", s.until("error")["error"]["message"])
        s.ws.type(b"still here\n")
        s.hear(b"<still here>\n")
        s.ws.say(type="close")
        self.assertEqual(s.end().code, 1000)

    def test_a_flood_is_stopped_at_the_limit_to_the_byte(self):
        s = self.session("while True: print('x' * 1000)\n")
        end = s.exit()
        self.assertEqual(end["verdict"], "output_limit_exceeded")
        self.assertEqual(len(s.heard[1]), 1 << 20)

    def test_a_client_that_vanishes_frees_program_and_slot(self):
        for how in ("close", "reset"):
            with self.subTest(how=how):
                mark = f"vanish-{how}-{os.getpid()}"
                s = self.session(WAIT.replace("here", mark))
                s.hear(mark.encode())
                self.assertEqual(self.mesh.nodes[0].metric("mesh_sessions"), 1)
                if how == "reset":
                    s.ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                           b"\1\0\0\0\0\0\0\0")
                s.ws.close()
                self.nothing_runs()

    def test_a_client_that_never_reads_costs_no_memory_and_is_dropped(self):
        bridge, node = self.mesh.bridge.process.pid, self.mesh.nodes[0].process.pid
        self.session("pass\n").exit()  # what the first one of all costs is not looked for
        before = memory(bridge) + memory(node)
        s = self.session("import sys\nwhile True: sys.stdout.write('x' * 65536)\n", receive=4096)
        peak = 0

        for _ in range(20):  # it has all the time it wants to fill what there is to fill
            time.sleep(0.1)
            peak = max(peak, memory(bridge) + memory(node))
        self.assertLess(peak - before, 4 << 20)
        self.nothing_runs()
        s.ws.close()

    def test_a_program_that_reads_nothing_is_not_fed_without_end(self):
        bridge, node = self.mesh.bridge.process.pid, self.mesh.nodes[0].process.pid
        self.session("pass\n").exit()  # what the first one of all costs is not looked for
        before = memory(bridge) + memory(node)
        s = self.session(WAIT)
        s.ws.socket.settimeout(1)
        sent = 0
        with self.assertRaises(TimeoutError):
            while sent < 64 << 20:
                s.ws.type(b"x" * 60000)
                sent += 60000
        self.assertLess(sent, 16 << 20)  # the kernel's own buffers, for the most part
        self.assertLess(memory(bridge) + memory(node) - before, 4 << 20)
        s.ws.close()

    def test_many_small_messages_are_all_heard(self):
        s = self.session("import sys\nprint(len(sys.stdin.read()))\n")
        frames = b"".join(s.ws.frame(BINARY, b"\0x") for _ in range(5000))
        s.ws.socket.sendall(frames)
        s.ws.say(type="eof")
        s.hear(b"5000\n")
        self.assertEqual(s.exit()["verdict"], "accepted")

    # --- bad clients --------------------------------------------------------------------------
    def test_a_bad_handshake_is_refused_and_says_why(self):
        for headers, status, word in (
                ({"Upgrade": None, "Connection": None}, 426, "upgrade"),
                ({"Upgrade": "h2c"}, 426, "upgrade"),
                ({"Sec-WebSocket-Version": "8"}, 426, "13"),
                ({"Sec-WebSocket-Version": None}, 426, "13"),
                ({"Sec-WebSocket-Key": None}, 400, "Key"),
                ({"Sec-WebSocket-Key": "short"}, 400, "Key"),
                ({"Sec-WebSocket-Key": "!" * 24}, 400, "Key"),
                ({"Sec-WebSocket-Protocol": "chat, soap"}, 400, "arena.session.v1"),
                ({"Origin": "https://evil.example"}, 403, "origin")):
            with self.subTest(headers=headers):
                with self.assertRaises(Refused) as caught:
                    WebSocket(self.mesh.port, headers=headers)
                self.assertEqual(caught.exception.status, status)
                self.assertIn(word.lower(), json.loads(caught.exception.body)["error"]
                              ["message"].lower())
        for headers in ({"Origin": "https://good.example"}, {"Sec-WebSocket-Protocol": None},
                        {"Sec-WebSocket-Protocol": "chat, arena.session.v1"}):
            ws = WebSocket(self.mesh.port, headers=headers)
            self.assertEqual(ws.headers.get("sec-websocket-protocol"),
                             None if None in headers.values() else "arena.session.v1")
            ws.close()

    def test_broken_frames_close_with_the_code_of_the_rfc(self):
        big = b"x" * (2 << 20)
        for name, act, code in (
                ("unmasked", lambda w: w.send(TEXT, b"{}", mask=False), 1002),
                ("reserved bit", lambda w: w.send(TEXT, b"{}", rsv=4), 1002),
                ("reserved opcode", lambda w: w.send(3, b""), 1002),
                ("a fragmented ping", lambda w: w.send(PING, b"", fin=False), 1002),
                ("a long ping", lambda w: w.send(PING, b"x" * 126), 1002),
                ("a continuation of nothing", lambda w: w.send(0, b"x"), 1002),
                ("text that is not UTF-8", lambda w: w.send(TEXT, b"\xff\xfe"), 1007),
                ("a close code that is none", lambda w: w.send(CLOSE, b"\x03\xed"), 1002),
                ("too long", lambda w: w.send(TEXT, big), 1009),
                ("too long in fragments", self._fragments, 1009)):
            with self.subTest(name):
                ws = WebSocket(self.mesh.port)
                with self.assertRaises(Closed) as caught:
                    try:
                        act(ws)
                    except ConnectionError:
                        pass  # it may have closed while we were still sending
                    ws.receive()
                ws.close()
                self.assertEqual(caught.exception.code, code)

    @staticmethod
    def _fragments(ws):
        ws.send(TEXT, b"", fin=False)
        for _ in range(40):
            ws.send(0, b"x" * 60000, fin=False)

    def test_bad_messages_are_named(self):
        good = {"language": "python", "code": "input()"}
        for message, word in (
                ({"type": "open"}, "job"),
                ({"type": "opening"}, "type"),
                ({"type": "open", "job": {**good, "testCases": [{"input": "1"}]}}, "testCases"),
                ({"type": "open", "job": {**good, "language": "cobol"}}, "language"),
                ({"type": "open", "job": {"language": "python"}}, "code"),
                ({"type": "open", "job": good, "tty": 5}, "tty"),
                ({"type": "open", "job": good, "tty": {"rows": 5000}}, "rows"),
                ({"type": "open", "job": good, "more": 1}, "more"),
                ({"type": "signal", "signal": "SIGINT"}, "open")):
            with self.subTest(message=message):
                ws = WebSocket(self.mesh.port)
                ws.say(**message)
                answer = json.loads(ws.receive()[1])
                self.assertIn(word, json.dumps(answer["error"]))
                with self.assertRaises(Closed) as caught:
                    ws.receive()
                self.assertEqual(caught.exception.code, 4000)
                ws.close()

    def test_what_follows_an_open_at_once_is_not_lost(self):
        def order(**message):
            return TEXT, json.dumps(message).encode()
        s = self.session(WAIT, start=False, then=[order(type="close")])
        self.assertEqual(s.end().code, 1000)
        s = self.session(WAIT, start=False, then=[order(type="signal", signal="SIGKILL")])
        self.assertEqual(s.exit()["signal"], "SIGKILL")
        # The size may come before the program asks for it, or after: it is told of it then.
        s = self.session("import os, signal\n"
                         "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})\n"
                         "while tuple(os.get_terminal_size()) != (132, 50):\n"
                         "    signal.sigwait({signal.SIGWINCH})\n"
                         "print('now it is')\n", tty={"rows": 30, "columns": 90},
                         then=[order(type="resize", rows=50, columns=132)])
        s.hear(b"now it is\r\n")
        self.assertEqual(s.exit()["verdict"], "accepted")

    def test_a_large_first_message_is_read_in_a_worker_and_others_wait_for_it(self):
        def threads():
            return len(os.listdir(f"/proc/{self.mesh.bridge.process.pid}/task"))
        large = ECHO["python"] + "#" + "é" * 20000  # six bytes each in JSON
        before = threads()  # libuv starts its workers with the first that is needed
        s = self.session(large, then=[(BINARY, b"\0one\n"), (BINARY, b"\0two\n"),
                                      (TEXT, b'{"type": "eof"}')])
        self.assertGreater(threads(), before)
        self.assertEqual(s.exit()["exitCode"], 3)
        self.assertEqual(s.heard[1], b"<one>\n<two>\n")
        s = self.session(large, start=False, then=[(TEXT, b'{"type": "open"}')])
        self.assertIn("open already", s.until("error")["error"]["message"])
        s.ws.close()
        s = self.session(large, "cobol", start=False, then=[(BINARY, b"\0one\n")])
        self.assertEqual(s.end().code, 4000)
        for _ in range(20):
            until("one more may come", lambda: self._leave_at_once(large))

    def _leave_at_once(self, code):
        try:
            ws = WebSocket(self.mesh.port)
        except Refused:
            return False
        ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        ws.say(type="open", job={"language": "python", "code": code})
        ws.close()
        return True

    def test_a_flood_of_orders_is_ended(self):
        s = self.session(ECHO["python"])
        order = json.dumps({"type": "signal", "signal": "SIGCONT"}).encode()
        s.ws.socket.sendall(b"".join(s.ws.frame(TEXT, order) for _ in range(1000)))
        self.assertEqual(s.end().code, 1008)

    def test_who_says_nothing_is_sent_away(self):
        ws = WebSocket(self.mesh.port)
        self.assertEqual(json.loads(ws.receive()[1])["type"], "error")
        with self.assertRaises(Closed) as caught:
            ws.receive()
        self.assertEqual(caught.exception.code, 4006)
        ws.close()

    def test_an_address_has_its_share(self):
        held = [WebSocket(self.mesh.port) for _ in range(3)]
        with self.assertRaises(Refused) as caught:
            WebSocket(self.mesh.port)
        self.assertEqual(caught.exception.status, 429)
        self.assertIn("retry-after", caught.exception.headers)
        held.pop().close()
        until("one more may come", self._may_open)
        for ws in held:
            ws.close()

    def _may_open(self):
        try:
            WebSocket(self.mesh.port).close()
            return True
        except Refused:
            return False

    def test_pings_keep_a_quiet_session_open_and_a_dead_client_is_dropped(self):
        s = self.session(WAIT)
        s.hear(b"here\n")
        s.ws.socket.settimeout(0.2)
        quiet_until = time.monotonic() + 5
        while time.monotonic() < quiet_until:  # answers pings
            try:
                s.step()
            except TimeoutError:
                pass
        self.assertEqual(self.mesh.nodes[0].metric("mesh_jobs_running"), 1)
        self.nothing_runs()  # and now it does not
        s.ws.close()


class Slots(SessionCase):
    """Two nodes of three slots: one session each."""
    nodes = 2
    settings = {"WORKER_CONCURRENCY": "3"}

    def test_sessions_go_where_there_is_room_and_then_nowhere(self):
        first, second = self.session(WAIT), self.session(WAIT)
        self.assertNotEqual(first.until("opened")["node"], second.until("opened")["node"])
        third = self.session(WAIT, start=False)
        closed = third.end()
        self.assertEqual(closed.code, 4001)
        self.assertEqual(third.messages[0]["error"]["code"], "no_capacity")
        self.assertEqual(self.mesh.run(language="python", code="print(5)")["stdout"], "5\n")
        first.ws.close()
        until("its slot is free again", self._opens)
        second.ws.close()

    def _opens(self):
        s = self.session(WAIT, start=False)
        try:
            s.until("started")
            return True
        except Closed:
            return False
        finally:
            s.ws.close()

    def test_a_node_that_is_killed_ends_its_sessions_with_a_reason(self):
        s = self.session(WAIT)
        s.hear(b"here\n")
        node = self.mesh.nodes[int(s.until("opened")["node"].rsplit("-", 1)[1])]
        node.process.send_signal(signal.SIGKILL)
        closed = s.end()
        self.assertEqual(closed.code, 4002)
        self.assertTrue(closed.reason)
        self.mesh.restart(node)

    def test_a_node_that_leaves_says_so(self):
        s = self.session(WAIT)
        s.hear(b"here\n")
        node = self.mesh.nodes[int(s.until("opened")["node"].rsplit("-", 1)[1])]
        node.process.terminate()
        closed = s.end()
        self.assertEqual(closed.code, 4004)
        self.assertEqual(node.ended(), 0)
        self.mesh.restart(node)


class Idle(SessionCase):
    settings = {"ARENA_SESSION_IDLE": "3s"}

    def test_who_is_idle_is_ended(self):
        s = self.session("input()\n")
        closed = s.end()
        self.assertEqual((closed.code, s.messages[-1]["error"]["code"]), (4003, "request_timeout"))


def token(secret, **claims):
    """A JWT (RFC 7519), HS256."""
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(
        dict({"exp": int(time.time()) + 600}, **claims))
    sign = hmac.new(secret, signed, "sha256").digest()
    return {"Authorization": "Bearer " + (
        signed + b"." + base64.urlsafe_b64encode(sign).rstrip(b"=")).decode()}


class Tokens(unittest.TestCase):
    SECRET = b"0123456789abcdef0123456789abcdef"

    def test_the_gates_of_a_submit_are_those_of_a_session(self):
        with tempfile.NamedTemporaryFile() as keys:
            keys.write(self.SECRET)
            keys.flush()
            mesh = harness.Mesh(1, {"ARENA_JWT_KEYS": keys.name, "API_RATE_LIMIT": "20",
                                    "ARENA_HTTP_SESSIONS_TOKEN_MAX": "1"})
            self.addCleanup(mesh.stop)
            for daemon in mesh.nodes + [mesh.bridge]:
                daemon.start()
                daemon.wait_ready()
            self.gates(mesh.port)

    def refused(self, port, headers=None, path="/api/sessions"):
        with self.assertRaises(Refused) as caught:
            WebSocket(port, path, headers=headers)
        return caught.exception.status

    def ticket(self, port, scope):
        answer = harness.request(port, "POST", "/api/stream-ticket", "",
                                 token(self.SECRET, sub="ann", scope=scope))
        self.assertEqual(answer[0], 200, answer)
        return "/api/sessions?ticket=" + json.loads(answer[2])["ticket"]

    def gates(self, port):
        ann = token(self.SECRET, sub="ann", scope="submit")
        self.assertEqual(self.refused(port), 401)
        self.assertEqual(self.refused(port, token(b"x" * 32, sub="ann", scope="submit")), 401)
        self.assertEqual(self.refused(port, token(self.SECRET, sub="ann", scope="read")), 403)
        s = Session(port, {"language": "python", "code": ECHO["python"]}, headers=ann)
        s.ws.type(b"hello\n")
        s.hear(b"<hello>\n")
        self.assertEqual(self.refused(port, ann), 429)  # the token has its one
        s.ws.say(type="eof")
        self.assertEqual(s.exit()["exitCode"], 3)
        WebSocket(port, self.ticket(port, "read submit")).close()
        self.assertEqual(self.refused(port, path=self.ticket(port, "read")), 403)
        self.assertEqual(self.refused(port, path="/api/sessions?ticket=none"), 401)
        self.assertEqual(self.refused(port, ann, "/api/sessions?tty=1"), 400)
        answers = [self.refused(port) for _ in range(20)]
        self.assertEqual(answers[-1], 429)  # the address has its rate


class Tls(unittest.TestCase):
    def test_a_session_goes_through_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                            "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                            "-days", "2", "-subj", "/CN=localhost"],
                           check=True, capture_output=True)
            mesh = harness.Mesh(1, {"ARENA_TLS_CERT": cert, "ARENA_TLS_KEY": key})
            self.addCleanup(mesh.stop)
            mesh.nodes[0].start()
            mesh.nodes[0].wait_ready()
            mesh.bridge.start()
            until("the bridge is ready", lambda: self.opens(mesh.port))
            self.talk(mesh.port)

    @staticmethod
    def opens(port):
        """As long as it knows no node the bridge says to come again."""
        try:
            s = Session(port, {"language": "python", "code": "pass"}, tls=True)
            return s.exit()
        except Closed as e:
            assert e.code == 1013, e
            return False
        except OSError:
            return False

    def talk(self, port):
        code = "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())\n"
        s = Session(port, {"language": "python", "code": code}, tls=True)
        everything = bytes(range(256)) * 3000
        for at in range(0, len(everything), 50000):
            s.ws.type(everything[at:at + 50000])
        s.ws.say(type="eof")
        self.assertEqual(s.exit()["verdict"], "accepted")
        self.assertEqual(s.heard[1], everything)


class Crowd(SessionCase):
    settings = {"WORKER_CONCURRENCY": "12", "ARENA_SESSIONS_MAX": "10"}
    bridge = {"ARENA_HTTP_SESSIONS_ADDRESS_MAX": "0"}

    def test_fifty_sessions_ten_at_a_time(self):
        faults = []

        def one(number):
            try:
                while True:
                    s = self.session(ECHO["python"], start=False)
                    try:
                        s.until("started")
                        break
                    except Closed as e:
                        s.ws.close()
                        assert e.code == 4001, e
                        time.sleep(0.1)
                for i in range(5):
                    s.ws.type(b"%d-%d\n" % (number, i))
                    s.hear(b"<%d-%d>\n" % (number, i))
                s.ws.say(type="eof")
                assert s.exit()["exitCode"] == 3
            except Exception as e:  # pylint: disable=broad-except
                faults.append((number, repr(e)))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(50)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(faults, [])
        self.nothing_runs()

    def test_a_bridge_that_is_killed_is_missed(self):
        for code in (WAIT, "import time\nwhile True: print('x', flush=True); time.sleep(0.1)\n"):
            s = self.session(code)
            s.hear(b"here\n" if code is WAIT else b"x\n")
        self.mesh.bridge.kill()
        self.nothing_runs()
        self.assertEqual(s.end().code, 1006)
        self.mesh.bridge.start()
        self.mesh.bridge.wait_ready()

    def test_told_to_stop_the_bridge_says_good_bye(self):
        s = self.session(WAIT)
        s.hear(b"here\n")
        self.mesh.bridge.process.terminate()
        closed = s.end()
        self.assertEqual(closed.code, 1001)
        self.assertEqual(self.mesh.bridge.ended(), 0)
        self.mesh.bridge.kill()
        self.mesh.bridge.start()
        self.mesh.bridge.wait_ready()
        self.nothing_runs()


if __name__ == "__main__":
    harness.main()
