# Reads every process's environment, command line and descriptors.
import os
me = str(os.getpid())
try:
    pids = os.listdir("/proc")
except OSError as e:
    pids = []
    print("held /proc", e)
for pid in pids:
    if not pid.isdigit() or pid == me:
        continue
    for what in ("environ", "maps", "mem", "exe", "cwd", "root", "fd"):
        p = f"/proc/{pid}/{what}"
        try:
            if what in ("exe", "cwd", "root"):
                print("ESCAPED", p, os.readlink(p))
            elif what == "fd":
                print("ESCAPED", p, os.listdir(p))
            elif open(p, "rb").read(4096):
                print("ESCAPED", p)
        except OSError as e:
            print("held", p, e)
print("held")
