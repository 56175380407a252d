"""Killed, or refused by the disk, at every system call that changes the storage folder.

Read in this order: ``flows`` (what is done: one entry a flow) with ``pushes``, ``deletions``,
``transfers``, ``administration``, ``points`` (which call fails, and how), ``tracing`` (strace),
``operation`` (the process that is traced), ``trial`` (one faulted run, and what is asked
afterwards), ``state`` (what an observer sees), ``leftovers`` and ``sweeping`` (what may lie about,
and the pruner that takes it), ``bench`` (prepared folders), ``run`` (from a shell).

One run alone: ``python -m tests.faults.injection.run --flow push --mode kill --call fsync
--number 3``. All of them: ``REGISTRY_SOAK=1 pytest tests/faults/injection``.
"""
