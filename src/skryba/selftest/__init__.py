"""The house calls itself: simulated phones, a known sound, and a judge of the file that comes out.

Stands beside app: may use sip, sdp, media, codecs and recorder.verify; knows the proxy only from outside, through
sockets and files.
"""
