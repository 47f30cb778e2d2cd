# Output that is not text: a lone surrogate, a NUL, an escape for terminals.
import os
os.write(1, b"held \xff\xfe\x00\xed\xa0\x80\x1b[2J\x1b]0;HOSTILE\x07\n")
