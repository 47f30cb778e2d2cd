# Will not end: exit handlers and finalizers that loop.
import atexit, signal
for s in range(1, 32):
    try:
        signal.signal(s, lambda *a: None)
    except (OSError, ValueError):
        pass
def stay():
    while True:
        pass
atexit.register(stay)
