"""Payload bytes to int16 samples and back.

Knows no RTP, no files, no time. Absolute imports only: the standard library has a `codecs` of its own.
"""
