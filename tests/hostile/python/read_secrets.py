# Reads every file it can find that is not the toolchain's.
import os, sys
for root, dirs, files in os.walk("/"):
    if root.startswith(("/usr/lib/python", "/proc", "/sys", os.getcwd(), "/dev")):
        dirs[:] = []
        continue
    for f in files:
        p = os.path.join(root, f)
        try:
            if os.path.getsize(p) < 1 << 16:
                print(p, open(p, "rb").read(512))
        except OSError:
            pass
try:
    print("ESCAPED", open(sys.argv[2]).read())
except OSError as e:
    print("held", e)
print(dict(os.environ))
