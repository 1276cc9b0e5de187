"""The job queue: procrastinate's own schema, as the installed version ships it.

What later versions change is applied by `migrate()` from their own migration files; see there.
"""

from noisegate.adapters.store.migrate import apply_job_schema

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make procrastinate's tables and let the application use them."""
    apply_job_schema()
