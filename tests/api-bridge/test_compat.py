#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""The calls of Judge0 and Piston against a peer that runs nothing."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bridge  # noqa: E402
from bridge import JOB  # noqa: E402


class Judge0(bridge.Case):
    def submit(self, **more):
        status, answer, _ = self.bridge.post("/api/execute", dict(JOB, **more))
        self.assertEqual(status, 202, answer)
        return answer["jobId"]

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


if __name__ == "__main__":
    unittest.main()
