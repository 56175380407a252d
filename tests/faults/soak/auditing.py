"""What an admin looks at beside the running server: the checks of the whole storage folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from registry.services.findings import KINDS, Severity
from registry.storage.layout import parse_content_name
from tests.faults.soak.client import Client
from tests.faults.soak.wire import Wrong

_SHOWN: Final = 20
_AFTER_KILLS: Final = (
    # A push has written the one and not yet the other; the client does it again.
    "sidecar-of-another",
    "referrer-missing",
    "child-without-folder",
    # A deletion has removed the one and not yet the other; the next pass goes on.
    "referrer-dangling",
    # What a push has left of a repository that was deleted under its hands.
    "repository-undefined",
)
"""What killed processes leave of some structure until somebody goes on."""


def check_store(client: Client) -> None:
    """Check the live store: nothing is found but what killed processes leave for a grace."""
    done = client.site.auditor.ask("fsck", "all")
    if done.error is not None:
        raise Wrong(f"fsck: {done}")
    for finding in done.found:
        client.site.tally.add(f"found while running: {finding['kind']}")
    wrong = [finding for finding in done.found if not _is_allowed(**finding)]
    if wrong:
        raise Wrong(f"fsck of the live store found:\n{_text(wrong)}")


def _is_allowed(kind: str, path: str, **_: object) -> bool:
    """Return whether a finding is what killed processes may have left a moment ago."""
    # A killed pass had taken its digest from an untagged manifest, and not yet its folder.
    untagged = kind == "manifest-link-missing" and parse_content_name(path.split("/")[-2])
    return bool(KINDS[kind].severity is Severity.LEFTOVER or kind in _AFTER_KILLS or untagged)


def scrub(client: Client) -> None:
    """Read all content of the live store again: none of it is damaged."""
    done = client.site.auditor.ask("scrub", "all")
    if done.error is not None or done.found is not None:
        raise Wrong(f"scrub: {done}")


def check_store_at_rest(client: Client) -> None:
    """Check the store, all its content included, by the command: nothing at all is found."""
    done = client.site.server.cli("fsck", "--deep", "--json")
    found = json.loads(done.stdout)["findings"] if done.stdout else [done.stderr]
    if done.returncode != 0 or found:
        raise Wrong(f"fsck at the end, {done.returncode}:\n{_text(found)}")


def _text(findings: Iterable[Any]) -> str:
    return "\n".join(str(finding) for finding in list(findings)[:_SHOWN])
