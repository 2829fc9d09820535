"""The recipes that the project hands out can be read, and build the nets they name."""

from pathlib import Path

import pytest

pytest.importorskip("keras")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
FILES = sorted((Path(__file__).parents[2] / "examples" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recipe_is_whole(path, tmp_path):
    from mien.labels import FER2013
    from mien.training.config import from_mapping, read_file
    from mien.training.job import sources_in, stages_of
    from mien.training.trainer import freeze, network

    file = read_file(path)
    config = from_mapping({name: value for name, value in file.items() if name not in ("data", "run", "stages")})
    for stage in stages_of(config, file.get("stages", []), sources_in(file["data"]), tmp_path):
        net = network(stage.config, FER2013)
        freeze(net, stage.config.trainable, ("labels", "votes"))
        assert net.trainable_weights


def test_there_are_some():
    assert len(FILES) >= 7
