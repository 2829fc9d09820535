"""From the picture to what a classifier reads: image and Faces in, chips out; chips in, chips out."""
