"""How a database of an older version becomes one of this; run by mien.feedback.store."""
