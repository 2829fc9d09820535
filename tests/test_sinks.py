import csv
import io
import json

import pytest

from helpers import some_faces
from mien.answer import answer
from mien.card import ModelCard
from mien.errors import SourceError
from mien.faces import Faces
from mien.labels import FER2013
from mien.sinks import JsonLines, columns, file_sink, table

CARD = ModelCard("default", FER2013)
ANSWERS = [
    answer("a.jpg", size=(100, 80), card=CARD, faces=some_faces(2)),
    answer("b.jpg", size=(100, 80), card=CARD, faces=Faces.none()),
    answer("c.jpg", card=CARD, error=SourceError("not_found", "c.jpg: no such file")),
]


def test_json_lines_have_one_object_a_frame():
    out = io.StringIO()
    with JsonLines(out) as sink:
        for one in ANSWERS:
            sink(one)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == ANSWERS


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_every_frame_has_at_least_a_row_in_a_table(tmp_path, ending):
    path = tmp_path / f"out{ending}"
    with file_sink(path, FER2013) as sink:
        for one in ANSWERS:
            sink(one)
    if ending == ".csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
    else:
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(path).to_pylist()
    assert list(rows[0]) == columns(FER2013)
    assert [row["source"] for row in rows] == ["a.jpg", "a.jpg", "b.jpg", "c.jpg"]
    assert rows[0]["expression"] == ANSWERS[0]["faces"][0]["expression"]
    assert not rows[2]["expression"]
    assert rows[3]["error_kind"] == "not_found"


def test_an_unknown_ending_is_refused_with_those_that_work(tmp_path):
    with pytest.raises(ValueError, match=r"tables are written as \.csv or \.parquet"):
        file_sink(tmp_path / "out.xlsx", FER2013)


def test_a_table_says_why_a_row_is_empty():
    said = table(ANSWERS)
    assert said[2][-1] == "no face found"
    assert said[3][-1] == "no such file"


def test_frames_of_a_video_that_say_the_same_are_one_row():
    frames = [answer("v.mp4", frame=i, time_s=i / 10, size=(9, 9), card=CARD, faces=some_faces(1)) for i in range(8)]
    assert [row[1] for row in table(frames)] == ["0.00-0.70 s"]
