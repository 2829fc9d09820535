"""What is kept: sessions, corrections, keys and what was done, in one database (docs/server.md)."""
