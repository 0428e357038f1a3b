"""The file of rules that the settings name: read, and compared with what a worker knows."""

from __future__ import annotations

from scoring import Rules, RulesError, read_rules
from streams.settings import Settings


def rules_of(settings: Settings) -> Rules | None:
    """The rules in force; None = there is no file.

    Raises:
        RulesError: The file means nothing, or asks for what these workers do not know.
    """
    return None if settings.rules is None else usable(settings, read_rules(settings.rules))


def usable(settings: Settings, rules: Rules) -> Rules:
    """The same rules, if workers with these settings know what they ask for.

    Raises:
        RulesError: They do not.
    """
    if rules.seen is not None and not settings.read_impressions:
        raise RulesError(
            f"{settings.rules}: the rule [seen] needs impressions: set RILLSTREAM_READ_IMPRESSIONS="
            "true, run rillstream topics create, and start the workers again"
        )
    return rules
