#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""The calls of Judge0 and Piston against a peer that runs nothing."""
import json
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bridge  # noqa: E402
import test_bridge  # noqa: E402
from bridge import JOB, until  # noqa: E402


class Judge0(bridge.Case):
    def submit(self, **more):
        status, answer, _ = self.bridge.post("/api/execute", dict(JOB, **more))
        self.assertEqual(status, 202, answer)
        return answer["jobId"]

    def test_options_that_are_off_in_any_form_are_taken(self):
        one = {"language_id": 71, "source_code": "x"}
        for name in ("redirect_stderr_to_stdout", "enable_network",
                     "enable_per_process_and_thread_time_limit"):
            for off in (False, "false", "False", "0", 0, "off", "", None):
                status, answer, _ = self.bridge.post("/submissions", dict(one, **{name: off}))
                self.assertEqual(status, 201, (name, off, answer))
            for on in (True, "true", "1", 1, [], "no"):
                status, answer, _ = self.bridge.post("/submissions", dict(one, **{name: on}))
                self.assertEqual((status, list(answer)), (422, [name]), on)
        for name in ("compiler_options", "additional_files"):
            for text, want in (("", 201), ("false", 422), (False, 201)):
                status, answer, _ = self.bridge.post("/submissions", dict(one, **{name: text}))
                self.assertEqual(status, want, (name, text, answer))

    def test_a_job_that_was_not_submitted_here_is_not_there(self):
        hidden = {"input": "secret", "expectedOutput": "other secret", "hidden": True}
        name = self.submit(testCases=[hidden])
        for query in ("", "?fields=*", "?fields=stdin,expected_output,stdout,stderr"):
            status, answer, _ = self.bridge.get("/submissions/%s%s" % (name, query))
            self.assertEqual((status, answer["error"]), (404, "Not Found"))
        answer = self.bridge.post("/submissions", {"language_id": 71, "source_code": "x"})[1]
        token = answer["token"]
        status, answer, _ = self.bridge.get(
            "/submissions/batch?tokens=%s,%s&fields=token,stdin" % (name, token))
        self.assertEqual((status, answer["submissions"]),
                         (200, [None, {"stdin": None, "token": token}]))
        self.assertNotIn(name, json.dumps(self.bridge.get("/submissions")[1]))

    def test_a_job_that_was_not_submitted_here_is_not_deleted(self):
        name = self.submit(tags=["wait"])
        self.assertEqual(self.bridge.request("DELETE", "/submissions/" + name)[0], 404)
        self.assertEqual(self.bridge.get("/api/jobs/" + name)[1]["state"], "queued")

    def test_a_submission_that_is_queued_is_deleted(self):
        name = self.submit(tags=["wait", "judge0"])
        status, answer, _ = self.bridge.request("DELETE", "/submissions/%s?fields=token" % name)
        self.assertEqual((status, answer), (200, {"token": name}))
        self.assertEqual(self.bridge.get("/api/jobs/" + name)[1]["state"], "cancelled")


class Piston(bridge.Case):
    settings = {"ARENA_HTTP_WAIT_MAX": "1s"}

    def execute(self, **more):
        return self.bridge.post("/api/v2/execute", dict(
            {"language": "python", "version": "*", "files": [{"content": "x"}]}, **more))

    def waiting(self, but=()):
        """The jobs that wait, without these."""
        jobs = self.bridge.get("/api/jobs?state=queued")[1]["jobs"]
        return {j["jobId"] for j in jobs} - set(but)

    def test_a_job_is_waited_for_until_it_is_done(self):
        got, before = [], self.waiting()
        client = threading.Thread(target=lambda: got.append(self.execute(stdin="wait")))
        client.start()
        name = until("the job is there", lambda: self.waiting(but=before)).pop()
        # Two waits that begin later: when they end, the longest that is allowed is over for it.
        for _ in range(2):
            state = self.bridge.get("/api/jobs/%s?wait=1" % name)[1]["state"]
            self.assertEqual((state, got), ("queued", []))
        self.bridge.post("/api/execute", dict(JOB, tags=["finish"]))
        client.join(30)
        status, answer, _ = got[0]
        self.assertEqual((status, answer["run"]["stdout"]), (200, "wait"))

    def test_files_may_have_no_names_and_their_bytes_may_be_hex(self):
        status, answer, _ = self.execute(files=[
            {"content": "a"}, {"content": "b"}, {"name": "c", "content": "C3a9", "encoding": "hex"},
            {"content": "YQ==", "encoding": "base64"}, {"content": "", "encoding": "hex"}])
        self.assertEqual(status, 200, answer)

    def test_files_that_cannot_be_together_are_refused(self):
        for names in (("a", "a"), ("file1.code", None), ("a/b", "a")):
            files = [dict({"content": "x"}, **({"name": n} if n else {})) for n in names]
            status, answer, _ = self.execute(files=files)
            self.assertEqual((status, "another file" in answer["message"]), (400, True), answer)
        for content in ("a", "zz", "0x", "a b "):
            files = [{"name": "a", "content": content, "encoding": "hex"}]
            status, answer, _ = self.execute(files=files)
            self.assertEqual((status, "hex" in answer["message"]), (400, True), answer)

    def test_a_client_that_waits_is_answered_when_the_server_stops(self):
        own = bridge.Bridge([self.peer], **self.settings).ready()
        got, before = [], self.waiting()
        body = {"language": "python", "version": "*", "files": [{"content": "x"}], "stdin": "wait"}
        client = threading.Thread(target=lambda: got.append(own.post("/api/v2/execute", body)))
        client.start()
        until("the job is there", lambda: self.waiting(but=before))
        self.assertEqual(own.stop(), 0)
        client.join(30)
        self.assertEqual(got[0][0], 503, got)
        self.assertTrue(got[0][1]["message"])


class Guarded(test_bridge.WithKeys):
    def test_what_is_refused_before_it_is_read_has_the_form_its_clients_know(self):
        for method, path, key, kind in (("POST", "/api/v2/execute", "message", str),
                                        ("GET", "/api/v2/runtimes", "message", str),
                                        ("POST", "/submissions", "error", str),
                                        ("GET", "/submissions/x", "error", str),
                                        ("GET", "/api/stats", "error", dict)):
            body = {} if method == "POST" else None
            status, answer, _ = self.bridge.request(method, path, body)
            self.assertEqual((status, list(answer), type(answer[key])), (401, [key], kind), path)
            status, answer, _ = self.call(method, path, body, sub="a", scope="none")
            self.assertEqual((status, list(answer), type(answer[key])), (403, [key], kind), path)


class NoNode(unittest.TestCase):
    def test_languages_nobody_has_told_yet_are_not_taken_for_none(self):
        gone = bridge.Peer()
        gone.kill()
        own = bridge.Bridge([gone])
        self.addCleanup(own.stop)
        for path, key in (("/api/v2/runtimes", "message"), ("/languages", "error"),
                          ("/languages/all", "error"), ("/languages/71", "error")):
            status, answer, headers = own.get(path)
            self.assertEqual((status, list(answer)), (503, [key]), path)
            self.assertTrue(headers["Retry-After"], path)
        status, _, headers = own.post("/submissions", {"language_id": 71, "source_code": "x"})
        self.assertEqual((status, headers["Retry-After"]), (503, "1"))


if __name__ == "__main__":
    unittest.main()
