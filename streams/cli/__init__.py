"""The command line. Nothing heavy is imported here: `--help` answers in under half a second."""
