"""nginx for tests: run on a configuration until the test is over, with certificates of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.live import free_port
from tests.support.tools import require_tool

_START_SECONDS = 20.0
_STOP_SECONDS = 20.0
_LOG_TAIL_LINES = 40

_AROUND = """\
{user}daemon off;
master_process on;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{text}
}}
"""


class NginxNotReady(RuntimeError):
    """nginx refused its configuration, or ended, or stayed silent; the message has its log."""


class Nginx:
    """nginx in the foreground, started by ``with`` and gone after it.

    ``text`` is what belongs into the http block, such as the configuration that the command
    ``reverse-proxy`` prints. Everything that nginx writes is below ``folder``, and what it says to
    its log is part of the message of each failure here. Its workers run as ``user``, by default as
    whoever runs the tests, so that they can read what the test has written.
    """

    def __init__(self, folder: Path, text: str, *, user: str | None = None) -> None:
        """Describe nginx on ``text``."""
        require_tool("nginx")
        self.folder = folder
        self.text = text
        self.user = user
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the master."""
        return self._running().pid

    @property
    def configuration(self) -> Path:
        """The file that nginx reads."""
        return self.folder / "nginx.conf"

    def start(self) -> None:
        """Start, and return once it takes connections on all of its ports."""
        assert self._process is None, "nginx is already running"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write()
        log = self.folder / "output.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def reload(self, text: str) -> None:
        """Go on with another configuration; return once the workers of the former one have gone.

        Connections that were open stay with the former workers until they are closed.
        """
        before = self.worker_pids()
        self.text = text
        self._write()
        os.kill(self.pid, signal.SIGHUP)
        deadline = time.monotonic() + _START_SECONDS
        while not (now := self.worker_pids()) or set(now) & set(before):
            self._require(time.monotonic() < deadline, "nginx did not reload")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop at once; whatever is left of it is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def worker_pids(self) -> list[int]:
        """The processes that the master has made."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def log_tail(self) -> str:
        """The last lines of what nginx says, for messages about failures."""
        lines = []
        for name in ("output.log", "error.log"):
            path = self.folder / name
            if path.exists():
                lines += [f"--- end of {path} ---"]
                lines += path.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join(lines)

    # --- how -----------------------------------------------------------------------------------

    def _write(self) -> None:
        user = self.user
        if user is None and os.geteuid() == 0:
            user = "root"
        values = {"user": f"user {user};\n" if user else "", "folder": self.folder}
        self.configuration.write_text(_AROUND.format(text=self.text, **values))

    def _command(self) -> list[str]:
        # Before it has read its configuration nginx would write to a log of the system.
        early = str(self.folder / "error.log")
        return ["nginx", "-e", early, "-p", str(self.folder), "-c", str(self.configuration)]

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "nginx is not running"
        return self._process

    def _wait_until_ready(self) -> None:
        """Wait for a worker: by then the master listens on all ports of the configuration."""
        deadline = time.monotonic() + _START_SECONDS
        while not self.worker_pids():
            ended = self._running().poll() is not None
            self._require(not ended, "nginx ended at its start")
            self._require(time.monotonic() < deadline, "nginx did not start")
            time.sleep(0.01)

    def _require(self, holds: bool, complaint: str) -> None:
        if not holds:
            raise NginxNotReady(f"{complaint}\n{self.log_tail()}\n--- configuration\n{self.text}")


@contextlib.contextmanager
def explained(nginx: Nginx) -> Iterator[None]:
    """Add what nginx says to a failed assertion."""
    try:
        yield
    except AssertionError as error:
        error.add_note(nginx.log_tail())
        raise


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key, and the authority that a client must believe."""

    certificate: Path
    key: Path
    authority: Path


def make_certificate(
    folder: Path, names: Sequence[str] = ("localhost", "127.0.0.1"), days: int = 30
) -> Certificate:
    """Make an authority and a certificate of it for host names, wildcards and addresses.

    Minus one of ``days`` makes a certificate that expired yesterday.
    """
    require_tool("openssl")
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(folder / "server.crt", folder / "server.key", folder / "ca.crt")
    authority_key, request, extensions = (folder / n for n in ("ca.key", "server.csr", "ext.cnf"))
    kinds = ("IP" if name.replace(".", "").isdigit() or ":" in name else "DNS" for name in names)
    listed = ",".join(f"{kind}:{name}" for kind, name in zip(kinds, names, strict=True))
    extensions.write_text(f"subjectAltName={listed}\nbasicConstraints=CA:FALSE\n")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    _openssl("req", "-x509", *curve, "-days", "3650", "-subj", "/CN=authority of the tests",
             "-keyout", authority_key, "-out", made.authority)  # fmt: skip
    _openssl("req", *curve, "-subj", "/CN=server of the tests",
             "-keyout", made.key, "-out", request)  # fmt: skip
    _openssl("x509", "-req", "-in", request, "-CA", made.authority, "-CAkey", authority_key,
             "-CAcreateserial", "-days", str(days), "-extfile", extensions,
             "-out", made.certificate)  # fmt: skip
    return made


def _openssl(*arguments: object) -> None:
    done = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


__all__ = ["Certificate", "Nginx", "NginxNotReady", "explained", "free_port", "make_certificate"]
