"""What Alembic runs: the steps, within the transaction that `archive.database` has begun.

Knows neither addresses nor logs; run alone it fails for want of a connection.
"""

from alembic import context

from skryba.archive.tables import METADATA

# SQLite can undo changes of tables as well, given that the driver leaves transactions to us: all steps, or none.
context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
context.run_migrations()
