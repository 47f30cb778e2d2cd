#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Clients of Judge0's API move without a change: what its documentation shows is sent, and what
it promises is looked for."""
import base64
import re
import unittest

import harness

IDS = {50: "C (GCC ", 54: "C++ (GCC ", 62: "Java (OpenJDK ", 63: "JavaScript (Node.js ",
       71: "Python ("}
USUAL = ["stdout", "time", "memory", "stderr", "token", "compile_output", "message", "status"]
HELLO_C = ('#include <stdio.h>\n\nint main(void) {\n  char name[10];\n  scanf("%s", name);\n'
           '  printf("hello, %s\\n", name);\n  return 0;\n}')
HELLO = {
    50: HELLO_C, 54: HELLO_C,
    62: "public class Main { public static void main(String[] a) {"
        " System.out.println(\"hello, \" + new java.util.Scanner(System.in).next()); } }",
    63: "console.log('hello, ' + require('fs').readFileSync(0, 'utf8').trim())",
    71: "print('hello,', input())",
}


def b64(text):
    return base64.b64encode(text.encode()).decode()


class Judge0(harness.MeshCase):
    settings = {"WORKER_CONCURRENCY": "2"}

    def create(self, query="", **body):
        return self.mesh.call("POST", "/submissions" + query, body)

    def run_one(self, **body):
        status, _, answer = self.create("?wait=true", **body)
        self.assertEqual(status, 201, answer)
        return answer

    def python(self, code, **more):
        return self.run_one(source_code=code, language_id=71, **more)

    def until_done(self, token, query=""):
        """As its clients do: ask until the status is neither 1 nor 2."""
        def ask():
            status, _, answer = self.mesh.call("GET", f"/submissions/{token}{query}")
            self.assertEqual(status, 200, answer)
            return answer if answer["status"]["id"] > 2 else None
        return harness.until("the submission is done", ask, pause=0.05)

    def test_languages_have_the_ids_its_clients_know(self):
        status, _, found = self.mesh.call("GET", "/languages")
        self.assertEqual(status, 200)
        names = {one["id"]: one["name"] for one in found}
        self.assertEqual(set(names), set(IDS))
        for number, start in IDS.items():
            self.assertRegex(names[number], "^" + re.escape(start) + r"[0-9.]+\)$")
        one = self.mesh.call("GET", "/languages/50")[2]
        self.assertEqual((one["name"], one["is_archived"], one["source_file"]),
                         (names[50], False, "main.c"))
        self.assertTrue(one["compile_cmd"] and one["run_cmd"])
        self.assertIsNone(self.mesh.call("GET", "/languages/71")[2]["compile_cmd"])
        self.assertEqual(self.mesh.call("GET", "/languages/9999")[0], 404)
        self.assertFalse(self.mesh.call("GET", "/languages/all")[2][0]["is_archived"])

    def test_statuses_are_the_fourteen(self):
        found = self.mesh.call("GET", "/statuses")[2]
        self.assertEqual([one["id"] for one in found], list(range(1, 15)))
        self.assertEqual(found[0], {"id": 1, "description": "In Queue"})
        self.assertEqual(found[10], {"id": 11, "description": "Runtime Error (NZEC)"})
        self.assertEqual(found[13], {"id": 14, "description": "Exec Format Error"})

    def test_it_tells_about_itself(self):
        self.assertEqual(set(self.mesh.call("GET", "/about")[2]),
                         {"version", "homepage", "source_code", "maintainer"})
        config = self.mesh.call("GET", "/config_info")[2]
        self.assertTrue(config["enable_wait_result"])
        self.assertEqual(config["max_submission_batch_size"], 20)
        self.assertGreater(config["max_cpu_time_limit"], config["cpu_time_limit"])
        self.assertGreater(config["memory_limit"], 2048)
        self.assertTrue(self.mesh.call("GET", "/system_info")[2]["CPU(s)"])

    def test_each_language_says_hello(self):
        for number, code in HELLO.items():
            with self.subTest(language_id=number):
                answer = self.run_one(source_code=code, language_id=number, stdin="Judge0",
                                      expected_output="hello, Judge0")
                self.assertEqual(list(answer), USUAL)
                self.assertEqual(answer["status"], {"id": 3, "description": "Accepted"})
                self.assertEqual(answer["stdout"], "hello, Judge0\n")
                self.assertRegex(answer["time"], r"^\d+\.\d{1,3}$")
                self.assertGreater(answer["memory"], 100)
                self.assertEqual([answer[k] for k in ("stderr", "compile_output", "message")],
                                 [None] * 3)

    def test_a_token_is_polled(self):
        status, _, answer = self.create(source_code=HELLO[71], language_id="71", stdin="x")
        self.assertEqual((status, list(answer)), (201, ["token"]))
        done = self.until_done(answer["token"])
        self.assertEqual((done["stdout"], done["status"]["id"]), ("hello, x\n", 3))

    def test_base64_goes_both_ways(self):
        status, _, answer = self.create("?base64_encoded=true&wait=true",
                                        source_code=b64("print(input())\n" * 9)[:40] + "\n"
                                        + b64("print(input())\n" * 9)[40:] + "\n",
                                        language_id=71, stdin=b64("line of text\n" * 9))
        self.assertEqual((status, answer["status"]["id"]), (201, 3), answer)
        lines = answer["stdout"].split("\n")
        self.assertEqual([len(lines[0]), lines[-1]], [60, ""])
        self.assertEqual(base64.b64decode(answer["stdout"]).decode(), "line of text\n" * 9)

    def test_what_is_not_text_needs_base64(self):
        garbled = "import sys\nsys.stdout.buffer.write(b'\\xfe')"
        answer = self.python(garbled)
        self.assertIn("cannot be converted to UTF-8", answer["error"])
        token = answer["token"]
        status, _, answer = self.mesh.call("GET", "/submissions/" + token)
        self.assertEqual(status, 400)
        self.assertIn("use base64_encoded=true", answer["error"])
        answer = self.mesh.call("GET", f"/submissions/{token}?base64_encoded=true")[2]
        self.assertEqual(answer["stdout"], "/g==\n")

    def test_every_end_has_its_status(self):
        abort = "#include <stdlib.h>\nint main(void) { abort(); }"
        segv = "int main(void) { return *(volatile int *)8; }"
        fpe = "int main(void) { volatile int x = 0, y = 7; return y / x; }"
        for number, code, more, status, message in (
                (71, "print(2)", {"expected_output": "3"}, 4, None),
                (71, "while True: pass", {"cpu_time_limit": 0.3}, 5, "Time limit exceeded"),
                (71, "import time\ntime.sleep(30)", {"wall_time_limit": 1}, 5,
                 "Time limit exceeded (wall clock)"),
                (50, segv, {}, 7, "Caught fatal signal 11"),
                (50, fpe, {}, 9, "Caught fatal signal 8"),
                (50, abort, {}, 10, "Caught fatal signal 6"),
                (71, "exit(3)", {}, 11, "Exited with error status 3")):
            with self.subTest(status=status):
                answer = self.run_one(source_code=code, language_id=number, **more)
                self.assertEqual((answer["status"]["id"], answer["message"]), (status, message))

    def test_a_compile_error_has_its_output_and_nothing_else(self):
        answer = self.run_one(source_code="int main( {", language_id=50)
        self.assertEqual(answer["status"], {"id": 6, "description": "Compilation Error"})
        self.assertIn("error", answer["compile_output"])
        self.assertEqual([answer[k] for k in ("stdout", "stderr", "time", "memory", "message")],
                         [None] * 5)

    def test_fields_are_chosen(self):
        token = self.python("print(1)")["token"]
        path = f"/submissions/{token}?fields="
        self.assertEqual(self.mesh.call("GET", path + "token,status_id,language_id")[2],
                         {"language_id": 71, "status_id": 3, "token": token})
        whole = self.mesh.call("GET", path + "*")[2]
        self.assertEqual(whole["language"]["id"], 71)
        self.assertEqual((whole["exit_code"], whole["exit_signal"]), (0, None))
        self.assertRegex(whole["finished_at"], r"^20\d\d-\d\d-\d\dT[\d:.]+Z$")
        self.assertGreaterEqual(whole["finished_at"], whole["created_at"])
        status, _, answer = self.mesh.call("GET", path + "status,nope,neither")
        self.assertEqual((status, answer), (400, {"error": "invalid fields: [nope, neither]"}))

    def test_a_submission_can_be_read_again(self):
        asked = {"source_code": "print(input())\n", "language_id": 71, "stdin": "ä\n",
                 "expected_output": "ä", "command_line_arguments": "a 'b c' d\\\"e",
                 "stack_limit": 64000, "cpu_time_limit": 1.5, "memory_limit": 65536,
                 "max_processes_and_or_threads": 7}
        shown = dict(asked, cpu_time_limit="1.5", command_line_arguments='a "b c" "d\\"e"',
                     wall_time_limit=None, max_file_size=None, number_of_runs=1,
                     enable_network=False, compiler_options=None, additional_files=None)
        fields = "status_id," + ",".join(shown)
        status, _, answer = self.create("?wait=true&fields=token," + fields, **asked)
        token = answer.pop("token")
        self.assertEqual((status, answer), (201, dict(shown, status_id=3)))
        for _ in range(2):
            status, _, answer = self.mesh.call("GET", f"/submissions/{token}?fields={fields}")
            self.assertEqual((status, answer), (200, dict(shown, status_id=3)))
        answer = self.mesh.call("GET", f"/submissions/batch?tokens={token},{token[:-1]}x"
                                "&base64_encoded=true&fields=source_code,stdin")[2]
        self.assertEqual(answer["submissions"],
                         [{"source_code": b64(asked["source_code"]) + "\n",
                           "stdin": b64(asked["stdin"]) + "\n"}, None])
        # While it waits, and one that is run several times.
        token = self.create(source_code="while True: pass", language_id=71, stdin="x",
                            number_of_runs=2)[2]["token"]
        answer = self.mesh.call("GET", f"/submissions/{token}?fields=source_code,stdin")[2]
        self.assertEqual(answer, {"source_code": "while True: pass", "stdin": "x"})
        self.mesh.call("DELETE", f"/submissions/{token}")

    def test_arguments_and_runs(self):
        answer = self.python("import sys\nprint(sys.argv[1:])",
                             command_line_arguments="a 'b c' \"d\" e\\ f $HOME")
        self.assertEqual(answer["stdout"], "['a', 'b c', 'd', 'e f', 'HOME']\n")
        status, _, answer = self.create("?wait=true&fields=number_of_runs,status_id,time",
                                        source_code="print(1)", language_id=71, number_of_runs=3)
        self.assertEqual((status, answer["number_of_runs"], answer["status_id"]), (201, 3, 3))

    def test_validation_names_each_field(self):
        status, _, answer = self.create(source_code="x")
        self.assertEqual((status, answer), (422, {"language_id": ["can't be blank"]}))
        status, _, answer = self.create(language_id=150000, source_code="x", stdin="world")
        self.assertEqual((status, answer), (
            422, {"language_id": ["language with id 150000 doesn't exist"]}))
        status, _, answer = self.create(language_id=71, source_code="", wall_time_limit=100000,
                                        memory_limit=1, number_of_runs="many")
        self.assertEqual(status, 422)
        self.assertEqual(answer["source_code"], ["can't be blank"])
        self.assertEqual(answer["wall_time_limit"], ["must be less than or equal to 150"])
        self.assertEqual(answer["memory_limit"], ["must be greater than or equal to 2048"])
        self.assertEqual(answer["number_of_runs"], ["is not a number"])
        for field, value in (("enable_network", True), ("additional_files", "UEsDBA=="),
                             ("compiler_options", "-O3"), ("redirect_stderr_to_stdout", True),
                             ("callback_url", "https://example.com/")):
            status, _, answer = self.create(language_id=50, source_code="x", **{field: value})
            self.assertEqual((status, list(answer)), (422, [field]))
        self.assertEqual(self.mesh.call("POST", "/submissions", b"{")[0], 400)
        self.assertEqual(self.mesh.call("POST", "/submissions", [1])[0], 400)

    def test_batches(self):
        status, _, answer = self.mesh.call("POST", "/submissions/batch", {"submissions": [
            {"language_id": 71, "source_code": "print('one')"},
            {"language_id": 123456789, "source_code": "x"},
            {"language_id": 71, "source_code": ""},
            {"language_id": 71, "source_code": "print('four')"}]})
        self.assertEqual(status, 201)
        self.assertEqual(answer[1:3], [
            {"language_id": ["language with id 123456789 doesn't exist"]},
            {"source_code": ["can't be blank"]}])
        tokens = [answer[0]["token"], answer[3]["token"]]
        for token in tokens:
            self.until_done(token)
        missing = "d85cd024-1548-4165-96c7-7bc88673f194"
        status, _, answer = self.mesh.call(
            "GET", f"/submissions/batch?tokens={tokens[0]},{missing},{tokens[1]}"
            "&fields=stdout,status_id")
        self.assertEqual((status, answer["submissions"]), (200, [
            {"stdout": "one\n", "status_id": 3}, None, {"stdout": "four\n", "status_id": 3}]))
        for bad in ({}, {"submissions": []}, {"submissions": [{}] * 21}):
            self.assertEqual(self.mesh.call("POST", "/submissions/batch", bad)[0], 400, bad)
        status, _, answer = self.mesh.call("POST", "/submissions/batch", {"submissions": [{}]})
        self.assertEqual((status, sorted(answer[0])), (422, ["language_id", "source_code"]))
        self.assertEqual(self.mesh.call("GET", "/submissions/batch")[0], 400)

    def test_the_list_has_pages(self):
        made = [self.python("print(1)")["token"] for _ in range(3)]
        status, _, answer = self.mesh.call("GET", "/submissions?per_page=2&fields=token,status")
        self.assertEqual(status, 200, answer)
        self.assertEqual(len(answer["submissions"]), 2)
        meta = answer["meta"]
        self.assertEqual((meta["current_page"], meta["prev_page"], meta["next_page"]), (1, None, 2))
        self.assertGreaterEqual(meta["total_count"], 3)
        self.assertEqual(meta["total_pages"], (meta["total_count"] + 1) // 2)
        self.assertIn(answer["submissions"][0]["token"], made)
        self.assertEqual(self.mesh.call("GET", "/submissions?page=-4")[2],
                         {"error": "invalid page: -4"})

    def test_delete_ends_what_runs_and_leaves_what_is_done(self):
        token = self.create(source_code="import time\ntime.sleep(15)", language_id=71)[2]["token"]
        status, _, answer = self.mesh.call("DELETE", "/submissions/" + token)
        self.assertEqual((status, answer["status"]["id"]), (200, 13))
        token = self.python("print(1)")["token"]
        status, _, answer = self.mesh.call("DELETE", "/submissions/" + token)
        self.assertEqual((status, answer), (400, {"error": "delete not allowed"}))
        for method in ("GET", "DELETE"):
            for name in ("nonsense", "d85cd024-1548-4165-96c7-7bc88673f194"):
                self.assertEqual(self.mesh.call(method, "/submissions/" + name)[0], 404)


class Off(harness.MeshCase):
    bridge = {"ARENA_COMPAT_JUDGE0": "false"}

    def test_it_can_be_switched_off(self):
        self.assertEqual(self.mesh.call("GET", "/languages")[0], 404)
        self.assertEqual(self.mesh.call("POST", "/submissions", {})[0], 404)
        self.assertEqual(self.mesh.call("GET", "/api/languages")[0], 200)


if __name__ == "__main__":
    harness.main()
