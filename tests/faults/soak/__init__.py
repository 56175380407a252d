"""Thousands of random operations against a real server that prunes all the time, with an oracle.

Clients push, pull, move and delete over HTTP; several pruning passes run at the same time, with a
grace of a second; workers and pruners are killed at random. A model knows what must be there and
what must not, after each operation and, to the byte, at the end.

Read in this order: ``figures`` (how much is done), ``content`` (blobs and manifests), ``model``
(what an image must be), ``wire`` (a connection that may lose its worker), ``client`` (one that
asks and judges), ``pushing`` and ``pushes``, ``pulling``, ``deleting``, ``restoring`` and
``sharing`` (what is done), ``checking`` (what is asked in between), ``operations`` (which of it how
often), ``helper`` and ``pruner`` (processes), ``chaos`` (who kills), ``accounting`` (every file at
the end), ``site`` (all that runs), ``run``.

From a shell: ``python -m tests.faults.soak --operations 2000 --seed 7``. The long form:
``REGISTRY_SOAK=1 pytest tests/faults/soak``.
"""
