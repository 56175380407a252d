"""The shape of the files themselves."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from registry.model import errors, upstream_errors
from registry.model.errors import RegistryError
from registry.web.errors import STATUSES
from tests.architecture.sources import REGISTRY, ROOT, name_of, tree

LINES = 300
PACKAGES = [path for path in REGISTRY if path.name == "__init__.py"]
ROOMS = [path for path in PACKAGES if path.parent.parent == ROOT / "registry"]
FILES = [*REGISTRY, *sorted((ROOT / "tests").rglob("*.py")), ROOT / "app.py"]
DEVELOPERS = re.compile(r"\b(?:AI|LLM|GPT|chatbot|language model)\b|/(?:work|root|home)/[a-z]")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_is_too_long_to_be_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES


@pytest.mark.parametrize("path", REGISTRY, ids=name_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    card = ast.get_docstring(tree(path))
    assert card
    assert card.partition("\n\n")[0].endswith(".")


@pytest.mark.parametrize("path", ROOMS, ids=name_of)
def test_every_room_has_a_card(path: Path) -> None:
    """What it is for, its files in reading order, what it may import and touch."""
    card = ast.get_docstring(tree(path)) or ""
    assert re.match(r"[A-Z][a-z ]+: .*(WHAT|WHERE|WHO|ASKED|HOW|ONE)", card), card[:80]
    assert "May import: " in card
    assert "May touch: " in card
    inside = [other for other in path.parent.iterdir() if not other.name.startswith("_")]
    for other in inside:
        if other.suffix == ".py" or (other / "__init__.py").exists():
            assert f"``{other.stem}``" in card, other.name


def error_classes() -> list[type[RegistryError]]:
    found = [
        x
        for x in {**vars(errors), **vars(upstream_errors)}.values()
        if isinstance(x, type) and issubclass(x, RegistryError)
    ]
    return [x for x in found if x is not RegistryError]


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.__name__)
def test_every_error_has_a_status(error: type[RegistryError]) -> None:
    status, code = STATUSES[error]
    assert 400 <= status <= 507
    assert re.fullmatch(r"[A-Z]+(?:_[A-Z]+)*", code)


def test_errors_are_made_in_the_model_alone() -> None:
    known = {error.__name__ for error in error_classes()} | {"RegistryError"}
    for path in REGISTRY:
        if name_of(path) in ("registry/model/errors.py", "registry/model/upstream_errors.py"):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                assert not bases & known, f"{name_of(path)}: {node.name}"
    assert set(STATUSES) == set(error_classes())


PROGRAM = """
import importlib, os, sys, threading
try:
    import urllib3  # It binds a socket once, to know whether there is IPv6; that is not ours.
except ImportError:
    pass
def audit(event, arguments):
    mode = arguments[1] if event == "open" else None
    if event in ("os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "socket.bind"):
        raise SystemExit(f"{event} {arguments}")
    if isinstance(mode, str) and set(mode) & set("wax+"):
        raise SystemExit(f"{event} {arguments}")
sys.dont_write_bytecode = True
sys.addaudithook(audit)
for name in sys.argv[1:]:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
assert not os.listdir("."), os.listdir(".")
"""


def test_importing_does_nothing(tmp_path: Path) -> None:
    """No file, no folder, no socket, no thread; objects are built by the wiring when asked."""
    modules = [name_of(p).removesuffix(".py").replace("/", ".") for p in REGISTRY]
    modules = [name.removesuffix(".__init__") for name in modules]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, *modules],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_rule_about_imports_sees_what_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "careless.py").write_text("open('made', 'w').close()")
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "careless"], cwd=tmp_path / "empty",
        env={"PYTHONPATH": str(tmp_path / "module")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "made" in done.stderr


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_names_a_machine_or_how_it_was_made(path: Path) -> None:
    if path == Path(__file__):
        pytest.skip("the pattern itself stands here")
    assert DEVELOPERS.findall(path.read_text(encoding="utf-8")) == []
