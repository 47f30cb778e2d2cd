# A regular expression that never finishes.
import re
re.match(r"(a+)+$", "a" * 64 + "b")
