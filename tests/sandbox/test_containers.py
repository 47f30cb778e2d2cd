#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""test_containers.py [--build DIR] [--only REGEXP]

The sandbox in containers, made with runc under each security context that a pod may have: the
level of isolation that each gives, its self-test, and a run of each language. Only the toolchains
of this machine are in the containers. Ends with "N passed, N failed, N skipped".
"""
import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PATIENCE_S = 240

# What a runtime gives a container that asks for nothing.
DEFAULT = ("CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP "
           "NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE").split()
NAMES = ("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP "
         "LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER "
         "SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE "
         "SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL "
         "SETFCAP").split()


def held():
    """The capabilities that we have ourselves: no runtime can give more."""
    with open("/proc/self/status", encoding="ascii") as f:
        bits = int(re.search(r"^CapEff:\s*(\w+)", f.read(), re.M).group(1), 16)
    return [name for i, name in enumerate(NAMES) if bits >> i & 1]


MASKED = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/version", "/proc/acpi"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]
NAMESPACE_FLAGS = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000,
                   0x40000000)
MOUNTS = ("mount umount2 fsopen fsmount fsconfig fspick open_tree move_mount mount_setattr "
          "unshare setns").split()

Pod = collections.namedtuple("Pod", "name level user caps seccomp host_users unmasked cgroups")
# `caps`: None = all. `seccomp`: "default" = RuntimeDefault; "admin" = the same where SYS_ADMIN is
# had; "" = a profile of one's own that allows namespaces.
PODS = [
    Pod("a default pod, as root", "lsm", 0, DEFAULT, "default", True, False, False),
    Pod("a restricted pod", "lsm", 10001, [], "default", True, False, False),
    Pod("a restricted pod with its own filter", "ns-noproc", 10001, [], "", True, False, False),
    Pod("and with users of its own", "ns-noproc", 10001, [], "", False, False, False),
    Pod("and with all of /proc", "ns", 10001, [], "", False, True, False),
    Pod("root of its own users, with few capabilities", "ns", 0, ["SETUID", "SETGID", "KILL"], "",
        False, True, False),
    Pod("root of its own users who may administrate", "ns", 0, DEFAULT + ["SYS_ADMIN"], "admin",
        False, True, False),
    Pod("a privileged pod", "full", 0, None, "", True, True, True),
]

PROGRAMS = {
    "a.py": "print(6 * 7)\n",
    "a.js": "console.log(6 * 7)\n",
    "a.c": "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", 6 * 7); }\n",
    "a.cpp": "#include <iostream>\nint main() { std::cout << 6 * 7 << std::endl; }\n",
    "Main.java": "public class Main { public static void main(String[] a) "
                 "{ System.out.println(6 * 7); } }\n",
}
SCRIPT = """cd /arena || exit 1
./arena-sandbox check
./arena-sandbox selftest --quiet
for f in a.py a.js a.c a.cpp Main.java; do
    echo "ran $f: $(./arena-sandbox run $f </dev/null 2>&1)"
done
"""


def seccomp(kind):
    """RuntimeDefault, as far as it matters here: the rest it allows."""
    rules = [{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
             {"names": MOUNTS, "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]
    rules += [{"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
               "args": [{"index": 0, "value": flag, "valueTwo": flag,
                         "op": "SCMP_CMP_MASKED_EQ"}]} for flag in NAMESPACE_FLAGS]
    if kind == "admin":
        rules = []
    rules.append({"names": ["pivot_root"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1})
    return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": rules}


def bind(path, source=None, mode="ro"):
    return {"destination": path, "type": "bind", "source": source or path,
            "options": ["rbind", mode]}


def tmpfs(path, *options):
    return {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": list(options)}


def config(pod, folder):
    caps = ["CAP_" + c for c in (held() if pod.caps is None else pod.caps)]
    own = caps if pod.user == 0 else []
    mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
              tmpfs("/dev", "nosuid", "mode=755", "size=64k"),
              tmpfs("/tmp", "nosuid", "nodev", "mode=1777"),
              bind("/usr"), bind("/etc"), bind("/arena", folder)]
    if pod.cgroups:
        mounts.append(bind("/sys/fs/cgroup", mode="rw"))
    linux = {"namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "network")],
             "maskedPaths": [] if pod.unmasked else MASKED,
             "readonlyPaths": [] if pod.unmasked else READ_ONLY}
    if not pod.host_users:
        linux["namespaces"].append({"type": "user"})
        linux["uidMappings"] = linux["gidMappings"] = [
            {"containerID": 0, "hostID": 0x30000000, "size": 65536}]
    if pod.seccomp:
        linux["seccomp"] = seccomp(pod.seccomp)
    return {"ociVersion": "1.0.2", "hostname": "pod", "root": {"path": "rootfs", "readonly": True},
            "process": {"user": {"uid": pod.user, "gid": pod.user}, "cwd": "/",
                        "args": ["/usr/bin/sh", "/arena/try.sh"],
                        "env": ["PATH=/usr/bin:/bin", "ARENA_PROFILE_DIR=/arena/profiles"],
                        "noNewPrivileges": not pod.cgroups,
                        "capabilities": {"bounding": caps, "effective": own, "permitted": own,
                                         "inheritable": []}},
            "mounts": mounts, "linux": linux}


def prepare(top, build):
    """A root of links and empty folders, and a folder with what is tried."""
    arena = os.path.join(top, "arena")
    root = os.path.join(top, "rootfs")
    for path in ("usr", "etc", "proc", "dev", "tmp", "arena", "sys/fs/cgroup"):
        os.makedirs(os.path.join(root, path))
    for name in ("bin", "lib", "lib64", "sbin"):
        os.symlink("usr/" + name, os.path.join(root, name))
    os.mkdir(arena)
    shutil.copy2(os.path.join(build, "arena-sandbox"), arena)
    shutil.copytree(os.environ.get("ARENA_PROFILE_DIR") or os.path.join(TOP, "images/profiles"),
                    os.path.join(arena, "profiles"))
    for name, text in {**PROGRAMS, "try.sh": SCRIPT}.items():
        with open(os.path.join(arena, name), "w", encoding="ascii") as f:
            f.write(text)
    subprocess.run(["chmod", "-R", "a+rX", top], check=True)
    # runc gives a new tmpfs the mode of what is below it.
    os.chmod(os.path.join(root, "tmp"), 0o1777)
    return arena


def runc(top, name, timeout):
    words = ["runc", "--root", os.path.join(top, "state"), "run", "--bundle", top, name]
    try:
        return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout,
                              check=False).stdout.decode()
    except subprocess.TimeoutExpired as e:
        return (e.stdout or b"").decode() + "\nit does not end"
    finally:
        subprocess.run(words[:3] + ["delete", "--force", name], stderr=subprocess.DEVNULL,
                       check=False)


def problems(pod, text):
    level = re.search(r"^level: (\S+)$", text, re.M)
    if not level:
        return ["the container says: " + text[-300:]]
    bad = []
    if level.group(1) != pod.level:
        bad.append(f"level {level.group(1)}, not {pod.level}: {text[:600]}")
    bad += [line for line in text.splitlines() if line.startswith("FAIL")]
    if not re.search(r"^\d\d+ passed, 0 failed", text, re.M):
        bad.append("the self-test did not pass")
    own_ids = re.search(r"^ *(yes|no) +user ids of its own$", text, re.M).group(1) == "yes"
    if own_ids != (pod.user == 0):
        bad.append(f"user ids of its own: {own_ids}")
    return bad + [f"{f} says: {said}" for f, said in re.findall(r"^ran (\S+): (.*)", text, re.M)
                  if said != "42"]


def usable(top):
    """Why runc makes no container here; "" = it does."""
    if os.geteuid() != 0:
        return "only root may"
    if not shutil.which("runc"):
        return "there is no runc"
    pod = Pod("", "", 0, None, "", True, True, False)
    plain = config(pod, os.path.join(top, "arena"))
    plain["process"]["args"] = ["/usr/bin/echo", "it works"]
    with open(os.path.join(top, "config.json"), "w", encoding="ascii") as f:
        json.dump(plain, f)
    said = runc(top, f"arena-test-{os.getpid()}", 60)
    return "" if said.strip() == "it works" else "runc: " + said.strip()[-200:]


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--build", default=os.environ.get("BUILD") or os.path.join(TOP, "build"))
    ap.add_argument("--only", default="")
    options = ap.parse_args()
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory(prefix="arena-runc-") as top:
        os.chmod(top, 0o755)
        arena = prepare(top, options.build)
        why = usable(top)
        for pod in (p for p in PODS if re.search(options.only, p.name)):
            if why:
                skipped += 1
                print(f"skip: {pod.name}: {why}")
                continue
            with open(os.path.join(top, "config.json"), "w", encoding="ascii") as f:
                json.dump(config(pod, arena), f)
            bad = problems(pod, runc(top, f"arena-test-{os.getpid()}", PATIENCE_S))
            failed += bool(bad)
            passed += not bad
            print(f"FAIL  {pod.name}" if bad else f"ok    {pod.name}: level {pod.level}",
                  flush=True)
            for b in bad:
                print("      " + b)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
