# SPDX-License-Identifier: MPL-2.0
"""Files, folders and the formats that the standard library reads and writes."""
import errno
import bz2
import configparser
import csv
import dbm.dumb
import fcntl
import filecmp
import fileinput
import glob
import gzip
import io
import json
import linecache
import lzma
import mmap
import os
import pathlib
import pickle
import shelve
import shutil
import sqlite3
import stat
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as xml
import zipfile
import zlib


def folders():
    os.makedirs("a/b/c")
    root = pathlib.Path("a")
    (root / "one.txt").write_text("text\n" * 1000, encoding="utf-8")
    shutil.copy2("a/one.txt", "a/b/two.txt")
    shutil.copytree("a", "d")
    os.symlink("one.txt", "a/link")
    os.link("a/one.txt", "a/hard")
    assert os.readlink("a/link") == "one.txt" and os.path.realpath("a/link").endswith("one.txt")
    assert sorted(e.name for e in os.scandir("a")) == ["b", "hard", "link", "one.txt"]
    assert len(list(root.rglob("*"))) == 6 and len(glob.glob("a/**", recursive=True)) == 7
    assert sum(len(f) for _, _, f in os.walk("d")) == 2
    assert filecmp.cmp("a/one.txt", "d/one.txt", shallow=False)
    os.chmod("a/one.txt", 0o640)
    os.utime("a/one.txt", (1, 1))
    shutil.move("d", "e")
    shutil.rmtree("e")
    (root / "b").rename(root / "z")
    os.replace("a/hard", "a/soft")
    (root / "touched").touch()
    assert stat.S_ISLNK(os.lstat("a/link").st_mode) and os.access("a", os.W_OK)
    assert shutil.disk_usage(".").total > 0 and os.statvfs(".").f_bsize > 0
    assert shutil.which("nothing") is None
    fd = os.open("a", os.O_RDONLY)
    os.stat("one.txt", dir_fd=fd)
    os.chdir("a")
    os.fchdir(fd)
    os.chdir("..")
    os.close(fd)
    os.truncate("a/soft", 100)
    for call in (lambda: os.chown("a/soft", os.getuid(), os.getgid()),
                 lambda: os.listxattr("a/soft"), lambda: os.getxattr("a/soft", "user.x"),
                 lambda: os.setxattr("a/soft", "user.x", b"1"), lambda: os.mkfifo("a/fifo")):
        try:
            call()
        except OSError:
            pass


def descriptors():
    with tempfile.NamedTemporaryFile() as f, tempfile.TemporaryFile() as g:
        f.write(b"x" * 100000)
        f.flush()
        os.fsync(f.fileno())
        os.posix_fallocate(f.fileno(), 0, 200000)
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        fcntl.flock(f, fcntl.LOCK_EX)
        fcntl.lockf(g, fcntl.LOCK_EX)
        for copy in (lambda: os.sendfile(g.fileno(), f.fileno(), 0, 1000),
                     lambda: os.copy_file_range(f.fileno(), g.fileno(), 1000, 0)):
            try:
                assert copy() == 1000
            except OSError as e:  # programs are told to copy by themselves
                assert e.errno == errno.EINVAL
        assert os.pread(f.fileno(), 10, 5) == b"x" * 10
        os.pwrite(f.fileno(), b"y", 5)
        os.preadv(f.fileno(), [bytearray(8)], 0)
        os.pwritev(f.fileno(), [b"ab", b"cd"], 0)
        with mmap.mmap(f.fileno(), 4096) as m:
            m[0:2] = b"zz"
            m.flush()
        os.ftruncate(f.fileno(), 10)
        os.set_blocking(f.fileno(), True)
        assert not os.isatty(f.fileno())
    with tempfile.SpooledTemporaryFile(max_size=10) as f:
        f.write(b"z" * 100)
    with tempfile.TemporaryDirectory() as d:
        pathlib.Path(d, "x").touch()
    os.umask(os.umask(0o22))
    if hasattr(os, "memfd_create"):
        try:
            os.close(os.memfd_create("x"))
        except OSError:
            pass


def formats():
    data = b"some bytes " * 10000
    for module in (gzip, bz2, lzma):
        with module.open("packed", "wb") as f:
            f.write(data)
        with module.open("packed", "rb") as f:
            assert f.read() == data
    assert zlib.decompress(zlib.compress(data)) == data
    with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.write("a/one.txt")
    with zipfile.ZipFile("a.zip") as z:
        z.extractall("unzipped")
    with tarfile.open("a.tar.gz", "w:gz") as t:
        t.add("a")
    with tarfile.open("a.tar.gz") as t:
        t.extractall("untarred")
    with sqlite3.connect("data.db") as db:
        db.execute("create table t (a integer primary key, b text)")
        db.executemany("insert into t (b) values (?)", [(str(i),) for i in range(1000)])
        db.commit()
        db.execute("pragma journal_mode=wal")
        db.execute("insert into t (b) values ('x')")
        db.commit()
        assert db.execute("select count(*) from t").fetchone() == (1001,)
        db.execute("vacuum")
    db.close()
    with shelve.open("shelf") as s:
        s["k"] = [1, 2]
    with dbm.dumb.open("dumb", "c") as s:
        s[b"k"] = b"v"
    with open("t.csv", "w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows([[1, "a"], [2, "b"]])
    with open("t.csv", newline="", encoding="utf-8") as f:
        assert len(list(csv.reader(f))) == 2
    assert json.loads(json.dumps({"a": [1, 2.5, None]}))["a"][1] == 2.5
    assert pickle.loads(pickle.dumps({1: (2, 3)})) == {1: (2, 3)}
    assert xml.fromstring("<a><b/></a>").find("b") is not None
    c = configparser.ConfigParser()
    c.read_string("[s]\nk=v\n")
    for line in fileinput.input(["t.csv"], encoding="utf-8"):
        assert line
    assert linecache.getline("t.csv", 1)
    assert io.StringIO("x").read() == "x" and len(sys.stdin.read()) >= 0


folders()
descriptors()
formats()
print("ok")
