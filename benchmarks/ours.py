"""The registry of this repository as one side of the comparison."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.errors import CannotStart
from benchmarks.front import Front, settings_file
from benchmarks.processes import clean_environment, descendants, free_port, running, wait_ready
from benchmarks.registry import Registry, challenge_authorizer, lazily

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "docker-local/bench"
USER = "admin"
WORKERS = 2


@contextlib.contextmanager
def start(folder: Path, front: Front | None = None) -> Iterator[Registry]:
    """Our server with two workers and its storage in ``folder``, while the context lasts.

    Behind a front it listens on the front's socket, and is ready when that is.
    """
    program = ROOT / "app.py"
    if not program.is_file():
        raise CannotStart(f"{program.name} is missing: give a running server with --server URL.")
    password = "benchmark-only"
    port = front.ours_port if front else free_port()
    command = [sys.executable, str(program), "serve", "--workers", str(WORKERS)]
    if front:
        command += ["--config", str(settings_file(front, folder / "storage"))]
    else:
        command += ["--storage", str(folder / "storage"), "--listen", f"127.0.0.1:{port}"]
    environment = clean_environment({"REGISTRY_ADMIN_PASSWORD": password})
    log = folder / "server.log"
    with running(command, log, ROOT, environment) as process:
        if front is None:
            wait_ready(process, port, "/readyz", 200, log)
        authorize = lazily(lambda: challenge_authorizer("127.0.0.1", port, USER, password))
        yield Registry(
            label="ours",
            host="127.0.0.1",
            port=port,
            prefix=PREFIX,
            authorize=authorize,
            workers=lambda: descendants(process.pid) or [process.pid],
        )


@contextlib.contextmanager
def attach(url: str, prefix: str, user: str, password: str) -> Iterator[Registry]:
    """A server that somebody else runs; its workers and their memory are not known."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    if parts.scheme not in ("", "http") or not parts.hostname:
        raise CannotStart(f"--server needs http://HOST:PORT, and {url!r} is not of that form.")
    host, port = parts.hostname, parts.port or 80
    try:
        authorize = challenge_authorizer(host, port, user, password)
    except OSError as error:
        raise CannotStart(f"No server answers at {url}: {error}.") from error
    yield Registry(
        label="ours",
        host=host,
        port=port,
        prefix=prefix,
        authorize=authorize,
        workers=list,
    )
