#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Five real peers: nodes die one by one and two at once, a disk is lost, the mesh is cut in two."""
import os
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "node"))
import cluster  # noqa: E402 (found through the line above)
import harness  # noqa: E402


class Five(cluster.ClusterCase):
    size = 5
    settings = {"WORKER_CONCURRENCY": "1"}

    def test_one_after_the_other_dies_under_load(self):
        history = self.cluster.history(threads=8)
        for node in self.cluster.nodes[:3]:
            node.kill()
            self.cluster.await_members(4)
            node.start()
            node.wait_ready()
            self.cluster.await_members(5)
        self.check(self.cluster.finish(history))

    def test_two_die_at_once_and_come_back(self):
        history = self.cluster.history(threads=8)
        pair = self.cluster.nodes[1:3]
        harness.until("both have work", lambda: all(
            n.metric("mesh_jobs_running") > 0 for n in pair))
        for node in pair:
            node.kill()
        self.cluster.await_members(3)
        for node in pair:
            node.start()
        self.check(self.cluster.finish(history))

    def test_a_lost_disk_loses_no_job(self):
        node = self.cluster.nodes[4]
        path = self.cluster.program("main.py", "import time\ntime.sleep(0.2)\nprint('kept')\n")
        jobs = [self.cluster.submit(path, peers=node.endpoint) for _ in range(10)]
        node.kill()
        shutil.rmtree(node.environment["ARENA_DATA_DIR"])
        others = ",".join(n.endpoint for n in self.cluster.nodes[:4])
        for jid in jobs:
            self.cluster.await_state(jid, "accepted", peers=others)


@unittest.skipUnless(os.geteuid() == 0, "network namespaces need root")
class Partition(cluster.ClusterCase):
    size = 5
    kind = cluster.Islands
    settings = {"WORKER_CONCURRENCY": "1"}

    def test_a_minority_promises_nothing_and_the_majority_goes_on(self):
        history = self.cluster.history(threads=6)
        small, large = self.cluster.nodes[:2], self.cluster.nodes[2:]
        harness.until("there is work", lambda: any(
            n.metric("mesh_jobs_running") > 0 for n in large))
        self.cluster.cut(0, 1)
        endpoints = ",".join(n.endpoint for n in large)
        path = self.cluster.program("main.py", "print('majority')\n")
        # A keyed job's copies are placed by its key: three keys of ten need a node cut off, and
        # are rightly refused. Each call draws another key.
        harness.until("the majority runs a job", lambda: self.cluster.arena(
            "run", path, peers=endpoints, check=False).stdout == "majority\n", patience=200)
        refused = self.cluster.arena("submit", path, peers=small[0].endpoint, check=False)
        self.assertEqual(refused.returncode, 2, refused.stdout)
        self.cluster.heal()
        for node in small:
            node.wait_ready()
        self.cluster.await_members(5)
        self.check(self.cluster.finish(history))

    def test_cut_off_alone_and_back(self):
        path = self.cluster.program("main.py", "import time\ntime.sleep(1)\nprint('whole')\n")
        owner = self.cluster.nodes[0]
        jid = self.cluster.submit(path, peers=owner.endpoint)
        self.cluster.cut(0)
        others = ",".join(n.endpoint for n in self.cluster.nodes[1:])
        self.cluster.await_state(jid, "accepted", peers=others)
        self.cluster.heal()
        self.cluster.await_members(5)
        self.cluster.await_state(jid, "accepted", peers=owner.endpoint)


if __name__ == "__main__":
    cluster.main()
