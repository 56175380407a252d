"""Access: WHO may. Users, passwords, tokens, and the one decision.

Read in this order: ``principals`` (who asks), ``decision`` (the one rule), ``users``,
``passwords``, ``keys``, ``tokens``, ``authentication`` (credentials to principal).

May import: storage and below; itsdangerous in ``tokens``. May touch: ``etc/users``, ``etc/keys``.
Invariants: every resource goes through `decision.allows`; secrets are compared in constant time;
an unknown user, a wrong password and a disabled user look and take alike.
"""
