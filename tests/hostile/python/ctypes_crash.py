# Crashes the interpreter from inside.
import ctypes
ctypes.string_at(0)
