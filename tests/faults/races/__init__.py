"""The races between pushes, pulls and the pruner: R1 to R16, each made to happen every time.

The other party acts exactly at a named place in the middle of the first one: `gates.at` lets it,
in a thread of its own, and waits until it has done so or waits itself for a lock. Where memory,
sockets or a stopped process matter, the parties are processes of their own, with `workers`. What
must hold: no push is refused, no pull fails, nothing is lost.
"""
