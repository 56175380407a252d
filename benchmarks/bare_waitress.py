"""A bare waitress: processes on one listening socket that answer a constant and nothing more.

Run as ``python -m benchmarks.bare_waitress PORT BYTES``; it shows what the web server alone can
do, so what a registry on it can reach at most.
"""

import os
import socket
import sys
from collections.abc import Iterable
from typing import Any

PROCESSES = 2


def serve(port: int, size: int) -> None:
    """Answer every request on ``port`` of loopback with ``size`` bytes, until killed."""
    import waitress

    body = b"x" * size
    headers = [
        ("Content-Type", "application/octet-stream"),
        ("Content-Length", str(size)),
        ("Docker-Content-Digest", "sha256:" + "0" * 64),
        ("Docker-Distribution-Api-Version", "registry/2.0"),
    ]

    def answer(environment: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", headers)
        return [body]

    with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
        for _ in range(PROCESSES - 1):
            if os.fork() == 0:
                break
        waitress.serve(answer, sockets=[listener], _quiet=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
