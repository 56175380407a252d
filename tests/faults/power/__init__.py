"""Power cuts: what is on the disk at any moment is a storage folder that serves all it promised.

A workload runs on a filesystem over a disk that logs every write and flush. From the log the disk
is made as a power cut at any position would leave it; the filesystem recovers it by its journal,
and the storage folder in it is compared with what had been acknowledged by then.

Read in this order: ``device`` (the logged disk), ``mounts`` and ``processes`` (which the kernel
tidies up), ``filesystems``, ``history`` (from the log to crash images), ``ledger`` (what was
promised when), ``checks`` (what is there), ``site`` and ``flows`` (the workloads), ``restart`` (the
server after the power cut), ``syncs`` (leaving out fsyncs, to see that they are missed),
``report`` and ``harness`` (all of it together), ``run`` (one flow from the command line).
"""
