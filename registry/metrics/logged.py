"""Counting the lines of the log that tell of trouble."""

from __future__ import annotations

import logging

from registry.metrics.figures import LEVELS, Figures


class LogCounter(logging.Handler):
    """Counts warnings and errors; to be added to the root of all loggers."""

    def __init__(self, figures: Figures) -> None:
        super().__init__(logging.WARNING)
        self._figures = figures

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line."""
        name = "error" if record.levelno >= logging.ERROR else "warning"
        self._figures.count_logged(LEVELS.index(name))
