"""A virtual repository: one name for several repositories, its members.

Read in this order: ``members`` (who they are, in which order, and what each gives), ``answers``
(what each of them said), ``resolving`` (which of them answers), ``merging`` (lists of all of
them), ``completing`` (what a push needs of other members), ``pushing`` (what happens in the member
that takes what is pushed), ``repository`` (the interface) and ``tree`` (its files and folders).

The members are open as far as the caller may use each, so rights to a virtual repository are the
rights to its members, and what a member does not show is as if that had it not. Of upstream it
matters whether something is absent or nobody could say: only what is absent is looked for in the
next member. A name that a local member holds is never asked of a remote one.
"""
