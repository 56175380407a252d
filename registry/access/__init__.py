"""Access: WHO may. Users, passwords, tokens, and the one decision.

Read in this order: ``principals`` (who asks), ``decision`` (the one rule), ``users`` with
``user_documents`` and ``logins``, ``groups``, ``permission_targets`` with ``permission_forms`` (as
clients write them), ``rules`` (the same, made ready to decide) and ``rule_book`` (those in force),
``explanation`` (why somebody may do something), ``mentions`` (what goes with a name), ``defaults``,
``passwords`` with ``encrypted_passwords``, ``aging`` and ``lockout``, ``policies`` (what is set
about them), ``keys``, ``tokens`` (of the token endpoint), ``forms`` (of secrets),
``token_documents`` (what is kept of secrets), ``api_keys``, ``scopes``, ``granting``, ``jwt`` and
``access_tokens``, ``sessions``, ``authentication`` (credentials to principal).

May import: storage and below; itsdangerous in ``tokens``. May touch: ``etc`` without
``etc/repositories``.
Invariants: every resource goes through `decision.allows`; secrets are compared in constant time;
an unknown user, a wrong password and a disabled user look and take alike.
"""
