#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""A mesh of one: jobs run end to end, and survive kill -9."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
import unittest

import cluster
import harness


def keepers_of(node):
    """The process ids of its sandbox keepers."""
    with open(f"/proc/{node.process.pid}/task/{node.process.pid}/children", encoding="ascii") as f:
        return f.read().split()


def groups_of(keepers):
    """The control groups that these have made."""
    return [at for at, _, _ in os.walk("/sys/fs/cgroup")
            if re.search(r"/arena-keeper\.\d+\.(%s)\.\d+$" % "|".join(keepers), at)]


class One(cluster.ClusterCase):
    size = 1

    def test_a_program_runs_end_to_end(self):
        path = self.cluster.program("main.py", "print(sum(int(x) for x in input().split()))\n")
        self.assertEqual(self.cluster.arena("run", path, input="1 2 3\n"), "6\n")

    def test_a_program_is_talked_to_from_the_command_line(self):
        path = self.cluster.program("main.py", "import sys\nfor line in sys.stdin:\n"
                                    "    print(int(line) ** 2, flush=True)\nsys.exit(3)\n")
        with subprocess.Popen(
                [cluster.ARENA, "--peers", self.cluster.peers, "session", path],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={**os.environ, "ARENA_PROFILE_DIR": harness.PROFILES}) as talk:
            for number in (12, 7):
                talk.stdin.write(b"%d\n" % number)
                talk.stdin.flush()
                self.assertEqual(talk.stdout.readline(), b"%d\n" % number ** 2)
            talk.stdin.close()
            self.assertIn(b"status 3", talk.stderr.read() + talk.stdout.read())
            self.assertEqual(talk.wait(cluster.PATIENCE), 1)

    def test_between_terminals_it_gets_one(self):
        path = self.cluster.program("main.py", "import os, signal\n"
                                    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
                                    "print(*os.get_terminal_size())\n"
                                    "print('stopped by', signal.sigwait({signal.SIGINT}))\n")
        ours, theirs = pty.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        with subprocess.Popen(
                [cluster.ARENA, "--peers", self.cluster.peers, "session", path],
                stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
                env={**os.environ, "ARENA_PROFILE_DIR": harness.PROFILES}) as talk:
            os.close(theirs)  # so that ours ends with the program
            heard = b""
            while b"77 33\r\n" not in heard:
                heard += os.read(ours, 100)
            os.write(ours, b"\x03")
            while b"stopped by 2\r\n" not in heard:
                heard += os.read(ours, 100)
            self.assertEqual(talk.wait(cluster.PATIENCE), 0)
        os.close(ours)

    def test_options_that_mean_nothing_are_refused(self):
        path = self.cluster.program("main.py", "print(1)\n")
        for argv, want in ((["session", "--input", path, path], "--input makes no sense"),
                           (["session", "--stop", path], "--stop makes no sense"),
                           (["run", "--checker", "program", path], "no checker 'program'"),
                           (["run", path, "--"] + ["x"] * 5000, "more than ")):
            done = self.cluster.arena(*argv, check=False)
            self.assertEqual(done.returncode, 2, argv[:3])
            self.assertIn(want, done.stderr)

    def test_the_input_is_what_is_left_of_a_file(self):
        path = self.cluster.program("main.py", "print(input())\n")
        text = self.cluster.program("text", "one\ntwo\n")
        with open(text, "rb", buffering=0) as f:
            f.read(4)
            done = subprocess.run([cluster.ARENA, "--peers", self.cluster.peers, "run", path],
                                  stdin=f, capture_output=True, text=True,
                                  env={**os.environ, "ARENA_PROFILE_DIR": harness.PROFILES})
        self.assertEqual(done.stdout, "two\n", done.stderr)

    def test_a_program_that_fails_says_why(self):
        path = self.cluster.program("main.py", "import sys\nsys.exit(3)\n")
        done = self.cluster.arena("run", path, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("runtime_error", done.stderr)
        self.assertIn("status 3", done.stderr)

    def test_nothing_acknowledged_is_lost_by_kill_9(self):
        path = self.cluster.program("main.py", "import time\ntime.sleep(0.2)\nprint('done')\n")
        jobs = [self.cluster.submit(path) for _ in range(12)]
        self.cluster.nodes[0].restart()
        self.cluster.nodes[0].wait_ready()
        for jid in jobs:
            self.cluster.await_state(jid, "accepted")
            self.assertEqual(self.cluster.status(jid)[1], "done\n")

    def test_a_running_job_is_cancelled(self):
        path = self.cluster.program("main.py", "while True: pass\n")
        jid = self.cluster.submit(path)
        self.cluster.await_state(jid, "active")
        self.cluster.arena("cancel", jid)
        self.cluster.await_state(jid, "cancelled")
        harness.until("nothing runs",
                      lambda: self.cluster.nodes[0].metric("mesh_jobs_running") == 0)

    def test_told_to_stop_it_lets_a_running_job_finish(self):
        node = self.cluster.nodes[0]
        path = self.cluster.program("main.py", "import time\ntime.sleep(2)\nprint('end')\n")
        jid = self.cluster.submit(path)
        self.cluster.await_begun(jid)
        self.assertEqual(node.stop(), 0)
        node.start()
        node.wait_ready()
        self.cluster.await_state(jid, "accepted")

    def test_stopped_at_once_it_leaves_no_group_behind(self):
        node = self.cluster.nodes[0]
        path = self.cluster.program("main.py", "while True: pass\n")
        self.cluster.await_state(self.cluster.submit(path), "active")
        keepers = keepers_of(node)
        self.assertEqual(len(keepers), 2)
        if not groups_of(keepers):
            self.skipTest("no cgroups of our own here")
        node.signal(signal.SIGTERM)
        harness.until("it drains", lambda: "draining" in node.tail())
        node.signal(signal.SIGTERM)
        self.assertEqual(node.ended(), 0)
        self.assertEqual(groups_of(keepers), [])

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "there is one CPU only")
    def test_what_holds_it_to_a_cpu_ends(self):
        path = self.cluster.program("main.c", "int main(void) { return 0; }\n")
        pid = self.cluster.nodes[0].process.pid
        for _ in range(3):
            self.cluster.arena("run", path)
            deadline = time.monotonic() + cluster.PATIENCE
            while os.sched_getaffinity(pid) != os.sched_getaffinity(0):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)

    def test_drained_by_the_command_line_it_goes(self):
        node = self.cluster.nodes[0]
        path = self.cluster.program("main.py", "import time\ntime.sleep(2)\nprint('end')\n")
        jid = self.cluster.submit(path)
        self.cluster.await_begun(jid)
        self.cluster.arena("drain", "--wait", "60")
        self.assertEqual(node.ended(), 0)
        node.start()
        node.wait_ready()
        self.cluster.await_state(jid, "accepted")

    def test_a_second_process_cannot_have_the_same_disk(self):
        second = cluster.Node(self.cluster, 0, "127.0.0.1", self.cluster.ports(1)[0],
                              {**self.cluster.nodes[0].environment, "ARENA_METRICS_PORT": "0"})
        second.start()
        self.assertEqual(second.ended(), 2)
        self.assertIn("in use by another arenad", second.tail())

    def test_a_wrong_setting_is_named(self):
        node = self.cluster.nodes[0]
        wrong = cluster.Node(self.cluster, 0, "127.0.0.1", self.cluster.ports(1)[0],
                             {**node.environment, "WORKER_CONCURRENCY": "many"})
        wrong.start()
        self.assertEqual(wrong.ended(), 2)
        self.assertIn("WORKER_CONCURRENCY", wrong.tail())

    def test_a_stopped_node_is_alive_again_when_it_goes_on(self):
        node = self.cluster.nodes[0]
        node.signal(signal.SIGSTOP)
        with self.assertRaises(TimeoutError):
            node.get("/livez", timeout=1)
        node.signal(signal.SIGCONT)
        self.assertEqual(node.get("/livez")[0], 200)


class Proof(cluster.ClusterCase):
    size = 1
    settings = {"ARENA_SELFTEST": "true"}

    def test_it_takes_work_once_the_sandbox_has_proved_itself(self):
        path = self.cluster.program("main.py", "print('proved')\n")
        self.assertEqual(self.cluster.arena("run", path), "proved\n")
        self.assertIn("passed its self-test", self.cluster.nodes[0].tail())

    def test_it_takes_none_when_the_sandbox_fails_and_says_what_is_missing(self):
        node = self.cluster.nodes[0]
        # A real sandbox that leaves a descriptor open: sandbox/mutant.h.
        real = os.path.join(harness.BUILD, "tests", "sandbox", "arena-sandbox-mutant")
        weak = self.cluster.program("weak", f"""#!/usr/bin/python3
import os, sys
os.environ["SANDBOX_MUTANT"] = "inherited_descriptor"
os.execv({real!r}, [{real!r}, *sys.argv[1:]])
""")
        os.chmod(weak, 0o755)
        node.kill()
        node.environment["ARENA_SANDBOX"] = weak
        node.start()
        harness.until("it says what is missing",
                      lambda: self.answer(node).count("a program inherits no descriptor"))
        jid = self.cluster.submit(self.cluster.program("main.py", "print(1)\n"))
        self.assertIn("queued", self.cluster.status(jid)[2])
        self.assertEqual(node.metric("mesh_jobs_running"), 0)
        node.kill()
        del node.environment["ARENA_SANDBOX"]
        node.start()
        self.cluster.await_state(jid, "accepted")

    def test_it_does_not_run_weaker_than_it_is_told_to(self):
        node = self.cluster.nodes[0]
        words = [os.path.join(harness.BUILD, "tests", "sandbox", "without"), "namespaces",
                 os.path.join(harness.BUILD, "arena-sandbox")]
        weak = self.cluster.program("weak", f"""#!/usr/bin/python3
import os, sys
os.execv({words[0]!r}, {words!r} + sys.argv[1:])
""")
        os.chmod(weak, 0o755)
        node.kill()
        node.environment.update(ARENA_SANDBOX=weak, ARENA_ISOLATION_MIN="ns-noproc")
        node.start()
        self.assertNotEqual(node.ended(), 0)
        self.assertIn("ARENA_ISOLATION_MIN is ns-noproc, this machine gives lsm", node.tail())
        for word in ("none", "strong"):
            node.environment["ARENA_ISOLATION_MIN"] = word
            node.start()
            self.assertNotEqual(node.ended(), 0)
            self.assertIn(f"ARENA_ISOLATION_MIN: '{word}' is none of", node.tail())

    def answer(self, node):
        try:
            return node.get("/readyz")[1]
        except OSError:
            return ""


if __name__ == "__main__":
    cluster.main()
