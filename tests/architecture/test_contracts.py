"""The room plan and who may hold which third party."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.sources import REGISTRY, ROOT, imported, name_of

HOLDERS = {
    "click": ("registry/cli/",),
    "filelock": ("registry/storage/locks.py",),
    "flask": ("registry/web/", "registry/wiring.py"),
    "itsdangerous": ("registry/access/tokens.py",),
    "requests": ("registry/repositories/upstream/",),
    "jinja2": ("registry/services/reverse_proxy.py",),
    "urllib3": ("registry/repositories/upstream/",),
    "waitress": ("registry/server/",),
    "werkzeug": ("registry/web/", "registry/wiring.py"),
}
"""Third parties and who may import them."""


def test_the_import_contracts_are_kept() -> None:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("package", HOLDERS)
def test_each_third_party_is_held_in_one_place(package: str) -> None:
    users = [
        name_of(path)
        for path in REGISTRY
        if any(name.partition(".")[0] == package for name in imported(path))
    ]
    assert [name for name in users if not name.startswith(HOLDERS[package] or ("-",))] == []
    assert users or not HOLDERS[package]


def test_there_is_no_other_third_party() -> None:
    known = {*HOLDERS, "registry", *sys.stdlib_module_names}
    for path in REGISTRY:
        roots = {name.partition(".")[0] for name in imported(path)}
        assert roots <= known, name_of(path)


def test_only_the_wiring_and_the_entry_point_know_everybody() -> None:
    faces = {"registry.web", "registry.cli", "registry.server"}
    for path in REGISTRY:
        used = {".".join(name.split(".")[:2]) for name in imported(path)} & faces
        if name_of(path) != "registry/wiring.py":
            assert len(used) <= 1, name_of(path)
