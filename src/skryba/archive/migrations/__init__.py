"""How databases of earlier versions become today's, by Alembic.

Knows the tables' history; nobody but `archive.database` runs it.
"""
