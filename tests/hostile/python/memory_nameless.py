# Memory hidden in many files that have no name, each smaller than a file may be.
import os

files, mib = [], 0
try:
    while mib < 1024:
        files.append(os.memfd_create("x"))
        for _ in range(8):
            os.write(files[-1], b"x" * (1 << 20))
            mib += 1
    print("ESCAPED: 1 GiB in files without a name")
except OSError as e:
    print("held:", e)
