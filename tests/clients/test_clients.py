#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Other people's clients, as they are: curl, npm's piston-client, an EventSource, and Prism
between a client and the bridge, which holds each request and answer against our OpenAPI document.

The npm packages go into .cache/clients the first time; a test whose package can be had neither
there nor from the registry is skipped by name.
"""
import base64
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.join(harness.ROOT, ".cache", "clients")
NPM_SECONDS = 300


def npm_missing():
    """None when the packages are there, else why they are not."""
    if not shutil.which("npm") or not shutil.which("node"):
        return "npm is not installed"
    wanted = os.path.join(HERE, "package.json")
    mark = os.path.join(CACHE, "installed.json")
    with open(wanted, encoding="utf-8") as f:
        text = f.read()
    if os.path.exists(mark):
        with open(mark, encoding="utf-8") as f:
            if f.read() == text:
                return None
    os.makedirs(CACHE, exist_ok=True)
    shutil.copy(wanted, CACHE)
    try:
        done = subprocess.run(
            ["npm", "install", "--prefix", CACHE, "--ignore-scripts", "--no-audit", "--no-fund"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=NPM_SECONDS,
            check=False)
    except subprocess.TimeoutExpired:
        return f"npm install took more than {NPM_SECONDS} s"
    if done.returncode != 0:
        return "npm install: " + done.stderr.strip().split("\n")[0]
    with open(mark, "w", encoding="utf-8") as f:
        f.write(text)
    return None


def node(script, *arguments):
    """A script of this folder, run where its packages are."""
    path = os.path.join(CACHE, script)
    shutil.copy(os.path.join(HERE, script), path)
    return subprocess.Popen(["node", path, *arguments], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True, preexec_fn=harness._die_with_parent)


class Curl(harness.MeshCase):
    def curl(self, path, *more, body=""):
        return subprocess.run(["curl", "-sS", "--max-time", "60",
                               f"http://127.0.0.1:{self.mesh.port}{path}", *more],
                              input=body, capture_output=True, text=True, check=True)

    def test_a_job_from_submit_to_its_events(self):
        body = json.dumps({"language": "python", "code": "print(input()[::-1])", "input": "abc"})
        answer = json.loads(self.curl("/api/execute", "--json", "@-", body=body).stdout)
        done = json.loads(self.curl(f"/api/jobs/{answer['jobId']}?wait=30").stdout)
        self.assertEqual((done["state"], done["result"]["stdout"]), ("completed", "cba\n"))
        # The stream of a decided job ends by itself, and curl with it.
        stream = self.curl(f"/api/jobs/{answer['jobId']}/events", "-N").stdout
        self.assertIn("event: decided\n", stream)
        self.assertTrue(stream.endswith("event: done\ndata: {}\n\n"), stream[-200:])

    def test_a_body_of_any_size_after_expect_100_continue(self):
        body = json.dumps({"language": "python", "code": "print(len(input()))",
                           "input": "x" * 200000})
        answer = self.curl("/api/execute?wait=30", "--json", "@-",
                           "-H", "Expect: 100-continue", body=body)
        self.assertEqual(json.loads(answer.stdout)["result"]["stdout"], "200000\n")


class Piston(harness.MeshCase):
    def test_the_npm_client_runs_programs_unchanged(self):
        missing = npm_missing()
        if missing:
            self.skipTest(missing)
        client = node("piston.mjs", f"http://127.0.0.1:{self.mesh.port}")
        text, _ = client.communicate(timeout=harness.PATIENCE)
        self.assertEqual(client.returncode, 0)
        seen = json.loads(text)
        self.assertIn("python", [one["language"] for one in seen["runtimes"]])
        self.assertEqual(seen["ran"]["run"]["stdout"], "hello ['a', 'b']\n")
        self.assertEqual((seen["compiled"]["run"]["stdout"], seen["compiled"]["run"]["code"]),
                         ("c\n", 3))
        self.assertEqual(seen["slow"]["run"]["signal"], "SIGKILL")


class EventSource(harness.MeshCase):
    # It prints for longer than a client may take to start.
    code = "for i in range(40):\n    print(i, flush=True)\n    __import__('time').sleep(0.25)\n"

    def follow(self, jid):
        return node("follow.mjs", f"http://127.0.0.1:{self.mesh.port}/api/jobs/{jid}/events")

    def test_it_comes_back_after_the_bridge_died_and_misses_nothing(self):
        missing = npm_missing()
        if missing:
            self.skipTest(missing)
        client = self.follow(self.mesh.submit(language="python", code=self.code,
                                             stream=True))
        events, killed = [], False
        for line in client.stdout:
            events.append(json.loads(line))
            if events[-1]["name"] == "output" and not killed:
                killed = True
                self.mesh.bridge.kill()
                self.mesh.bridge.start()
        self.assertEqual(client.wait(harness.PATIENCE), 0)
        client.stdout.close()
        self.assertTrue(killed, events)
        self.assertIn("lost", [e["name"] for e in events])
        ids = [int(e["id"], 16) for e in events if e["name"] not in ("lost", "progress")]
        self.assertEqual(ids, sorted(set(ids)), "an event came twice, or late")
        self.assertEqual(events[-1]["name"], "decided")
        printed = "".join(self.text(e["data"]) for e in events if e["name"] == "output")
        if "gap" not in [e["name"] for e in events]:
            self.assertEqual(printed, "".join(f"{i}\n" for i in range(40)))

    @staticmethod
    def text(data):
        raw = data.get("text", data.get("data", ""))
        return base64.b64decode(raw).decode() if data.get("encoding") == "base64" else raw


class Prism(harness.MeshCase):
    """`prism proxy --errors` answers 500 with a problem of its own when either side of an
    exchange is not as the document says."""

    @classmethod
    def setUpClass(cls):
        missing = npm_missing()
        if missing:
            raise unittest.SkipTest(missing)
        super().setUpClass()
        [cls.proxy] = harness.free_ports(1)
        cls.document = os.path.join(cls.mesh.folder, "openapi.json")
        with open(cls.document, "w", encoding="utf-8") as f:
            json.dump(cls.mesh.call("GET", "/api/openapi.json")[2], f)
        cls.log = open(os.path.join(cls.mesh.folder, "prism.log"), "wb")
        cls.addClassCleanup(cls.log.close)
        cls.prism = subprocess.Popen(
            [os.path.join(CACHE, "node_modules", ".bin", "prism"), "proxy", cls.document,
             f"http://127.0.0.1:{cls.mesh.port}", "--errors", "-h", "127.0.0.1",
             "-p", str(cls.proxy)],
            stdin=subprocess.DEVNULL, stdout=cls.log, stderr=cls.log,
            preexec_fn=harness._die_with_parent)
        cls.addClassCleanup(cls.prism.wait)
        cls.addClassCleanup(cls.prism.kill)
        harness.until("Prism listens", cls.listens)

    @classmethod
    def listens(cls):
        try:
            return harness.request(cls.proxy, "GET", "/livez")[0] == 200
        except OSError:
            return False

    def through(self, method, path, body=None, want=200):
        status, head, raw = harness.request(self.proxy, method, path, body)
        answer = json.loads(raw) if raw and "json" in head.get("content-type", "") else raw
        self.assertFalse(isinstance(answer, dict) and "stoplight.io" in answer.get("type", ""),
                         f"{method} {path}: {json.dumps(answer, default=str)[:3000]}")
        self.assertEqual(status, want, (method, path, answer))
        return answer

    def test_what_is_asked_without_a_job(self):
        for path in ("/api/stats", "/api/languages", "/health", "/readyz", "/metrics",
                     "/api/v2/runtimes", "/languages", "/languages/71", "/statuses", "/about",
                     "/config_info", "/system_info", "/api/jobs"):
            with self.subTest(path=path):
                self.through("GET", path)

    def test_a_job_with_tests_of_every_verdict(self):
        code = ("import sys\nwhat = sys.stdin.read().strip()\n"
                "if what == 'exit': sys.exit(3)\n"
                "if what == 'spin':\n    while True: pass\n"
                "if what == 'flood':\n    while True: print('x' * 1000)\n"
                "if what == 'eat': x = bytearray(1 << 30)\nprint(what)\n")
        tests = [{"input": w, "expectedOutput": "ok"} for w in
                 ("ok", "wrong", "exit", "spin", "flood", "eat")]
        body = {"language": "python", "code": code, "testCases": tests,
                "limits": {"time": 0.5}, "tags": ["prism"]}
        jid = self.through("POST", "/api/execute", body, 202)["jobId"]
        done = self.through("GET", f"/api/jobs/{jid}?wait=30")
        self.assertEqual([t["verdict"] for t in done["result"]["tests"]],
                         ["accepted", "wrong_answer", "runtime_error", "time_limit_exceeded",
                          "output_limit_exceeded", "memory_limit_exceeded"])
        self.through("GET", "/api/jobs?tag=prism")

    def test_a_compile_error_a_signal_a_cancel_and_a_batch(self):
        for code in ("int main( {", "#include <stdlib.h>\nint main(void) { abort(); }"):
            self.through("POST", "/api/execute?wait=30", {"language": "c", "code": code})
        sleeper = {"language": "python", "code": "import time\ntime.sleep(60)"}
        jid = self.through("POST", "/api/execute", sleeper, 202)["jobId"]
        self.through("GET", f"/api/jobs/{jid}")
        self.through("DELETE", f"/api/jobs/{jid}")
        self.through("GET", f"/api/jobs/{jid}?wait=10")
        quick = {"language": "python", "code": "print(1)"}
        self.through("POST", "/api/batch", {"jobs": [quick, quick]})

    def test_refusals_have_the_documented_shape(self):
        nobody = "0198f3c2-1111-8111-8111-111111111111"
        self.through("GET", f"/api/jobs/{nobody}", want=404)
        self.through("DELETE", f"/api/jobs/{nobody}", want=404)
        self.through("GET", "/submissions/" + nobody, want=404)

    def test_piston_and_judge0(self):
        self.through("POST", "/api/v2/execute", {"language": "python", "version": "*",
                                                 "files": [{"content": "print(1)"}]})
        done = self.through("POST", "/submissions?wait=true",
                            {"language_id": 71, "source_code": "print(1)"}, 201)
        self.assertEqual(done["status"]["id"], 3, done)


if __name__ == "__main__":
    harness.main()
