"""The logged disk: one file, served to the kernel over ``/dev/fuse``, that remembers every write.

The kernel asks, this file answers, one request after the other: no library stands in between. The
root of the mounted filesystem is itself the disk, a regular file; a loop device lies over it, and
the filesystem under test on that. Each write and each flush is appended to the log before it is
answered.

Why the log is faithful: the loop device does direct I/O, and the file is opened with
``FOPEN_DIRECT_IO``, so no page cache holds a write back or merges two. The loop device has a
volatile write cache and no FUA, so the block layer turns each barrier of the filesystem into a
flush, and the loop device turns that into fsync(2), which arrives here as ``FSYNC``. A write is
answered after it stands in the log, and a filesystem that depends on an order waits for the
answer before it goes on. So each beginning of the log, and each of its flushed parts with any
choice of the writes after them, is a disk that could be left by a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
from collections.abc import Callable, Iterator
from typing import Final

from tests.faults.power import mounts, processes

FILE_MODE: Final = stat.S_IFREG | 0o600
MAX_WRITE: Final = 1 << 20

WRITE: Final = b"W"
FLUSH: Final = b"F"
RECORD: Final = struct.Struct("<cQI")
"""Kind, offset on the disk, and number of bytes, which follow."""

_IN_HEADER: Final = struct.Struct("<IIQQIIIHH")
_OUT_HEADER: Final = struct.Struct("<IiQ")
_INIT_IN: Final = struct.Struct("<IIII")
_INIT_OUT: Final = struct.Struct("<IIIIHHIIHHI28x")
_ATTRIBUTES: Final = struct.Struct("<QII QQQQQQ IIIIIIIIII")
_OPEN_OUT: Final = struct.Struct("<QII")
_WHERE: Final = struct.Struct("<QQI")
_WRITE_DATA: Final = 40
_WRITE_OUT: Final = struct.Struct("<II")
_STATFS_OUT: Final = struct.Struct("<QQQQQIIII24x")

_MAJOR: Final = 7
_MINOR: Final = 31
_BIG_WRITES: Final = 1 << 5
_MAX_PAGES: Final = 1 << 22
_DIRECT_IO: Final = 1 << 0
_PAGE: Final = 4096
_ATTRIBUTES_VALID: Final = 3600

Handler = Callable[[memoryview], bytes]


class LoggedDisk:
    """Answers the kernel's requests for one disk; ``image`` has its bytes, ``log`` its story."""

    def __init__(self, connection: int, image: int, log: int) -> None:
        self._connection = connection
        self._image = image
        self._log = log
        self._size = os.fstat(image).st_size
        self._handlers: dict[int, Handler] = {
            3: self._get_attributes,
            14: self._open,
            15: self._read,
            16: self._write,
            17: self._statfs,
            18: _nothing,  # RELEASE
            20: self._fsync,
            25: _nothing,  # FLUSH, which is close(2) and says nothing of durability
            26: self._init,
            38: _nothing,  # DESTROY
        }
        self._unanswered = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET

    def serve(self) -> None:
        """Answer until the disk is unmounted."""
        while True:
            try:
                request = os.read(self._connection, MAX_WRITE + _PAGE)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                # ENOENT: a request was withdrawn while it was being read.
                if error.errno not in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                    raise
                continue
            self._answer(memoryview(request))

    def close(self) -> None:
        """Let go of the disk, for whoever does not serve it."""
        for descriptor in (self._connection, self._image, self._log):
            os.close(descriptor)

    def _answer(self, request: memoryview) -> None:
        _, code, unique, *_ = _IN_HEADER.unpack_from(request)
        if code in self._unanswered:
            return
        # The kernel falls back where it may, and asks no more, when something is not there.
        handler = self._handlers.get(code)
        failure, answer = -errno.ENOSYS, b""
        if handler is not None:
            try:
                failure, answer = 0, handler(request[_IN_HEADER.size :])
            except OSError as error:
                failure = -(error.errno or errno.EIO)
        size = _OUT_HEADER.size + len(answer)
        try:
            os.writev(self._connection, (_OUT_HEADER.pack(size, failure, unique), answer))
        except OSError as error:
            # ENOENT: whoever asked has been killed. ENODEV is met again by the next read.
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise

    # --- the disk ------------------------------------------------------------------------------

    def _read(self, body: memoryview) -> bytes:
        _, offset, size = _WHERE.unpack_from(body)
        return os.pread(self._image, size, offset)

    def _write(self, body: memoryview) -> bytes:
        _, offset, size = _WHERE.unpack_from(body)
        data = body[_WRITE_DATA : _WRITE_DATA + size]
        if offset + size > self._size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        _whole(os.pwrite(self._image, data, offset), size)
        _whole(os.writev(self._log, (RECORD.pack(WRITE, offset, size), data)), RECORD.size + size)
        return _WRITE_OUT.pack(size, 0)

    def _fsync(self, body: memoryview) -> bytes:
        _whole(os.write(self._log, RECORD.pack(FLUSH, 0, 0)), RECORD.size)
        return b""

    # --- what makes it a file --------------------------------------------------------------------

    def _init(self, body: memoryview) -> bytes:
        major, minor, read_ahead, offered = _INIT_IN.unpack_from(body)
        if (major, minor) < (_MAJOR, _MINOR):
            raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
        flags = offered & (_BIG_WRITES | _MAX_PAGES)
        pages = MAX_WRITE // _PAGE
        return _INIT_OUT.pack(
            _MAJOR, _MINOR, read_ahead, flags, 0, 0, MAX_WRITE, 1, pages, 0, 0
        )  # fmt: skip

    def _get_attributes(self, body: memoryview) -> bytes:
        blocks = self._size // 512
        times = (0,) * 6
        return _ATTRIBUTES.pack(
            _ATTRIBUTES_VALID, 0, 0,
            1, self._size, blocks, *times, FILE_MODE, 1, 0, 0, 0, _PAGE, 0,
        )  # fmt: skip

    def _open(self, body: memoryview) -> bytes:
        return _OPEN_OUT.pack(0, _DIRECT_IO, 0)

    def _statfs(self, body: memoryview) -> bytes:
        return _STATFS_OUT.pack(self._size // _PAGE, 0, 0, 1, 0, _PAGE, 255, _PAGE, 0)


@contextlib.contextmanager
def logged(image: str, log: str, disk: str) -> Iterator[None]:
    """Let the file ``disk`` be a logged disk: its bytes lie in ``image``, its story in ``log``."""
    connection = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    os.close(os.open(disk, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    options = f"fd={connection},rootmode={FILE_MODE:o},user_id=0,group_id=0"
    mounts.mount("registry-power", disk, "fuse", options)
    served = LoggedDisk(
        connection,
        os.open(image, os.O_RDWR | os.O_CLOEXEC),
        os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600),
    )

    def serve() -> None:
        # Were this the last process of the namespace to be killed, the kernel would have it unmount
        # what lies on the disk, and that would wait for answers that nobody gives any more. So the
        # server has a namespace of its own in which nothing of this is mounted.
        mounts.enter_private_namespace()
        mounts.unmount(disk)
        served.serve()

    server = processes.fork(serve)
    # With the last descriptor of the connection the disk ends, so the server alone may hold one.
    served.close()
    yield
    mounts.unmount(disk)
    processes.wait_for(server, "logged disk")


def _nothing(body: memoryview) -> bytes:
    return b""


def _whole(done: int, wanted: int) -> None:
    """Fail the request if less was written than the log would have to say."""
    if done != wanted:
        raise OSError(errno.EIO, "a short write")
