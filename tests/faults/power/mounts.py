"""Mounts and loop devices by system call, in a mount namespace that the kernel takes down itself.

Nothing here can be left behind: the namespace goes with its last process and takes its mounts
along, a loop device is cleared with its last user, and all files lie in a tmpfs of the namespace.
So a run that is killed leaves no more than an empty folder, and nobody else's mount is touched.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import struct
import time
import uuid
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p,) * 3 + (ctypes.c_ulong, ctypes.c_char_p)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)

_CLONE_NEWNS: Final = 0x00020000
_MS_NOSUID: Final = 2
_MS_NODEV: Final = 4
_MS_NOATIME: Final = 1024
_MS_BIND: Final = 4096
_MS_REC: Final = 16384
_MS_PRIVATE: Final = 1 << 18
_PR_SET_PDEATHSIG: Final = 1

_LOOP_CONFIGURE: Final = 0x4C0A
_LOOP_CTL_GET_FREE: Final = 0x4C82
_LO_FLAGS_AUTOCLEAR: Final = 4
_LO_FLAGS_DIRECT_IO: Final = 16
_LOOP_CONFIG: Final = struct.Struct("<II 40xIIII 176x 64x")
"""struct loop_config: descriptor, block size, then struct loop_info64 up to its flags."""
_LOOP_ATTEMPTS: Final = 50
_UNMOUNT_SECONDS: Final = 10.0
_BOOT_ID: Final = b"/proc/sys/kernel/random/boot_id"


def _checked(result: int, path: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)


def end_with_parent() -> None:
    """Have the kernel kill this process when the one that forked it ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")


def enter_private_namespace() -> None:
    """Let nobody else see the mounts that this process makes from now on."""
    _checked(_libc.unshare(_CLONE_NEWNS), "unshare")
    _checked(_libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "/")


def mount(source: str, target: str, kind: str, options: str = "") -> None:
    """Mount a filesystem."""
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOATIME
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode(), flags, options.encode() or None
    )
    _checked(result, target)


def change_boot_id(path: str) -> None:
    """Let this namespace see another run of the kernel, by way of the new file ``path``."""
    with open(path, "x", encoding="ascii") as file:
        file.write(f"{uuid.uuid4()}\n")
    _checked(_libc.mount(path.encode(), _BOOT_ID, None, _MS_BIND, None), path)


def unmount(target: str) -> None:
    """Unmount a filesystem; its last bytes are written before this returns."""
    deadline = time.monotonic() + _UNMOUNT_SECONDS
    while True:
        try:
            return _checked(_libc.umount2(target.encode(), 0), target)
        except OSError as error:
            # The kernel may still be about to close a file for somebody who has just ended.
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def attach_loop(file: str, *, direct: bool = False) -> tuple[str, int]:
    """Put a loop device over a file; return its path and a descriptor that keeps it alive.

    The device is cleared when the descriptor is closed and no filesystem is mounted from it.
    """
    flags = _LO_FLAGS_AUTOCLEAR | (_LO_FLAGS_DIRECT_IO if direct else 0)
    backing = os.open(file, os.O_RDWR | os.O_CLOEXEC | (os.O_DIRECT if direct else 0))
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_LOOP_ATTEMPTS):
            path = f"/dev/loop{fcntl.ioctl(control, _LOOP_CTL_GET_FREE)}"
            device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(device, _LOOP_CONFIGURE, _LOOP_CONFIG.pack(backing, 0, 0, 0, 0, flags))
            except OSError as error:
                os.close(device)
                # Somebody else was quicker to take this one.
                if error.errno != errno.EBUSY:
                    raise
                continue
            return path, device
        raise OSError(errno.EBUSY, "no free loop device")
    finally:
        os.close(control)
        os.close(backing)


def require_passing_on(device: str) -> None:
    """Raise RuntimeError unless a loop device hands every write and every flush on at once."""
    name = os.path.basename(device)
    expected = {"loop/dio": "1", "queue/write_cache": "write back", "queue/fua": "0"}
    for attribute, wanted in expected.items():
        with open(f"/sys/block/{name}/{attribute}", encoding="ascii") as file:
            found = file.read().strip()
        if found != wanted:
            raise RuntimeError(f"{attribute} of {device} is {found!r}, not {wanted!r}")


def sync_filesystem(path: str) -> None:
    """Make everything on the filesystem of ``path`` durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _checked(_libc.syncfs(descriptor), path)
    finally:
        os.close(descriptor)
