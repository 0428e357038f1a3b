"""`rillstream simulate`: simulated shoppers who visit, read their lists, and react."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.named import must_be_there
from streams.cli.options import Broker, Json, Seed, examples, settings_from
from streams.cli.printing import print_json, remark
from streams.cli.waiting import tell_if_awaited

if TYPE_CHECKING:
    from streams.simulation.users import SimulatedUsers


class Model(StrEnum):
    """Choice models, see docs/simulation.md."""

    examining = "examining"
    cascading = "cascading"
    choosing = "choosing"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "simulate",
        epilog=examples(
            "rillstream simulate --users 200 --rate 20 --duration 60",
            "rillstream simulate --items items.jsonl --model cascading --seed 7 --json",
            "rillstream simulate --closed-loop --duration 600 --out loop",
        ),
    )(simulate)


def simulate(
    broker: Broker = None,
    items: Annotated[
        Path | None,
        typer.Option(help="The catalogue: JSON Lines or Parquet.", show_default="the sample shop"),
    ] = None,
    model: Annotated[Model, typer.Option(help="How users choose.")] = Model.examining,
    users: Annotated[
        int, typer.Option(min=1, max=100_000, help="Who come and go at a time.")
    ] = 200,
    rate: Annotated[float, typer.Option(min=0.01, max=10_000, help="Visits a second.")] = 10.0,
    duration: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds.", show_default="60; 600 with --closed-loop"),
    ] = None,
    maximum: Annotated[
        int | None,
        typer.Option(
            "--max", min=1, help="At most so many: visits, then it ends.", show_default="none"
        ),
    ] = None,
    searches: Annotated[
        float, typer.Option(min=0, max=1, help="Share of visits that begin with a search.")
    ] = 0.2,
    seed: Seed = 0,
    closed_loop: Annotated[
        bool,
        typer.Option(
            "--closed-loop",
            help="Broker, worker, users, and rounds of learning, unattended; then a report.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the result goes: a folder for --closed-loop's report.", show_default="loop"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Let simulated shoppers use the lists that workers publish.

    They visit and search, look at their list, click, fill carts and buy, come back or stay away.
    All of their events are marked as simulated. Workers must run on an index of the same items.

    --closed-loop starts everything that it needs on the sample shop (a Kafka of its own, unless
    --broker names one without passwords), lets three arms serve the users, learns from the log, and
    promotes what is proven. Settings of your own do not apply to it.
    """
    if closed_loop:
        if items is not None or maximum is not None:
            raise typer.BadParameter("--closed-loop has the sample shop, and ends by --duration")
        from streams.closed_loop.run import ClosedLoop, Plan

        plan = Plan(
            out=out or Path("loop"),
            broker=broker,
            model=model.value,
            users=users,
            visits_a_second=rate,
            duration_s=duration or 600.0,
            search_share=searches,
            seed=seed,
        )
        record = ClosedLoop(plan).run()
        if as_json:
            print_json(record)
        else:
            print((plan.out / "report.md").read_text(), end="")
        return
    if out is not None:
        raise typer.BadParameter("--out belongs to --closed-loop")
    must_be_there(items)
    settings = settings_from(bootstrap_servers=broker)
    import time

    from scoring.simulation import MODELS
    from streams.demo.shop import sample_items
    from streams.logs import configure_logging
    from streams.simulation.run import Pace, Simulation
    from streams.simulation.shop import SimulatedShop
    from streams.simulation.users import SimulatedUsers

    configure_logging(settings)
    shop = SimulatedShop(sample_items()) if items is None else SimulatedShop.from_file(items)
    population = MODELS[model.value](shop.wares)
    crowd = SimulatedUsers(
        population,
        shop,
        n_users=users,
        seed=seed,
        run=f"{seed}-{time.time_ns() // 1_000_000:x}",
        search_share=searches,
    )
    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    pace = Pace(visits_a_second=rate, duration_s=duration or 60.0, visits=maximum)
    simulation = Simulation(settings, crowd, pace, report=None if as_json else _Reporter())
    begun_s = time.monotonic()
    try:
        simulation.run()
    except KeyboardInterrupt:
        remark("Ended by Ctrl-C.")
    _print(crowd, time.monotonic() - begun_s, as_json=as_json)


class _Reporter:
    """A line of progress every five seconds."""

    _EVERY = 5

    def __init__(self) -> None:
        self._n = 0

    def __call__(self, crowd: "SimulatedUsers") -> None:
        self._n += 1
        if self._n % self._EVERY == 0:
            tally = crowd.tally
            remark(
                f"{tally.visits:,} visits, {tally.answered:,} lists looked at, "
                f"{tally.clicks:,} clicks, {tally.purchases:,} purchases, {tally.late:,} late"
            )


def _print(crowd: "SimulatedUsers", elapsed_s: float, *, as_json: bool) -> None:
    found = crowd.tally.summary()
    found["elapsed_s"] = round(elapsed_s, 1)
    found["days"] = round(crowd.day, 1)
    if as_json:
        print_json(found)
        return
    t = crowd.tally
    print(
        f"visits         {t.visits:,} ({t.searches:,} with a search) by simulated users\n"
        f"lists          {t.lists:,}: {t.answered:,} looked at, "
        f"{t.not_awaited:,} for later events, {t.too_late:,} too late, {t.duplicates:,} twice\n"
        f"without a list {t.late:,} visits\n"
        f"reactions      {t.clicks:,} clicks, {t.carts:,} carts, {t.purchases:,} purchases; "
        f"{t.left:,} users left for good"
    )
    if t.answered:
        print(
            f"reward         {found['reward']:.4f} a list, truly {found['expected_reward']:.4f}\n"
            f"event to list  p50 {found['p50_ms']:.0f} ms, p95 {found['p95_ms']:.0f} ms, "
            f"p99 {found['p99_ms']:.0f} ms"
        )
    print(f"rate           {t.events / max(elapsed_s, 1e-9):,.0f} events/s for {elapsed_s:.0f} s")
    if t.unknown_items:
        remark(
            f"{t.unknown_items:,} items of lists are unknown here: give the file that the index "
            "was built from (--items)"
        )
