"""Debian's docker-registry in a process of its own: another implementation of what we speak."""

from __future__ import annotations

import hashlib
import http.client
import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.conftest import basic
from tests.support.live import free_port
from tests.support.tools import require_tool

PROGRAM = "docker-registry"
_START_SECONDS = 30.0
_SALT = "$2y$05$abcdefghijklmnopqrstuu"


@dataclass
class DebianRegistry:
    """The registry on ``folder``, started by ``with``; with a user it asks for a password."""

    folder: Path
    user: str = ""
    password: str = ""
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        require_tool(PROGRAM)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()

    def start(self) -> None:
        """Start, or start again with the same content on the same port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "config.json"
        configuration.write_text(json.dumps(self._configuration()))
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "serve", str(configuration)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while self._status() is None:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """End the process, and wait for its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def push_blob(self, image: str, data: bytes) -> str:
        """Store a blob; return its digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        _, location = self._request("POST", f"/v2/{image}/blobs/uploads/", 202)
        joined = "&" if "?" in location else "?"
        self._request("PUT", f"{location}{joined}digest={digest}", 201, data)
        return digest

    def push_manifest(self, image: str, reference: str, body: bytes, media_type: str) -> None:
        """Store a manifest whose parts are there."""
        self._request("PUT", f"/v2/{image}/manifests/{reference}", 201, body, media_type)

    def _request(
        self, method: str, path: str, expected: int, body: bytes = b"",
        media_type: str = "application/octet-stream",
    ) -> tuple[bytes, str]:  # fmt: skip
        headers = {"Content-Type": media_type}
        if self.user:
            headers["Authorization"] = basic(self.user, self.password)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path.removeprefix(self.url), body, headers)
            answer = connection.getresponse()
            read = answer.read()
            assert answer.status == expected, (answer.status, read)
            return read, answer.getheader("Location", "")
        finally:
            connection.close()

    def _configuration(self) -> dict[str, object]:
        configuration: dict[str, object] = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.folder / "storage")},
                "delete": {"enabled": True},
            },
            "http": {"addr": self.host, "secret": "tests"},
        }
        if self.user:
            line = self.folder / "htpasswd"
            line.write_text(f"{self.user}:{_bcrypt(self.password)}\n")
            configuration["auth"] = {"htpasswd": {"realm": "tests", "path": str(line)}}
        return configuration

    def _status(self) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()


def _bcrypt(password: str) -> str:
    """Return a password as Apache's htpasswd would store it; the system's crypt knows how."""
    require_tool("perl")
    done = subprocess.run(
        ["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", password, _SALT],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout
