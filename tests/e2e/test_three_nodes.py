#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Three nodes and a bridge: one may die, come back or leave while clients work."""
import os
import subprocess
import threading

import harness

WORK = "import sys, time\ntime.sleep(0.2)\nprint(int(sys.stdin.read()) ** 2)\n"


class ThreeNodes(harness.MeshCase):
    nodes = 3
    settings = {"WORKER_CONCURRENCY": "2"}

    def submit_patiently(self, i):
        """A client that repeats a submit with the same key until it is acknowledged."""
        body = {"language": "python", "code": WORK, "input": str(i)}
        head = {"Idempotency-Key": f"{self.id()}-{i}"}

        def once():
            try:
                status, _, answer = self.mesh.call("POST", "/api/execute", body, head)
            except OSError:
                return None
            return answer["jobId"] if status in (200, 202) else None

        return harness.until(f"submit {i} is acknowledged", once, pause=0.1)

    def load(self, count, hurt):
        """Submit `count` jobs, hurting the mesh on the way; check every one."""
        jobs = {}

        def client():
            for i in range(count):
                jobs[self.submit_patiently(i)] = i

        thread = threading.Thread(target=client)
        thread.start()
        try:
            harness.until("some jobs are in", lambda: len(jobs) >= count // 3)
            hurt()
        finally:
            thread.join()
        self.assertEqual(len(jobs), count)
        done = self.mesh.all_finished(jobs)
        for jid, i in jobs.items():
            self.assertEqual((done[jid]["state"], done[jid].get("result", {}).get("stdout")),
                             ("completed", f"{i * i}\n"), done[jid])
        return done

    def test_a_job_runs_wherever_it_was_submitted(self):
        done = self.load(12, lambda: None)
        self.assertEqual(len(done), 12)

    def test_one_node_is_killed_and_nothing_is_lost(self):
        victim = self.mesh.nodes[1]
        self.load(40, victim.kill)
        victim.start()
        victim.wait_ready()

    def test_each_node_in_turn_is_killed_and_comes_back(self):
        def storm():
            for node in self.mesh.nodes:
                node.kill()
                node.start()
                node.wait_ready()

        self.load(40, storm)

    def test_a_node_that_drains_hands_over_what_it_has(self):
        leaver = self.mesh.nodes[2]

        def drain():
            subprocess.run(
                [os.path.join(harness.BUILD, "arena"), "--peers",
                 f"tcp://127.0.0.1:{self.mesh.ports[2][1]}", "drain"], check=True, timeout=60)

        self.load(30, drain)
        leaver.kill()
        leaver.start()
        leaver.wait_ready()


if __name__ == "__main__":
    harness.main()
