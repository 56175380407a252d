"""What the races have in common: a layer, who relies on it, and what must be true at the end."""

from __future__ import annotations

from typing import Final

from registry.model.digests import Digest
from registry.model.errors import BlobUnknown
from registry.services.pruning_report import Report
from tests.support.accounts import Accounts, check_accounts
from tests.support.bench import CONFIG, GRACE, HOLD, IMAGE, TAG, TRASH, UNTAGGED, Bench, image
from tests.support.travel import DAY, HOUR, MINUTE

LAYER: Final = b"layer"
DIGEST: Final = Digest.of(LAYER)
BODY: Final = image(LAYER)

LEAPS: Final = (UNTAGGED + DAY, *2 * [TRASH + DAY], *5 * [GRACE + HOUR])
"""Times between passes, after which everything has gone that has to go: an index and then its
children, their entries of the trash, their leases, their content, their folders."""


def settle(bench: Bench) -> None:
    """Let everything go that has to go, in few passes; whatever stays has a reason."""
    bench.prune()
    for number, leap in enumerate(LEAPS):
        report = bench.prune(after=leap)
        # This one proves to the next that what has just been set on hold has been so ever since.
        bench.prune()
        if number and _is_still(report) and not Accounts(bench.root).problems:
            break
    check_accounts(bench.root)


def _is_still(report: Report) -> bool:
    """Return whether nothing has gone, and nothing waits for its time."""
    waiting = report.trash_entries or report.manifests_kept
    return report.is_quiet and not waiting and not any(x.names for x in report.held.values())


def live_to_the_last_minute(bench: Bench) -> None:
    """Let the time pass for which a "yes" is good: the grace and the hold, with passes."""
    bench.live_for(GRACE - HOUR, every=12 * HOUR)
    bench.live_for(HOUR + HOLD - MINUTE, every=20 * MINUTE)


# --- pushing -----------------------------------------------------------------------------------


def yes(bench: Bench) -> bool:
    """Ask as a pusher whether the image has the layer."""
    try:
        bench.repository.blob(IMAGE, DIGEST, renew=True)
    except BlobUnknown:
        return False
    return True


def put(bench: Bench) -> None:
    """Push the manifest, and with it the configuration that nobody races for."""
    bench.blob(CONFIG)
    bench.put(BODY, TAG)


def check_pushed(bench: Bench) -> None:
    """Assert that what has been pushed stays, and that nothing else does."""
    assert bench.pull() == BODY
    settle(bench)
    assert bench.pull() == BODY


def is_layer(*arguments: object) -> bool:
    """Return whether a function was called for a name of the layer."""
    return DIGEST.encoded in str(getattr(arguments[0], "path", arguments[0]))


# --- what nobody has wanted for long -----------------------------------------------------------


def old_lease(bench: Bench) -> Bench:
    """Let the image have a blob that nobody has wanted for long; return the pruner."""
    bench.blob(LAYER)
    bench.prune(after=MINUTE)
    bench.travel.wait(GRACE + HOUR)
    return bench.again()


def old_orphan(bench: Bench) -> Bench:
    """Let there be old content that no image has; return the pruner, which would hold it."""
    bench.store.filestore.store(LAYER, DIGEST)
    bench.prune(after=MINUTE)
    bench.travel.wait(GRACE + HOUR)
    return bench.again()
