"""Measurements, run as commands; never asserted in a timed test."""
