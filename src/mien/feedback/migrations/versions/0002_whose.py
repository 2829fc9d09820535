"""Whose face a correction shows, and what that person agreed to: for faces that were collected."""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    for name in ("subject", "agreed"):
        op.add_column("corrections", sa.Column(name, sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("corrections") as table:
        for name in ("subject", "agreed"):
            table.drop_column(name)
