"""Part a set into training, validation and test, or into folds: samples in, the same with other splits out.

A sample's place follows from a hash of whose face it is, or of its picture where that is not known, and from nothing else:
faces of one person stay together, and so do copies of a picture that are not said to be of several people. Samples that are
added later move no old one, but copies of nobody in particular to the person whom a new copy names. The price is that shares
are as even as chance makes them (for 500 samples and a tenth, give or take 7), in each class alike."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from mien.datasets.base import SPLITS, Dataset, Sample, Through
from mien.datasets.look import image_id
from mien.errors import insist


@dataclass(frozen=True)
class Split:
    """`split(sample)` -> the sample in its split."""

    validation: float = 0.1
    """Share of people, or pictures, that become PublicTest."""
    test: float = 0.1
    """And PrivateTest."""
    seed: int = 0
    within: tuple[str, ...] = ()
    """Only samples of these splits are parted anew; empty: all."""
    folds: int = 0
    """Instead of shares: so many folds, of which `fold` becomes PublicTest and the others Training."""
    fold: int = 0

    def __post_init__(self) -> None:
        insist(
            self,
            ("validation", 0 <= self.validation < 1, "0 to less than 1"),
            ("test", 0 <= self.test < 1, "0 to less than 1"),
            ("test", self.validation + self.test < 1, f"less than 1 with validation, {self.validation}"),
            ("folds", self.folds == 0 or (isinstance(self.folds, int) and self.folds >= 2), "2 or more, or none"),
            ("fold", 0 <= self.fold < max(self.folds, 1), f"0 to less than folds, {self.folds}"),
            ("within", set(self.within) <= set(SPLITS), ", ".join(SPLITS)),
        )

    def __call__(self, sample: Sample) -> Sample:
        if self.within and sample.split not in self.within:
            return sample
        if self.folds:
            return replace(sample, split=SPLITS[fold_of(sample, self.folds, self.seed) == self.fold])
        at = place(sample, self.seed, " ".join(self.within))
        name = SPLITS[2] if at < self.test else SPLITS[1] if at < self.test + self.validation else SPLITS[0]
        return replace(sample, split=name)


def place(sample: Sample, seed: int = 0, purpose: str = "") -> float:
    """From 0 to less than 1, evenly: the same for all samples of one person, or of one picture where nobody is named; for
    another purpose another one, as parts of a part must not be parted by what made it."""
    who = b"person " + sample.subject.encode() if sample.subject else b"image " + image_id(sample.image)
    digest = hashlib.sha256(f"{seed} {purpose}".encode() + who).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def fold_of(sample: Sample, folds: int, seed: int = 0) -> int:
    """0 to folds - 1; people and pictures stay together as in a Split."""
    return int(place(sample, seed, "folds ") * folds)


class Parted(Through):
    """A dataset whose samples are in other splits. It is read twice: first for whose the pictures are."""

    def __init__(self, dataset: Dataset, split: Split) -> None:
        super().__init__(dataset)
        self.split = split
        self.apart = 0
        """Pictures of the last pass that are in several splits: copies of several people's, or not parted anew."""

    def __iter__(self) -> Iterator[Sample]:
        where: dict[bytes, str] = {}
        apart: set[bytes] = set()
        owners = self._owners()
        for sample in self.dataset:
            image = image_id(sample.image)
            parted = self.split(replace(sample, subject=sample.subject or owners.get(image, "")))
            if where.setdefault(image, parted.split) != parted.split:
                apart.add(image)
            yield replace(sample, split=parted.split)
        self.apart = len(apart)

    def _owners(self) -> dict[bytes, str]:
        """Whose each picture is that names one person; of several, nobody's."""
        owners: dict[bytes, str] = {}
        for sample in self.dataset:
            if sample.subject and owners.setdefault(image := image_id(sample.image), sample.subject) != sample.subject:
                owners[image] = ""
        return owners


def shared_people(samples: Iterable[tuple[str, str]]) -> dict[str, Collection[str]]:
    """Pairs of subject and split -> the splits of each person who is in several."""
    where: dict[str, set[str]] = {}
    for subject, split in samples:
        if subject:
            where.setdefault(subject, set()).add(split)
    return {subject: sorted(splits, key=SPLITS.index) for subject, splits in where.items() if len(splits) > 1}
