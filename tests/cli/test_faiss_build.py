"""Exactly one build of FAISS may be installed."""

import pytest

from streams.cli.faiss_build import FaissBuildError, installed, require_one


def test_one_build_is_fine() -> None:
    require_one({"faiss-cpu": "1.15.1"})
    require_one({"faiss-gpu-cuvs": "1.15.1"})


def test_none_names_both_ways_to_install_one() -> None:
    with pytest.raises(FaissBuildError, match=r"rillstream\[cpu\].*rillstream\[gpu\]"):
        require_one({})


def test_two_say_what_to_remove() -> None:
    with pytest.raises(FaissBuildError, match="pip uninstall faiss-cpu faiss-gpu-cuvs"):
        require_one({"faiss-cpu": "1.15.1", "faiss-gpu-cuvs": "1.15.1"})


def test_the_tests_run_with_one() -> None:
    require_one(installed())
