"""How hypothesis works here: no deadline, because the machine is shared, and no database."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("registry", database=None, deadline=None, max_examples=200)
settings.load_profile("registry")
