"""pyarrow, which is an extra: what it is wanted for in, the module with its part for Parquet out."""

from __future__ import annotations

from typing import Any

from mien.errors import needs


def arrow(what: str = "Parquet") -> Any:
    """Raises MissingExtra with the command that installs it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise needs("data", f"{what} (pyarrow)") from None
    return pyarrow
