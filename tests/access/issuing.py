"""Words of the tests of access tokens."""

from __future__ import annotations

import base64
import json
from typing import Any

from registry.access.access_tokens import Issued
from registry.access.granting import Asked
from registry.access.principals import Principal

PASSWORD = "long-enough"
APP = "docker-local/team/app"
DAY = 86400
IMAGES = f"applied-permissions/images:{APP}:pull"


def issue(tokens: Any, caller: Principal, usual: int = 3600, **asked: Any) -> Issued:
    issued = tokens.issue(caller, Asked(**asked), usual, 30 * DAY)
    assert isinstance(issued, Issued)
    return issued


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(token.split(".")[1] + "=="))
    return found
