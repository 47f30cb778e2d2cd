# Recursion deep enough to break the interpreter's own stack.
import sys
sys.setrecursionlimit(1 << 30)
def f(x):
    return f(x + 1) + 1
f(0)
