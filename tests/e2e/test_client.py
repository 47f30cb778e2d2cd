#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""What a client of the old API relies on, what it is told when it errs, and cancelling."""
import json
import re
import subprocess
import threading
import time
import unittest

import harness

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
SLEEP = "import time\ntime.sleep(30)\n"
GOOD = {"language": "python", "code": "print(1)"}

# What is wrong with a body, and the field its error must name.
WRONG = (
    ("no language", {"code": "x"}, "language"),
    ("no code", {"language": "python"}, "code"),
    ("an empty program", {**GOOD, "code": ""}, "code"),
    ("code that is a number", {**GOOD, "code": 7}, "code"),
    ("a language that is a list", {**GOOD, "language": ["python"]}, "language"),
    ("a language nobody has", {**GOOD, "language": "cobol-2099"}, "language"),
    ("input that is an object", {**GOOD, "input": {}}, "input"),
    ("test cases that are a text", {**GOOD, "testCases": "x"}, "testCases"),
    ("a test case that is a number", {**GOOD, "testCases": [1]}, "testCases[0]"),
    ("a test case's input that is a number", {**GOOD, "testCases": [{"input": 1}]},
     "testCases[0].input"),
    ("a priority that is a text", {**GOOD, "priority": "soon"}, "priority"),
    ("a negative time limit", {**GOOD, "limits": {"time": -1}}, "limits.time"),
    ("a limit nobody knows", {**GOOD, "limits": {"luck": 1}}, "limits.luck"),
    ("a field nobody knows", {**GOOD, "kode": "x"}, "kode"),
    ("a checker nobody knows", {**GOOD, "checker": {"type": "psychic"}}, "checker.type"),
    ("a file name that climbs", {"language": "python",
                                 "files": [{"name": "../x.py", "content": "x"}]},
     "files[0].name"),
    ("an absolute file name", {"language": "python",
                               "files": [{"name": "/etc/x", "content": "x"}]}, "files[0].name"),
    ("a program beyond the size limit", {**GOOD, "code": "#" * 65537}, "code"),
)
NOT_JSON = (
    ("nothing", b""),
    ("half an object", b'{"language": "python"'),
    ("something after the object", b'{"language": "python", "code": "x"} x'),
    ("a key twice", b'{"language": "python", "language": "c", "code": "x"}'),
    ("bytes that are not UTF-8", b'{"language": "python", "code": "\xff\xfe"}'),
    ("ten thousand brackets", b"[" * 10000),
    ("a list", b"[]"),
)


class Client(harness.MeshCase):
    settings = {"WORKER_CONCURRENCY": "2"}

    def test_submit_then_poll_until_completed(self):
        status, head, answer = self.mesh.call("POST", "/api/execute", GOOD)
        self.assertEqual((status, answer["status"]), (202, "queued"))
        self.assertRegex(answer["jobId"], UUID)
        self.assertIn("application/json", head["content-type"])
        seen = []

        def poll():
            job = self.mesh.job(answer["jobId"])
            self.assertEqual(job["jobId"], answer["jobId"])
            self.assertIn("progress", job)
            seen.append(job["state"])
            return job if job["state"] in harness.FINAL else None

        job = harness.until("the job is decided", poll)
        self.assertLessEqual(set(seen), {"queued", "active", "completed"})
        self.assertEqual((job["state"], job["result"]["stdout"]), ("completed", "1\n"))

    def test_curl_does_it_too(self):
        url = f"http://127.0.0.1:{self.mesh.port}/api"
        post = ["curl", "-sS", "-X", "POST", f"{url}/execute", "-H",
                "Content-Type: application/json", "-d", json.dumps(GOOD)]
        jid = json.loads(subprocess.run(post, capture_output=True, check=True).stdout)["jobId"]
        get = ["curl", "-sS", f"{url}/jobs/{jid}?wait=20"]
        job = json.loads(subprocess.run(get, capture_output=True, check=True).stdout)
        self.assertEqual((job["state"], job["result"]["stdout"]), ("completed", "1\n"))

    def test_a_submit_may_wait_for_its_result(self):
        status, _, answer = self.mesh.call("POST", "/api/execute?wait=20", GOOD)
        self.assertIn(status, (200, 202), answer)
        self.assertEqual(answer["state"], "completed", answer)
        self.assertEqual(answer["result"]["stdout"], "1\n")

    def test_a_hundred_jobs_at_once_are_all_right(self):
        found, faults = [], []

        def one(i):
            try:
                result = self.mesh.run(language="python", code="print(int(input()) * 7)",
                                       input=f"{i}\n")
                found.append((i, result["stdout"]))
            except (AssertionError, OSError) as e:
                faults.append(e)

        threads = [threading.Thread(target=one, args=(i,)) for i in range(100)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(faults, [])
        self.assertEqual(sorted(found), [(i, f"{i * 7}\n") for i in range(100)])

    def test_every_wrong_field_is_named(self):
        for what, body, field in WRONG:
            with self.subTest(what):
                status, _, answer = self.mesh.call("POST", "/api/execute", body)
                self.assertEqual(status, 400, answer)
                self.assertEqual(answer["error"].get("field"), field, answer)
                self.assertTrue(answer["error"]["message"])
                self.assertTrue(answer["error"]["code"])

    def test_what_is_not_a_json_object_is_refused(self):
        for what, body in NOT_JSON:
            with self.subTest(what):
                status, _, answer = self.mesh.call("POST", "/api/execute", body)
                self.assertEqual(status, 400, answer)
                self.assertTrue(answer["error"]["message"])
        self.assertEqual(self.mesh.call("GET", "/health")[0], 200)

    def test_a_job_that_never_was_is_not_found(self):
        jid = self.mesh.submit(**GOOD)
        other = ("0" if jid[-1] != "0" else "1").join((jid[:-1], ""))
        for path in (f"/api/jobs/{other}", "/api/jobs/" + jid[:24] + "0" * 12):
            with self.subTest(path):
                status, _, answer = self.mesh.call("GET", path)
                self.assertEqual(status, 404, answer)
                self.assertTrue(answer["error"]["message"])
        status, _, answer = self.mesh.call("GET", "/api/jobs/nonsense")
        self.assertIn(status, (400, 404), answer)
        self.assertEqual(self.mesh.call("GET", "/nowhere")[0], 404)
        self.assertEqual(self.mesh.call("PUT", "/api/execute", GOOD)[0], 405)

    def test_a_body_that_is_too_large_is_refused(self):
        status, _, answer = self.mesh.call("POST", "/api/execute",
                                           {**GOOD, "input": "x" * (20 << 20)})
        self.assertEqual(status, 413, answer)

    def test_stats_and_health_answer(self):
        status, _, answer = self.mesh.call("GET", "/api/stats")
        self.assertEqual(status, 200, answer)
        self.assertIsInstance(answer, dict)
        self.assertEqual(self.mesh.call("GET", "/health")[0], 200)


class Cancel(harness.MeshCase):
    settings = {"WORKER_CONCURRENCY": "1"}

    def test_queued_and_running_jobs_can_be_cancelled(self):
        running = self.mesh.submit(language="python", code=SLEEP, limits={"wallTime": 60})
        self.mesh.until_state(running, "active")
        queued = self.mesh.submit(**GOOD)
        self.assertEqual(self.mesh.job(queued)["state"], "queued")
        for jid in (queued, running):
            status, _, answer = self.mesh.call("DELETE", f"/api/jobs/{jid}")
            self.assertIn(status, (200, 202), answer)
            self.assertEqual(self.mesh.finished(jid)["state"], "cancelled")
        # The slot is free again: the sleeper's thirty seconds are not waited for.
        started = time.monotonic()
        self.assertEqual(self.mesh.run(**GOOD)["stdout"], "1\n")
        self.assertLess(time.monotonic() - started, 25)

    def test_a_decided_job_cannot_be_cancelled_any_more(self):
        jid = self.mesh.submit(**GOOD)
        before = self.mesh.finished(jid)
        status, _, answer = self.mesh.call("DELETE", f"/api/jobs/{jid}")
        self.assertIn(status, (200, 409), answer)
        self.assertEqual(self.mesh.job(jid)["state"], "completed")
        self.assertEqual(self.mesh.job(jid)["result"], before["result"])

    def test_a_job_that_never_was_cannot_be_cancelled(self):
        jid = self.mesh.submit(**GOOD)
        self.assertEqual(self.mesh.call("DELETE", "/api/jobs/" + jid[:24] + "0" * 12)[0], 404)


class Full(harness.MeshCase):
    settings = {"WORKER_CONCURRENCY": "1", "QUEUE_MAX_DEPTH": "3"}

    def test_a_full_queue_says_when_to_come_back(self):
        taken = []
        for _ in range(8):
            status, head, answer = self.mesh.call(
                "POST", "/api/execute", {"language": "python", "code": SLEEP})
            if status != 202:
                break
            taken.append(answer["jobId"])
        self.assertIn(status, (429, 503), answer)
        self.assertGreater(int(head["retry-after"]), 0)
        self.assertGreaterEqual(len(taken), 3)
        for jid in taken:
            self.mesh.call("DELETE", f"/api/jobs/{jid}")
            self.assertEqual(self.mesh.finished(jid)["state"], "cancelled")
        self.assertEqual(self.mesh.run(**GOOD)["stdout"], "1\n")


class Rate(harness.MeshCase):
    bridge = {"API_RATE_LIMIT": "20"}

    def test_a_hasty_client_is_slowed_down(self):
        answers = [self.mesh.call("GET", "/api/languages")[:2] for _ in range(60)]
        refused = [head for status, head in answers if status == 429]
        self.assertGreaterEqual(len(answers) - len(refused), 1)
        self.assertGreater(len(refused), 0)
        self.assertIn("retry-after", refused[0])


if __name__ == "__main__":
    harness.main()
