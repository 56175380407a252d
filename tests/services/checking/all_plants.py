"""All damage, of every kind."""

from __future__ import annotations

from tests.services.checking import plants_access, plants_beside, plants_links
from tests.services.checking.plants import PLANTS, kind_of

__all__ = ["PLANTS", "kind_of"]

assert plants_access.__doc__
assert plants_beside.__doc__
assert plants_links.__doc__
