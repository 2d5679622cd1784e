"""RFC 8866 descriptions and RFC 3264 offers and answers.

Knows no SIP and no sockets.
"""
