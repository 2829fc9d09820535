"""Alembic's entry: the connection comes from the store."""

from alembic import context

from mien.feedback.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
