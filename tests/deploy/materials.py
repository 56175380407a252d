"""What there is before the first command: a fresh Debian, the project's folder, Python packages."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.clients.images import _mirror, _release
from tests.deploy.pages import ROOT
from tests.support.tools import skip_or_fail

PACKAGES = (
    # What the pages install: without a network apt finds that it is there already.
    *("ca-certificates", "make", "nginx", "openssl", "python3", "python3-venv", "rsync"),
    # What a machine has, and the smallest Debian has not.
    *("logrotate", "systemd", "systemd-sysv"),
)
PROJECT = ("app.py", "registry", "setup.cfg", "Makefile", "docs", ".dockerignore", "README.md")


def debian_with_packages(archive: Path) -> None:
    """Write a tar archive of a Debian that has the packages, and knows of no source of others."""
    folder = Path(tempfile.mkdtemp(prefix="debian-", dir=_quick_folder()))
    root = folder / "root"
    try:
        _command(
            *("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"),
            *(_release(), str(root), *_mirror()),
        )
        (root / "etc/apt/sources.list").unlink()
        excluded = ("./proc/*", "./sys/*", "./dev/*", "./var/cache/apt/*", "./var/lib/apt/lists/*")
        excludes = [f"--exclude={pattern}" for pattern in excluded]
        _command("tar", "--create", f"--file={archive}", f"--directory={root}", *excludes, ".")
    finally:
        _command("rm", "-rf", "--one-file-system", str(folder))


def _quick_folder() -> str | None:
    """Memory, if devices and programs may be there: dpkg waits for the disk after each file."""
    memory = "/dev/shm"
    try:
        flags = os.statvfs(memory).f_flag
    except OSError:
        return None
    return None if flags & (os.ST_NODEV | os.ST_NOEXEC) else memory


def project(folder: Path) -> Path:
    """Lay out the project as somebody has cloned it; nothing of it is used in its own place."""
    folder.mkdir()
    for name in PROJECT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    return folder


def wheels(folder: Path) -> Path:
    """Fetch the packages that the project needs, for the Python of the Debian system."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    lines = settings["options"]["install_requires"].split("\n")
    needed = [line.replace(" ", "") for line in lines if line]
    version = _command(
        "/usr/bin/python3", "-c", "import sys; print(*sys.version_info[:2], sep='.')"
    )
    _command(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"),
        *(f"--python-version={version.strip()}", f"--dest={folder}", *needed),
    )
    return folder


def _command(*command: str) -> str:
    """Run what makes the materials; where that is impossible, the tests are too."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        skip_or_fail(f"{' '.join(command[:4])} … exited {done.returncode}:\n{tail}")
    return done.stdout
