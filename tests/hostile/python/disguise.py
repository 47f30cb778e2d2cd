# Prints what an allocator would print, and exits well: words alone are no verdict.
import sys
print("MemoryError", file=sys.stderr)
print("std::bad_alloc", file=sys.stderr)
print("held: said so")
