#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Clients of Piston's API, version 2, move without a change."""
import unittest

import harness

ECHO = "import sys\nprint(sys.stdin.read(), sys.argv[1:])\n"


class Piston(harness.MeshCase):
    settings = {"WORKER_CONCURRENCY": "2"}

    def execute(self, **body):
        return self.mesh.call("POST", "/api/v2/execute", {"version": "*", **body})

    def test_runtimes_name_each_language(self):
        status, _, found = self.mesh.call("GET", "/api/v2/runtimes")
        self.assertEqual(status, 200)
        self.assertEqual({"c", "cpp", "java", "javascript", "python"},
                         {one["language"] for one in found})
        self.assertTrue(all(one["version"] and "aliases" in one for one in found))

    def test_a_program_gets_stdin_and_args_and_is_answered_when_done(self):
        status, _, answer = self.execute(language="py", stdin="in", args=["a", "b c"],
                                         files=[{"content": ECHO}])
        self.assertEqual(status, 200, answer)
        self.assertEqual(answer["run"]["stdout"], "in ['a', 'b c']\n")
        self.assertEqual((answer["run"]["code"], answer["run"]["signal"]), (0, None))
        self.assertEqual(answer["language"], "python")
        self.assertNotIn("compile", answer)

    def test_several_files_in_every_encoding_with_names_and_without(self):
        status, _, answer = self.execute(language="python", files=[
            {"content": "import other\nprint(other.x, open('file2.code', 'rb').read())"},
            {"name": "other.py", "content": "eCA9IDc=", "encoding": "base64"},
            {"content": "00fFa0", "encoding": "hex"}])
        self.assertEqual((status, answer["run"]["output"]), (200, "7 b'\\x00\\xff\\xa0'\n"))

    def test_a_compile_error_has_no_run(self):
        status, _, answer = self.execute(language="c", files=[{"content": "int main( {"}])
        self.assertEqual(status, 200, answer)
        self.assertNotEqual(answer["compile"]["code"], 0)
        self.assertIn("error", answer["compile"]["stderr"])
        self.assertNotIn("run", answer)

    def test_exit_codes_signals_and_time_have_their_words(self):
        _, _, answer = self.execute(language="python", files=[{"content": "exit(3)"}])
        self.assertEqual((answer["run"]["code"], answer["run"]["status"]), (3, "RE"))
        _, _, answer = self.execute(language="c", files=[
            {"content": "#include <stdlib.h>\nint main(void) { abort(); }"}])
        self.assertEqual((answer["run"]["signal"], answer["run"]["status"]), ("SIGABRT", "SG"))
        _, _, answer = self.execute(language="python", run_timeout=500,
                                    files=[{"content": "import time\ntime.sleep(60)"}])
        self.assertEqual(answer["run"]["status"], "TO")

    def test_what_is_wrong_is_said_in_a_message(self):
        for body in ({"files": [{"content": "x"}]}, {"language": "python"},
                     {"language": "python", "files": []},
                     {"language": "python", "files": [{"name": "../x", "content": "x"}]},
                     {"language": "python", "files": [{"content": 7}]},
                     {"language": "python", "files": ["x"]},
                     {"language": "python", "files": [{"content": "x"}], "run_timeout": "1"},
                     {"language": "cobol-2099", "files": [{"content": "x"}]}):
            status, _, answer = self.execute(**body)
            self.assertEqual(status, 400, body)
            self.assertTrue(answer["message"], body)


class Off(harness.MeshCase):
    bridge = {"ARENA_COMPAT_PISTON": "false"}

    def test_it_can_be_switched_off(self):
        self.assertEqual(self.mesh.call("GET", "/api/v2/runtimes")[0], 404)
        self.assertEqual(self.mesh.call("GET", "/readyz")[0], 200)


if __name__ == "__main__":
    harness.main()
