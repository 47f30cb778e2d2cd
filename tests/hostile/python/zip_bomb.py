# A little that unpacks to a lot.
import zlib
z = zlib.compress(b"\0" * (64 << 20), 9)
data = []
while True:
    data.append(zlib.decompress(z))
