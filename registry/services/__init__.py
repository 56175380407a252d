"""Services: WHAT can be done, one feature a file; features do not know each other.

Read in this order: ``instance`` (what one registry consists of), ``setup`` (the first start),
``readiness`` (whether the storage can serve).

May import: repositories and below. May touch: nothing but through them.
"""
