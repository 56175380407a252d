"""Real clients against a real server: docker, podman, skopeo and buildah, as their users run them.

``programs`` runs them, ``folders`` removes what they leave behind, ``engine`` is a container engine
of the tests' own, ``images`` makes the content and ``wire`` looks at the registry without any of
these clients. The fixtures in ``conftest`` put them together.
"""
