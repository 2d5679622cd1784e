"""RFC 3261 and its kin, from bytes to dialogs.

Knows no calls, no SDP content (a body is bytes), no media, no policy.
"""
