"""Counts what the rooms below report.

Reads, never writes; nothing below knows that it is watched.
"""
