"""History: light to import, small on disk."""

import subprocess
import sys

import msgspec

from scoring.history import TYPE_CODES, TYPE_NAMES, History, Interaction


def test_an_interaction_survives_its_bytes() -> None:
    seen = Interaction(2**64 - 1, "sku-1", TYPE_CODES["purchase"], 1_700_000_000_000, 2)
    raw = msgspec.msgpack.encode(seen)
    assert msgspec.msgpack.decode(raw, type=Interaction) == seen


def test_an_interaction_is_an_array_without_field_names() -> None:
    assert msgspec.json.encode(Interaction(7, "sku-1", "v", 5)) == b'[7,"sku-1","v",5,1]'


def test_type_codes_are_one_letter_and_distinct() -> None:
    assert all(len(code) == 1 for code in TYPE_CODES.values())
    assert len(TYPE_NAMES) == len(TYPE_CODES) == 10


def test_a_fresh_history_is_empty() -> None:
    fresh = History()
    assert (list(fresh.interactions), dict(fresh.counts), list(fresh.queries)) == ([], {}, [])


def test_rows_can_import_interactions_without_torch_faiss_or_numpy() -> None:
    code = (
        "import sys, scoring.history;"
        "heavy = {'torch', 'transformers', 'faiss', 'numpy'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stderr.strip(), done.returncode) == ("", 0)
