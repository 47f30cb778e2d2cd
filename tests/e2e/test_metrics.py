#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""What node and bridge tell Prometheus: complete, and as promtool wants it."""
import shutil
import subprocess
import unittest

import harness

BOTH = ("mesh_build_info{", "process_cpu_seconds_total ", "process_resident_memory_bytes ",
        "process_open_fds ", "process_start_time_seconds ")
BRIDGE = ("mesh_http_requests_total{", "mesh_http_request_duration_seconds_bucket{",
          "mesh_http_requests_in_flight ", "mesh_http_connections ", "mesh_http_streams ",
          "mesh_http_connections_refused_total ", "mesh_bridge_links_up ")
NODE = ("mesh_queue_jobs{", "mesh_queue_oldest_job_age_seconds ", "mesh_jobs_total{",
        "mesh_job_duration_seconds_bucket{", "mesh_jobs_running ", "mesh_job_slots ",
        "mesh_sandbox_cpu_seconds_total{", "mesh_sandbox_memory_peak_bytes_bucket{",
        "mesh_sandbox_setup_seconds_bucket{", "mesh_sandbox_kills_total{", "mesh_steals_total{",
        "mesh_gossip_members{", "mesh_gossip_messages_total{", "mesh_gossip_bytes_total{",
        "mesh_gossip_suspicions_total ", "mesh_gossip_rtt_seconds_bucket{",
        "mesh_queue_wait_seconds_bucket{", "mesh_steal_jobs_total ", "mesh_db_size_bytes ",
        "# TYPE mesh_replication_lag_entries gauge", "# TYPE mesh_replication_lag_seconds gauge")


class Metrics(harness.MeshCase):
    settings = {"WORKER_CONCURRENCY": "1"}

    def texts(self):
        self.mesh.run(language="python", code="print(1)")
        for daemon in (self.mesh.nodes[0], self.mesh.bridge):
            status, headers, text = harness.request(daemon.ready_port, "GET", "/metrics")
            self.assertEqual(status, 200)
            self.assertTrue(headers["content-type"].startswith("text/plain"))
            yield daemon.name, text.decode()

    def test_every_family_is_there(self):
        for name, text in self.texts():
            lines = text.split("\n")
            for want in BOTH + (BRIDGE if name == "bridge" else NODE):
                self.assertTrue(any(line.startswith(want) for line in lines), (name, want))
            build = next(line for line in lines if line.startswith("mesh_build_info{"))
            self.assertIn('revision="', build)
            fds = next(line for line in lines if line.startswith("process_open_fds "))
            self.assertGreater(int(fds.split()[1]), 3)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_finds_nothing_to_say(self):
        for name, text in self.texts():
            done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                  capture_output=True)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""), name)


if __name__ == "__main__":
    harness.main()
