"""Stops a worker process at a named place in the middle of a request, as SIGSTOP does anywhere.

`install` runs at the start of the server's own processes. A test asks for a stop by a file of the
place's name; the first call there takes the file away, and stops its process until SIGCONT.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from registry.repositories.pushing import ManifestPush
from registry.storage.filestore import Filestore
from registry.storage.links import Links
from registry.storage.manifests import Manifests
from tests.support.live import ROOT

_FOLDER: Final = "STOPS_FOLDER"
"""The environment variable that says where the files of places are."""
_START: Final = f"""
import os
from tests.faults.races import stops
stops.install(os.environ["{_FOLDER}"])
"""
"""What Python runs by itself at the start of every process that finds it on its path."""
_PLACES: Final[list[tuple[type, str]]] = [
    (Filestore, "publish"),
    (Links, "add"),
    (ManifestPush, "_require_parts"),
    (Manifests, "store"),
    (Manifests, "prepare"),
    (Manifests, "commit"),
    (Manifests, "settle"),
]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a server that stops where it is asked to by files in a folder."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_START)
    return {_FOLDER: str(folder), "PYTHONPATH": f"{folder}:{ROOT}"}


def ask(folder: Path, place: str) -> Path:
    """Ask for a stop at ``Class.name.before`` or ``.after`` it; return the file that asks."""
    known = {f"{owner.__name__}.{name}" for owner, name in _PLACES}
    assert place.rpartition(".")[0] in known, place
    path = folder / place
    path.touch()
    return path


def install(folder: str) -> None:
    """Let this process stop at all the places."""
    for owner, name in _PLACES:
        setattr(owner, name, _stopping(f"{folder}/{owner.__name__}.{name}", getattr(owner, name)))


def _stopping(path: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def stop(when: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}.{when}")
            # This very thread goes no further; a signal to the process would leave it some time.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    def stopping(*arguments: Any, **more: Any) -> Any:
        stop("before")
        result = original(*arguments, **more)
        stop("after")
        return result

    return stopping
