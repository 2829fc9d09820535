"""Scenes, assignment and loss of the detector, and a short run."""

import json
from dataclasses import replace

import numpy as np
import pytest

from helpers import astronaut, encoded, mien
from mien.datasets.photos import Photo, open_photos

pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore")

FACE = [180, 70, 90, 115]
POINTS = [207, 112, 246, 110, 228, 132, 212, 152, 244, 150]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    (folder / "face.png").write_bytes(encoded(astronaut()))
    (folder / "none.png").write_bytes(encoded(np.ascontiguousarray(astronaut()[300:, :200])))
    entries = {
        "face.png": {"source": "a", "faces": [{"box": FACE, "landmarks": POINTS}]},
        "none.png": {"source": "b", "faces": []},
    }
    (folder / "annotations.json").write_text(json.dumps({"images": entries}))
    return open_photos(folder)


def quiet(**more):
    from mien.training.detection.scenes import SceneConfig

    return SceneConfig(
        **{**dict.fromkeys(("roll", "negatives", "mosaic", "pasted", "gray", "dark", "blur", "jpeg", "noise"), 0), **more}
    )


def test_a_scene_is_the_same_again_and_another_with_another_number(photos):
    from mien.training.detection.scenes import Scenes

    scenes = Scenes(photos.photos, chips=np.full((1, 48, 48), 90, np.uint8))
    first, again, other = (scenes(np.random.default_rng([0, 0, i]), 128) for i in (1, 1, 2))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.rows, again.rows, equal_nan=True)
    assert not np.array_equal(first.image, other.image)


def test_a_photo_that_cannot_be_read_is_named_and_another_scene_is_made(photos, tmp_path):
    from mien.training.detection.scenes import Scenes

    broken = replace(photos.photos[0], path=tmp_path / "broken.png")
    broken.path.write_bytes(encoded(astronaut())[:2000])
    scenes = Scenes([broken, photos.photos[0]], quiet())
    assert all(scenes(np.random.default_rng(i), 96).image.shape == (96, 96, 3) for i in range(8))
    assert list(scenes.broken) == [broken.path]
    with pytest.raises(ValueError, match="none of 1 photos can be read"):
        Scenes([broken], quiet())(np.random.default_rng(0), 96)


def test_boxes_and_points_follow_the_pixels(photos):
    """A photo that is black but for white eyes: wherever the scene puts them, the points are there."""
    from mien.training.detection.scenes import Scenes

    image = np.zeros((200, 200, 3), np.uint8)
    points = np.array([[80, 90], [120, 90], [100, 105], [85, 120], [115, 120]], np.float32)
    image[86:95, 76:85] = (255, 0, 0)
    photo = Photo(photos.photos[0].path, "x", np.array([[60, 60, 140, 150]], np.float32), points[None], np.array([False]))
    scenes = Scenes([photo], quiet(roll=30.0))
    scenes.pictures = lambda path: (image, 1.0)
    seen = 0
    for number in range(40):
        scene = scenes._plain(np.random.default_rng(number), 160)
        if scene.doubtful.any() or not len(scene.rows):
            continue
        red = (scene.image[..., 0].astype(int) - scene.image[..., 1]) > 100
        eyes = scene.rows[0, 4:8].reshape(2, 2)
        inside = (eyes > 6).all() and (eyes < 154).all()
        if red.sum() > 12 and inside:
            y, x = np.nonzero(red & (scene.image[..., 2] < 90))
            gap = np.linalg.norm(eyes - [x.mean(), y.mean()], axis=1).min()
            size = scene.rows[0, 2] - scene.rows[0, 0]
            seen += gap < 0.1 * size
    assert seen >= 10


def test_a_large_photo_is_shrunk_once_and_its_boxes_with_it(photos, tmp_path):
    from mien.training.detection.scenes import LONGEST, Pictures, Scenes

    large = np.kron(astronaut(), np.ones((5, 5, 1), np.uint8))
    path = tmp_path / "large.png"
    path.write_bytes(encoded(large))
    face = 5 * np.array([[180, 70, 270, 185]], np.float32)
    photo = Photo(path, "x", face, np.full((1, 5, 2), np.nan, np.float32), np.array([False]))
    small = replace(photo, path=photos.photos[0].path, box=face / 5)
    a, b = (Scenes([p], quiet(enlarge=1.0))._plain(np.random.default_rng(4), 200) for p in (photo, small))
    pictures = Pictures(most=1)
    assert pictures(path)[0].shape == (LONGEST, LONGEST, 3)
    pictures(small.path)
    assert len(pictures._kept) == 1
    assert len(a.rows) == len(b.rows) == 1


def test_a_face_that_a_close_up_covers_in_part_is_doubtful():
    from mien.training.detection.scenes import Scene, _pasted

    rows = np.full((2, 14), np.nan, np.float32)
    rows[:, :4] = [[0, 0, 200, 200], [-9, -9, -4, -4]]
    scene = Scene(np.zeros((200, 200, 3), np.uint8), rows, np.array([False, False]))
    made = _pasted(np.random.default_rng(1), scene, np.full((48, 48), 99, np.uint8))
    assert made.doubtful.tolist() == [True, False, False]


def test_a_mirrored_face_keeps_its_right_eye_on_the_left():
    from mien.training.detection.scenes import _moved

    points = np.array([[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]], np.float32)
    photo = Photo("p", "x", np.array([[0, 0, 40, 40]], np.float32), points[None], np.array([False]))
    mirror = np.array([[-1.0, 0, 40], [0, 1, 0]])
    rows, _ = _moved(photo, mirror, True, 64, 8.0)
    assert rows[0, 4:].reshape(5, 2).tolist() == points.tolist()  # a symmetric face looks the same


def test_cells_go_to_the_face_they_stand_on():
    from keras import ops

    from mien.training.detection.assign import assign

    grid = np.array([[x + 4.0, y + 4.0, 8.0] for y in range(0, 64, 8) for x in range(0, 64, 8)], np.float32)[None]
    boxes = np.concatenate([grid[..., :2] - 12, grid[..., :2] + 12], -1)
    faces = np.array([[[0, 0, 24, 24], [36, 36, 60, 60], [0, 0, 0, 0]]], np.float32)
    real = np.array([[True, True, False]])
    given = (ops.convert_to_tensor(v) for v in (grid, np.zeros((1, 64), np.float32), boxes, faces, real))
    positive, owner, overlap = (ops.convert_to_numpy(v) for v in assign(*given))
    centre = grid[0, positive[0], :2]
    assert (owner[0][positive[0]][centre.max(1) < 30] == 0).all()
    assert (owner[0][positive[0]][centre.min(1) > 30] == 1).all()
    assert set(owner[0][positive[0]]) == {0, 1}
    assert overlap[0].max() == pytest.approx(1.0)


def raw_cells(score):
    """One cell at (32, 32), stride 8, with a box of 16 x 16 around it and its points in the middle."""
    cells = np.zeros((1, 12, 18), np.float32)
    cells[..., 0], cells[..., 3:5] = -8, np.log(2)
    cells[0, :, 15], cells[0, :, 16], cells[..., 17] = 8 * np.arange(12) + 4, 36, 8
    cells[0, 4, 0] = score
    return cells


def row_of(box, kind=1.0):
    from mien.training.detection.losses import COLUMNS, DOUBTFUL, FACES

    rows = np.zeros((1, FACES + DOUBTFUL, COLUMNS), np.float32)
    rows[0, 0 if kind > 0 else FACES] = [*box, *np.tile([36, 36], 5), 1, 1]
    return rows


def loss_of(rows, cells):
    from keras import ops

    from mien.training.detection.losses import detection_loss

    return float(detection_loss(ops.convert_to_tensor(rows), ops.convert_to_tensor(cells)))


def test_the_loss_is_least_for_the_right_answer():
    right, unsure, wrong_box = (
        loss_of(row_of(box), raw_cells(score))
        for score, box in ((8, (28, 28, 44, 44)), (-8, (28, 28, 44, 44)), (8, (26, 22, 56, 50)))
    )
    assert right < 0.1 < min(unsure, wrong_box)


def test_a_doubtful_face_is_neither_learned_nor_unlearned():
    loud = raw_cells(8)
    nothing = np.zeros_like(row_of((0, 0, 1, 1)))
    assert loss_of(nothing, loud) > 1
    assert loss_of(row_of((28, 28, 44, 44), kind=-1), loud) < 0.1


def small(**more):
    """A run that takes seconds."""
    from mien.training.detection.config import DetectConfig

    net = {"stem": (8, 8), "widths": (16, 16, 16, 16), "depths": (1, 1, 1, 1), "neck": 16, "head": 1}
    return DetectConfig(options=net, scenes=quiet(), batch_size=8, warmup=0.5, **more)


@pytest.mark.slow
def test_a_short_run_learns_resumes_and_serves(photos, tmp_path):
    from mien import load_detector
    from mien.training.detection.config import DetectConfig
    from mien.training.detection.finish import finish
    from mien.training.detection.trainer import DetectorTrainer

    config = small(epochs=4, scenes_an_epoch=64, side=128, last_side=128, mine=0.5)
    trainer = DetectorTrainer(config, photos, tmp_path / "run")
    trainer.fit()
    assert trainer.history[-1]["loss"] < trainer.history[0]["loss"]
    card = finish(trainer, photos, "mien train --task detect")
    assert {p.name for p in (tmp_path / "run").iterdir()} >= {
        "config.json", "history.csv", "model.keras", "model.onnx", "card.json", "report.json", "curves.png", "checkpoint.npz",
    }  # fmt: skip
    detector = load_detector(str(tmp_path / "run"))
    assert detector.card == card
    detector(astronaut())
    again = DetectorTrainer(DetectConfig.load(tmp_path / "run" / "config.json"), photos, tmp_path / "run")
    again.restore()
    assert len(again.history) == 4
    assert all(np.array_equal(a, b) for a, b in zip(again.average, trainer.average, strict=True))


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_what_the_whole_one_gives(photos, tmp_path):
    from mien.training.detection.trainer import DetectorTrainer

    config = small(epochs=3, scenes_an_epoch=32, side=64, last_side=64, mine=0.3)
    whole = DetectorTrainer(config, photos, tmp_path / "whole")
    whole.fit()

    def stop(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DetectorTrainer(config, photos, tmp_path / "part").fit(report=stop)
    rest = DetectorTrainer(config, photos, tmp_path / "part")
    rest.fit()
    assert [row["epoch"] for row in rest.history] == [1, 2, 3]
    assert (tmp_path / "part" / "false_alarms.json").read_text() == (tmp_path / "whole" / "false_alarms.json").read_text()
    for a, b in zip(whole.average, rest.average, strict=True):
        assert np.abs(a - b).max() < 1e-4


@pytest.mark.slow
def test_the_commands_train_and_evaluate_a_detector(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "face.png").write_bytes(encoded(astronaut()))
    face = {"box": FACE}
    rows = {"face.png": {"source": "a", "faces": [face]}, "gone.png": {"source": "a", "faces": [face]}}
    (tmp_path / "annotations.json").write_text(json.dumps({"images": rows}))
    run = tmp_path / "run"
    common = ("--task", "detect", "--data", tmp_path)
    done = mien("train", *common, "--run", run, "--epochs", 1, "--scenes-an-epoch", 16, "--batch-size", 8)
    assert done.returncode == 0, done.stderr
    assert b"gone.png" in done.stderr
    scores = json.loads(mien("evaluate", run, *common, "--json").stdout)
    assert (scores["images"], scores["fitted_on"], scores["left_out"]) == (1, ["a"], 1)
    assert scores["bands"]["over 64"]["faces"] == 1
    empty = mien("train", *common, "--run", tmp_path / "other", "--choose", "b")
    assert empty.returncode == 2
    assert b"there are: a" in empty.stderr
