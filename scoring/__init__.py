"""Encoder, interest vectors and ranking. torch and transformers load when an encoder does."""

from __future__ import annotations

from scoring.history import TYPE_CODES, History, Interaction

__all__ = ["TYPE_CODES", "History", "Interaction"]
