"""Thousands of random operations against a real server that prunes all the time, with an oracle.

Clients push, pull, move and delete over HTTP; several pruning passes run at the same time, with a
grace of a second; workers and pruners are killed at random; an admin restores, reverts, checks and
scrubs beside all that. A model knows what must be there and what must not, after each operation
and, to the byte, at the end.

Read in this order: ``figures`` (how much is done), ``content`` (blobs and manifests), ``model``
(what an image must be), ``wire`` (a connection that may lose its worker), ``client`` (one that
asks and judges), ``pushing`` and ``pushes``, ``pulling``, ``deleting``, ``restoring``,
``reverting``, ``limiting`` and ``sharing`` (what is done), ``checking`` and ``auditing`` (what is
asked in between), ``operations`` (which of it how often), ``helper`` and ``pruner`` (processes),
``chaos`` (who kills), ``accounting`` (every file at the end), ``site`` (all that runs), ``run``.

From a shell: ``python -m tests.faults.soak --operations 2000 --seed 7``; with ``--folder DIR`` the
storage folder and the logs stay there. As a test: ``pytest tests/faults/soak``, 10,000 operations;
its long form, 110,000 of them: ``REGISTRY_SOAK=1 pytest tests/faults/soak``. A run begins with its
seed: what clients draw follows from it, how they meet does not.
"""
