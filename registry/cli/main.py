"""The command group."""

from __future__ import annotations

from collections.abc import Callable

import click

from registry import __version__
from registry.cli import init, key, repo, serve, settings, user
from registry.cli.common import Faces
from registry.config import Config
from registry.services.instance import Instance


def make_command_line(
    build: Callable[[Config], Instance], run: Callable[[Instance], int]
) -> click.Group:
    """Return the command line over what the wiring builds and runs."""
    faces = Faces(build, run)

    @click.group(
        context_settings={"help_option_names": ["-h", "--help"], "obj": faces},
        epilog="Run 'python app.py COMMAND --help' for the options of a command.",
    )
    @click.version_option(__version__, prog_name="docker-registry")
    def main() -> None:
        """A private Docker registry on plain files."""

    for command in (serve.serve, init.init, user.user, repo.repo, key.key, settings.settings):
        main.add_command(command)
    return main
