"""Two legs make a call. Core but for `server`.

Knows no sockets, ports, clocks or files; asks the world by commands.
"""
