"""What every way of taking the light out promises."""

import numpy as np
import pytest

from helpers import noise
from mien.card import ILLUMINATION, Preprocessing

NAMES = ILLUMINATION.names()


def lit(seed=0, side=48):
    """A textured chip, and the same under a light that falls off to one side."""
    chip = noise(side // 4, side // 4, seed=seed).repeat(4, 0).repeat(4, 1) * 0.4 + 80
    light = np.linspace(0.35, 1.2, side)[None]
    return np.rint(chip).astype(np.uint8), np.rint(chip * light).astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_chips_in_chips_out_one_by_one_as_together(name):
    change, chips = ILLUMINATION[name], noise(5, 48, 40)
    out = change(chips)
    assert (out.dtype, out.shape) == (np.uint8, chips.shape)
    alone = np.concatenate([change(chips[i : i + 1]) for i in range(5)])
    assert np.abs(alone.astype(int) - out).max() <= 1  # sums are taken in another order
    assert change(chips[:0]).shape == (0, 48, 40)


@pytest.mark.parametrize("name", NAMES)
def test_a_blank_chip_stays_blank(name):
    for level in (0, 7, 255):
        blank = np.full((2, 48, 48), level, np.uint8)
        assert np.array_equal(ILLUMINATION[name](blank), blank)


@pytest.mark.parametrize("name", NAMES)
def test_a_face_lit_from_the_side_comes_nearer_to_the_evenly_lit(name):
    even, sided = lit()
    before = np.corrcoef(even.ravel(), sided.ravel())[0, 1]
    even, sided = ILLUMINATION[name](np.stack([even, sided]))
    after = np.corrcoef(even.ravel(), sided.ravel())[0, 1]
    # what treats all places alike cannot know a light that differs by place
    assert after > (before - 0.05 if name.startswith("equalised") else before + 0.1)


def test_a_card_names_it_and_pixels_have_it():
    chips = noise(3, 48, 48)
    card = Preprocessing(illumination="dct")
    assert np.array_equal(card.pixels(chips)[..., 0], ILLUMINATION["dct"](chips))
    assert np.array_equal(card.sized(chips)[..., 0], chips)


@pytest.mark.parametrize("wrong", [{"illumination": "sun"}, {"illumination": "dct", "channels": "rgb"}, {"align": "nose"}])
def test_a_card_with_an_unknown_name_is_refused(wrong):
    with pytest.raises(ValueError, match="wanted"):
        Preprocessing(**wrong)


@pytest.mark.parametrize("name", NAMES)
def test_colour_is_refused_with_what_was_wanted(name):
    with pytest.raises(ValueError, match="gray uint8 chips"):
        ILLUMINATION[name](noise(2, 48, 48, 3))
