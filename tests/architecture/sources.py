"""The syntax trees of the project's own files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = sorted((ROOT / "registry").rglob("*.py"))


def name_of(path: Path) -> str:
    """Return a path relative to the project."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def calls(path: Path) -> Iterator[tuple[int, str, ast.Call]]:
    """Yield line, dotted name and node of every call of a name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            try:
                yield node.lineno, ast.unparse(node.func), node
            except RecursionError:  # pragma: no cover - nobody nests like that
                continue
