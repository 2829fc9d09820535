import base64
import io

import numpy as np
import pytest
from PIL import Image

from helpers import encoded, faceless, noise
from mien.errors import ImageError, SourceError
from mien.image import Limits, cut, decode, fit, gray, load, resize

RGB = faceless(60, 80)


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_come_back_as_they_were(format):
    data = encoded(RGB, format, **({"lossless": True} if format == "WEBP" else {}))
    assert np.array_equal(load(data), RGB)


def test_jpeg_and_gif_come_back_nearly_as_they_were():
    assert np.abs(load(encoded(RGB, "JPEG", quality=95)).astype(int) - RGB).mean() < 3
    assert load(encoded(RGB, "GIF")).shape == RGB.shape


def test_every_kind_of_source_gives_the_same_picture(tmp_path):
    data = encoded(RGB)
    (tmp_path / "a.png").write_bytes(data)
    text = base64.b64encode(data).decode()
    for source in (
        tmp_path / "a.png", str(tmp_path / "a.png"), data, bytearray(data), text,
        f"data:image/png;base64,{text}", Image.open(io.BytesIO(data)), RGB,
    ):  # fmt: skip
        assert np.array_equal(load(source), RGB)


def test_gray_arrays_and_files_become_rgb():
    level = RGB[..., 0]
    assert np.array_equal(load(level)[..., 2], level)
    assert np.array_equal(load(encoded(level)), np.repeat(level[..., None], 3, 2))


def test_sixteen_bits_are_scaled_not_cut():
    levels = np.linspace(0, 65535, 20 * 30).reshape(20, 30).astype(np.uint16)
    assert np.abs(load(encoded(levels))[..., 0].astype(int) - np.rint(levels / 257).astype(int)).max() <= 1


def test_dark_sixteen_bit_pictures_stay_dark():
    assert load(encoded(np.full((20, 30), 200, np.uint16))).max() <= 1


def test_transparent_pixels_show_white_paper():
    rgba = np.dstack([RGB, np.zeros((60, 80), np.uint8)])
    assert (load(encoded(rgba)) == 255).all()
    assert (load(rgba) == 255).all()


def test_palettes_are_resolved():
    image = Image.fromarray(RGB).quantize(64)
    file = io.BytesIO()
    image.save(file, "PNG")
    assert np.array_equal(load(file.getvalue()), np.asarray(image.convert("RGB")))


def test_colours_of_a_cmyk_jpeg_are_right():
    red = np.zeros((32, 32, 3), np.uint8) + np.array([200, 30, 30], np.uint8)
    file = io.BytesIO()
    Image.fromarray(red).convert("CMYK").save(file, "JPEG", quality=95)
    assert np.abs(load(file.getvalue()).mean((0, 1)) - [200, 30, 30]).max() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    inverse = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transposition that each orientation undoes
    stored = Image.fromarray(RGB)
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(inverse[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored.save(file, "PNG", exif=exif)
    assert np.array_equal(load(file.getvalue()), RGB)


BAD = {
    "empty": b"",
    "not_an_image": b"certainly no picture",
    "truncated": encoded(noise(64, 64, 3), "JPEG")[:900],
    "too_small": encoded(RGB[:1, :1]),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_bytes_are_an_error_that_says_which_and_why(kind):
    with pytest.raises(ImageError, match=r"photo\.jpg: ") as caught:
        decode(BAD[kind], name="photo.jpg")
    assert caught.value.kind == kind


def test_a_png_cut_short_is_an_error():
    with pytest.raises(ImageError, match="damaged or cut off"):
        decode(encoded(noise(64, 64, 3))[:2000])


def test_a_decompression_bomb_is_refused_before_it_is_decoded():
    data = encoded(np.zeros((9_000, 9_000), bool))
    assert len(data) < 100_000
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert caught.value.kind == "too_large"


def test_too_many_bytes_or_pixels_are_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(RGB))
    for limits in (Limits(bytes=100), Limits(pixels=100)):
        with pytest.raises(ImageError) as caught:
            load(tmp_path / "a.png", limits)
        assert caught.value.kind == "too_large"


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(SourceError, match=r"none\.jpg: no such file") as caught:
        load(tmp_path / "none.jpg")
    assert caught.value.kind == "not_found"


def test_a_name_too_long_for_any_file_system_is_no_crash():
    with pytest.raises((SourceError, ImageError)):
        load("x" * 5000 + ".jpg")


def test_arrays_that_are_no_picture_are_refused_with_what_was_wanted():
    with pytest.raises(ImageError, match=r"wanted uint8.*got float64 of shape \(20, 20, 3\)"):
        load(np.zeros((20, 20, 3)))


def test_something_else_altogether_is_a_type_error():
    with pytest.raises(TypeError, match="got int"):
        load(7)


def test_cutting_beyond_the_border_repeats_it():
    chips = cut(RGB, np.array([[-20.0, -20, 20, 20], [-500, -500, -460, -460]]), 8)
    assert chips.shape == (2, 8, 8, 3)
    assert (chips[1] == RGB[0, 0]).all()


def test_cutting_the_whole_is_resizing_it():
    assert np.array_equal(cut(RGB, np.array([[0.0, 0, 60, 60]]), 30)[0], resize(RGB[:60, :60], 30, 30))


def test_fitting_shrinks_but_never_enlarges():
    small, factor = fit(RGB, 40)
    assert small.shape[:2] == (30, 40)
    assert factor == pytest.approx(0.5)
    assert fit(RGB, 400)[1] == 1


def test_gray_of_many_is_gray_of_each():
    pictures = np.stack([RGB, RGB[::-1]])
    assert np.array_equal(gray(pictures), [gray(RGB), gray(RGB[::-1])])
    assert gray(pictures[:0]).shape == (0, *RGB.shape[:2])
