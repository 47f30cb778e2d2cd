# SPDX-License-Identifier: MPL-2.0
"""What each verdict rests on: small programs in five languages and how each must end.

A case is (name, language, source, expected end, options). The end is written as in
tests/hostile/battery.table: "exited:0", "signaled:11", "memory". Options: `out` the exact
standard output, `stdin`, `args`, `limits`, `files` (name -> text) beside the main file, `source`
the main file's name, `check` a function of the outcome that returns what is wrong or None.
"""

MIB = 1 << 20
LIMITS = {"cpuMs": 1000, "wallMs": 8000, "memory": 64 * MIB, "output": 65536, "processes": 32,
          "stack": 8 * MIB, "fileSize": 4 * MIB, "files": 256, "cpuShare": 1000}
# Starting up takes these languages a good part of a second, and some memory.
SLOW = {"javascript": {"cpuMs": 3000, "wallMs": 20000, "memory": 96 * MIB},
        "java": {"cpuMs": 3000, "wallMs": 20000, "memory": 64 * MIB}}
BRIEF = {"cpuMs": 300}
NAP = {"wallMs": 700}
NAP_SLOW = {"wallMs": 1500}


def length(n):
    return lambda o: None if len(o["out"]) == n else f"{len(o['out'])} bytes of output, not {n}"


def stderr_has(text):
    return lambda o: None if text.encode() in o["err"] else f"{text!r} is not in {o['err'][:200]!r}"


def cpu_matches(o):
    """The program prints its own CPU time in us; what is reported may not be far from it."""
    own, told = int(o["out"]), o["cpuUs"]
    return None if own * 0.9 - 5000 <= told <= own * 1.3 + 20000 else f"{told} us of CPU, not {own}"


def memory_between(low, high):
    return lambda o: None if low <= o["memory"] <= high else f"{o['memory']} bytes of memory"


def no_slower(us):
    return lambda o: None if o["cpuUs"] < us else f"{o['cpuUs']} us of CPU for nothing"


def truncated(o):
    return None if o["outTruncated"] else "not told that output was cut"


def c(body, head=""):
    return ("#define _GNU_SOURCE\n#include <errno.h>\n#include <fcntl.h>\n#include <pthread.h>\n"
            "#include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
            "#include <sys/mman.h>\n#include <sys/wait.h>\n#include <time.h>\n#include <unistd.h>\n"
            "#define KEEP(p) __asm__ volatile(\"\" : : \"r\"(p) : \"memory\")\n"
            f"{head}\nint main(int argc, char **argv)\n{{\n(void)argc; (void)argv;\n{body}\n}}\n")


def cpp(body):
    return ("#include <bits/stdc++.h>\nusing namespace std;\n"
            f"int main(int argc, char **argv) {{ {body} }}\n")


def java(body, rest=""):
    return ("import java.util.*;\npublic class Main {\n"
            f"{rest}\n public static void main(String[] args) throws Exception {{ {body} }}\n}}\n")


C = [
    ("hello", c('puts("hello"); return 0;'), "exited:0", {"out": b"hello\n"}),
    ("sums its input",
     c('long s = 0, x; while (scanf("%ld", &x) == 1) s += x; printf("%ld\\n", s); return 0;'),
     "exited:0", {"stdin": "1 2\n3\n", "out": b"6\n"}),
    ("reads a megabyte",
     c('long n = 0; while (getchar() != EOF) n++; printf("%ld\\n", n); return 0;'),
     "exited:0", {"stdin": "x" * MIB, "out": b"1048576\n"}),
    ("sees its arguments",
     c('for (int i = 1; i < argc; i++) printf("[%s]", argv[i]); return 0;'),
     "exited:0", {"args": ["a b", "", "-x", "é"], "out": "[a b][][-x][é]".encode()}),
    ("exits 1", c("return 1;"), "exited:1", {}),
    ("exits 255", c("return 255;"), "exited:255", {}),
    ("segmentation fault", c("*(volatile int *)8 = 1; return 0;"), "signaled:11", {}),
    ("abort", c("abort();"), "signaled:6", {}),
    ("division by zero", c("volatile int a = 1, z = 0; a = a / z; return a;"), "signaled:8", {}),
    ("kills itself", c("raise(SIGKILL); return 0;"), "signaled:9", {}),
    ("terminates itself", c("raise(SIGTERM); return 0;"), "signaled:15", {}),
    ("busy", c("for (;;);"), "cpu_time", {"limits": BRIEF}),
    ("busy in threads",
     c("pthread_t t; for (int i = 0; i < 3; i++) pthread_create(&t, 0, f, 0); f(0);",
       "static void *f(void *p) { for (;;); return p; }"),
     "cpu_time", {"limits": BRIEF}),
    ("busy in children",
     c("for (int i = 0; i < 3; i++) if (fork() == 0) for (;;); pause();"),
     "cpu_time", {"limits": BRIEF}),
    ("busy in children that end",
     c('for (;;) { if (fork() == 0) { for (volatile long i = 0; i < 9000000; i++); _exit(0); '
       '} wait(0); }'),
     "cpu_time", {"limits": BRIEF}),
    ("busy ignoring signals",
     c("for (int i = 1; i < 65; i++) signal(i, SIG_IGN); for (;;);"),
     "cpu_time", {"limits": BRIEF}),
    ("busy at its memory limit",
     c("char *p = malloc(60 << 20); memset(p, 1, 60 << 20); for (;;) KEEP(p);"),
     "cpu_time", {"limits": BRIEF}),
    ("sleeps", c("pause();"), "wall_time", {"limits": NAP, "check": no_slower(300000)}),
    ("stops itself", c("raise(SIGSTOP);"), "wall_time", {"limits": NAP}),
    ("waits for a child that sleeps",
     c("if (fork() == 0) pause(); wait(0);"),
     "wall_time", {"limits": NAP}),
    ("naps and ends", c("usleep(100000); return 0;"), "exited:0", {"check": no_slower(60000)}),
    ("touches too much",
     c("for (;;) { char *p = malloc(1 << 20); if (p) memset(p, 1, 1 << 20); KEEP(p); }"),
     "memory", {}),
    ("maps too much",
     c('for (;;) { char *p = mmap(0, 1 << 20, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0); '
       'memset(p, 1, 1 << 20); }'),
     "memory", {}),
    ("children touch too much",
     c('for (int i = 0; i < 16; i++) if (fork() == 0) { char *p = malloc(8 << 20); memset(p, '
       '1, 8 << 20); KEEP(p); pause(); } pause();'),
     "memory", {}),
    ("forty of sixty-four",
     c("char *p = malloc(40 << 20); memset(p, 1, 40 << 20); KEEP(p); return p[5] - 1;"),
     "exited:0", {"check": memory_between(39 * MIB, 48 * MIB)}),
    ("a crash after much memory is a crash",
     c("char *p = malloc(40 << 20); memset(p, 1, 40 << 20); KEEP(p); abort();"),
     "signaled:6", {}),
    ("asks for too much and copes", c("return malloc(1UL << 50) != 0;"), "exited:0", {}),
    ("output to the byte",
     c("char *p = calloc(1, 65536); return write(1, p, 65536) != 65536;"),
     "exited:0", {"check": length(65536)}),
    ("one byte too many",
     c("char *p = calloc(1, 65537); write(1, p, 65537); return 0;"),
     "output", {"check": length(65536)}),
    ("one byte too many, in pieces",
     c("char *p = calloc(1, 65537); for (int i = 0; i < 65537; i++) write(1, p, 1); return 0;"),
     "output", {"check": length(65536)}),
    ("output without end",
     c('for (;;) puts("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy");'),
     "output", {"check": truncated}),
    ("error output without end", c('for (;;) fputs("eeeeeeeeeeeeeee", stderr);'), "output", {}),
    ("binary output",
     c('write(1, "a\\0\\377\\n", 4); return 0;'),
     "exited:0", {"out": b"a\0\xff\n"}),
    ("too many processes",
     c("while (fork() >= 0) if (getppid() < 0) return 0; return 1;".replace('while (fork() >= '
                                                                            '0) if (getppid() '
                                                                            '< 0) return 0;',
                                                                            'for (;;) { int p '
                                                                            '= fork(); if (p '
                                                                            '== 0) { pause(); '
                                                                            '} if (p < 0) '
                                                                            'break; }')),
     "processes", {}),
    ("meets the process limit and copes",
     c('int n = 0; for (;;) { int p = fork(); if (p == 0) pause(); if (p < 0) break; n++; } '
       'return n < 16;'),
     "exited:0", {}),
    ("a file too large",
     c('char *p = calloc(1, 1 << 20); int fd = open("f", O_CREAT | O_WRONLY, 0600); for (;;) '
       'if (write(fd, p, 1 << 20) < 0) return 1;'),
     "file_size", {}),
    ("writes and reads a file",
     c('FILE *f = fopen("f", "w+"); fputs("kept", f); rewind(f); char b[9]; fgets(b, 9, f); '
       'puts(b); return 0;'),
     "exited:0", {"out": b"kept\n"}),
    ("stack overflow",
     c("return f(NULL);",
       '__attribute__((noinline)) static int f(volatile char *up) { volatile char b[1000]; '
       'b[0] = up ? up[0] : 1; return f(b) + b[0]; }'),
     "signaled:11", {}),
    ("six of eight megabytes of stack",
     c("return f(6000) != 6000;",
       '__attribute__((noinline)) static long f(long x) { volatile char b[1000]; b[0] = 1; '
       'return x ? f(x - 1) + b[0] : 0; }'),
     "exited:0", {}),
    ("leaves a sleeper", c("if (fork() == 0) { setsid(); pause(); } return 0;"), "exited:0", {}),
    ("leaves zombies",
     c("for (int i = 0; i < 10; i++) if (fork() == 0) _exit(0); return 3;"),
     "exited:3", {}),
    ("tells its CPU time",
     c('while (clock() < CLOCKS_PER_SEC / 5); printf("%ld\\n", (long)clock()); return 0;'),
     "exited:0", {"check": cpu_matches}),
    ("several files",
     c("return twice(21) != 42;", '#include "twice.h"'),
     "exited:0", {"files": {"twice.h": "int twice(int);\n",
                            "twice.c": '#include "twice.h"\nint twice(int x) { return 2 * x; '
                                       '}\n'}}),
    ("does not compile",
     "int main(void) { return x; }\n",
     "compile:1", {"check": stderr_has("undeclared")}),
]

CPP = [
    ("hello", cpp('cout << "hello" << endl;'), "exited:0", {"out": b"hello\n"}),
    ("sums its input",
     cpp("long s = 0, x; while (cin >> x) s += x; cout << s << endl;"),
     "exited:0", {"stdin": "1 2 3", "out": b"6\n"}),
    ("C++17",
     cpp('if (auto [a, b] = pair{1, 2}; optional<int>{a + b}) cout << a + b;'),
     "exited:0", {"out": b"3"}),
    ("uncaught exception", cpp('throw runtime_error("x");'), "signaled:6", {}),
    ("vector without end",
     cpp("vector<vector<char>> v; for (;;) v.emplace_back(1 << 20, 'x');"),
     "memory", {}),
    ("a vector larger than anything",
     cpp("vector<long> v(1ull << 59); return v.size() > 1;"),
     "memory", {}),
    ("copes with bad_alloc",
     cpp("try { vector<long> v(1ull << 59); } catch (const exception &) { return 0; } return 1;"),
     "exited:0", {}),
    ("busy", cpp("for (volatile long i = 0;; i = i + 1);"), "cpu_time", {"limits": BRIEF}),
    ("sleeps", cpp("this_thread::sleep_for(chrono::hours(1));"), "wall_time", {"limits": NAP}),
    ("too many threads",
     cpp('vector<thread> v; for (;;) v.emplace_back([] { '
         'this_thread::sleep_for(chrono::hours(1)); });'),
     "processes", {}),
    ("out_of_range", cpp("vector<int> v; return v.at(5);"), "signaled:6", {}),
    ("exits 3", cpp("return 3;"), "exited:3", {}),
    ("output without end",
     cpp("for (;;) cout << \"yyyyyyyyyyyyyyyyyy\";"),
     "output", {"check": length(65536)}),
    ("does not compile",
     "int main() { return std::x; }\n",
     "compile:1", {"check": stderr_has("error")}),
]

PYTHON = [
    ("hello", 'print("hello")', "exited:0", {"out": b"hello\n"}),
    ("sums its input",
     "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
     "exited:0", {"stdin": "1 2 3", "out": b"6\n"}),
    ("sees its arguments",
     "import sys\nprint(sys.argv[1:])",
     "exited:0", {"args": ["a b", "-x"], "out": b"['a b', '-x']\n"}),
    ("uncaught exception", "1 / 0", "exited:1", {"check": stderr_has("ZeroDivisionError")}),
    ("syntax error", "def (", "exited:1", {"check": stderr_has("SyntaxError")}),
    ("exit(3)", "exit(3)", "exited:3", {}),
    ("busy", "while True: pass", "cpu_time", {"limits": BRIEF}),
    ("sleeps", "import time\ntime.sleep(1000)", "wall_time", {"limits": NAP}),
    ("list without end", "x = []\nwhile True: x.append(bytearray(1 << 20))", "memory", {}),
    ("larger than anything", "x = bytearray(1 << 45)", "memory", {}),
    ("copes with MemoryError",
     "try:\n    x = bytearray(1 << 45)\nexcept MemoryError:\n    print('coped')",
     "exited:0", {"out": b"coped\n"}),
    ("says MemoryError and ends well",
     "import sys\nprint('MemoryError', file=sys.stderr)",
     "exited:0", {}),
    ("recursion",
     "def f(x): return f(x + 1)\nf(0)",
     "exited:1", {"check": stderr_has("RecursionError")}),
    ("output without end", "while True: print('y' * 100)", "output", {"check": length(65536)}),
    ("too many processes",
     "import os, time\nwhile True:\n    if os.fork() == 0: time.sleep(1000)",
     "processes", {}),
    ("too many threads",
     'import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(1000,), '
     'daemon=True).start()',
     "processes", {}),
    ("several files",
     "import twice\nprint(twice.f(21))",
     "exited:0", {"files": {"twice.py": "def f(x): return 2 * x\n"}, "out": b"42\n"}),
    ("modules",
     'import json, re, math, random, collections, heapq, itertools, decimal, hashlib, '
     'datetime, typing, dataclasses, statistics, fractions, string, bisect, functools, '
     'operator, copy, io, unittest, zlib, bz2, lzma, sqlite3, ctypes, uuid, ssl, asyncio\n'
     "print(hashlib.sha256(b'').hexdigest()[:8], zlib.crc32(b'x'))",
     "exited:0", {"out": b"e3b0c442 2363233923\n"}),
    ("asyncio",
     'import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 5\n'
     'print(asyncio.run(f()))',
     "exited:0", {"out": b"5\n"}),
    ("unicode", "print(input()[::-1])", "exited:0", {"stdin": "añ€", "out": "€ña\n".encode()}),
    ("segmentation fault", "import ctypes\nctypes.string_at(0)", "signaled:11", {}),
]

JAVASCRIPT = [
    ("hello", "console.log('hello')", "exited:0", {"out": b"hello\n"}),
    ("sums its input",
     "console.log(require('fs').readFileSync(0, "
     "'utf8').trim().split(/\\s+/).map(Number).reduce((a, b) => a + b))",
     "exited:0", {"stdin": "1 2 3", "out": b"6\n"}),
    ("reads line by line",
     "const l = []; require('readline').createInterface({ input: process.stdin }).on('line', "
     "(x) => l.push(x)).on('close', () => console.log(l.length))",
     "exited:0", {"stdin": "a\nb\nc\n", "out": b"3\n"}),
    ("sees its arguments",
     "console.log(process.argv.slice(2).join('|'))",
     "exited:0", {"args": ["a b", "-x"], "out": b"a b|-x\n"}),
    ("uncaught exception", "throw new Error('x')", "exited:1", {}),
    ("syntax error", "let let = ;", "exited:1", {"check": stderr_has("SyntaxError")}),
    ("exit(3)", "process.exit(3)", "exited:3", {}),
    ("busy", "for (;;);", "cpu_time", {"limits": {"cpuMs": 600}}),
    ("busy reading",
     "const fs = require('fs'), fd = fs.openSync(process.execPath), b = Buffer.alloc(1 << 20); "
     "for (let at = 0;; at = fs.readSync(fd, b, 0, b.length, at) ? at + b.length : 0);",
     "cpu_time", {"limits": {"cpuMs": 1000}}),
    ("busy reading with little room",
     "const fs = require('fs'), fd = fs.openSync(process.execPath), b = Buffer.alloc(1 << 20); "
     "const held = Buffer.alloc(60 << 20, 1); "
     "for (let at = 0; held; at = fs.readSync(fd, b, 0, b.length, at) ? at + b.length : 0);",
     "cpu_time", {"limits": {"cpuMs": 1000}}),
    ("idle", "setInterval(() => {}, 1e9)", "wall_time", {"limits": NAP_SLOW}),
    ("heap", "const x = []; for (;;) x.push(new Array(1000).fill({}))", "memory", {}),
    ("buffers", "const x = []; for (;;) x.push(Buffer.alloc(1 << 20, 1))", "memory", {}),
    ("recursion", "(function f() { f() })()", "exited:1", {"check": stderr_has("RangeError")}),
    ("output without end",
     "for (;;) require('fs').writeSync(1, 'y'.repeat(1000))",
     "output", {"check": length(65536)}),
    ("timers and promises",
     "setTimeout(() => Promise.resolve(5).then(console.log), 5)",
     "exited:0", {"out": b"5\n"}),
    ("modules",
     "const c = require('crypto'), z = require('zlib'); "
     "console.log(c.createHash('sha256').update('').digest('hex').slice(0, 8), "
     "z.gunzipSync(z.gzipSync('x')).toString())",
     "exited:0", {"out": b"e3b0c442 x\n"}),
    ("several files",
     "console.log(require('./twice')(21))",
     "exited:0", {"files": {"twice.js": "module.exports = (x) => 2 * x\n"}, "out": b"42\n"}),
]

JAVA = [
    ("hello", java('System.out.println("hello");'), "exited:0", {"out": b"hello\n"}),
    ("sums its input",
     java('Scanner s = new Scanner(System.in); long t = 0; while (s.hasNextLong()) t += '
          's.nextLong(); System.out.println(t);'),
     "exited:0", {"stdin": "1 2 3", "out": b"6\n"}),
    ("sees its arguments",
     java('System.out.println(String.join("|", args));'),
     "exited:0", {"args": ["a b", "-x"], "out": b"a b|-x\n"}),
    ("uncaught exception",
     java('throw new Exception("x");'),
     "exited:1", {"check": stderr_has("Exception")}),
    ("exit(3)", java("System.exit(3);"), "exited:3", {}),
    ("busy", java("long i = 0; while (true) i++;"), "cpu_time", {"limits": {"cpuMs": 800}}),
    ("sleeps", java("Thread.sleep(1000000);"), "wall_time", {"limits": NAP_SLOW}),
    ("heap",
     java("var l = new ArrayList<byte[]>(); for (;;) l.add(new byte[1 << 20]);"),
     "memory", {}),
    ("direct buffers",
     java('var l = new ArrayList<java.nio.ByteBuffer>(); for (;;) '
          'l.add(java.nio.ByteBuffer.allocateDirect(1 << 20));'),
     "memory", {}),
    ("copes with OutOfMemoryError",
     java('try { byte[] b = new byte[1 << 30]; System.out.println(b.length); } catch '
          '(OutOfMemoryError e) { System.out.println("coped"); }'),
     "exited:0", {"out": b"coped\n"}),
    ("stack overflow",
     java("f(0);", "static int f(int x) { return f(x + 1) + 1; }"),
     "exited:1", {"check": stderr_has("StackOverflowError")}),
    ("too many threads",
     java('for (;;) { Thread t = new Thread(() -> { try { Thread.sleep(1000000); } catch '
          '(InterruptedException e) { } }); t.setDaemon(true); t.start(); }'),
     "processes", {}),
    ("output without end",
     java('for (;;) System.out.println("yyyyyyyyyyyyyyyyyyyyyyyyyyy");'),
     "output", {"check": length(65536)}),
    ("threads and streams",
     java("System.out.println(java.util.stream.IntStream.range(0, 1000).parallel().sum());"),
     "exited:0", {"out": b"499500\n"}),
    ("several classes",
     java("System.out.println(new Inner().f() + new pack.Other().f());",
          "static class Inner { int f() { return 20; } }"),
     "exited:0", {"files": {"pack/Other.java": 'package pack;\npublic class Other { public '
                                               'int f() { return 22; } }\n'},
                  "out": b"42\n"}),
    ("does not compile",
     java("int x = y;"),
     "compile:1", {"check": stderr_has("cannot find symbol")}),
]

CASES = [(name, language, source, end, options)
         for language, cases in (("c", C), ("cpp", CPP), ("python", PYTHON),
                                 ("javascript", JAVASCRIPT), ("java", JAVA))
         for name, source, end, options in cases]
