"""Words of the tests of users, groups and permissions."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.test import TestResponse

from tests.conftest import Client

PASSWORD = "long-enough"
JSON = {"Content-Type": "application/json"}
USERS = "/artifactory/api/security/users"
GROUPS = "/artifactory/api/security/groups"
V1 = "/artifactory/api/security/permissions"
V2 = "/artifactory/api/v2/security/permissions"
ACCESS = "/access/api/v2"


def send(client: Client, method: str, path: str, document: Any = None) -> TestResponse:
    body = b"" if document is None else json.dumps(document).encode()
    return client.request(method, path, JSON, body)


def done(client: Client, method: str, path: str, status: int, document: Any = None) -> TestResponse:
    """Send a request that has to be answered with one status exactly."""
    answer = send(client, method, path, document)
    assert answer.status_code == status, (method, path, answer.text)
    return answer


def got(client: Client, path: str) -> Any:
    """Return the JSON document at a path."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].partition(";")[0].endswith("json")
    return json.loads(answer.data)


def message(answer: TestResponse, status: int) -> str:
    """Return the text of an error in Artifactory's dialect, after checking its form."""
    assert answer.status_code == status, answer.text
    (error,) = json.loads(answer.data)["errors"]
    assert error["status"] == status
    return str(error["message"])


def access_code(answer: TestResponse, status: int) -> str:
    """Return the code of an error in the dialect of the Access API, after checking its form."""
    assert answer.status_code == status, answer.text
    (error,) = json.loads(answer.data)["errors"]
    assert set(error) == {"code", "message", "detail"}
    assert isinstance(error["detail"], str)
    return str(error["code"])


def user(**fields: Any) -> dict[str, Any]:
    return {"email": "alice@corp.example", "password": PASSWORD, **fields}
