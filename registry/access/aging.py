"""When a password is too old."""

from __future__ import annotations

import datetime

from registry.access.policies import Aging
from registry.access.user_documents import User
from registry.storage.journal import now, parse_timestamp


def is_password_old(user: User, policy: Aging) -> bool:
    """Return whether a user has to change the password before it is good again.

    Tokens and API keys have ends of their own, and stay good.
    """
    if user.password_expired:
        return True
    if not policy.enabled:
        return False
    try:
        since = parse_timestamp(user.password_set or user.created)
    except ValueError:
        return True
    return now() - since >= datetime.timedelta(days=policy.days)
