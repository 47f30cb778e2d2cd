# SPDX-License-Identifier: MPL-2.0
"""Real peers without a bridge, for the tests of the mesh: started, killed, stopped, cut off.

A cluster lives on loopback, or, for partitions, in one network namespace per node joined by a
bridge (root only). `history` is the client that checks what the mesh promises.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import harness  # noqa: E402 (found through the line above)

ARENA = os.path.join(harness.BUILD, "arena")
HISTORY = os.path.join(harness.BUILD, "tests", "node", "history")
PATIENCE = harness.PATIENCE


class Node(harness.Daemon):
    """One arenad; `address` is where the test reaches it."""

    def __init__(self, cluster, number, address, ports, environment):
        argv = cluster.enter(number) + [os.path.join(harness.BUILD, "arenad")]
        super().__init__(f"node-{number}", argv, environment, cluster.folder)
        self.number = number
        self.address = address
        self.control, self.client_port, self.ready_port = ports
        self.endpoint = f"tcp://{address}:{self.client_port}"

    def signal(self, number):
        os.kill(self.process.pid, number)

    def restart(self):
        self.kill()
        self.start()


class Cluster:
    """N nodes on loopback. Settings are arenad's own names."""

    def __init__(self, nodes, **settings):
        self.folder = tempfile.mkdtemp(prefix="arena-mesh-")
        self.clients = []
        self.prepare(nodes)
        ports = self.ports(nodes)
        seeds = ",".join(f"{self.address(i)}:{ports[i][0]}" for i in range(nodes))
        self.nodes = []
        for i in range(nodes):
            environment = {
                "ARENA_NAME": f"node-{i}", "ARENA_CLUSTER": "test", "LOG_LEVEL": "info",
                "ARENA_BIND": self.address(i), "ARENA_DATA_DIR": os.path.join(self.folder, str(i)),
                "ARENA_PORT": str(ports[i][0]), "ARENA_CLIENT_PORT": str(ports[i][1]),
                "ARENA_METRICS_PORT": str(ports[i][2]), "ARENA_SEEDS": seeds if nodes > 1 else "",
                "ARENA_NODES_EXPECTED": str(min(nodes, 3)), "WORKER_CONCURRENCY": "2",
                "ARENA_PROFILE_DIR": harness.PROFILES, "ARENA_SELFTEST": "false", **settings,
            }
            self.nodes.append(Node(self, i, self.address(i), ports[i], environment))

    def prepare(self, nodes):
        pass

    def enter(self, number):
        return []

    def address(self, number):
        return "127.0.0.1"

    def ports(self, nodes):
        free = harness.free_ports(3 * nodes)
        return [tuple(free[3 * i:3 * i + 3]) for i in range(nodes)]

    def start(self):
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_ready()
        self.await_members(len(self.nodes))
        return self

    def close(self):
        for client in self.clients:
            client.kill()
            client.communicate()
        for node in self.nodes:
            if node.alive():
                node.signal(signal.SIGCONT)
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def tails(self):
        return "\n".join(node.tail() for node in self.nodes if os.path.exists(node.log))

    @property
    def peers(self):
        return ",".join(node.endpoint for node in self.nodes)

    def arena(self, *args, peers=None, input="", check=True, timeout=PATIENCE):
        """One call of the command line; its standard output."""
        done = subprocess.run(
            [ARENA, "--peers", peers or self.peers, *args], input=input, capture_output=True,
            text=True, timeout=timeout, env={**os.environ, "ARENA_PROFILE_DIR": harness.PROFILES})
        if check and done.returncode != 0:
            raise AssertionError(f"arena {' '.join(args)}: {done.returncode}\n{done.stderr}"
                                 + self.tails())
        return done.stdout if check else done

    def await_members(self, count):
        """Until every living node sees `count` nodes alive."""
        def agreed():
            for node in self.nodes:
                if not node.alive():
                    continue
                done = self.arena("nodes", peers=node.endpoint, check=False)
                if done.returncode != 0 or done.stdout.count(" alive ") != count:
                    return False
            return True
        harness.until(f"all see {count} nodes", agreed, pause=0.1)

    def program(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def submit(self, path, *options, peers=None):
        return self.arena("submit", *options, path, peers=peers).strip()

    def status(self, jid, peers=None):
        """(exit status, stdout, stderr) of `arena status`."""
        done = self.arena("status", jid, peers=peers, check=False)
        return done.returncode, done.stdout, done.stderr

    def await_state(self, jid, word, peers=None, patience=PATIENCE):
        return harness.until(f"job {jid} is {word}",
                             lambda: word in self.status(jid, peers)[2], patience=patience)

    def await_begun(self, jid, peers=None):
        """Until its program was started: it may have ended by now, on a slow machine."""
        harness.until(f"job {jid} was started", lambda: any(
            word in self.status(jid, peers)[2] for word in ("active", "accepted")))

    def owner(self, *states):
        """Who owns the only job there is, by its own count of those in `states`. The command line
        gives every job a key, so its home is its key's place and not the peer that was asked."""
        return harness.until(f"a node owns a job that is {' or '.join(states)}", lambda: next(
            (node for node in self.nodes
             if any(node.metric(f'mesh_jobs{{state="{state}"}}') for state in states)), None))

    def history(self, jobs=0, seconds=600, **options):
        """Start the checking client, with so many jobs or (0) new ones until finish()."""
        argv = [HISTORY, "--peers", self.peers]
        for name, value in {"jobs": jobs, "seconds": seconds, **options}.items():
            argv += [f"--{name}", str(value)]
        self.clients.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             text=True, preexec_fn=harness._die_with_parent))
        return self.clients[-1]

    def finish(self, history, patience=600):
        out, _ = history.communicate(timeout=patience)  # which ends its standard input
        if not out:
            raise AssertionError("the checking client said nothing")
        return json.loads(out)


class Islands(Cluster):
    """Each node in a network namespace of its own, all on one bridge that can be cut."""

    def prepare(self, nodes):
        self.holders = []
        run("ip", "link", "add", "hub", "type", "bridge")
        run("ip", "addr", "add", "10.99.0.254/24", "dev", "hub")
        run("ip", "link", "set", "hub", "up")
        for i in range(nodes):
            holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"],
                                      preexec_fn=harness._die_with_parent)
            self.holders.append(holder)
            own = os.readlink("/proc/self/ns/net")
            harness.until("a namespace", lambda h=holder: namespace(h.pid) not in (None, own))
            run("ip", "link", "add", f"port{i}", "type", "veth", "peer", "name", "eth0", "netns",
                str(holder.pid))
            run("ip", "link", "set", f"port{i}", "master", "hub", "up")
            for words in (["addr", "add", f"10.99.0.{i + 1}/24", "dev", "eth0"],
                          ["link", "set", "eth0", "up"], ["link", "set", "lo", "up"]):
                run(*self.enter(i), "ip", *words)

    def enter(self, number):
        return ["nsenter", f"--net=/proc/{self.holders[number].pid}/ns/net"]

    def address(self, number):
        return f"10.99.0.{number + 1}"

    def ports(self, nodes):
        return [(7946, 7948, 9464)] * nodes

    def cut(self, *numbers):
        """These nodes lose everybody; nothing tells them."""
        for i in numbers:
            run("ip", "link", "set", f"port{i}", "nomaster")

    def heal(self):
        for i in range(len(self.nodes)):
            run("ip", "link", "set", f"port{i}", "master", "hub")

    def close(self):
        super().close()
        # A namespace's end of a pair goes some time after its last process: take ours away.
        for i, holder in enumerate(self.holders):
            subprocess.run(["ip", "link", "del", f"port{i}"], capture_output=True, check=False)
            holder.kill()
            holder.wait()
        run("ip", "link", "del", "hub")


def namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: {done.stderr}")


class ClusterCase(unittest.TestCase):
    """A test class with one cluster; `size` and `settings` are the class's own."""
    size = 3
    kind = Cluster
    settings = {}

    def setUp(self):
        self.cluster = self.kind(self.size, **self.settings)
        self.addCleanup(self.cluster.close)
        self.cluster.start()

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        done = super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(getattr(self, "last_words", ""), file=sys.stderr)
        return done

    def tearDown(self):
        self.last_words = self.cluster.tails()
        for node in self.cluster.nodes:
            node.check()

    def check(self, report):
        """What the mesh promises, of what a client saw."""
        for name in ("lost", "doubled", "changed", "wrong"):
            self.assertEqual(report[name], 0, report)
        self.assertEqual(report["acknowledged"], report["jobs"], report)
        self.assertEqual(report["finished"], report["jobs"], report)
        self.assertGreaterEqual(report["reread"], report["jobs"], report)


def main():
    """Runs the file's tests in a network namespace of their own, so that they meet nobody."""
    if os.environ.get("ARENA_TEST_NETNS") is None and os.geteuid() == 0:
        environment = {**os.environ, "ARENA_TEST_NETNS": "1"}
        argv = ["unshare", "-n", "/usr/bin/python3", *sys.argv]
        os.execvpe(argv[0], argv, environment)
    if os.geteuid() == 0:
        run("ip", "link", "set", "lo", "up")
    started = time.monotonic()
    program = unittest.main(exit=False, verbosity=2)
    print(f"{program.result.testsRun} tests, {time.monotonic() - started:.0f} s")
    sys.exit(0 if program.result.wasSuccessful() else 1)
