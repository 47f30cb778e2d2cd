# SPDX-License-Identifier: MPL-2.0
"""What a program imports for anything else: numbers, text, time, random, memory, C."""
import array
import ctypes
import cProfile
import datetime
import decimal
import faulthandler
import fractions
import gc
import getpass
import hashlib
import hmac
import importlib
import inspect
import ipaddress
import itertools
import locale
import logging
import os
import platform
import random
import re
import secrets
import statistics
import string
import sys
import textwrap
import time
import timeit
import tracemalloc
import traceback
import unicodedata
import unittest
import uuid
import venv
import warnings
import weakref
import zoneinfo

random.seed()
assert 0 <= random.random() < 1 and len(secrets.token_hex(8)) == 16 and os.urandom(8)
random.SystemRandom().randrange(10)
assert uuid.uuid4() != uuid.uuid1() and uuid.getnode()
for name in hashlib.algorithms_guaranteed:
    hashlib.new(name, b"x")
hashlib.scrypt(b"p", salt=b"s", n=16, r=1, p=1)
hmac.new(b"k", b"m", "sha256").digest()
assert hashlib.file_digest(open(__file__, "rb"), "sha256").digest()
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    locale.setlocale(locale.LC_ALL, "C")
locale.localeconv()
assert decimal.Decimal(1) / 3 and fractions.Fraction(1, 3) and statistics.mean([1, 2]) == 1.5
assert 3 ** 20000 % 7 == 2 and sum(itertools.islice(itertools.count(), 1000)) == 499500
time.sleep(0.002)
time.perf_counter(), time.monotonic(), time.localtime(), time.strftime("%c %Z"), time.tzname
datetime.datetime.now().astimezone().isoformat()
try:
    zoneinfo.ZoneInfo("Europe/Berlin")
except zoneinfo.ZoneInfoNotFoundError:
    pass
assert timeit.timeit("1+1", number=10) >= 0
assert platform.system() == "Linux" and platform.python_version() and platform.uname()
platform.libc_ver()
sys.setrecursionlimit(3000)


def deep(n):
    return n and deep(n - 1)


deep(2000)
libc = ctypes.CDLL(None)
order = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
numbers = (ctypes.c_int * 4)(3, 1, 2, 0)
libc.qsort(numbers, 4, 4, order(lambda a, b: a[0] - b[0]))
assert list(numbers) == [0, 1, 2, 3] and libc.getpid() == os.getpid()
tracemalloc.start()
big = bytearray(24 << 20)
more = [b"x" * 1000 for _ in range(10000)]
del big, more
gc.collect()
tracemalloc.stop()
array.array("d", range(1000)).tobytes()
faulthandler.enable()
faulthandler.dump_traceback_later(100)
faulthandler.cancel_dump_traceback_later()
profile = cProfile.Profile()
profile.runcall(deep, 10)
logging.basicConfig(filename="log")
logging.warning("logged")
with open("made.py", "w", encoding="utf-8") as f:
    f.write("X = 1\n")
sys.path.insert(0, ".")
assert importlib.import_module("made").X == 1
try:
    getpass.getuser()
except (KeyError, OSError):
    pass
try:
    import readline
    import curses
except ImportError:
    pass
for module in ("http.client", "urllib.request", "email", "ssl", "turtle", "numpy"):
    try:
        importlib.import_module(module)
    except ImportError:
        pass
assert inspect.getsource(deep).startswith("def") and re.sub("a+", "b", "aa") == "b"
assert ipaddress.ip_address("10.0.0.1").is_private and string.Template("$x").substitute(x=1)
assert textwrap.fill("a b", 2) and unicodedata.name("a") and weakref.ref(deep)() is deep
warnings.warn("warned")
try:
    raise ValueError("raised")
except ValueError:
    traceback.print_exc()


class Case(unittest.TestCase):
    def test(self):
        self.assertTrue(venv)


unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(Case))
breakpoint_hook, sys.breakpointhook = sys.breakpointhook, lambda: None
print("ok", flush=True)
