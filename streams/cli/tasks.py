"""`rillstream tasks …`: what tasks learn from, and with which others."""

from streams.cli import intents, task_affinity
from streams.cli.options import examples, new_app

app = new_app(
    "tasks",
    "Make rows for tasks, and choose tasks.",
    examples("rillstream tasks label-intents log.jsonl --items items.jsonl --out intents.jsonl"),
)
intents.register(app)
task_affinity.register(app)
