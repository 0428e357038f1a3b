"""The policy that the settings ask for: their own numbers, and those of a policy file."""

from __future__ import annotations

from typing import Final

from scoring import Policy
from scoring.policy_file import read_numbers, with_numbers
from streams.errors import SettingsError
from streams.settings import ENV_PREFIX, MOST_RECORDED, Settings

_SETTING_OF: Final = {"quotas": "candidate_quotas"}
"""Numbers whose setting has another name."""


def policy_of(settings: Settings) -> Policy:
    """The policy that the settings ask for; a number that the policy file names is the file's.

    So is a ranker: that of the settings serves policies that name none, and need not be the same.

    Raises:
        PolicyError: The file makes no policy.
        SettingsError: A setting was made, and the file says otherwise; or `usable` refuses it.
    """
    policy = Policy(
        slate_size=settings.slate_size,
        candidates=max(settings.candidates, settings.slate_size),
        quotas={str(name): most for name, most in settings.candidate_quotas.items()},
        exclude_bought=settings.exclude_bought,
        draw=settings.draw,
        temperature=settings.temperature,
        epsilon=settings.epsilon,
        diversity=settings.diversity,
        relevance_share=settings.relevance_share,
        category_cap=settings.category_cap,
        brand_cap=settings.brand_cap,
        title_cap=settings.title_cap,
    )
    if settings.policy is None:
        return usable(settings, policy)
    numbers = read_numbers(settings.policy)
    for name, value in numbers.items():
        setting = _SETTING_OF.get(name, name)
        if (
            name != "ranker"
            and setting in settings.model_fields_set
            and getattr(settings, setting) != value
        ):
            raise SettingsError(
                f"{ENV_PREFIX}{setting.upper()} is {getattr(settings, setting)}, and "
                f"{settings.policy} says {name} = {value}: keep one of the two"
            )
    return usable(settings, with_numbers(policy, numbers, str(settings.policy)))


def usable(settings: Settings, policy: Policy) -> Policy:
    """The same policy, if workers with these settings can publish what it makes.

    Raises:
        SettingsError: They cannot.
    """
    brought = {"candidates": policy.candidates, **policy.quotas}
    most = max(brought, key=lambda name: brought[name])
    if settings.publish_decisions and brought[most] > MOST_RECORDED:
        raise SettingsError(
            f"publish_decisions records every candidate: {most} = {brought[most]} is above "
            f"{MOST_RECORDED}, with which a record fits a message"
        )
    return policy
