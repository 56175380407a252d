"""``doctor``: say what is wrong with the host, and with the way of clients to the server."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Final

import click

from registry.cli.common import (
    Faces,
    json_option,
    load_settings,
    print_json,
    says_why,
    storage_option,
)
from registry.model.diagnosis import Diagnosis, Verdict
from registry.model.errors import UserInvalid
from registry.services.doctor import Doctor, Options
from registry.services.doctor_login import Login

ENVIRONMENT_PASSWORD: Final = "REGISTRY_PASSWORD"  # noqa: S105 - a name


@click.command()
@click.option("--url", metavar="URL", help="Address by which clients come: https://HOST[:PORT].")
@click.option("--ca", metavar="FILE", help="Certificates of authorities to believe, too (PEM).")
@click.option(
    "--user",
    metavar="NAME",
    help="Log in as NAME, best an admin; the password is read, or in REGISTRY_PASSWORD. Without "
    "it a token is made from the signing keys in the storage folder.",
)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password of --user from standard input."
)
@click.option(
    "--repository", metavar="KEY", default="docker-local", show_default=True,
    help="Repository to push to; what is pushed is deleted again.",
)  # fmt: skip
@click.option(
    "--size", type=click.IntRange(1, 65_536), metavar="MIB", default=64, show_default=True,
    help="Size of the large layer.",
)  # fmt: skip
@click.option(
    "--pause", type=click.FloatRange(0, 3600), metavar="SECONDS", default=2, show_default=True,
    help="How long to stop within an upload.",
)  # fmt: skip
@click.option(
    "--http-port", type=click.IntRange(1, 65_535), metavar="N",
    help="Port to try plain HTTP at; by default 80, or that of --url if it has one.",
)  # fmt: skip
@json_option
@storage_option
@click.pass_obj
@says_why
def doctor(
    faces: Faces,
    url: str | None,
    ca: str | None,
    user: str | None,
    password_stdin: bool,
    repository: str,
    size: int,
    pause: float,
    http_port: int | None,
    as_json: bool,
    config_file: str | None,
    storage: str | None,
) -> None:
    """Say what helps, one line for each thing that was looked at.

    Without --url, looks at the storage folder, its filesystem, the settings and the server. With
    --url, behaves like a docker client, and says what stands in front of the server does to
    headers, paths, body sizes, uploads and pulls; without --user, it looks at the storage folder,
    too. Exits with 1 if something fails.
    """
    if user is None and password_stdin:
        raise click.UsageError("--password-stdin goes with --user")
    if user is not None and url is None:
        raise click.UsageError("--user goes with --url")
    examiner: Doctor = faces.build(load_settings(config_file, storage)).doctor
    outside: Iterator[Diagnosis] = iter(())
    if url is not None:
        login = None if user is None else Login(user, _password(password_stdin))
        options = Options(url, ca, login, repository, size << 20, pause, http_port=http_port)
        outside = examiner.look_from_outside(options)
    here = examiner.look_here() if user is None else iter(())
    _tell([here, outside], url, as_json=as_json)


def _password(from_stdin: bool) -> str:
    """Return the password from standard input, the environment or the terminal."""
    if from_stdin:
        try:
            return sys.stdin.buffer.readline().decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise UserInvalid("the password on standard input is not UTF-8") from None
    given = os.environ.get(ENVIRONMENT_PASSWORD)
    if given:
        return given
    if not sys.stdin.isatty():
        raise UserInvalid(
            "there is no terminal to ask for the password; use --password-stdin, or "
            f"{ENVIRONMENT_PASSWORD}"
        )
    return str(click.prompt("Password", hide_input=True))


def _tell(looks: list[Iterator[Diagnosis]], url: str | None, *, as_json: bool) -> None:
    """Print each line when it is known; exit with 1 if one says that something fails."""
    found: list[Diagnosis] = []
    for look in looks:
        for diagnosis in look:
            found.append(diagnosis)
            if not as_json:
                click.echo(diagnosis.line())
    counts = Counter(diagnosis.verdict for diagnosis in found)
    if as_json:
        print_json(
            {
                "url": url,
                "counts": {verdict.value: counts[verdict] for verdict in Verdict},
                "checks": [diagnosis.document() for diagnosis in found],
            }
        )
    if counts[Verdict.FAIL]:
        click.echo(
            f"Error: {counts[Verdict.FAIL]} of {len(found)} checks fail; each says what helps.",
            err=True,
        )
        sys.exit(1)
