"""What surrounds the registry fails: the disk is full, read-only, damaged, or at a limit.

Read in this order: ``disks`` (small filesystems that can be filled to the last block), ``site`` (a
server on one of them, its log, and what must hold afterwards), then the tests.

``REGISTRY_SOAK=1 pytest tests/faults/surroundings`` runs the long forms.
"""
