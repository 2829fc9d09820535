"""How training chips are varied, as a run's config says it; mien.training.augment does it."""

from __future__ import annotations

from dataclasses import dataclass

from mien.errors import insist


@dataclass(frozen=True)
class Augmentation:
    """How far a chip is moved, as shares of its side unless another unit is given; each is drawn evenly from -x to x.

    The defaults cover how far the detectors' boxes stray from FER2013's (docs/results.md, "From box to chip")."""

    mirror: bool = True
    rotation: float = 12.0
    """Degrees."""
    scale: float = 0.12
    shift: float = 0.07
    shear: float = 0.08
    contrast: float = 0.25
    brightness: float = 0.1
    """Share of the gray range."""
    erase: float = 0.4
    """Share of the chips that lose one rectangle (Zhong et al. 2020)."""
    erase_side: tuple[float, float] = (0.15, 0.4)
    crop: float = 0.0
    """At most this share of the side is cut away, anywhere, and what is left enlarged."""
    mixup: float = 0.0
    """Both parameters of the beta distribution that the shares of two chips are drawn from (mien.training.mixing)."""
    cutmix: float = 0.0
    """The same for the area that another chip's part takes."""

    def __post_init__(self) -> None:
        low, high = self.erase_side if len(self.erase_side) == 2 else (1, 0)
        shares = ("scale", "shift", "shear", "contrast", "brightness", "erase")
        insist(
            self,
            ("rotation", 0 <= self.rotation <= 180, "0 to 180 degrees"),
            *((name, 0 <= getattr(self, name) <= 1, "0 to 1") for name in shares),
            ("erase_side", 0 < low <= high <= 1, "two shares of the side, the smaller first"),
            ("crop", 0 <= self.crop < 1, "0 to less than 1"),
            ("mixup", self.mixup >= 0, "0 or more"),
            ("cutmix", self.cutmix >= 0, "0 or more"),
            within="augmentation",
        )

    @property
    def mixes(self) -> bool:
        return self.mixup > 0 or self.cutmix > 0


NONE = Augmentation(False, 0, 0, 0, 0, 0, 0, 0)
