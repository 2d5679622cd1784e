"""Every option of the house, read from one TOML file and the environment.

Known to `cli` and `app` only: everything else receives plain keyword arguments.
"""
