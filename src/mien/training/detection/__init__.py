"""Train a face detector: photos with boxes in, a run folder with a net that detects out."""
