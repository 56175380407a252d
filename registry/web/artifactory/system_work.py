"""What the server does beside answering: pruning and counting; how they stand, and making them."""

from __future__ import annotations

import datetime
from typing import Any, Final

from flask import Response

from registry.model.errors import NothingToDo
from registry.services.instance import Instance
from registry.web.answers import Answer, json_answer
from registry.web.artifactory.content import blueprint
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

_STORAGE: Final = "/api/system/storage"


@route(blueprint, FORMS, "/api/tasks", ["GET"], Right.ADMIN)
def list_tasks() -> Response:
    """What is done from time to time, and whether it is being done now."""
    instance = current().instance
    began = instance.pruning.began()
    running = instance.pruning.is_running()
    counted = instance.storage_summary.kept().get("counted")
    tasks = [
        _task(instance, "pruning", "frees content that nothing needs", _text(began), running),
        _task(instance, "retention", "deletes tags by the rules of the repositories", _text(began)),
        _task(instance, "storage-summary", "counts what each repository holds", counted),
    ]
    return json_answer({"tasks": tasks})


def _task(
    instance: Instance, name: str, does: str, started: str | None, running: bool = False
) -> dict[str, Any]:
    """Return one task; ``started`` is when it was done last, if ever."""
    scheduled = "scheduled" if instance.config.prune_interval else "stopped"
    task = {
        "id": name,
        "type": name,
        "state": "running" if running else scheduled,
        "description": does,
        "nodeId": instance.system_info.node_id,
    }
    return task if started is None else task | {"started": started}


def _text(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")


@route(blueprint, FORMS, f"{_STORAGE}/gc", ["POST"], Right.ADMIN)
def collect_garbage() -> Response:
    """Begin a pruning pass within seconds; it frees only what has not been wanted for the grace."""
    instance = current().instance
    if not instance.config.prune_interval:
        raise NothingToDo(
            "pruning is switched off by the setting 'prune_interval'; 'python app.py prune' does it"
        )
    instance.pruning.ask()
    return Answer()


@route(blueprint, FORMS, f"{_STORAGE}/optimize", ["POST"], Right.ADMIN)
def optimize() -> Response:
    """Every content is stored once, so there is nothing to join."""
    raise NothingToDo("every content is stored once already; there is nothing to optimize")


@route(blueprint, FORMS, "/api/storageinfo", ["GET"], Right.ADMIN)
def show_storage() -> Response:
    """How much each repository holds, as last counted, and the room on the disk now."""
    return json_answer(current().instance.storage_summary.document())


@route(blueprint, FORMS, "/api/storageinfo/calculate", ["POST"], Right.ADMIN)
def count_storage() -> Response:
    """Count again soon, in the background."""
    current().instance.storage_summary.ask()
    return json_answer({"info": "Calculating storage summary scheduled to run successfully"}, 202)
