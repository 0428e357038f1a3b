"""What can go wrong in scoring, as one tree.

ScoringError
├── PolicyError            numbers that make no list: change the setting
│   └── PolicyFileError    a file of them that cannot be used: change the file
├── EvidenceError          a log, or a target, that nothing can be estimated from
├── ExperimentError        a file of variants that says what cannot be: change the file
├── RulesError             a file of rules that cannot be followed: change the file
├── EncoderSourceError     no such folder, or not an encoder: choose another source
├── EncoderFormatError     a folder that cannot be loaded faithfully: convert it, or choose another
├── PrecisionError         arithmetic that is not to be had here: install it, or ask for `auto`
├── DeviceError            a GPU that is not there: ask for `cpu`
├── BalancerError          no such balancer, or an option that it cannot have: change the setting
├── SharingError           no such form of sharing, or a shape that it cannot have: the same
├── SequenceError          events that no sequence tower can learn from or be asked with
├── TowerFormatError       a folder that holds no sequence tower: train it again
├── RankerError            a ranker, or heads, that cannot rank: train it again
├── OnlineError            heads that cannot learn from what is given: change a setting, or both
└── TrainingError
    ├── CheckpointError    a state that this training cannot go on from: begin anew
    ├── RecipeError        a setting that there is not, or out of range: change the file
    ├── RowsError          rows that cannot be used: mend them, or skip them
    └── ModelError         a saved model that does not do this: train another

A query that meets an index of another encoder is `index.EncoderMismatchError`. None is worth a
retry: each needs another model or another setting.
"""

from __future__ import annotations


class ScoringError(Exception):
    """Base of every error that this package raises on purpose."""


class PolicyError(ScoringError, ValueError):
    """A ranking policy with a number out of its range."""


class PolicyFileError(PolicyError):
    """A policy file that is not there, or that says what no policy has."""


class EvidenceError(ScoringError, ValueError):
    """A log, or a target policy, from which nothing can be estimated."""


class ExperimentError(ScoringError, ValueError):
    """A file of variants and shadows that means nothing, or that these workers cannot follow."""


class RulesError(ScoringError, ValueError):
    """A file of rules that says something that there is not, or that contradicts itself."""


class EncoderSourceError(ScoringError):
    """The named encoder is not there."""


class EncoderFormatError(ScoringError):
    """The folder is there, and is nothing that would be encoded with as its authors meant."""


class TrainingError(ScoringError):
    """A model cannot be trained as asked."""


class CheckpointError(TrainingError):
    """There is a state, and this training cannot go on from it."""


class BalancerError(ScoringError, ValueError):
    """A balancer that does not exist, that was set wrongly, or losses that are not its own."""


class SharingError(ScoringError, ValueError):
    """A form of sharing that does not exist, or that was set wrongly."""


class SequenceError(ScoringError, ValueError):
    """Events that no sequence tower can learn from or be asked with, as they are."""


class TowerFormatError(ScoringError):
    """The folder is there, and holds no sequence tower that can be loaded."""


class OnlineError(ScoringError, ValueError):
    """Heads cannot learn online from these rows, or with these numbers, or from this state."""


class RankerError(ScoringError, ValueError):
    """A ranker, or heads for one, that is damaged or does not fit."""


class PrecisionError(ScoringError):
    """The precision that was asked for is not to be had for this encoder, or on this machine."""


class DeviceError(ScoringError):
    """The device that was asked for is not there."""


class RecipeError(TrainingError):
    """A recipe that cannot be followed."""


class RowsError(TrainingError, ValueError):
    """Rows that no task can learn from, or be asked about."""


class ModelError(TrainingError):
    """A saved model that is damaged, or has no such task."""
