# Writes to the byte what is allowed, and then one more.
import os
os.write(1, b"x" * 65536)
os.write(1, b"!")
