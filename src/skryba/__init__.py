"""Skryba: a SIP back-to-back recording proxy. Notice first, then one aligned stereo file per call.

Floors and run-time shape are drawn in ARCHITECTURE.md; `make check` enforces them.
"""

__version__ = "0.1.0"
