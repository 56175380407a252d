"""The two runs of the suite: what is green, what is not, and what is looked at again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import together

PASSES = "def test_passes():\n    pass\n"
FAILS = "def test_fails():\n    raise AssertionError\n"
UNSTEADY = (
    "from pathlib import Path\n\n\ndef test_unsteady():\n"
    "    been = Path(__file__).with_suffix('.been')\n"
    "    if not been.exists():\n        been.touch()\n        raise AssertionError\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files of tests in the places of both halves, in a project of their own."""
    monkeypatch.setenv("PYTHONPATH", str(together.HERE.parent))
    monkeypatch.chdir(tmp_path)
    names = "test_first.py", "test_second.py"
    for name in names:
        (tmp_path / name).write_text(PASSES)
    halves = tuple([name] for name in names)
    monkeypatch.setattr(together, "parts", lambda: halves)
    return tmp_path


def run(capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = together.main(["-p", "no:cacheprovider"])
    return code, capfd.readouterr().out


def test_every_test_is_in_one_half() -> None:
    first, second = together.parts()
    assert not set(first) & set(second)
    assert {"tests/live", "tests/faults/soak"} <= set(first)
    assert {"tests/http", "tests/test_together.py"} <= set(second)


def test_both_green(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out = run(capfd)
    assert code == 0
    assert "again" not in out
    assert out.endswith(" s, green\n")


@pytest.mark.parametrize("half", ["test_first.py", "test_second.py"])
def test_what_fails_again_is_not_green(
    folder: Path, capfd: pytest.CaptureFixture[str], half: str
) -> None:
    (folder / half).write_text(FAILS)
    code, out = run(capfd)
    assert code == 1
    assert "again, and alone" in out
    assert "UNSTEADY" not in out
    assert out.endswith("NOT green\n")


@pytest.mark.parametrize("half", ["test_first.py", "test_second.py"])
def test_what_passes_alone_is_named(
    folder: Path, capfd: pytest.CaptureFixture[str], half: str
) -> None:
    (folder / half).write_text(UNSTEADY)
    code, out = run(capfd)
    assert code == 0
    assert f"UNSTEADY, find out why: {half}::test_unsteady\n" in out
    assert "1 failed" in out


def test_one_that_is_broken_makes_all_red(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "test_first.py").write_text(UNSTEADY)
    (folder / "test_second.py").write_text(FAILS)
    code, out = run(capfd)
    assert code == 1
    assert "UNSTEADY" not in out


@pytest.mark.parametrize(
    "text",
    [
        "import no_such_module\n",
        UNSTEADY + "".join(FAILS.replace("fails", f"fails_{n}") for n in range(together.MOST)),
        "import os\n\n\ndef test_ends():\n    os.kill(os.getpid(), 9)\n",
    ],
    ids=["cannot be read", "too many", "killed"],
)
def test_all_else_is_red_at_once(
    folder: Path, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    (folder / "test_second.py").write_text(text)
    code, out = run(capfd)
    assert code != 0
    assert "again" not in out
