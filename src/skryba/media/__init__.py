"""RTP in, RTP out, a copy towards the recorder.

Knows no SIP, no names of parties, no files.
"""
