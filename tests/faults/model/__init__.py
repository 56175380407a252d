"""Power cuts on paper: every state that the rules of a filesystem allow, looked at one by one.

An operation is done once, and every call that changes the disk is noted. From that follows what a
power cut may have left at any moment, on the weakest filesystem that POSIX allows and on one with
an ordered journal; each such state is made in memory and looked at. What an fsync is for is
answered by leaving it out.

Read in this order: ``trace`` (what is noted), ``shadow`` and ``recording`` (noting it), ``crashes``
(the two models of a filesystem), ``workbench`` (making a state real), ``oracle`` (what may be
seen), ``operations`` and ``flows`` (what is done: one entry a flow), ``trial`` (all of it
together), ``run`` (one flow from a shell), ``test_model`` (the models themselves),
``test_crash_states``, ``test_fsync_mutants``, ``test_fsync_counts``, ``test_order_mutants``.

All of it: ``REGISTRY_SOAK=1 pytest tests/faults/model``. Source of the method: Pillai et al., "All
File Systems Are Not Created Equal" (ALICE), OSDI 2014.
"""
