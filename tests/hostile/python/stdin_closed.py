# Waits for input that never comes: standard input must be at its end, not a terminal.
import sys
print("held", len(sys.stdin.read()))
