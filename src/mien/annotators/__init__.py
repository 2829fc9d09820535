"""Draw answers: an RGB picture and Faces in, a new RGB picture out; the input is never changed."""

from mien.annotators.boxes import annotate

__all__ = ["annotate"]
