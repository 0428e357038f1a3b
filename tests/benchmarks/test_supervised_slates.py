"""The supervised ranker that a policy has to beat: it has at least as many lists."""

from __future__ import annotations

from scoring.reinforcement.from_simulators import uniform_logs
from scoring.reinforcement.settings import LearningSettings
from scoring.reinforcement.supervised import ShownItems
from scoring.simulation import MODELS, Wares
from tests.benchmarks.supervised_slates import GENERATIONS, Scores, Tuned, from_own_lists, rankers


def test_a_ranker_learns_from_its_own_lists_until_it_has_had_as_many_as_the_policy() -> None:
    settings = LearningSettings(slate_size=3, users=20, visits=4, width=8)
    people = [MODELS["examining"](Wares.invented(30), n_candidates=8)]
    logs = uniform_logs(people, settings, 0)
    known, n = ShownItems.of(logs), len(logs[0].visits)
    first = rankers(known, settings, 0, ["purchases"])["purchases"]
    tried: list[Scores] = []

    def best(name: str, scores: Scores) -> Tuned:
        tried.append(scores)
        return Tuned(name, scores, 0.0, worth=float(len(tried)))

    leader = Tuned("purchases", first, 0.0, 0.0)
    wanted = 5 * n
    found = [*from_own_lists(leader, known, (n, wanted), people, settings, 0, best)]
    counts = [count for _, count in found]
    assert len(found) == len(tried) == 2 * GENERATIONS  # each as it is, and stretched
    assert counts[::2] == counts[1::2] == sorted(set(counts))
    assert n < counts[0] < wanted <= counts[-1] < 2 * wanted
    assert [each.scores for each, _ in found] == tried
