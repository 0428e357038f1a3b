"""What a version's manifest says of where its items come from, as `build_parameters.source`."""

from typing import Final

FILES: Final = "files"
TOPIC: Final = "topic"
FILES_AND_TOPIC: Final = "files and topic"
