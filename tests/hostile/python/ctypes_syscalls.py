# System calls by number from a language that has no need for them.
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
calls = {"keyctl": 250, "add_key": 248, "unshare": 272, "mount": 165, "ptrace": 101, "bpf": 321,
         "io_uring_setup": 425, "userfaultfd": 323, "perf_event_open": 298, "setns": 308,
         "chroot": 161, "kexec_load": 246, "init_module": 175, "open_by_handle_at": 304}
for name, number in calls.items():
    ctypes.set_errno(0)
    r = libc.syscall(number, 0x10000000 if name == "unshare" else 0, 0, 0, 0, 0, 0)
    print("held" if r < 0 else "ESCAPED", name, os.strerror(ctypes.get_errno()))
