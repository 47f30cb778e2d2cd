# A number too large for memory.
print(len(str(7 ** 7 ** 7 ** 7)))
