"""What is remembered of a call after it ended.

Knows manifests and notices, not live calls.
"""
