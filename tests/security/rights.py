"""Words of the tests of rights: users, what they may do, and what a request looked at."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from werkzeug.test import TestResponse

from registry.access.permission_targets import PermissionTarget, Section
from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client

PASSWORD = "password-of-everybody"
SECOND = "docker-second"
_LOOKS = ("stat", "lstat", "open", "link", "scandir", "listdir", "access", "mkdir", "unlink")
_RANDOM = re.compile(r"[0-9a-f]{16,64}")


def make_user(client: Client, instance: Instance, name: str) -> Client:
    """Make a user without any right, and return what sends this user's requests."""
    instance.users.add(name, PASSWORD)
    return client.as_user(name, PASSWORD)


def make_repository(instance: Instance, key: str) -> None:
    instance.definitions.create(RepositoryKey(key), "local", {})


def allow(
    instance: Instance,
    name: str,
    actions: str,
    repository: str,
    includes: Sequence[str] = ("**",),
    excludes: Sequence[str] = (),
) -> None:
    """Let a user do something in a part of a repository; from the first time on targets decide."""
    section = Section([repository], includes, excludes, {name: actions.split()})
    number = len(instance.permission_targets.all())
    instance.permission_targets.create(PermissionTarget(f"{name}-{number}", {"repo": section}))


def shown(answer: TestResponse, *secret: str) -> tuple[Any, ...]:
    """Return what a client sees of an answer; what was asked for, and what is random, left out."""
    text = answer.text
    headers = "\n".join(f"{name}: {value}" for name, value in sorted(answer.headers.items()))
    for each in sorted(filter(None, secret), key=len, reverse=True):
        text, headers = text.replace(each, "@"), headers.replace(each, "@")
    headers = re.sub(r"(?m)^(Content-Length|Date): .*$", "", headers)
    return answer.status_code, _RANDOM.sub("#", text), _RANDOM.sub("#", headers)


@contextlib.contextmanager
def watched(*secret: str) -> Iterator[list[str]]:
    """Yield what is looked at on the disk, in order; what was asked for is left out of it."""
    seen: list[str] = []

    def watching(name: str) -> Any:
        real = getattr(os, name)

        def look(*args: Any, **more: Any) -> Any:
            words = " ".join(str(arg) for arg in args)
            for each in secret:
                for form in (each, each.replace(":", "__"), each.rpartition(":")[2]):
                    words = words.replace(form, "@")
            seen.append(f"{name} {_RANDOM.sub('#', words)}")
            return real(*args, **more)

        return look

    with pytest.MonkeyPatch.context() as patch:
        for name in _LOOKS:
            patch.setattr(os, name, watching(name))
        yield seen
