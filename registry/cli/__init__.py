"""Command line: ASKED from a shell. One command group a file.

Read in this order: ``main`` (the group and its common options), ``common`` (errors to exit codes,
output), ``serve``, ``init``, ``user``, ``group``, ``permission``, ``access`` (why somebody
may do something), ``repo``, ``upstreams`` (a part of it), ``key``, ``delete``, ``du``, ``trash``,
``tag``, ``promote``, ``retention``, ``prune``, ``fsck`` (and ``relink``), ``scrub``,
``reverse_proxy``, ``doctor``, ``settings``.

May import: services and below, click. May touch: nothing but through them, and the terminal.
Invariants: every command works whether or not the server runs; exit codes are 0 (done), 1 (could
not be done, with the remedy on standard error) and 2 (called wrongly).
"""
