"""What all commands share: their storage folder, how errors end them, how they print."""

from __future__ import annotations

import functools
import json
import os
import re
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click

from registry import config
from registry.config import Config
from registry.model.content import Actor
from registry.model.errors import RegistryError
from registry.services.instance import Instance
from registry.storage import format as storage_format

ACTOR: Final = Actor("command-line", "local")
"""Who does what is done from a shell: whoever may write to the storage folder is an admin."""
_INSTANCE: Final = "registry.instance"
"""Under what the registry of a command is kept while it runs."""
_UNPRINTABLE: Final = re.compile("[\ud800-\udfff]")

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Faces:
    """What the wiring hands to the command line."""

    build: Callable[[Config], Instance]
    listen: Callable[[Config], socket.socket]
    """Takes the address before anything is done, so that a busy port leaves nothing behind."""
    serve: Callable[[Instance, socket.socket], int]


def storage_option(command: Command) -> Command:
    """Add the options that say which settings and storage folder are meant."""
    command = click.option(
        "--config", "config_file", metavar="FILE", help="Settings file (TOML). [REGISTRY_CONFIG]"
    )(command)
    return click.option(
        "--storage", "storage", metavar="DIR", help="Storage folder. [REGISTRY_STORAGE_ROOT]"
    )(command)


def json_option(command: Command) -> Command:
    """Add the option that prints for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def says_why(command: Command) -> Command:
    """End the command with 1 and one sentence where something could not be done."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except RegistryError as error:
            click.echo(f"Error: {error.message}", err=True)
            sys.exit(1)

    return run  # type: ignore[return-value]


def journaled(command: Command) -> Command:
    """Let the journal say that a command has changed something: its name and its arguments.

    Options are left out, which may be secrets, and so is the value of a ``FIELD=VALUE``.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        answer = command(*args, **kwargs)
        context = click.get_current_context()
        given = [p.name for p in context.command.params if isinstance(p, click.Argument)]
        words = [context.command_path.partition(" ")[2]]
        for name in given:
            value = context.params.get(name or "") or ()
            texts = (
                [value] if isinstance(value, str) else [text.partition("=")[0] for text in value]
            )
            words += texts
        context.meta[_INSTANCE].store.journal.record_change(ACTOR, " ".join(map(str, words)))
        return answer

    return run  # type: ignore[return-value]


def load_settings(config_file: str | None, storage: str | None, **options: Any) -> Config:
    """Return the settings of a command. Raises SettingInvalid."""
    return config.load(config_file, os.environ, {"storage_root": storage} | options)


def open_instance(faces: Faces, config_file: str | None, storage: str | None) -> Instance:
    """Return the registry of a storage folder that has been set up, or is now.

    Raises:
        SettingInvalid, StorageUnusable: with the remedy.
    """
    instance = faces.build(load_settings(config_file, storage))
    storage_format.prepare(instance.store.layout)
    instance.keys.ensure()
    click.get_current_context().meta[_INSTANCE] = instance
    return instance


def span(seconds: int) -> str:
    """Return a span of time as people say it."""
    for name, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        number, rest = divmod(seconds, length)
        if number and not rest:
            return f"{number} {name}{'s' if number > 1 else ''}"
    return "no time"


def print_json(document: Any) -> None:
    """Print a document for programs."""
    click.echo(printable(json.dumps(document, indent=2, ensure_ascii=False)))


def printable(text: str) -> str:
    """Return a text with U+FFFD for each byte of the name of a file that is no UTF-8."""
    return _UNPRINTABLE.sub("\ufffd", text)
