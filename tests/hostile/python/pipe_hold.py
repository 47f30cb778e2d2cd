# Holds the lock of its own output's pipe while it waits for a socket that nobody writes to.
import os
import socket
import threading

a, b = socket.socketpair()


def hold():
    os.write(1, b"x" * 30000)
    try:
        os.splice(a.fileno(), 1, 4096)
    except OSError:
        pass


threading.Thread(target=hold, daemon=True).start()
threading.Event().wait()
