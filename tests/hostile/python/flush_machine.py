# Makes the machine's disks flush, and forget the toolchain they have in memory, for all users.
import os, time
def least(call, n=200):
    best = 1.0
    for _ in range(n):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best
fd = os.open(os.__file__, os.O_RDONLY)
free = least(lambda: os.fstat(fd))
for name, call in (("fsync", lambda: os.fsync(fd)), ("sync", os.sync),
                   ("fadvise", lambda: os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED))):
    # What does nothing costs about what a look at the file does, at its quickest; a flush far more.
    print("ESCAPED" if least(call) > 20 * free + 20e-6 else "held", name)
