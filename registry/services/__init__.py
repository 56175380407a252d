"""Services: WHAT can be done, one feature a file; features do not know each other.

Read in this order: ``instance`` (what one registry consists of), ``setup`` (the first start),
``readiness`` (whether the storage can serve), ``pruning`` with ``pruning_steps`` and
``pruning_report`` (freeing what nothing needs), ``trashcan`` (what was deleted, and back).

May import: repositories and below. May touch: nothing but through them.
"""
