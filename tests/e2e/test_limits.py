#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Every limit, in every language, over REST: the verdict and the cause that names the limit."""
import harness

SPIN = {
    "python": "while True:\n    pass\n",
    "javascript": "for (;;);\n",
    "c": "int main(void) { for (volatile int i = 0;; i++); }\n",
    "cpp": "int main() { for (volatile int i = 0;;) i = i + 1; }\n",
    "java": "public class Main { public static void main(String[] a) { for (;;); } }\n",
}
SLEEP = {
    "python": "import time\ntime.sleep(60)\n",
    "javascript": "setTimeout(() => {}, 60000);\n",
    "c": "#include <unistd.h>\nint main(void) { sleep(60); }\n",
    "cpp": "#include <chrono>\n#include <thread>\nint main() {\n"
           "std::this_thread::sleep_for(std::chrono::seconds(60)); }\n",
    "java": "public class Main { public static void main(String[] a) throws Exception {\n"
            "Thread.sleep(60000); } }\n",
}
# Grows by a megabyte at a time, touching what it gets, far beyond the limit.
GROW = {
    "python": "a = []\nwhile True:\n    a.append(bytearray(b'x' * 1048576))\n",
    "javascript": "const a = [];\nfor (;;) a.push(Buffer.alloc(1048576, 1));\n",
    "c": "#include <stdlib.h>\n#include <string.h>\nint main(void) { for (;;) {\n"
         "char *p = malloc(1 << 20); if (p) memset(p, 1, 1 << 20); } }\n",
    "cpp": "#include <vector>\nint main() { std::vector<std::vector<char>> a;\n"
           "for (;;) a.emplace_back(1 << 20, 'x'); }\n",
    "java": "import java.util.*;\npublic class Main { public static void main(String[] x) {\n"
            "List<byte[]> a = new ArrayList<>(); for (;;) a.add(new byte[1 << 20]); } }\n",
}
FLOOD = {
    "python": "while True:\n    print('x' * 99)\n",
    "javascript": "const fs = require('fs');\nfor (;;) fs.writeSync(1, 'x'.repeat(99) + '\\n');\n",
    "c": "#include <stdio.h>\nint main(void) { for (;;) puts(\"xxxxxxxxxxxxxxxxxxxx\"); }\n",
    "cpp": "#include <iostream>\nint main() { for (;;) std::cout << \"xxxxxxxxxxxxxx\\n\"; }\n",
    "java": "public class Main { public static void main(String[] a) {\n"
            "for (;;) System.out.println(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"); } }\n",
}
# Starts processes or threads until it may not, and says so.
SPAWN = {
    "python": "import os, time\ntry:\n    for _ in range(200):\n        if os.fork() == 0:\n"
              "            time.sleep(5)\n            os._exit(0)\n    print('all')\n"
              "except OSError:\n    print('refused')\n",
    "javascript": "const { spawn } = require('child_process');\nlet refused = false;\n"
                  "const done = () => { if (!refused) { refused = true;\n"
                  "console.log('refused'); process.exit(0); } };\n"
                  "for (let i = 0; i < 60 && !refused; i++) {\n"
                  "  const c = spawn(process.execPath, ['-e', 'setTimeout(()=>{},5000)']);\n"
                  "  c.on('error', done); c.on('exit', done); }\n",
    "c": "#include <stdio.h>\n#include <unistd.h>\nint main(void) {\n"
         "for (int i = 0; i < 200; i++) { pid_t p = fork();\n"
         "if (p == 0) { sleep(5); _exit(0); }\n"
         "if (p < 0) { puts(\"refused\"); return 0; } }\nputs(\"all\"); }\n",
    "cpp": "#include <chrono>\n#include <iostream>\n#include <system_error>\n#include <thread>\n"
           "int main() { try { for (int i = 0; i < 200; i++) std::thread([] {\n"
           "std::this_thread::sleep_for(std::chrono::seconds(5)); }).detach();\n"
           "std::cout << \"all\" << std::endl; } catch (const std::system_error &) {\n"
           "std::cout << \"refused\" << std::endl; } std::quick_exit(0); }\n",
    "java": "public class Main { public static void main(String[] a) { try {\n"
            "for (int i = 0; i < 200; i++) { Thread t = new Thread(() -> { try {\n"
            "Thread.sleep(5000); } catch (InterruptedException e) { } });\n"
            "t.setDaemon(true); t.start(); }\nSystem.out.println(\"all\");\n"
            "} catch (OutOfMemoryError e) { System.out.println(\"refused\"); }\n"
            "System.out.flush(); Runtime.getRuntime().halt(0); } }\n",
}
MIB = 1048576
OUTPUT = 65536


class Limits(harness.MeshCase):
    settings = {"WORKER_CONCURRENCY": "2"}

    def check(self, programs, limits, verdict, kinds):
        results = {}
        for language in harness.LANGUAGES:
            with self.subTest(language=language):
                result = self.mesh.run(language=language, code=programs[language], limits=limits)
                self.assertEqual(result["verdict"], verdict, result)
                self.assertIn(result["cause"]["kind"], kinds, result)
                results[language] = result
        return results

    def test_a_program_that_spins_meets_the_time_limit(self):
        results = self.check(SPIN, {"time": 1}, "time_limit_exceeded", ("cpu_time", "wall_time"))
        for result in results.values():
            self.assertGreaterEqual(max(result["cpuTime"], result["wallTime"]), 1)

    def test_a_program_that_sleeps_meets_the_wall_time_limit(self):
        self.check(SLEEP, {"wallTime": 2}, "time_limit_exceeded", ("wall_time",))

    def test_a_program_that_grows_meets_the_memory_limit(self):
        self.check(GROW, {"memory": 96 * MIB}, "memory_limit_exceeded", ("memory",))

    def test_a_program_that_floods_meets_the_output_limit(self):
        results = self.check(FLOOD, {"output": OUTPUT}, "output_limit_exceeded", ("output",))
        for result in results.values():
            self.assertEqual(len(result["stdout"]), OUTPUT)

    def test_a_program_that_multiplies_is_refused_more_processes(self):
        for language in harness.LANGUAGES:
            with self.subTest(language=language):
                result = self.mesh.run(language=language, code=SPAWN[language],
                                       limits={"processes": 32, "memory": 512 * MIB})
                self.assertTrue(
                    "refused" in result["stdout"] or result["cause"]["kind"] == "processes",
                    result)
                self.assertNotIn("all", result["stdout"])

    def test_output_up_to_the_limit_is_whole(self):
        result = self.mesh.run(language="python", code=f"print('x' * {OUTPUT - 1})\n",
                               limits={"output": OUTPUT})
        self.assertEqual((result["verdict"], len(result["stdout"])), ("accepted", OUTPUT))

    def test_a_limit_above_the_ceiling_is_refused_by_name(self):
        status, _, answer = self.mesh.call("POST", "/api/execute", {
            "language": "c", "code": "int main(void) {}", "limits": {"time": 1e6}})
        self.assertEqual(status, 400, answer)
        self.assertEqual(answer["error"]["field"], "limits.time")


if __name__ == "__main__":
    harness.main()
