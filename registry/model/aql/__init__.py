"""AQL, the language in which Artifactory's clients search, and the smaller searches in its terms.

Read in this order: ``tokens`` and ``syntax`` (what is written), ``fields``, ``operands`` and
``criteria`` (what it means), ``query`` (a text becomes a query), ``predicates`` and ``properties``
(whether an item is meant), ``limits`` (where an index has to look), ``searches`` (the others).
Nothing of a query is ever run as a program.
"""
