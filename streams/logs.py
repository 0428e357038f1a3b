"""What a process logs, and where: set once, at its beginning."""

import logging
import os
import sys
from functools import partial

import structlog

from streams.settings import Settings


def configure_logging(settings: Settings) -> None:
    """One line an event on standard error, for people or as JSON; of Faust's own, warnings only.

    Who has a `client_id` of its own says it in every line: the lines of several workers may go into
    one log.
    """
    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(
        level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s"
    )
    of_client = logging.ERROR if level > logging.DEBUG else logging.DEBUG
    logging.getLogger("aiokafka").setLevel(of_client)
    # At its debug level it tells every request, and with SASL PLAIN one of them is the password.
    logging.getLogger("aiokafka.conn").setLevel(max(of_client, logging.INFO))
    renderer: structlog.types.Processor = structlog.processors.JSONRenderer()
    processors: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    if settings.client_id != Settings.model_fields["client_id"].default:
        processors.append(partial(_named, settings.client_id))
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"),
            exception_formatter=structlog.dev.plain_traceback,
        )
    else:
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_at_stderr,
    )


def _at_stderr(*_: object) -> structlog.WriteLogger:
    """What is standard error now: who calls a command in its own process may replace it."""
    return structlog.WriteLogger(sys.stderr)


def _named(
    client_id: str, logger: object, method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    return {**event, "client_id": client_id}
