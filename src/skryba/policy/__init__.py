"""One call's facts in, one decision out. Pure and synchronous.

Knows no SIP message, no archive, no clock: the time is a fact.
"""
