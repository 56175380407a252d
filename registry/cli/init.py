"""``init``: make a storage folder, and say how to use the registry."""

from __future__ import annotations

import os

import click

from registry.cli.common import Faces, load_settings, print_json, says_why, storage_option
from registry.config import ENVIRONMENT_ADMIN_PASSWORD, UNIX_PREFIX, Config
from registry.services.instance import Instance
from registry.services.setup import ADMIN, FIRST_REPOSITORY, FIRST_VIRTUAL, Setup, set_up


@click.command()
@storage_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_obj
@says_why
def init(faces: Faces, config_file: str | None, storage: str | None, as_json: bool) -> None:
    """Make the storage folder, the first admin and the first repositories.

    These are docker-local, docker-remote (Docker Hub) and docker, which shows both.

    What is there already stays as it is. The password is taken from REGISTRY_ADMIN_PASSWORD, or
    made up and printed once.
    """
    instance = faces.build(load_settings(config_file, storage))
    password = os.environ.get(ENVIRONMENT_ADMIN_PASSWORD)
    if not as_json:
        set_up_and_tell(instance, password)
        return
    done = set_up(instance, password)
    print_json(
        {
            "storage": os.path.abspath(instance.store.layout.root),
            "new": done.new,
            "adminPassword": done.generated_password,
        }
    )


def set_up_and_tell(instance: Instance, password: str | None) -> None:
    """Set up what is missing and print how to log in, push and pull."""
    click.echo(_told(instance, set_up(instance, password)))


def _told(instance: Instance, done: Setup) -> str:
    host = _host(instance.config)
    image = f"{host}/{FIRST_REPOSITORY}/team/app:1.0"
    lines = [
        f"Storage folder: {os.path.abspath(instance.store.layout.root)}"
        + (" (new)" if done.new else ""),
    ]
    if done.generated_password:
        lines += [
            "",
            f"  Admin user:  {ADMIN}",
            f"  Password:    {done.generated_password}",
            "  It is shown this once; 'python app.py user set-password admin' changes it.",
        ]
    lines += [
        "",
        f"  docker login {host} -u {ADMIN}",
        f"  docker tag IMAGE {image}",
        f"  docker push {image}",
        f"  docker pull {image}",
        f"  docker pull {host}/{FIRST_VIRTUAL}/library/alpine",
        "",
    ]
    return "\n".join(lines)


def _host(config: Config) -> str:
    """Return what clients write before the name of an image."""
    if config.external_url:
        return config.external_url.partition("://")[2].rstrip("/")
    # Nobody logs in to a socket, and which name a reverse proxy has, only its settings say.
    return "HOST" if config.listen.startswith(UNIX_PREFIX) else config.listen
