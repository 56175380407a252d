"""Words of the tests of copying and moving by path."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.test import TestResponse

from tests.conftest import Client

TARGET = "docker-prod"
THERE = f"/v2/{TARGET}"


def relocate(client: Client, verb: str, path: str, to: str, **query: str) -> TestResponse:
    return client.request(
        "POST", f"/artifactory/api/{verb}/docker-local/{path}", query={"to": to, **query}
    )


def copied(client: Client, path: str, to: str, **query: str) -> str:
    """Copy, and return what the answer tells."""
    return told(relocate(client, "copy", path, to, **query))


def moved(client: Client, path: str, to: str, **query: str) -> str:
    return told(relocate(client, "move", path, to, **query))


def told(answer: TestResponse) -> str:
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    assert list(answer.json) == ["messages"]
    (message,) = answer.json["messages"]
    assert message["level"] == "INFO"
    return str(message["message"])


def refused(answer: TestResponse, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = json.loads(answer.data)
    assert set(document) == {"messages", "errors"}
    assert document["errors"][0]["status"] == status
    assert document["messages"][0]["level"] == "ERROR"
    assert document["messages"][0]["message"] == document["errors"][0]["message"]
    assert all(word in document["errors"][0]["message"] for word in words), answer.text


def images(client: Client) -> dict[str, list[str]]:
    """Return all tags of all images."""
    names = json.loads(client.get("/v2/_catalog").data)["repositories"]
    return {name: json.loads(client.get(f"/v2/{name}/tags/list").data)["tags"] for name in names}


LOCAL, PROD = "docker-local/team/app", f"{TARGET}/team/app"
