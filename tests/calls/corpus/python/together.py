# SPDX-License-Identifier: MPL-2.0
"""Threads, processes, pipes, signals and event loops."""
import asyncio
import concurrent.futures
import multiprocessing
import os
import queue
import resource
import sched
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time


def threads():
    q, results, lock = queue.Queue(), [], threading.RLock()
    done, gate = threading.Event(), threading.Barrier(4)

    def work():
        gate.wait()
        while (item := q.get()) is not None:
            with lock:
                results.append(item * item)
            q.task_done()
    workers = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for w in workers:
        w.start()
    for i in range(1000):
        q.put(i)
    q.join()
    for _ in workers:
        q.put(None)
    for w in workers:
        w.join()
    assert len(results) == 1000
    threading.Timer(0.001, done.set).start()
    assert done.wait(20)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(len, ["a", "bb"])) == 3
    s = sched.scheduler()
    s.enter(0.001, 1, results.clear)
    s.run()
    cond = threading.Condition()
    with cond:
        assert not cond.wait(0.001)


def square(x):
    return x * x


def processes():
    child = subprocess.run([sys.executable, "-c", "import sys; print(sys.stdin.read()[::-1])"],
                           input="abc", capture_output=True, text=True, check=True)
    assert child.stdout == "cba\n"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE,
                          start_new_session=True, cwd=".") as p:
        p.send_signal(signal.SIGTERM)
        assert p.wait() == -signal.SIGTERM
    try:
        subprocess.run([sys.executable, "-c", "input()"], timeout=0.05, check=False,
                       stdin=subprocess.PIPE)
    except (subprocess.TimeoutExpired, subprocess.SubprocessError):
        pass
    try:
        subprocess.run("exit 3", shell=True, check=False)
    except OSError:
        pass
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(w, b"child")
        os._exit(5)
    assert os.read(r, 10) == b"child" and os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], os.environ)
    assert os.waitid(os.P_PID, pid, os.WEXITED).si_status == 0
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os._exit(0)
    os.wait()
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        r, w = context.Pipe()
        p = context.Process(target=w.send, args=([1, 2],))
        p.start()
        assert r.recv() == [1, 2]
        p.join()
        assert p.exitcode == 0
    try:
        with multiprocessing.Pool(2) as pool:
            assert pool.map(square, range(10))[9] == 81
        v = multiprocessing.Value("i", 3)
        q = multiprocessing.Queue()
        p = multiprocessing.Process(target=q.put, args=(7,))
        p.start()
        assert q.get() == 7 and v.value == 3
        p.join()
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            assert list(pool.map(square, range(3))) == [0, 1, 4]
    except OSError as e:
        print("no semaphores here:", e, file=sys.stderr)


async def beat():
    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(square, 7) == 49
    assert await asyncio.gather(*(asyncio.sleep(0.001, i) for i in range(10))) == list(range(10))
    p = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(input())",
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = await p.communicate(b"through\n")
    assert out == b"through\n" and p.returncode == 0
    lock, q = asyncio.Lock(), asyncio.Queue()
    async with lock:
        q.put_nowait(1)
    assert await q.get() == 1
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    except asyncio.TimeoutError:
        pass
    fired = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, fired.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(fired.wait(), 20)
    a, b = socket.socketpair()
    r, w = await asyncio.open_connection(sock=a)
    b.send(b"line\n")
    assert await r.readline() == b"line\n"
    w.write(b"back")
    await w.drain()
    assert b.recv(4) == b"back"
    w.close()
    b.close()


def events():
    a, b = socket.socketpair()
    with a, b:
        b.sendall(b"abc")
        assert select.select([a], [], [], 20)[0] == [a]
        p = select.poll()
        p.register(a, select.POLLIN)
        assert p.poll(20000)
        with selectors.DefaultSelector() as s:
            s.register(a, selectors.EVENT_READ)
            assert s.select(20)
        with select.epoll() as e:
            e.register(a.fileno(), select.EPOLLIN)
            assert e.poll(20)
        assert a.recv(1, socket.MSG_PEEK) == b"a" and a.recv(8) == b"abc"
        a.sendmsg([b"x", b"y"])
        assert b.recvmsg(8)[0] == b"xy" and b.recv_into(bytearray(0)) == 0
        socket.send_fds(a, [b"fd"], [0])
        _, fds, _, _ = socket.recv_fds(b, 2, 1)
        os.close(fds[0])
        f = a.makefile("rw")
        f.write("text\n")
        f.flush()
        assert b.makefile().readline() == "text\n"
        a.settimeout(1)
        a.shutdown(socket.SHUT_WR)
        a.getsockname(), a.getpeername(), a.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
    try:
        socket.socket()
        raise SystemExit("there is a network")
    except PermissionError:
        pass


def signals():
    seen = []
    signal.signal(signal.SIGALRM, lambda n, f: seen.append(n))
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    while len(seen) < 3:
        signal.pause()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.alarm(1)
    signal.alarm(0)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    signal.raise_signal(signal.SIGUSR2)
    assert signal.SIGUSR2 in signal.sigpending() and signal.sigwait([signal.SIGUSR2])
    signal.pthread_kill(threading.get_ident(), 0)
    r, w = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(w)
    os.kill(os.getpid(), signal.SIGALRM)
    assert os.read(r, 1)
    signal.sigtimedwait([signal.SIGUSR2], 0)


def machine():
    resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))
    resource.getrusage(resource.RUSAGE_CHILDREN)
    os.times(), os.uname(), os.cpu_count(), os.getpid(), os.getppid(), os.getpgid(0), os.getsid(0)
    os.getresuid(), os.getgroups(), os.sched_yield(), time.thread_time(), time.process_time()
    time.clock_getres(time.CLOCK_MONOTONIC), os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_get_priority_max(0), os.getpriority(os.PRIO_PROCESS, 0)
    for call in (lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)), lambda: os.nice(1),
                 os.getloadavg, os.getlogin):
        try:
            call()
        except OSError:
            pass


if __name__ == "__main__":
    threads()
    processes()
    asyncio.run(beat())
    events()
    machine()
    signals()
    print("ok")
