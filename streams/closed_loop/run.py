"""`rillstream simulate --closed-loop`: broker, worker, users and rounds of learning, unattended."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scoring.simulation import MODELS
from streams.brokers.embedded import EmbeddedBroker
from streams.brokers.kafka import KafkaBroker, why_unavailable
from streams.cli.printing import remark
from streams.closed_loop.arms import ARMS, OWN_FILE, write_experiment
from streams.closed_loop.commands import Commands
from streams.closed_loop.learner import Learner
from streams.closed_loop.life import Life, SentLog
from streams.closed_loop.outcomes import Outcomes
from streams.closed_loop.report import write_report
from streams.closed_loop.rounds import Rounds
from streams.closed_loop.workers import Workers
from streams.demo.shop import sample_items
from streams.demo.shop_index import ShopIndex
from streams.errors import BadFileError
from streams.settings import Settings
from streams.simulation.run import Pace, Simulation
from streams.simulation.shop import SimulatedShop
from streams.simulation.users import SimulatedUsers
from streams.topics import create_topics

ROUND_S: Final = 60.0
WINDOW_S: Final = 20
LATENESS_S: Final = 5
"""Simulated users react at once: the window for answers need not be half an hour."""

MOST_ROUNDS: Final = 14
_SAY_EVERY_S: Final = 15.0
_SLEEP_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        out: Folder of the report; new or empty.
        broker: A broker of one's own, without passwords; a Kafka of the loop's own when None.
        model: Of the users.
        users: At a time.
        visits_a_second: At most.
        duration_s: Of the whole loop.
        search_share: Visits that begin with a search.
        seed: Of the users.
    """

    out: Path
    broker: str | None
    model: str
    users: int
    visits_a_second: float
    duration_s: float
    search_share: float
    seed: int

    @property
    def round_every_s(self) -> float:
        """From one round's end, or the start, to the next one's begin."""
        return max(ROUND_S, self.duration_s / (MOST_ROUNDS + 1))


class ClosedLoop:
    """One run: everything that it starts ends with it, and the report is written however it ends.

    Raises:
        BadFileError: The folder for the report has something in it.
    """

    def __init__(self, plan: Plan) -> None:
        if plan.out.exists() and any(plan.out.iterdir()):
            raise BadFileError(f"{plan.out} is not empty: name another folder with --out")
        self._plan = plan
        self._run = f"{plan.seed}-{time.time_ns() // 1_000_000:x}"

    def run(self) -> dict[str, Any]:
        """Run it; the record of the report."""
        plan, folder = self._plan, self._plan.out.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            kind, bootstrap = self._broker(folder, stack)
            index = ShopIndex()
            if not index.is_kept():
                remark("Building the shop's index; it is kept for the next time.")
                index.build()
            # As in the demo, settings of the user's own do not reach it.
            prefix = f"loop-{self._run}-"
            settings = Settings.model_construct(
                bootstrap_servers=bootstrap,
                state_dir=folder / "state",
                index_dir=index.folder,
                topic_prefix=prefix,
                app_id=prefix + "rillstream",
                publish_decisions=True,
            )
            create_topics(settings)
            more = {
                "TOPIC_PREFIX": prefix,
                "APP_ID": prefix + "rillstream",
                "PUBLISH_DECISIONS": "true",
                "LEARN_WINDOW_S": str(WINDOW_S),
                "LEARN_LATENESS_S": str(LATENESS_S),
            }
            own = {"POLICY": str(folder / OWN_FILE)}
            served = {**more, **own, "EXPERIMENT": str(write_experiment(folder))}
            workers = Workers(settings, folder / "workers", served)
            learner = Learner(settings, folder / "learner", more)
            stack.callback(workers.stop)
            stack.callback(learner.stop)
            remark(f"{kind} at {bootstrap}, topics {prefix}…; starting a worker …")
            workers.start()
            outcomes = stack.enter_context(Outcomes(folder / "outcomes.jsonl"))
            users, events = self._users(outcomes), SentLog()
            pace = Pace(plan.visits_a_second, plan.duration_s)
            life = Life(Simulation(settings, users, pace, sent=events))
            watch = _Watch(life, workers, learner, users, outcomes)
            commands = Commands(settings, {**more, **own}, watch)
            rounds = Rounds(settings, commands, folder, events)
            stack.enter_context(life)
            try:
                self._live(watch, rounds)
            except KeyboardInterrupt:
                remark("Ending …")
            facts = {"model": plan.model, "seed": plan.seed, "broker": kind, **watch.facts()}
            return write_report(folder, outcomes.rows, rounds.made, facts)

    def _live(self, watch: _Watch, rounds: Rounds) -> None:
        """Until the users are done: rounds, one after the other."""
        due_s = self._plan.round_every_s
        while watch.life.is_alive():
            watch()
            elapsed_s = watch.outcomes.elapsed_s
            # A round that would hardly be over before the end is not begun.
            if elapsed_s >= due_s and self._plan.duration_s - elapsed_s > ROUND_S / 3:
                for made in rounds.make(elapsed_s):
                    remark(f"round {made.number}: {made.what}: {made.outcome}: {made.why}")
                if rounds.ranker is not None and not watch.learner.is_started:
                    watch.learner.start(rounds.ranker)
                due_s = watch.outcomes.elapsed_s + self._plan.round_every_s
            time.sleep(_SLEEP_S)

    def _broker(self, folder: Path, stack: ExitStack) -> tuple[str, str]:
        if self._plan.broker is not None:
            return "given", self._plan.broker
        reason = why_unavailable()
        if reason is None:
            kafka = stack.enter_context(KafkaBroker(folder / "kafka"))
            return "Kafka", kafka.bootstrap
        remark(
            f"{reason}: the embedded broker takes its place. It keeps about 5 MB a partition, so "
            "that promotions see the latest lists only."
        )
        return "embedded", stack.enter_context(EmbeddedBroker()).bootstrap

    def _users(self, outcomes: Outcomes) -> SimulatedUsers:
        plan, shop = self._plan, SimulatedShop(sample_items())
        return SimulatedUsers(
            MODELS[plan.model](shop.wares),
            shop,
            n_users=plan.users,
            seed=plan.seed,
            run=self._run,
            search_share=plan.search_share,
            told=outcomes.take,
        )


@dataclass(slots=True)
class _Watch:
    """Looks after everything while something else is waited for; says now and then how it goes."""

    life: Life
    workers: Workers
    learner: Learner
    users: SimulatedUsers
    outcomes: Outcomes
    said_s: float = 0.0

    def __call__(self) -> None:
        self.life.check()
        self.workers.look_after()
        self.learner.look_after()
        now_s = self.outcomes.elapsed_s
        if now_s - self.said_s < _SAY_EVERY_S:
            return
        self.said_s = now_s
        rows = self.outcomes.rows.copy()
        means = []
        for arm in ARMS:
            own = [row.expected for row in rows if row.arm == arm]
            means.append(f"{arm} {sum(own) / len(own):.3f}" if own else f"{arm} –")
        tally = self.users.tally
        remark(
            f"{now_s / 60:.1f} min: {tally.answered:,} lists, {tally.late:,} late; "
            f"reward a list so far: {', '.join(means)} (simulated)"
        )

    def facts(self) -> dict[str, Any]:
        """What the report says of the run as a whole."""
        rows, elapsed_s = self.outcomes.rows, self.outcomes.elapsed_s
        tally = self.users.tally
        return {
            "seconds": round(elapsed_s),
            **tally.summary(),
            "events_a_second": round(tally.events / max(elapsed_s, 1e-9), 1),
            "worker_lives": self.workers.n_lives,
            "worker_crashes": self.workers.n_crashes,
            "online_learning": self.learner.said(),
            "heads_versions_served": len({row.heads_version for row in rows} - {None}),
            "policies_refused_by_workers": self.workers.said("policies refused"),
        }
