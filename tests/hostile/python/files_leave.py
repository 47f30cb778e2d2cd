# Leaves files and modules for the next program.
import os
for p in ("/work/HOSTILE-MARK", "/tmp/HOSTILE-MARK", "/dev/shm/HOSTILE-MARK", "/var/tmp/HOSTILE-MARK",
          "/work/os.py", "/work/sitecustomize.py"):
    try:
        open(p, "w").write("HOSTILE MARK")
    except OSError:
        pass
print("held: left what it could")
