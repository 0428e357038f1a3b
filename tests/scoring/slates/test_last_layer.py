"""Thompson sampling on the last layer: what it believes, and what its propensities say."""

from __future__ import annotations

import numpy as np

from scoring.slates.chance import uniforms
from scoring.slates.choosers import N_SAMPLES
from scoring.slates.draw import draw
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import sampled_scores
from scoring.slates.field import Field
from scoring.slates.last_layer import LastLayer

TRUTH = np.array([1.0, -0.5, 0.25])


def test_rewards_pull_the_weights_to_the_truth_in_any_order() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4_000, 3)) @ [[1.0, 0.8, 0.5], [0.0, 1.0, 0.3], [0.0, 0.0, 1.0]]
    rewards = features @ TRUTH + rng.normal(size=4_000) * 0.5
    prior = LastLayer.around(np.zeros(3), 1.0, noise=0.5)
    learned = prior.observe(features, rewards)
    np.testing.assert_allclose(learned.mean, TRUTH, atol=0.03)
    halves = prior.observe(features[2_000:], rewards[2_000:])
    halves = halves.observe(features[:2_000], rewards[:2_000])
    np.testing.assert_allclose(halves.mean, learned.mean)
    spread = learned.sample("a list", 4_000)
    np.testing.assert_allclose(spread.mean(axis=0), learned.mean, atol=0.002)
    np.testing.assert_allclose(np.cov(spread.T), np.linalg.inv(learned.precision), atol=1e-5)


def test_an_importance_counts_a_reward_so_many_times() -> None:
    features, rewards = np.array([[1.0, 0.0, 2.0]]), np.array([0.7])
    prior = LastLayer.around(TRUTH, 0.3)
    thrice = prior.observe(features, rewards, np.array([3.0]))
    again = prior.observe(np.tile(features, (3, 1)), np.tile(rewards, 3))
    np.testing.assert_allclose(thrice.mean, again.mean)


def test_its_propensities_are_within_the_stated_error_of_the_true_probabilities() -> None:
    features = np.array([[1.0, 0.2, 0.0], [0.8, -0.4, 0.3], [0.2, 0.0, 1.0], [0.9, 0.1, 0.4]])
    believed = LastLayer.around(TRUTH, 0.4)
    weights = believed.sample("truth", 200_000)
    best = np.bincount((weights @ features.T).argmax(axis=1), minlength=4) / 200_000
    ids = [f"list {i}" for i in range(400)]
    field = Field(
        np.tile(features @ TRUTH, (400, 1)),
        np.ones((400, 4), np.bool_),
        features=[features] * 400,
    )
    drawing = Drawing(2, "thompson", beliefs=believed.beliefs)
    sampled = sampled_scores(field, ids, drawing)
    drawn = draw(field, drawing, uniforms(ids, 2), sampled)
    true = best[drawn.places[:, 0]]
    error = np.sqrt(true * (1 - true) / N_SAMPLES)
    # What was drawn had a little more than its share of the samples: 1 / N_SAMPLES at most.
    assert (np.abs(drawn.propensities[:, 0] - true) < 5 * error + 1 / N_SAMPLES).all()
    counts = np.bincount(drawn.places[:, 0], minlength=4)
    assert (np.abs(counts - 400 * best) < 5 * np.sqrt(400 * best * (1 - best))).all()
    assert (drawn.propensities > 0).all()


def test_it_finds_the_best_item_where_the_best_guess_stays_with_the_first_good_one() -> None:
    rng = np.random.default_rng(4)
    arms, there = np.eye(6), np.ones((1, 6), np.bool_)  # what one item earns says nothing of others
    last = {"best": 0.0, "thompson": 0.0}
    for shop in range(8):
        truth = rng.permutation(np.linspace(0.1, 0.9, 6))
        for kind in last:
            believed = LastLayer.around(np.zeros(6), 1.0, noise=0.3)
            for turn in range(120):
                ids = [f"{shop}:{turn}"]
                field = Field(believed.mean[None, :], there, features=[arms])
                drawing = Drawing(1, kind, beliefs=believed.beliefs)
                sampled = sampled_scores(field, ids, drawing)
                place = int(draw(field, drawing, uniforms(ids, 1), sampled).places[0, 0])
                reward = truth[place] + rng.normal() * 0.3
                believed = believed.observe(arms[[place]], np.array([reward]))
                last[kind] += truth[place] * (turn >= 60) / 60 / 8
    assert last["thompson"] > 0.8
    assert last["best"] < 0.75
