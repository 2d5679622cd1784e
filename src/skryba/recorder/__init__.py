"""Packets become an aligned stereo file with a manifest.

Knows no SIP, no sockets of calls, not who decided to record.
"""
