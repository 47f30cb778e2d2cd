# Leaves files and modules for the next program.
import os
for p in ("HOSTILE-MARK", "/tmp/HOSTILE-MARK", "/dev/shm/HOSTILE-MARK", "/var/tmp/HOSTILE-MARK",
          "os.py", "sitecustomize.py"):
    try:
        open(p, "w").write("HOSTILE MARK")
    except OSError:
        pass
print("held: left what it could")
