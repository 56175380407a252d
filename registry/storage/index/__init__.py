"""The index: which items there are that a query may want, in the memory of each worker.

Derived from the tree, kept current from the journal, thrown away at any time. What leaves it has
been looked at on the disk.

Read in this order: ``index`` (what it answers), ``walk`` (the same without it, from the tree),
``rows`` and ``reader`` (a manifest folder as a row), ``hashes``, ``postings`` and ``table`` (rows
by what is asked of them), ``scan`` (building), ``tail`` and ``folders`` (what has changed since),
``keeper`` (who does that when), ``select`` and ``emit`` (from a query to items), ``packages``
(tags).
"""
