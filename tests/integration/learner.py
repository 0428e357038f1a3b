"""A learner process for the crash tests: the real one, with a short window and small steps."""

import json
import os
import sys

from streams.cli.learn import said
from streams.learning.course import Course, Taught
from streams.learning.worker import run
from streams.settings import load_settings
from tests.integration.shop_worker import crash_at
from tests.streams.learning.shop_stream import LEARNING


def told(taught: Taught, course: Course) -> None:
    """One line a round."""
    print(json.dumps(said(taught, course)), flush=True)


if __name__ == "__main__":
    crash = crash_at(os.environ.get("CRASH_AT", "nowhere:0"))
    sys.exit(run(load_settings(), told, boundary=crash, change=lambda _: LEARNING))
