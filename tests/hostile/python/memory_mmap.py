# Shared anonymous memory.
import mmap
keep = []
while True:
    m = mmap.mmap(-1, 16 << 20)
    for i in range(0, 16 << 20, 4096):
        m[i] = 1
    keep.append(m)
