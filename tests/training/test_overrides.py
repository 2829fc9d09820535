"""Any field of a config can be set by its name, and what was set can be read back."""

import pytest

pytest.importorskip("keras")
pytestmark = pytest.mark.slow


def test_fields_parts_and_kinds():
    from mien.training.config import TrainConfig
    from mien.training.overrides import differences, overridden

    words = [
        "class_weights=inverse", "augmentation.mixup=1", "augmentation.erase_side=[0.1, 0.2]", "mirror=labels,votes", "epochs=3",
        "preprocessing.illumination=dct", 'options={"stem": 8}', "augmentation.mirror=false",
    ]  # fmt: skip
    made = overridden(TrainConfig(), words)
    assert (made.class_weights, made.epochs, made.options) == ("inverse", 3, {"stem": 8})
    assert (made.augmentation.mixup, made.augmentation.erase_side, made.augmentation.mirror) == (1.0, (0.1, 0.2), False)
    assert made.mirror == ("labels", "votes")
    assert overridden(TrainConfig(), differences(made, TrainConfig())) == made
    assert next(iter(differences(made, TrainConfig(), ("epochs", "mirror", "options")))) == "preprocessing.illumination=dct"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("epochs", "NAME=VALUE"), ("epoch=3", "there are: model"), ("epochs=many", "such as 60"), ("seed.x=1", "has no parts"),
        ("augmentation=1", "augmentation.mixup"), ("class_weights=none", "inverse or effective"), ("epochs=2.5", "such as 60"),
        ("preprocessing.illumination=sun", "wanted"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_said(word, said):
    from mien.training.config import TrainConfig
    from mien.training.overrides import overridden

    with pytest.raises(ValueError, match=said):
        overridden(TrainConfig(), [word])
