"""``serve``: set up what is missing, say how to use it, and run."""

from __future__ import annotations

import logging
import os
import sys
import time

import click

from registry.cli.common import Faces, load_settings, says_why, storage_option
from registry.cli.init import set_up_and_tell
from registry.config import ENVIRONMENT_ADMIN_PASSWORD


@click.command()
@storage_option
@click.option(
    "--listen",
    metavar="HOST:PORT|unix:PATH",
    help="Address or unix socket to listen on. [REGISTRY_LISTEN]",
)
@click.option(
    "--workers", type=int, metavar="N", help="Worker processes; 0: one a core. [REGISTRY_WORKERS]"
)
@click.pass_obj
@says_why
def serve(
    faces: Faces,
    config_file: str | None,
    storage: str | None,
    listen: str | None,
    workers: int | None,
) -> None:
    """Serve the registry until SIGTERM.

    The first start makes the storage folder, the user 'admin' (its password is printed once, or
    taken from REGISTRY_ADMIN_PASSWORD) and the repository 'docker-local'.
    """
    config = load_settings(config_file, storage, listen=listen, workers=workers)
    _log_to_stderr(config.log_level)
    with faces.listen(config) as listener:
        instance = faces.build(config)
        set_up_and_tell(instance, os.environ.pop(ENVIRONMENT_ADMIN_PASSWORD, None))
        sys.exit(faces.serve(instance, listener))


def _log_to_stderr(level: str) -> None:
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s")
    formatter.converter = time.gmtime
    formatter.datefmt = "%Y-%m-%dT%H:%M:%S"
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # What a record could say of threads and source lines is not in our lines, but costs time; the
    # logging documentation names these switches under "Optimization".
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
