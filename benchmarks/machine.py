"""What the machine itself can do with the same bytes, without any registry."""

import contextlib
import hashlib
import multiprocessing
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.errors import MeasurementFailed
from benchmarks.together import seconds_together

WRITE_BYTES = 1 << 20
_FORK = multiprocessing.get_context("fork")


def hash_seconds(data: memoryview) -> float:
    """Seconds to take the sha256 of ``data`` in one thread."""
    start = time.perf_counter()
    hashlib.sha256(data).digest()
    return time.perf_counter() - start


def write_seconds(data: memoryview, folder: Path) -> float:
    """Seconds to write ``data`` to a new file in ``folder`` and make it durable."""
    path = folder / "machine-write"
    os.sync()
    start = time.perf_counter()
    write_durably(path, data)
    seconds = time.perf_counter() - start
    path.unlink()
    return seconds


def write_and_hash_seconds(data: memoryview, folder: Path) -> float:
    """Seconds to do both in one process, piece by piece, as whoever receives a layer has to."""
    path, hasher = folder / "machine-write", hashlib.sha256()
    os.sync()
    start = time.perf_counter()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for begin in range(0, len(data), WRITE_BYTES):
            piece = data[begin : begin + WRITE_BYTES]
            hasher.update(piece)
            while piece:
                piece = piece[os.write(file, piece) :]
        os.fsync(file)
    finally:
        os.close(file)
    seconds = time.perf_counter() - start
    path.unlink()
    return seconds


def write_durably(path: Path, data: memoryview) -> None:
    """Write ``data`` to ``path`` and fsync the file."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for start in range(0, len(data), WRITE_BYTES):
            piece = data[start : start + WRITE_BYTES]
            while piece:
                piece = piece[os.write(file, piece) :]
        os.fsync(file)
    finally:
        os.close(file)


def sendfile_seconds(path: Path, buffer: bytearray) -> float:
    """Seconds to send the file ``path`` by the kernel over loopback and receive it here."""
    size = path.stat().st_size
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = _FORK.Process(target=_send_file, args=(server, path), daemon=True)
        sender.start()
        try:
            with socket.create_connection(server.getsockname()) as connection:
                start = time.perf_counter()
                connection.sendall(b"?")
                view, left = memoryview(buffer), size
                while left > 0 and (count := connection.recv_into(view)):
                    left -= count
                seconds = time.perf_counter() - start
        finally:
            sender.join(5)
            sender.kill()
            sender.join()
    if left:
        raise MeasurementFailed("the file did not come through loopback as a whole")
    return seconds


def _send_file(server: socket.socket, path: Path) -> None:
    connection, _ = server.accept()
    with connection, path.open("rb") as file:
        connection.recv(1)
        connection.sendfile(file)


def small_file_seconds(folder: Path, writers: int, files: int, size: int) -> float:
    """Seconds in which ``writers`` processes each make ``files`` durable files of ``size`` bytes.

    The files are removed afterwards.
    """
    data = memoryview(os.urandom(size))

    def prepare(number: int) -> Callable[[], None]:
        home = folder / f"writer-{number}"
        home.mkdir()

        def work() -> None:
            for index in range(files):
                write_durably(home / str(index), data)

        return work

    try:
        return seconds_together(writers, prepare)
    finally:
        for home in folder.glob("writer-*"):
            for path in home.iterdir():
                path.unlink()
            with contextlib.suppress(OSError):
                home.rmdir()
