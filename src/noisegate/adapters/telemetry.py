"""How a server process writes its log: one line an event, to standard error, for people and for programs that collect.

Libraries' own messages come the same way, from warnings on.
"""

import logging
import sys

import structlog


def log_to_stderr(*, level: int = logging.INFO) -> None:
    """Set logging up for a process that serves; called once, when it starts."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_to_present_stderr,
        cache_logger_on_first_use=False,  # standard error may be another file by the next event
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _to_present_stderr(*_: object) -> structlog.PrintLogger:
    """Whatever is standard error now: one that was closed meanwhile must not take a thread with it."""
    return structlog.PrintLogger(sys.stderr)
