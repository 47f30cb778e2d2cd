# A string that doubles, and an exception handler that will not give up.
s = "x"
while True:
    try:
        s += s
        s.encode()
    except MemoryError:
        s = s[: 1 << 20]
