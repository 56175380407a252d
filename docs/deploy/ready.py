"""Ends with 0 if a server says that it can serve: ``ready.py HOST:PORT|unix:PATH [SECONDS]``.

With SECONDS it asks again until then. Needs nothing but Python, as a health check of a container
should, and as systemd needs it to know when the server has started.
"""

from __future__ import annotations

import http.client
import socket
import sys
import time

_PAUSE = 0.1
_TIMEOUT = 5.0


class _Connection(http.client.HTTPConnection):
    """A connection to an address in the form of the setting ``listen``."""

    def __init__(self, address: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._address = address

    def connect(self) -> None:
        """Connect to the socket or the port."""
        if self._address.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(_TIMEOUT)
            self.sock.connect(self._address.removeprefix("unix:"))
            return
        host, _, port = self._address.rpartition(":")
        host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))
        self.sock = socket.create_connection((host, int(port)), _TIMEOUT)


def reason_against(address: str) -> str | None:
    """Return why the server cannot serve, or None if it can."""
    connection = _Connection(address)
    try:
        connection.request("GET", "/readyz")
        with connection.getresponse() as response:
            return None if response.status == 200 else response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()


def main() -> None:
    """Ask once, or until the time is over."""
    address = sys.argv[1]
    end = time.monotonic() + float(sys.argv[2] if len(sys.argv) > 2 else 0)
    while (reason := reason_against(address)) is not None:
        if time.monotonic() >= end:
            sys.exit(f"{address} is not ready: {reason.strip()}")
        time.sleep(_PAUSE)


if __name__ == "__main__":
    main()
