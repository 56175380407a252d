"""What surrounds the registry fails: the disk is full, read-only, damaged; the clock is wrong.

Read in this order: ``disks`` (small filesystems that can be filled to the last block), ``site`` (a
server on one of them, its log, and what must hold afterwards), ``traffic`` (clients at work, and
what they have been told), then the tests. Copies of the folder: ``tests/live/test_backup.py``.

``REGISTRY_SOAK=1 pytest tests/faults/surroundings`` runs the long forms.
"""
