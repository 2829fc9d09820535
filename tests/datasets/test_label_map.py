"""What the data says into class names, in every form of a dataset."""

import json
import sys

import numpy as np
import pytest

from helpers import encoded, noise
from mien.datasets import open_dataset
from mien.datasets.label_map import read_label_map
from mien.errors import MissingExtra
from mien.labels import FER2013

CHIPS = noise(4, 48, 48)
USAGE = np.zeros(4, np.uint8)


def csv(path, labels):
    rows = [f"{label},{' '.join(map(str, chip.ravel()))},Training" for label, chip in zip(labels, CHIPS, strict=True)]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    return path


def npz(path, labels, **more):
    np.savez(path, images=CHIPS, labels=np.array(labels), usage=USAGE, **more)
    return path


def parquet(path, labels, names=None):
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    told = json.dumps({"info": {"features": {"label": {"names": names}}}})
    table = arrow.table({"image": [encoded(chip) for chip in CHIPS], "label": labels})
    pyarrow.parquet.write_table(table.replace_schema_metadata({"huggingface": told} if names else {}), path)
    return path


def folder(path, labels):
    for i, (label, chip) in enumerate(zip(labels, CHIPS, strict=True)):
        (path / str(label)).mkdir(parents=True, exist_ok=True)
        (path / str(label) / f"{i}.png").write_bytes(encoded(chip))
    return path


def sequences(path, labels):
    for number, label in enumerate(labels):
        there = path / "cohn-kanade-images" / f"S00{number}" / "001"
        there.mkdir(parents=True)
        (there / f"S00{number}_001_00000001.png").write_bytes(encoded(CHIPS[number]))
        there = path / "Emotion" / f"S00{number}" / "001"
        there.mkdir(parents=True)
        (there / f"S00{number}_001_00000001_emotion.txt").write_text(f"{label}.0")
    return path


def found(dataset):
    return sorted(dataset.labels[s.label] for s in dataset)


@pytest.mark.parametrize("write", [csv, npz, parquet, folder, sequences])
def test_numbers_are_what_the_map_says(tmp_path, write):
    ending = {"csv": ".csv", "npz": ".npz", "parquet": ".parquet"}.get(write.__name__, "")
    dataset = open_dataset(write(tmp_path / f"d{ending}", [0, 3, 7, 3]), {"0": "happy", "3": "angry", "7": None})
    assert found(dataset) == ["angry", "angry", "happy"]
    assert dataset.labels == FER2013
    assert dataset.problems == []


@pytest.mark.parametrize("write", [csv, npz, parquet, folder])
def test_names_are_what_the_map_says_and_one_line_tells_of_all_that_are_not_in_it(tmp_path, write):
    ending = {"csv": ".csv", "npz": ".npz", "parquet": ".parquet"}.get(write.__name__, "")
    path = write(tmp_path / f"d{ending}", ["Joy", "clown", "Rage", "clown"])
    dataset = open_dataset(path, {"joy": "good", "Rage": "bad"})
    for _ in range(2):  # each pass begins anew
        assert found(dataset) == ["bad", "good"]
        assert dataset.problems == [f"{path}: 2 left out: label 'clown' is not in the label map, which has: joy, rage"]
    assert list(dataset.labels) == ["good", "bad"]


def test_a_number_may_be_mapped_by_the_name_that_the_data_gives_it(tmp_path):
    names = {"happy": "good", "sad": "bad", "contempt": "bad"}
    assert found(open_dataset(csv(tmp_path / "d.csv", [3, 4, 3, 4]), names)) == ["bad", "bad", "good", "good"]
    assert found(open_dataset(csv(tmp_path / "ckextended.csv", [3, 7, 3, 3]), names)) == ["bad", "good", "good", "good"]
    assert found(open_dataset(npz(tmp_path / "d.npz", [3, 4, 3, 4]), names)) == ["bad", "bad", "good", "good"]
    own = npz(tmp_path / "own.npz", [0, 1, 0, 1], label_names=np.array(["sad", "happy"]))
    assert found(open_dataset(own, names)) == ["bad", "bad", "good", "good"]
    told = parquet(tmp_path / "d.parquet", [0, 1, 0, 1], ["happiness", "contempt"])
    assert found(open_dataset(told, {"happy": "good", "happiness": "better", "1": "bad"})) == ["bad", "bad", "better", "better"]
    assert found(open_dataset(sequences(tmp_path / "ck", [5, 6, 2, 2]), names | {"sadness": "bad"})) == ["bad"] * 3 + ["good"]


def test_classes_are_fer2013s_in_its_order_or_else_come_in_the_maps(tmp_path):
    path = csv(tmp_path / "d.csv", [0, 1, 2, 2])
    assert open_dataset(path, {"0": "Happiness", "1": "anger", "2": "sad"}).labels == FER2013
    mapped = open_dataset(path, {"2": "tired", "0": "anger", "1": "angry"})
    assert list(mapped.labels) == ["tired", "anger"]
    assert found(mapped) == ["anger", "anger", "tired", "tired"]


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("m.json", '{"0": "angry", "Joy ": null}', {"0": "angry", "joy": None}),
        ("m.json", '["angry", null, "happy"]', {"0": "angry", "1": None, "2": "happy"}),
        ("m.yaml", "0: angry\n1: null\nclown: ~\n'no': sad\n", {"0": "angry", "1": None, "clown": None, "no": "sad"}),
        ("m.yml", "- angry\n- happy\n", {"0": "angry", "1": "happy"}),
    ],
)
def test_a_map_is_read_from_a_file(tmp_path, name, text, wanted):
    if name != "m.json":
        pytest.importorskip("yaml")
    (tmp_path / name).write_text(text)
    assert read_label_map(tmp_path / name) == wanted


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.json", "{", r"m\.json is no label map"),
        ("m.json", '"happy"', "wanted a mapping"),
        ("m.json", '{"0": 3}', "label '0' is 3; wanted the name of a class"),
        ("m.json", '{"0": " "}', "wanted the name of a class"),
        ("m.json", '{"a": "x", "A": "y"}', "given twice: a"),
        ("m.json", '{"a": null}', "without a class"),
        ("m.json", "{}", "without a class"),
        ("m.yaml", "no: happy", "False stands for a label; .* quotes"),
        ("m.yaml", "a: [", r"m\.yaml is no label map"),
        ("m.txt", "{}", r"label maps are \.json"),
    ],
)
def test_what_is_no_map_is_said(tmp_path, name, text, said):
    if name == "m.yaml":
        pytest.importorskip("yaml")
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=said):
        read_label_map(tmp_path / name)


def test_a_map_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no label map at"):
        read_label_map(tmp_path / "m.json")


def test_without_pyyaml_json_is_read_and_yaml_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "m.json").write_text('{"0": "angry"}')
    (tmp_path / "m.yaml").write_text("0: angry")
    assert read_label_map(tmp_path / "m.json") == {"0": "angry"}
    with pytest.raises(MissingExtra, match=r"mien\[data\]"):
        read_label_map(tmp_path / "m.yaml")
