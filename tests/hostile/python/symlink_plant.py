# go-judge #176 from Python: a link where an output file is expected.
import os, sys
os.symlink(sys.argv[2], "wanted.txt")
print("held: planted")
