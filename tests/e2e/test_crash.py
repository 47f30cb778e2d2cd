#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""kill -9 of a node with jobs queued and running: nothing that was acknowledged is lost."""
import harness

# Takes a moment, so that some jobs run and some wait when the node dies.
WORK = "import sys, time\ntime.sleep(0.4)\nprint(int(sys.stdin.read()) ** 2)\n"

DEATHS_OUTLIVED = 2  # of the node that runs it; then the job may be what kills nodes


class Crash(harness.MeshCase):
    settings = {"WORKER_CONCURRENCY": "2"}
    jobs = 24

    def submit_all(self):
        return {self.mesh.submit(language="python", code=WORK, input=str(i)): i
                for i in range(self.jobs)}

    def await_running(self, jobs):
        """Until one is seen to run; a machine so slow that all are over before that goes on."""
        def seen():
            states = {self.mesh.job(jid)["state"] for jid in jobs}
            return "active" in states or states <= set(harness.FINAL)

        harness.until("a job runs", seen)

    def check_all(self, jobs):
        done = self.mesh.all_finished(jobs)
        for jid, i in jobs.items():
            job = done[jid]
            self.assertEqual((job["state"], job.get("result", {}).get("stdout")),
                             ("completed", f"{i * i}\n"), job)
        return done

    def test_nothing_acknowledged_is_lost_when_the_node_is_killed(self):
        node = self.mesh.nodes[0]
        jobs = self.submit_all()
        self.await_running(jobs)
        self.mesh.restart(node)
        self.check_all(jobs)

    def test_a_result_that_was_seen_does_not_change(self):
        node = self.mesh.nodes[0]
        jobs = self.submit_all()
        first = next(iter(jobs))
        before = self.mesh.finished(first)
        self.mesh.restart(node)
        self.check_all(jobs)
        after = self.mesh.job(first)
        self.assertEqual(after["result"], before["result"])

    def test_killed_again_and_again_it_still_finishes(self):
        node = self.mesh.nodes[0]
        jobs = self.submit_all()
        for _ in range(DEATHS_OUTLIVED):
            self.await_running(jobs)
            self.mesh.restart(node)
        self.check_all(jobs)

    def test_a_job_that_runs_at_each_death_of_its_node_is_given_up(self):
        node = self.mesh.nodes[0]
        poison = self.mesh.submit(language="python", code="import time\ntime.sleep(60)\n",
                                  limits={"wallTime": 90})
        # The first start does not wait for the disk: a death right behind it may go uncounted.
        for _ in range(DEATHS_OUTLIVED + 2):
            harness.until("it runs or has ended",
                          lambda: self.mesh.job(poison)["state"] not in ("queued", "delayed"))
            if self.mesh.job(poison)["state"] != "active":
                break
            self.mesh.restart(node)
        job = self.mesh.finished(poison)
        self.assertEqual(job["state"], "failed", job)
        self.assertTrue(job["failedReason"])

    def test_a_node_told_to_stop_keeps_what_it_took(self):
        node = self.mesh.nodes[0]
        jobs = self.submit_all()
        self.await_running(jobs)
        self.assertEqual(node.stop(), 0, node.tail())
        node.start()
        node.wait_ready()
        self.check_all(jobs)


if __name__ == "__main__":
    harness.main()
