"""Graphs run on threads that they share, or in the thread that calls them."""

import threading

import numpy as np
import pytest

from mien.card import ModelCard
from mien.classifiers import load_classifier
from mien.runtime import Graph, alone
from mien.weights import find_card, find_graph


def test_the_answers_are_the_same_however_many_threads_share_the_work():
    classify, chips = load_classifier("mini"), np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)
    spread = classify(chips)
    with alone():
        assert classify(chips) == pytest.approx(spread, abs=1e-6)


def test_alone_is_of_one_thread_and_ends_with_its_block():
    path = find_card("mini")
    graph, image = Graph(find_graph(ModelCard.load(path), path)), np.zeros((1, 48, 48, 1), np.float32)
    with alone():
        with alone():
            pass
        other = threading.Thread(target=graph.run, args=(image,))
        other.start()
        other.join()
        assert "_alone" not in vars(graph)
        graph.run(image)
        assert "_alone" in vars(graph)
