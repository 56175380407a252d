"""Server: HOW requests arrive. waitress, worker processes, streaming of bodies.

Read in this order: ``listening`` (the socket), ``master`` (worker processes), ``worker`` (one
process: loop, drain, end) with ``memory``, ``bodies``, ``chunked``, ``fields`` and ``parser`` (a
body goes to memory or to a sink), ``channel`` and ``outgoing``, ``waking`` and ``task`` (a large
body is taken in only after the application has asked for it), ``files`` and ``growing`` (sending by
the kernel, also what is still arriving).

May import: jobs and below; waitress. May touch: sockets and processes.
Invariants: neither a body on its way nor a stalled reader costs a worker thread; memory of a
connection is bounded; a body that the application does not want never reaches the disk.
"""
