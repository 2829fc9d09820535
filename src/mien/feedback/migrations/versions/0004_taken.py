"""When a correction entered the faces that are learnt from."""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0004", "0003", None, None


def upgrade() -> None:
    op.add_column("corrections", sa.Column("taken", sa.Float))


def downgrade() -> None:
    with op.batch_alter_table("corrections") as table:
        table.drop_column("taken")
