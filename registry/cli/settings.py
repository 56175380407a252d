"""``settings``: the settings file, explained."""

from __future__ import annotations

import dataclasses

import click

from registry.cli.common import json_option, load_settings, print_json, says_why, storage_option
from registry.config import example_file


@click.command()
@json_option
@storage_option
@says_why
def settings(as_json: bool, config_file: str | None, storage: str | None) -> None:
    """Print a settings file with every setting explained; with --json, the values in force."""
    if as_json:
        print_json(dataclasses.asdict(load_settings(config_file, storage)))
    else:
        click.echo(example_file())
