import numpy as np
import pytest

from mien.labels import FER2013, FERPLUS, LabelSet


def test_the_position_of_a_name_is_its_integer():
    assert [FER2013.index(name) for name in FER2013] == list(range(7))


def test_synonyms_and_case_are_understood():
    assert FER2013.index("Happiness") == FER2013.index("happy")
    assert FERPLUS.index("angry") == FERPLUS.index("anger") if "angry" in FERPLUS else "anger" in FERPLUS


def test_an_unknown_name_is_answered_with_the_names_there_are():
    with pytest.raises(ValueError, match="no class named 'bored'; there are: angry, disgust"):
        FER2013.index("bored")


def test_a_name_given_twice_is_refused():
    with pytest.raises(ValueError, match="given twice: happy"):
        LabelSet(("happy", "sad", "happy"))


def test_votes_are_mapped_by_name_and_the_rest_is_left_out():
    votes = np.zeros((1, 10))
    votes[0, FERPLUS.index("happiness")], votes[0, FERPLUS.index("contempt")] = 6, 4
    mapped = votes @ FERPLUS.mapping_to(FER2013)
    assert mapped[0, FER2013.index("happy")] == 6
    assert mapped.sum() == 6
