"""What a pruning pass did, and what it left alone for which reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from registry.storage.orphans import Amount


@dataclass(slots=True)
class Report:
    """One pass. Amounts are names in the filestore and their bytes."""

    dry_run: bool = False
    skipped: str | None = None
    """Why the pass, or the freeing of content in it, was not made."""
    clock_jumped: bool = False
    """Whether that is because no age can be believed now."""
    content: Amount = field(default_factory=Amount)
    """All content."""
    freed: Amount = field(default_factory=Amount)
    held: dict[str, Amount] = field(
        default_factory=lambda: {
            name: Amount() for name in ("grace", "clock", "hold", "limit", "trash")
        }
    )
    """Content that no image needs and that stays: by the grace, until the clock is proved, on
    hold before it is freed, by the limit of one pass, by the trash."""
    set_on_hold: Amount = field(default_factory=Amount)
    brought_back: int = 0
    manifests_deleted: int = 0
    """Manifests without a tag whose time was over; they are in the trash."""
    manifests_kept: dict[str, int] = field(default_factory=dict)
    """Manifests without a tag that stay, by the reason."""
    leases_ended: int = 0
    trash_expired: int = 0
    trash_entries: int = 0
    uploads_removed: int = 0
    leftovers_removed: int = 0
    folders_removed: int = 0
    healed: int = 0
    """Content that was in quarantine and has been pushed again."""
    failed: int = 0
    """Images and steps that could not be done; the log says why."""
    seconds: float = 0.0
    finished: str = ""

    def document(self) -> dict[str, Any]:
        """Return the report for programs."""
        return asdict(self)

    def keep(self, reason: str) -> None:
        """Count a manifest without a tag that stays."""
        self.manifests_kept[reason] = self.manifests_kept.get(reason, 0) + 1

    @property
    def is_quiet(self) -> bool:
        """Whether nothing was changed."""
        changed = (
            self.freed.names, self.set_on_hold.names, self.manifests_deleted, self.leases_ended,
            self.trash_expired, self.uploads_removed, self.leftovers_removed, self.folders_removed,
            self.brought_back, self.healed,
        )  # fmt: skip
        return not any(changed) and self.skipped is None

    def line(self) -> str:
        """Return the report as a line of the log."""
        held = ", ".join(
            f"{amount.bytes} bytes by {name}" for name, amount in self.held.items() if amount.names
        )
        return (
            f"pruning {'would free' if self.dry_run else 'freed'} {self.freed.names} names, "
            f"{self.freed.bytes} bytes; on hold now {self.set_on_hold.names}; "
            f"manifests deleted {self.manifests_deleted}; leases ended {self.leases_ended}; "
            f"trash expired {self.trash_expired}; uploads removed {self.uploads_removed}; "
            f"leftovers removed {self.leftovers_removed}; folders removed {self.folders_removed}; "
            f"held: {held or 'nothing'}; "
            f"failed {self.failed}; {self.seconds:.2f} s"
            + (f"; {self.skipped}" if self.skipped else "")
        )
