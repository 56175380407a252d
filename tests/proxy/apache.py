"""Apache for tests: run on a configuration until the test is over."""

from __future__ import annotations

import contextlib
import grp
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.proxy.backend import SocketServer
from tests.support.tools import require_tool, skip_or_fail

MODULES = ("mpm_event", "authz_core", "proxy", "proxy_http", "headers", "rewrite", "ssl")
"""What the head of the written configuration asks for, and what no Apache runs without."""
_FOLDERS = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules")
_START_SECONDS = 20.0

_AROUND = """\
ServerRoot {folder}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
ErrorLog {folder}/error.log
ServerName localhost
{user}{modules}
{text}
"""


def configuration(folder: Path, text: str, group: str) -> Path:
    """Write what Apache needs around the text; ``group`` may connect to the server."""
    require_tool("apache2")
    found = [Path(name) for name in _FOLDERS if Path(name, "mod_proxy.so").exists()]
    if not found:
        skip_or_fail("no modules of Apache")
    modules = (f"LoadModule {name}_module {found[0]}/mod_{name}.so" for name in MODULES)
    user = f"User www-data\nGroup {group}\n" if os.geteuid() == 0 else ""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "apache.conf"
    values = {"folder": folder, "user": user, "modules": "\n".join(modules), "text": text}
    path.write_text(_AROUND.format(**values))
    return path


@contextlib.contextmanager
def running_apache(folder: Path, text: str, server: SocketServer) -> Iterator[None]:
    """Run Apache on a configuration before a server."""
    group = grp.getgrgid(server.socket.stat().st_gid).gr_name
    path = configuration(folder, text, group)
    with (folder / "output.log").open("ab") as output:
        process = subprocess.Popen(
            ["apache2", "-DFOREGROUND", "-f", str(path)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _START_SECONDS
        # Its number is written down when it listens on all ports.
        while not (folder / "pid").exists():
            assert process.poll() is None, _log(folder)
            assert time.monotonic() < deadline, _log(folder)
            time.sleep(0.05)
        yield
    except AssertionError as error:
        error.add_note(_log(folder))
        raise
    finally:
        process.terminate()
        process.wait(30)


def _log(folder: Path) -> str:
    paths = (folder / name for name in ("output.log", "error.log"))
    return "".join(path.read_text(errors="replace")[-4000:] for path in paths if path.exists())
