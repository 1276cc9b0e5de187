"""The spine: items, results, decisions, the gate, cases, the outbox, keys, packs, and the ledger of it all."""

from noisegate.adapters.store.migrate import apply_file

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, their triggers and the grants of the application role."""
    apply_file(__file__)
