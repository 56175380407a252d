"""The figures for monitoring."""
