#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Every language over REST: hello, standard input, test cases, and programs that go wrong."""
import json
import os
import unittest

import harness

ECHO = {
    "python": "import sys\nfor line in sys.stdin:\n    print(line.strip()[::-1])\n",
    "javascript": "const t = require('fs').readFileSync(0, 'utf8').trim().split('\\n');\n"
                  "for (const l of t) console.log([...l].reverse().join(''));\n",
    "c": "#include <stdio.h>\n#include <string.h>\nint main(void) { char b[256];\n"
         "while (fgets(b, sizeof b, stdin)) { size_t n = strcspn(b, \"\\n\");\n"
         "while (n) putchar(b[--n]);\nputchar(10); } }\n",
    "cpp": "#include <algorithm>\n#include <iostream>\n#include <string>\nint main() {\n"
           "std::string s; while (std::getline(std::cin, s)) {\n"
           "std::reverse(s.begin(), s.end()); std::cout << s << \"\\n\"; } }\n",
    "java": "import java.util.*;\npublic class Main { public static void main(String[] a) {\n"
            "Scanner s = new Scanner(System.in);\nwhile (s.hasNextLine())\n"
            "System.out.println(new StringBuilder(s.nextLine()).reverse()); } }\n",
}
HELLO = {
    "python": "print('hello')\n",
    "javascript": "console.log('hello');\n",
    "c": "#include <stdio.h>\nint main(void) { puts(\"hello\"); }\n",
    "cpp": "#include <iostream>\nint main() { std::cout << \"hello\\n\"; }\n",
    "java": "public class Main { public static void main(String[] a) {\n"
            "System.out.println(\"hello\"); } }\n",
}
BROKEN = {
    "python": "print('a'\n",
    "javascript": "console.log('a'\n",
    "c": "int main(void) { return undeclared_name; }\n",
    "cpp": "int main() { return undeclared_name; }\n",
    "java": "public class Main { int x = undeclared_name; }\n",
}
# Exits with 3 after a line on each stream.
EXITS = {
    "python": "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(3)\n",
    "javascript": "console.log('out'); console.error('err'); process.exitCode = 3;\n",
    "c": "#include <stdio.h>\nint main(void) { puts(\"out\"); fputs(\"err\\n\", stderr);\n"
         "return 3; }\n",
    "cpp": "#include <iostream>\nint main() { std::cout << \"out\\n\";\n"
           "std::cerr << \"err\\n\"; return 3; }\n",
    "java": "public class Main { public static void main(String[] a) {\n"
            "System.out.println(\"out\"); System.err.println(\"err\"); System.exit(3); } }\n",
}
COMPILED = ("c", "cpp", "java")


class Languages(harness.MeshCase):
    settings = {"WORKER_CONCURRENCY": "2"}

    @harness.each_language
    def test_hello_is_said_in_every_language(self, language):
        result = self.mesh.run(language=language, code=HELLO[language])
        self.assertEqual((result["verdict"], result["stdout"], result["exitCode"]),
                         ("accepted", "hello\n", 0), result)
        self.assertGreater(result["cpuTime"], 0)
        self.assertGreater(result["wallTime"], 0)
        self.assertGreater(result["memory"], 100000)

    @harness.each_language
    def test_standard_input_reaches_the_program(self, language):
        result = self.mesh.run(language=language, code=ECHO[language], input="abc\nxyz\n")
        self.assertEqual(result["stdout"], "cba\nzyx\n", result)

    @harness.each_language
    def test_test_cases_are_judged_one_by_one(self, language):
        cases = [
            {"name": "first", "input": "abc\n", "expectedOutput": "cba"},
            {"input": "de\n", "expectedOutput": "wrong"},
            {"input": "xyz\n", "expectedOutput": "zyx\n"},
        ]
        result = self.mesh.run(language=language, code=ECHO[language], testCases=cases)
        verdicts = [t["verdict"] for t in result["tests"]]
        self.assertEqual(verdicts, ["accepted", "wrong_answer", "accepted"], result)
        self.assertEqual([t["index"] for t in result["tests"]], [0, 1, 2])
        self.assertEqual([t["passed"] for t in result["tests"]], [True, False, True])
        self.assertEqual((result["verdict"], result["passed"], result["total"]),
                         ("wrong_answer", 2, 3))
        self.assertEqual(result["tests"][0]["name"], "first")
        self.assertEqual(result["tests"][1]["stdout"], "ed\n")
        self.assertEqual(result["tests"][1]["cause"]["kind"], "difference")

    @harness.each_language
    def test_a_real_program_with_test_cases_is_accepted(self, language):
        with open(os.path.join(harness.PROGRAMS, "paths.json"), encoding="utf-8") as f:
            cases = json.load(f)
        ending = {"python": "py", "javascript": "js"}.get(language, language)
        with open(os.path.join(harness.PROGRAMS, "paths." + ending), encoding="utf-8") as f:
            result = self.mesh.run(language=language, code=f.read(), testCases=cases)
        self.assertEqual((result["verdict"], result["passed"]), ("accepted", len(cases)),
                         result)

    @harness.each_language
    def test_a_program_that_does_not_compile_says_why(self, language):
        result = self.mesh.run(language=language, code=BROKEN[language])
        if language in COMPILED:
            self.assertEqual(result["verdict"], "compile_error", result)
            self.assertNotEqual(result["compile"]["exitCode"], 0)
            said = result["compile"]["stderr"] + result["compile"]["stdout"]
            self.assertIn("undeclared_name", said)
        else:
            # An interpreter finds it when it runs.
            self.assertEqual(result["verdict"], "runtime_error", result)
            self.assertIn("SyntaxError", result["stderr"])

    @harness.each_language
    def test_a_program_that_fails_keeps_its_output_and_exit_code(self, language):
        result = self.mesh.run(language=language, code=EXITS[language])
        self.assertEqual((result["verdict"], result["exitCode"], result["cause"]["kind"]),
                         ("runtime_error", 3, "exit_code"), result)
        self.assertEqual((result["stdout"], result["stderr"]), ("out\n", "err\n"))

    def test_a_compiled_program_has_its_data_and_not_its_sources(self):
        reads = ('#include <stdio.h>\n#include "own.h"\nint main(void) { char b[100]; int n = 0;\n'
                 'for (; n < 4; n++) { FILE *f = fopen(names[n], "r");\n'
                 'puts(f && fgets(b, sizeof b, f) ? b : "nothing"); } }\n')
        names = 'const char *const names[] = {"data.txt", "d/more.txt", "main.c", "other.c"};\n'
        result = self.mesh.run(language="c", files=[
            {"name": "main.c", "content": reads}, {"name": "data.txt", "content": "hello"},
            {"name": "own.h", "content": names}, {"name": "other.c", "content": "int other;\n"},
            {"name": "d/more.txt", "content": "again"}, {"name": "main", "content": "mine"}])
        self.assertEqual((result["verdict"], result["stdout"]),
                         ("accepted", "hello\nagain\nnothing\nnothing\n"), result)

    def test_a_program_of_many_classes_runs(self):
        result = self.mesh.run(
            language="java", code="public class Main {\n"
            + "".join(f"static class C{i} {{ int v = {i}; }}\n" for i in range(150))
            + "public static void main(String[] a) { System.out.println(new C149().v); } }\n")
        self.assertEqual((result["verdict"], result["stdout"]), ("accepted", "149\n"), result)

    def test_a_program_of_more_classes_than_are_kept_is_told_so(self):
        result = self.mesh.run(
            language="java", code="public class Main { public static void main(String[] a) { } }\n"
            + "".join(f"class C{i} {{ }}\n" for i in range(160)))
        self.assertEqual((result["verdict"], result["cause"]["kind"]),
                         ("compile_error", "file_size"), result)
        self.assertIn("more than 160 files", result["cause"]["detail"])

    def test_a_signal_is_named(self):
        result = self.mesh.run(language="c", code="int main(void) { *(volatile int *)0 = 1; }\n")
        self.assertEqual((result["verdict"], result["signal"], result["cause"]["kind"]),
                         ("runtime_error", "SIGSEGV", "signal"), result)

    def test_an_alias_names_its_language(self):
        for alias in ("py", "js", "node", "c++"):
            with self.subTest(alias=alias):
                language = {"py": "python", "c++": "cpp"}.get(alias, "javascript")
                result = self.mesh.run(language=alias, code=HELLO[language])
                self.assertEqual(result["stdout"], "hello\n")

    @harness.each_language
    def test_the_list_of_languages_has_versions_and_limits(self, language):
        status, _, answer = self.mesh.call("GET", "/api/languages")
        self.assertEqual(status, 200)
        listed = answer["languages"] if isinstance(answer, dict) else answer
        by_name = {x.get("name") or x.get("id"): x for x in listed}
        self.assertRegex(str(by_name[language]["version"]), r"\d+")
        self.assertIn("limits", by_name[language])


if __name__ == "__main__":
    harness.main()
