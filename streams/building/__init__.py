"""Items in files or topics -> staged vectors, from which an index version is built."""
