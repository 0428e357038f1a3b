"""The index while a worker serves it: changed items, newer versions, rebuilds."""
