# Memory hidden in temporary files.
import tempfile
try:
    f = tempfile.TemporaryFile()
    for i in range(1024):
        f.write(b"x" * (1 << 20))
        f.flush()
    print("ESCAPED: 1 GiB in a temporary file")
except OSError as e:
    print("held:", e)
