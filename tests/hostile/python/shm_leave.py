# Leaves a named shared memory block.
from multiprocessing import shared_memory
try:
    s = shared_memory.SharedMemory(name="HOSTILE-MARK", create=True, size=4096)
    s.buf[:4] = b"MARK"
except Exception as e:
    print("held", e)
import os
os._exit(0)
