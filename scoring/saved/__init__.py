"""Models as folders: written, read, compared, merged."""
