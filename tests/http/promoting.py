"""Words of the tests of promotion: to ask for one, and what became of it."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.test import TestResponse

from tests.conftest import Client
from tests.http.support import IMAGE

TARGET = "docker-prod"
THERE = f"/v2/{TARGET}/team/app"
ROUTE = "/artifactory/api/docker/docker-local/v2/promote"
WHOLE: dict[str, Any] = {"targetRepo": TARGET, "dockerRepository": "team/app"}
ONE = {**WHOLE, "tag": "1.0"}


def promote(client: Client, fields: Any, route: str = ROUTE) -> TestResponse:
    return client.request("POST", route, body=json.dumps(fields).encode())


def refused(answer: TestResponse, status: int, *words: str) -> None:
    """Assert that an answer is an error in Artifactory's form, whose text has all of ``words``."""
    assert answer.status_code == status, answer.text
    assert answer.json is not None
    error = answer.json["errors"][0]
    assert error["status"] == status
    assert all(word in error["message"] for word in words), error["message"]


def tags(client: Client, image: str = IMAGE) -> list[str]:
    answer = client.get(f"{image}/tags/list")
    return [] if answer.status_code == 404 else list(json.loads(answer.data)["tags"])
