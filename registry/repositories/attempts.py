"""Doing again what met a repository that was deleted under its hands."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

ATTEMPTS: Final = 3
"""How often something is done whose files are taken away under its hands."""


def again(method: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let a method look anew where its repository is deleted under its hands.

    Then it finds what whoever comes later finds: nothing, or what has been restored.
    """

    @functools.wraps(method)
    def repeated(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        for _ in range(ATTEMPTS - 1):
            with contextlib.suppress(FileNotFoundError):
                return method(*arguments, **named)
        return method(*arguments, **named)

    return repeated
