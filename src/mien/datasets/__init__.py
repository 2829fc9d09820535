"""Labelled faces: a path in, a Dataset of Samples out."""

from mien.datasets.base import Dataset, Sample, open_dataset

__all__ = ["Dataset", "Sample", "open_dataset"]
