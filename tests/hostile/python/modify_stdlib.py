# Changes the standard library for the next program.
import os, sys
for p in (os.__file__, "/usr/lib/python3/dist-packages/x.pth", os.path.dirname(os.__file__) + "/x.py"):
    try:
        open(p, "a").write("# HOSTILE")
        print("ESCAPED", p)
    except OSError as e:
        print("held", e)
