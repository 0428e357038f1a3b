"""Real logs of ZOZOTOWN (Open Bandit Dataset, Saito et al. 2020), one of each of two policies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.offpolicy.logged_lists import LoggedLists
from scoring.offpolicy.terms import Floats


@dataclass(frozen=True)
class Campaign:
    """n impressions of one item each, at one of three positions of the page.

    Attributes:
        items: (n,) codes from 0.
        positions: (n,) from 0; part of the context, as the policy chose for each.
        propensities: (n,) as they were logged.
        clicks: (n,).
        n_items: There are so many.
    """

    items: NDArray[np.int64]
    positions: NDArray[np.int64]
    propensities: Floats
    clicks: Floats
    n_items: int

    @classmethod
    def read(cls, folder: Path, policy: str) -> Campaign:
        """The men's campaign under `bts` (Thompson sampling) or `random`."""
        import polars as pl

        rows = pl.read_parquet(folder / "obp_zozotown" / policy / "men" / "men.parquet")
        items = rows["item_id"].to_numpy().astype(np.int64)
        return cls(
            items=items,
            positions=rows["position"].to_numpy().astype(np.int64) - 1,
            propensities=rows["propensity_score"].to_numpy().astype(np.float64),
            clicks=rows["click"].to_numpy().astype(np.float64),
            n_items=34,
        )

    @property
    def shares(self) -> Floats:
        """(3, A) how often each item stood at each position: what the policy did on the whole."""
        found: Floats = np.zeros((3, self.n_items))
        np.add.at(found, (self.positions, self.items), 1.0)
        found /= found.sum(axis=1, keepdims=True)
        return found

    @property
    def lists(self) -> LoggedLists:
        """Each impression as a list of one; nobody knows whose it was, so each is a user's own."""
        n = len(self.items)
        names = np.array([str(at) for at in range(n)], object)
        return LoggedLists(
            ids=names,
            users=names,
            items=self.items.astype(str).astype(object)[:, None],
            there=np.ones((n, 1), np.bool_),
            propensities=self.propensities[:, None],
            rewards=self.clicks[:, None],
        )

    def write(self, log: Path, probabilities: Path, wanted: Floats) -> None:
        """As files that `rillstream policy evaluate` reads; wanted is (3, A)."""
        with log.open("w") as file, probabilities.open("w") as other:
            for at, item in enumerate(self.items.tolist()):
                row = {
                    "recommendation_id": str(at),
                    "user_id": str(at),
                    "item_id": str(item),
                    "rank": 1,
                    "propensity": float(self.propensities[at]),
                    "at_ms": 1_574_553_600_000 + at,
                    "examined": 1,
                    "clicked": int(self.clicks[at]),
                }
                file.write(json.dumps(row) + "\n")
                p = float(wanted[self.positions[at], item])
                other.write(json.dumps({"recommendation_id": str(at), "probabilities": [p]}) + "\n")

    def model(self) -> Floats:
        """(n, A) expected clicks of every item at each impression's position, from the other half.

        The item's share of clicks, drawn to that of all by 300 impressions' worth.
        """
        found = np.zeros((len(self.items), self.n_items))
        for fold in range(2):
            mine = np.arange(len(self.items)) % 2 == fold
            seen = np.bincount(self.items[~mine], minlength=self.n_items)
            hits = np.bincount(self.items[~mine], self.clicks[~mine], self.n_items)
            found[mine] = (hits + 300 * self.clicks[~mine].mean()) / (seen + 300)
        return found
