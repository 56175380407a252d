"""Measurements of this registry against a peer and against the machine it runs on."""
