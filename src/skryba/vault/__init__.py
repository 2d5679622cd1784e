"""Keys, encrypted containers, signatures and the chain of seals.

Knows no recording, no call and no audio: names, octets and small facts go in, the same come out or an error does.
"""
