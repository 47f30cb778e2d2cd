#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""test_frames.py [--rounds N] [--seed N] [--build DIR]

A daemon that has lost its mind: a real keeper is sent frames that are cut, stretched, flipped,
repeated, of wrong types, and with descriptors that are missing, too many or of odd kinds. Whatever
it gets, it must answer or end by itself with a status: never by a signal, never with a word of a
sanitizer, and never leaving a process or a cgroup. Of use with any build, of most with
--enable-asan (make check-asan). Ends with "N passed, N failed, N skipped".
"""
import argparse
import array
import os
import random
import re
import select
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import slots as driver  # noqa: E402

with open(os.path.join(HERE, "..", "..", "sandbox", "step.h"), "rb") as f:
    WORK = re.search(rb'STEP_WORK_DIR "(.*)"', f.read())[1]
with open(os.path.join(HERE, "..", "..", "sandbox", "frame.h"), encoding="utf-8") as f:
    FRAMES = re.findall(r"FRAME_([A-Z]+)(?: = 1)?,", f.read())
STEP, KILL, READY, OUTCOME, SIGNAL = (
    1 + FRAMES.index(name) for name in ("STEP", "KILL", "READY", "OUTCOME", "SIGNAL"))
MIB = 1 << 20
READY_S, ANSWER_S = 60, 60


def text(s):
    return struct.pack("=I", len(s)) + s


def texts(items):
    return struct.pack("=I", len(items)) + b"".join(map(text, items))


def step_body():
    """A good step: /usr/bin/true of a root that has none, so that it ends at once."""
    limits = struct.pack("=9Q", 500, 1000, 64 * MIB, 4096, 8, MIB, MIB, 64, 0)
    return (text(b"c") + text(b"run") + texts([WORK + b"/prog"]) + texts([b"A=1"]) +
            struct.pack("=I", 1) + text(b"prog") + b"\1" + texts([b"out"]) + limits +
            bytes(5) + struct.pack("=HH", 0, 0))


def frame(kind, body, n_fds):
    return struct.pack("=III", len(body), kind, n_fds) + body


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        how = rng.randrange(6)
        at = rng.randrange(len(data)) if data else 0
        if how == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            del data[at:at + rng.randint(1, 16)]
        elif how == 2:
            data[at:at] = rng.randbytes(rng.randint(1, 16))
        elif how == 3 and len(data) >= 4:
            at = rng.randrange(len(data) - 3)
            data[at:at + 4] = struct.pack("=I", rng.choice(
                [0, 1, 255, 4096, 1 << 16, 1 << 31, (1 << 32) - 1, len(data)]))
        elif how == 4:
            data += data[at:at + 64]
        elif how == 5:
            del data[at:]
    return bytes(data)


class Keeper:
    def __init__(self, sandbox, fresh):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        env = dict(os.environ, SANDBOX_FRESH="1" if fresh else "0",
                   ARENA_PROFILE_DIR=os.environ.get("ARENA_PROFILE_DIR") or
                   os.path.join(driver.TOP, "images", "profiles"))

        def third():
            os.dup2(theirs.fileno(), 3)

        self.process = subprocess.Popen([sandbox, "serve"], env=env,
                                        close_fds=False, preexec_fn=third,
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        theirs.close()
        self.socket = ours
        self.socket.settimeout(5)
        self.got = b""

    def wait_for(self, kind, seconds):
        """True when such a frame came; False when the keeper closed. Time is up: an error."""
        until = time.monotonic() + seconds
        while True:
            while len(self.got) >= 12:
                n, what, _ = struct.unpack("=III", self.got[:12])
                if len(self.got) < 12 + n:
                    break
                self.got = self.got[12 + n:]
                if what == kind:
                    return True
            if not select.select([self.socket], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError(f"no frame {kind} in {seconds} s")
            try:
                data, fds, _, _ = socket.recv_fds(self.socket, 65536, 128)
            except ConnectionResetError:
                return False
            for fd in fds:
                os.close(fd)
            if not data:
                return False
            self.got += data

    def send(self, data, fds):
        """False when the keeper has closed, or takes no more."""
        try:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
            sent = self.socket.sendmsg([data], [rights] if fds else [])
            while sent < len(data):
                sent += self.socket.send(data[sent:])
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            return False
        return True

    def end(self):
        """What was wrong with its end, or None."""
        self.socket.close()
        try:
            _, err = self.process.communicate(timeout=ANSWER_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            return "it does not end when its daemon is gone"
        if self.process.returncode < 0:
            return f"it died of signal {-self.process.returncode}: {err[-400:]!r}"
        for word in (b"Sanitizer", b"runtime error", b"Assertion"):
            if word in err:
                return f"it says {err[-2000:].decode('latin-1')}"
        left = [name for _, name in driver.descendants(os.getpid())]
        return f"processes are left: {left}" if left else None


def odd_fds(rng):
    """Descriptors of every kind, as many as it pleases."""
    made = []
    for _ in range(rng.choice([0, 1, 1, 2, 3, 8])):
        kind = rng.randrange(5)
        if kind == 0:
            made.append(os.memfd_create("x"))
        elif kind == 1:
            made += os.pipe()
        elif kind == 2:
            made.append(os.open("/", os.O_RDONLY))
        elif kind == 3:
            made.append(os.open("/dev/zero", os.O_RDWR))
        else:
            made.append(os.open("/", os.O_PATH))
    return made


def attack(rng):
    """The bytes of one go."""
    good = frame(STEP, step_body(), 1)
    how = rng.randrange(6)
    if how == 0:
        return mutate(rng, good)
    if how == 1:
        body = mutate(rng, step_body())
        return frame(STEP, body, rng.choice([0, 1, 1, 2, 95, 96]))
    if how == 2:
        return frame(rng.randrange(20), rng.randbytes(rng.randrange(200)),
                     rng.choice([0, 0, 1, 97]))
    if how == 3:
        return rng.randbytes(rng.randrange(1, 400))
    if how == 4:
        return frame(SIGNAL, rng.randbytes(rng.randrange(3)), 0) + frame(KILL, b"", 0) + good
    return good + good + frame(KILL, b"", 0)


def one(rng, sandbox, fresh):
    """What went wrong, or None."""
    keeper = Keeper(sandbox, fresh)
    try:
        if not keeper.wait_for(READY, READY_S):
            return "it never got ready: " + str(keeper.end())
        for _ in range(rng.randint(1, 6)):
            fds = odd_fds(rng)
            alive = keeper.send(attack(rng), fds)
            for fd in fds:
                os.close(fd)
            if not alive:
                break
    except TimeoutError as e:
        keeper.end()
        return str(e)
    return keeper.end()


def still_serves(sandbox):
    """A good step after a bad one's keeper: proof that what is sent is close to the truth."""
    keeper = Keeper(sandbox, False)
    program = os.memfd_create("main")
    os.write(program, b"#!/nothing\n")
    try:
        if not keeper.wait_for(READY, READY_S):
            return "it never got ready"
        keeper.send(frame(STEP, step_body(), 1), [program])
        if not keeper.wait_for(OUTCOME, ANSWER_S):
            return "a good step has no outcome: the frames here are not the keeper's"
    except TimeoutError as e:
        return str(e)
    finally:
        os.close(program)
        wrong = keeper.end()
    return wrong


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--rounds", type=int, default=30)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--build", default=os.environ.get("BUILD") or os.path.join(driver.TOP, "build"))
    options = ap.parse_args()
    driver.own_namespaces()
    sandbox = os.environ.get("ARENA_SANDBOX") or os.path.join(options.build, "arena-sandbox")
    wrong = still_serves(sandbox)
    print(f"FAIL  a good frame: {wrong}" if wrong else "ok    a good frame gets its outcome")
    failed = bool(wrong)
    bad = 0
    for i in range(options.rounds):
        rng = random.Random(f"{options.seed}/{i}")
        wrong = one(rng, sandbox, i % 2 == 0)
        if wrong:
            bad += 1
            print(f"FAIL  --seed {options.seed}, round {i}: {wrong}")
    if not bad:
        print(f"ok    {options.rounds} keepers of a mad daemon ended by themselves")
    failed += bad
    print(f"{2 - bool(bad) - bool(failed > bad)} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
