"""Fit a face detector: config and photos in, a run folder with the averaged weights and the history out."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from mien.datasets.photos import Photos, some_readable
from mien.models.face_net import face_net
from mien.models.on_torch import trained
from mien.training.detection.config import DetectConfig
from mien.training.detection.losses import COLUMNS, DOUBTFUL, FACES, detection_loss
from mien.training.detection.mining import false_alarms
from mien.training.detection.scenes import Scene, Scenes
from mien.training.run import Run, compiled, cosine


class DetectorTrainer(Run[DetectConfig]):
    """A run that learns to find faces. `score(net)` -> numbers for the history."""

    def __init__(
        self,
        config: DetectConfig,
        photos: Photos,
        run: Path,
        chips: np.ndarray | None = None,
        score: Callable[[keras.Model], dict[str, float]] = lambda net: {},
    ) -> None:
        self.config, self.run, self.score = config, Path(run), score
        self.photos = photos
        self.scenes = Scenes(photos.photos, config.scenes, chips)
        some_readable(self.scenes.with_faces, "to learn from")
        self.net, self.raw = (_network(config) for _ in range(2))
        self.model = _trainee(self.raw)
        self.steps = config.scenes_an_epoch // config.batch_size
        rate = cosine(config.learning_rate, config.warmup, config.epochs, self.steps)
        optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
        compiled(self.model, optimizer, detection_loss)

    def epoch(self, number: int, callbacks: Sequence[keras.callbacks.Callback]) -> keras.callbacks.History:
        c = self.config
        if number >= c.mine * c.epochs:
            self.scenes.alarms = self._alarms()
        side = c.last_side if number >= 3 * c.epochs / 4 else c.side
        batches = Batches(self.scenes, c.seed, number, self.steps, c.batch_size, side)
        return self.model.fit(batches, shuffle=False, verbose=0, callbacks=list(callbacks))

    def scores(self) -> dict[str, float]:
        return self.score(self.net)

    def _alarms(self) -> list[tuple[int, list[float]]]:
        """Collected once a run, and kept in its folder."""
        kept = self.run / "false_alarms.json"
        if not kept.exists():
            new = kept.with_suffix(".new")
            new.write_text(json.dumps(false_alarms(self.averaged(), self.photos)))
            os.replace(new, kept)
        return [(number, box) for number, box in json.loads(kept.read_text())]

    def data_sha256(self) -> str:
        digest = hashlib.sha256()
        for photo in self.photos:
            digest.update(f"{photo.source}/{photo.path.name}".encode())
            for array in (photo.box, photo.landmarks, photo.ignore):
                digest.update(np.ascontiguousarray(array).tobytes())
        if self.scenes.chips is not None:
            digest.update(np.ascontiguousarray(self.scenes.chips).tobytes())
        return digest.hexdigest()


class Batches(keras.utils.PyDataset):
    """One epoch's scenes, made in a thread beside the training."""

    def __init__(self, scenes: Scenes, seed: int, epoch: int, steps: int, size: int, side: int) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self.scenes, self.key, self.steps, self.size, self.side = scenes, (seed, epoch), steps, size, side

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        numbers = range(index * self.size, (index + 1) * self.size)
        made = [self.scenes(np.random.default_rng([*self.key, number]), self.side) for number in numbers]
        return np.stack([scene.image for scene in made]), np.stack([rows_of(scene) for scene in made])


def rows_of(scene: Scene) -> np.ndarray:
    """The rows that the loss reads (FACES + DOUBTFUL, COLUMNS); of too many faces the smallest count as doubtful."""
    out = np.zeros((FACES + DOUBTFUL, COLUMNS), np.float32)
    order = np.argsort(scene.rows[:, 0] - scene.rows[:, 2], kind="stable")  # largest first
    rows, doubtful = scene.rows[order], scene.doubtful[order]
    faces, spare = rows[~doubtful][:FACES], np.concatenate([rows[~doubtful][FACES:], rows[doubtful]])[:DOUBTFUL]
    for start, part in ((0, faces), (FACES, spare)):
        block = out[start : start + len(part)]
        block[:, :14] = np.nan_to_num(part)
        block[:, 14] = 1
        block[:, 15] = ~np.isnan(part).any(axis=1)
    return out


def _network(config: DetectConfig) -> keras.Model:
    keras.utils.set_random_seed(config.seed)
    return face_net(**config.options)


def _trainee(net: keras.Model) -> keras.Model:
    images = keras.Input((None, None, 3), dtype="uint8")
    maps = trained(net)(ops.cast(images, "float32"))
    return keras.Model(images, Cells()([images, *(maps[name] for name in sorted(maps))]))


class Cells(keras.layers.Layer):
    """The picture and its maps (b, h, w, 15) -> all cells in one list (b, n, 18), each followed by its x, y and stride."""

    def call(self, inputs: Any) -> Any:
        images, *maps = inputs
        parts = []
        for level in maps:
            batch, high, wide, columns = ops.shape(level)
            stride = ops.cast(ops.shape(images)[1] // high, "float32")
            y, x = ops.meshgrid(ops.arange(high, dtype="float32"), ops.arange(wide, dtype="float32"), indexing="ij")
            grid = ops.reshape(ops.stack([(x + 0.5) * stride, (y + 0.5) * stride, ops.ones_like(x) * stride], -1), (1, -1, 3))
            cells = ops.reshape(level, (batch, high * wide, columns))
            parts.append(ops.concatenate([cells, ops.broadcast_to(grid, (batch, high * wide, 3))], -1))
        return ops.concatenate(parts, 1)

    def compute_output_shape(self, shapes: Any) -> Any:
        return (shapes[0][0], None, 18)
