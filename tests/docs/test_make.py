"""What ``make`` says on a machine that lacks something: one sentence, with the remedy."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.tools import require_tool

ROOT = Path(__file__).resolve().parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    require_tool("make")
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("lacks", "remedy"),
    [("ensurepip", "apt-get install python3-venv"), ("version_info", "Python 3.11 or newer")],
)
def test_a_python_that_lacks_something_is_told_with_its_remedy(
    tmp_path: Path, lacks: str, remedy: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *{lacks}*) exit 1;; esac\nexit 0\n')
    python.chmod(0o755)

    done = make("install", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}")

    assert done.returncode != 0
    assert remedy in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "venv").exists()


def test_make_alone_lists_what_can_be_done() -> None:
    done = make()
    assert done.returncode == 0
    for target in ("run", "test", "check", "bench", "clean"):
        assert f"make {target} " in done.stdout
