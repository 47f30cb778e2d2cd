#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Three real peers: the owner dies in each phase of a job, nodes drain and restart under load."""
import os
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "node"))
import cluster  # noqa: E402 (found through the line above)
import harness  # noqa: E402

RECOVERY = 10  # seconds in which a killed owner's jobs must go on elsewhere
RUN = 4  # and those in which one that sleeps for two ends


class Three(cluster.ClusterCase):
    def others(self, node):
        return ",".join(n.endpoint for n in self.cluster.nodes if n is not node)

    def kill_owner_when(self, code, *states):
        """The job's owner is killed once it counts the job in one of them."""
        jid = self.cluster.submit(self.cluster.program("main.py", code))
        owner = self.cluster.owner(*states)
        owner.kill()
        return jid, owner

    def test_any_peer_runs_and_answers(self):
        path = self.cluster.program("main.py", "print('hello')\n")
        jid = self.cluster.submit(path, peers=self.cluster.nodes[0].endpoint)
        for node in self.cluster.nodes:
            self.cluster.await_state(jid, "accepted", peers=node.endpoint)
            self.assertEqual(self.cluster.status(jid, node.endpoint)[1], "hello\n")

    # Two seconds, so that it is not over when it is seen; on a slow machine it may be.
    def test_the_owner_is_killed_when_the_job_was_just_acknowledged(self):
        jid, owner = self.kill_owner_when("import time\ntime.sleep(2)\nprint('safe')\n",
                                          "queued", "active", "completed")
        self.cluster.await_state(jid, "accepted", peers=self.others(owner))

    def test_the_owner_is_killed_while_the_job_runs(self):
        jid, owner = self.kill_owner_when("import time\ntime.sleep(2)\nprint('safe')\n",
                                          "active", "completed")
        # Not "active" first: it passes, and a question may be answered after it has passed.
        self.cluster.await_state(jid, "accepted", peers=self.others(owner),
                                 patience=RECOVERY + RUN)

    def test_the_owner_is_killed_when_the_job_is_decided(self):
        jid, owner = self.kill_owner_when("print('safe')\n", "completed")
        self.cluster.await_state(jid, "accepted", peers=self.others(owner))
        self.assertEqual(self.cluster.status(jid, self.others(owner))[1], "safe\n")
        owner.start()
        owner.wait_ready()
        self.assertEqual(self.cluster.status(jid, owner.endpoint)[1], "safe\n")

    def test_a_job_is_cancelled_through_another_peer(self):
        path = self.cluster.program("main.py", "while True: pass\n")
        jid = self.cluster.submit(path, "--time", "30000", peers=self.cluster.nodes[0].endpoint)
        self.cluster.await_state(jid, "active", peers=self.cluster.nodes[1].endpoint)
        self.cluster.arena("cancel", jid, peers=self.cluster.nodes[2].endpoint)
        for node in self.cluster.nodes:
            self.cluster.await_state(jid, "cancelled", peers=node.endpoint)
        harness.until("nothing runs", lambda: all(
            n.metric("mesh_jobs_running") == 0 for n in self.cluster.nodes))

    def test_a_stalled_owner_does_not_decide_twice(self):
        path = self.cluster.program("main.py", "import time\ntime.sleep(2)\nprint('once')\n")
        jid = self.cluster.submit(path)
        owner = self.cluster.owner("active", "completed")
        owner.signal(signal.SIGSTOP)
        try:
            self.cluster.await_state(jid, "accepted", peers=self.others(owner))
        finally:
            owner.signal(signal.SIGCONT)
        self.cluster.await_state(jid, "accepted", peers=owner.endpoint)
        self.assertEqual(self.cluster.status(jid, owner.endpoint)[1], "once\n")

    def test_a_node_drains_under_load(self):
        history = self.cluster.history(threads=8)
        node = self.cluster.nodes[1]
        harness.until("the node has work", lambda: node.metric("mesh_jobs_running") > 0)
        self.assertEqual(node.stop(cluster.PATIENCE), 0)
        node.start()
        self.check(self.cluster.finish(history))

    def test_a_rolling_restart_under_load(self):
        history = self.cluster.history(threads=8)
        for node in self.cluster.nodes:
            self.assertEqual(node.stop(cluster.PATIENCE), 0)
            node.start()
            node.wait_ready()
            self.cluster.await_members(3)
        self.check(self.cluster.finish(history))


class Secured(cluster.ClusterCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.key = os.path.join(folder.name, "key")
        self.other = os.path.join(folder.name, "other")
        for path in (self.key, self.other):
            subprocess.run([cluster.ARENA, "keygen", path], check=True)
        self.settings = {"ARENA_KEY_FILE": self.key}
        os.environ["ARENA_KEY_FILE"] = self.key
        self.addCleanup(os.environ.pop, "ARENA_KEY_FILE")
        super().setUp()

    def test_only_the_clusters_key_opens_the_door(self):
        path = self.cluster.program("main.py", "print('secret')\n")
        self.assertEqual(self.cluster.arena("--key", self.key, "run", path), "secret\n")
        self.assertEqual(self.cluster.arena("--key", self.other, "nodes", check=False).returncode,
                         2)
        self.assertEqual(self.cluster.arena("--key", "", "nodes", check=False).returncode, 2)


if __name__ == "__main__":
    cluster.main()
