"""Metrics: HOW much of everything there was, and is: figures for monitoring.

Read in this order: ``figures`` (counters that all worker processes of a server share), ``logged``
(one of them), ``processes`` (what the kernel knows of them and of the machine), ``exposition``
(the text that Prometheus reads), ``families`` (every figure with its name and its meaning).

May import: model. May touch: memory that is shared between processes, and ``/proc``.
Invariants: a figure is right whichever worker is asked; counting takes no lock that another
process could hold, and no memory that grows.
"""
