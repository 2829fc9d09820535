"""Data that several tests of training are made on."""

import pytest

from helpers import faces_file


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    from mien.card import Preprocessing
    from mien.datasets import open_dataset
    from mien.training.tensors import read

    return read(open_dataset(faces_file(tmp_path_factory.mktemp("data") / "f.npz")), Preprocessing())
