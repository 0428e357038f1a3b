"""Encoder, interest vectors and ranking. torch loads when an encoder does, numpy with the rest."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scoring.errors import (
    EncoderFormatError,
    EncoderSourceError,
    PolicyError,
    PrecisionError,
    RankerError,
    RulesError,
    ScoringError,
)
from scoring.history import TYPE_CODES, History, Interaction

if TYPE_CHECKING:
    from scoring.encoder import Encoder, load_encoder
    from scoring.policy import Policy
    from scoring.query_vectors import QueryTower, QueryVectors
    from scoring.ranker.ranker import Ranker, load_named_ranker, load_ranker
    from scoring.recommender import Recommender
    from scoring.related.table import RelatedItems
    from scoring.reranker import Reranker, load_reranker
    from scoring.rules.rule_file import Rules, read_rules
    from scoring.slate import Request, ScoredItem, Slate

__all__ = [
    "TYPE_CODES",
    "Encoder",
    "EncoderFormatError",
    "EncoderSourceError",
    "History",
    "Interaction",
    "Policy",
    "PolicyError",
    "PrecisionError",
    "QueryTower",
    "QueryVectors",
    "Ranker",
    "RankerError",
    "Recommender",
    "RelatedItems",
    "Request",
    "Reranker",
    "Rules",
    "RulesError",
    "ScoredItem",
    "ScoringError",
    "Slate",
    "load_encoder",
    "load_named_ranker",
    "load_ranker",
    "load_reranker",
    "read_rules",
]

_LAZY = {
    "Encoder": "scoring.encoder",
    "Policy": "scoring.policy",
    "Ranker": "scoring.ranker.ranker",
    "QueryTower": "scoring.query_vectors",
    "QueryVectors": "scoring.query_vectors",
    "Recommender": "scoring.recommender",
    "RelatedItems": "scoring.related.table",
    "Request": "scoring.slate",
    "Reranker": "scoring.reranker",
    "Rules": "scoring.rules.rule_file",
    "ScoredItem": "scoring.slate",
    "Slate": "scoring.slate",
    "load_encoder": "scoring.encoder",
    "load_named_ranker": "scoring.ranker.ranker",
    "load_ranker": "scoring.ranker.ranker",
    "load_reranker": "scoring.reranker",
    "read_rules": "scoring.rules.rule_file",
}


def __getattr__(name: str) -> Any:
    """Import what is heavy when it is first asked for: a row needs an Interaction, not numpy."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
