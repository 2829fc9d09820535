"""Find pictures that are the same, or nearly: their hashes in, groups of rows out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

BANDS = 4
"""Parts of a perceptual hash; two hashes that differ in fewer bits share one part at least."""
DIFFERENT = BANDS - 1
"""Bits in which the hashes of near twins may differ."""
ALIKE = 0.97
"""Correlation of small versions from which on two pictures are near twins."""
MANY = 500
"""Pictures that share a part of the hash; of more, which have it by chance, only neighbours are compared."""


def same(ids: Sequence[bytes]) -> list[list[int]]:
    """Rows of each picture that is there more than once, in order of the first."""
    rows: dict[bytes, list[int]] = defaultdict(list)
    for row, id in enumerate(ids):
        rows[id].append(row)
    return [group for group in rows.values() if len(group) > 1]


def near(hashes: np.ndarray, thumbnails: np.ndarray) -> list[list[int]]:
    """Hashes uint64 (n,) and thumbnails (n, d) of different pictures -> groups of rows that look the same.

    A group is linked by pairs: its first and its last may differ by more than two neighbours do."""
    return joined(
        (i, j)
        for i, j in _candidates(hashes)
        if int(hashes[i] ^ hashes[j]).bit_count() <= DIFFERENT and float(thumbnails[i] @ thumbnails[j]) >= ALIKE
    )


def _candidates(hashes: np.ndarray) -> Iterator[tuple[int, int]]:
    width = 64 // BANDS
    for band in range(BANDS):
        part = (hashes >> np.uint64(band * width)) & np.uint64(2**width - 1)
        order = np.argsort(part, kind="stable")
        starts = np.flatnonzero(np.diff(part[order], prepend=-1.0))
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            reach = end - start if end - start <= MANY else 2
            for i in range(start, end):
                yield from ((int(order[i]), int(order[j])) for j in range(i + 1, min(i + reach, end)))


def joined(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Pairs -> groups of all that hang together, each in order."""
    parent: dict[int, int] = {}

    def root(i: int) -> int:
        parent.setdefault(i, i)
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in pairs:
        parent[max(root(i), root(j))] = min(root(i), root(j))
    groups: dict[int, list[int]] = defaultdict(list)
    for i in sorted(parent):
        groups[root(i)].append(i)
    return list(groups.values())
