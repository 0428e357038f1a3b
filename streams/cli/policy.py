"""`rillstream policy …`: look for numbers of the ranking, and weigh policies against each other."""

from streams.cli import (
    policy_believe,
    policy_evaluate,
    policy_exposure,
    policy_learn,
    policy_positions,
    policy_promote,
    policy_replay,
    policy_sharpen,
    policy_tune,
)
from streams.cli.options import examples, new_app

app = new_app(
    "policy",
    "Tune, learn, measure, compare and promote policies.",
    examples(
        "rillstream policy tune events.jsonl --since 2026-10-01 --until 2026-11-01 --out tuned"
    ),
)


@app.callback()
def _group() -> None:
    """Tune, learn, measure, compare and promote policies."""


for module in (
    policy_tune,
    policy_learn,
    policy_replay,
    policy_evaluate,
    policy_sharpen,
    policy_believe,
    policy_promote,
    policy_positions,
    policy_exposure,
):
    module.register(app)
