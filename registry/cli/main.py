"""The command group."""

from __future__ import annotations

import click

from registry import __version__
from registry.cli import (
    access,
    delete,
    doctor,
    du,
    fsck,
    group,
    init,
    key,
    permission,
    promote,
    prune,
    repo,
    retention,
    reverse_proxy,
    scrub,
    serve,
    settings,
    tag,
    trash,
    user,
)
from registry.cli.common import Faces


def make_command_line(faces: Faces) -> click.Group:
    """Return the command line over what the wiring builds and runs."""

    @click.group(
        context_settings={"help_option_names": ["-h", "--help"], "obj": faces},
        epilog="Run 'python app.py COMMAND --help' for the options of a command.",
    )
    @click.version_option(__version__, prog_name="docker-registry")
    def main() -> None:
        """A private Docker registry on plain files."""

    commands: list[click.Command] = [
        serve.serve,
        init.init,
        user.user,
        group.group,
        permission.permission,
        access.access,
        repo.repo,
        key.key,
        delete.delete,
        du.du,
        trash.trash,
        tag.tag,
        promote.promote,
        retention.retention,
        prune.prune,
        fsck.fsck,
        fsck.relink,
        scrub.scrub,
        reverse_proxy.reverse_proxy,
        doctor.doctor,
        settings.settings,
    ]
    for command in commands:
        main.add_command(command)
    return main
