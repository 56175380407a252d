"""A server with remote repositories, and an upstream whose answers a test holds in its hands."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from tests.live.wire import Wire, digest_of
from tests.support.live import LiveServer
from tests.support.upstream import Answer, Request, ScriptedUpstream
from tests.support.upstream import Wire as UpstreamWire

KEY = "mirror"
IMAGE = f"/v2/{KEY}/team/app"
SIZE = 3 * 1024 * 1024


def add_remote(
    server: LiveServer, upstream: ScriptedUpstream, key: str = KEY, **fields: object
) -> None:
    """Create a remote repository."""
    document = {"rclass": "remote", "packageType": "docker", "url": upstream.url, **fields}
    with Wire(server) as wire:
        reply = wire.ask(
            "PUT", f"/artifactory/api/repositories/{key}", "Content-Type: application/json",
            body=json.dumps(document).encode(),
        )  # fmt: skip
    assert reply.status == 200, reply


def new_layer(upstream: ScriptedUpstream, size: int = SIZE) -> tuple[bytes, str]:
    """Let upstream have a layer that nobody has seen."""
    data = os.urandom(size)
    upstream.blob("team/app", data)
    return data, digest_of(data)


def in_two_parts(data: bytes, first: int, gate: threading.Event) -> Answer:
    """Send the first bytes of a blob, and the others once the gate is open."""

    def answer(request: Request, wire: UpstreamWire) -> None:
        wire.send(
            f"HTTP/1.1 200 Scripted\r\nContent-Length: {len(data)}\r\n"
            "Content-Type: application/octet-stream\r\n\r\n".encode()
            + data[:first]
        )
        while not gate.wait(0.02):
            if wire.ending.is_set():
                wire.close()
                return
        wire.send(data[first:])

    return answer


def halved_layer(upstream: ScriptedUpstream) -> tuple[bytes, str, threading.Event]:
    """Let upstream have a new layer, whose second half comes once the returned gate is open."""
    gate = threading.Event()
    data, digest = new_layer(upstream)
    upstream.script(digest, in_two_parts(data, SIZE // 2, gate))
    return data, digest, gate


def read_head(wire: Wire) -> bytes:
    """Read the head of an answer, and nothing behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = wire.socket.recv(1)
        assert byte, head
        head += byte
    return head


def read_bytes(wire: Wire, most: int) -> bytes:
    """Read so many bytes of a body, or what comes before the connection ends."""
    data = b""
    while len(data) < most:
        part = wire.socket.recv(min(most - len(data), 1 << 16))
        if not part:
            break
        data += part
    return data


def leader(server: LiveServer) -> int:
    """The worker that writes a download."""
    uploads = str(server.storage / "uploads")
    for pid in server.worker_pids():
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = os.readlink(entry)
                flags = Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text()
            except OSError:
                continue
            mode = int(flags.split("flags:")[1].split()[0], 8) & os.O_ACCMODE
            if target.startswith(uploads) and mode == os.O_RDWR:
                return pid
    raise AssertionError("nobody writes")
