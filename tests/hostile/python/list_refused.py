"""What no Python program is seen to need: locked memory, other users, new attributes, keys of
memory. Each must be refused, from the library and from C."""
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
room = ctypes.create_string_buffer(64)
escapes = 0


def refused(what, call):
    global escapes
    try:
        failed = call() == -1
    except OSError:
        failed = True
    print("held:" if failed else "ESCAPED:", what)
    escapes += not failed


refused("mlock", lambda: libc.mlock(room, 64))
refused("mlockall", lambda: libc.mlockall(1))
refused("setuid", lambda: os.setuid(os.getuid()))
refused("setgid", lambda: os.setgid(os.getgid()))
refused("setresuid", lambda: os.setresuid(-1, -1, -1))
refused("setxattr", lambda: os.setxattr(".", "user.x", b"1"))
refused("pkey_alloc", lambda: libc.pkey_alloc(0, 0))
refused("mkfifo", lambda: os.mkfifo("fifo"))
refused("mincore", lambda: libc.mincore(0, 4096, room))
raise SystemExit(escapes)
