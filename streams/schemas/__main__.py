"""Rewrites the schema files of this folder."""

from streams.schemas import write_all

for path in write_all():
    print(path)
