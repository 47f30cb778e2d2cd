#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Three nodes that do not run the same languages: each job runs where its language is."""
import os
import shutil
import subprocess

import harness

HELLO = {
    "python": "print('hello')\n",
    "c": '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n',
    "javascript": "console.log('hello')\n",
}
HAVE = [("python",), ("c",), ("python", "javascript")]


class Polyglot(harness.MeshCase):
    nodes = 3

    @classmethod
    def setUpClass(cls):
        cls.mesh = harness.Mesh(cls.nodes)
        cls.addClassCleanup(cls.mesh.stop)
        for node, languages in zip(cls.mesh.nodes, HAVE):
            folder = os.path.join(cls.mesh.folder, node.name + "-profiles")
            os.mkdir(folder)
            for language in languages:
                shutil.copy(os.path.join(harness.PROFILES, language + ".json"), folder)
            node.environment["ARENA_PROFILE_DIR"] = folder
        cls.mesh.start()
        harness.until("the bridge lists them all", lambda: cls.names() == sorted(HELLO), pause=0.2)

    @classmethod
    def names(cls):
        listed = cls.mesh.call("GET", "/api/languages")[2]["languages"]
        return sorted(each["name"] for each in listed)

    def submit(self, language):
        return self.mesh.submit(language=language, code=HELLO[language])

    def check(self, jid, language):
        done = self.mesh.finished(jid)
        self.assertEqual(done["state"], "completed", done)
        self.assertEqual(done["result"]["stdout"], "hello\n", done)
        self.assertIn(done["result"]["node"],
                      [n.name for n, have in zip(self.mesh.nodes, HAVE) if language in have])

    def test_each_job_runs_where_its_language_is(self):
        jobs = [(self.submit(language), language) for language in HELLO for _ in range(8)]
        for jid, language in jobs:
            self.check(jid, language)

    def test_a_job_waits_for_the_only_node_with_its_language(self):
        node = self.mesh.nodes[HAVE.index(("c",))]
        node.kill()
        jid = harness.until("a submit without that node", lambda: self.accepted("c"), pause=0.2)
        self.check(self.submit("python"), "python")
        self.assertEqual(self.mesh.job(jid)["state"], "queued")
        node.start()
        self.check(jid, "c")

    def test_the_command_line_takes_another_name_of_a_language(self):
        path = os.path.join(self.mesh.folder, "hello.txt")
        with open(path, "w", encoding="utf-8") as f:
            f.write(HELLO["javascript"])
        peer = f"tcp://127.0.0.1:{self.mesh.ports[HAVE.index(('python',))][1]}"
        done = subprocess.run(
            [os.path.join(harness.BUILD, "arena"), "--peers", peer, "run", "--language", "NodeJS",
             path], capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "ARENA_PROFILE_DIR": harness.PROFILES})
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"), done.stderr)

    def accepted(self, language):
        status, _, answer = self.mesh.call(
            "POST", "/api/execute", {"language": language, "code": HELLO[language]})
        return answer["jobId"] if status == 202 else None


if __name__ == "__main__":
    harness.main()
