"""Networks that learn: a name and class counts in, an untrained Keras model out."""

from mien.catalog import Catalog

MODELS = Catalog(
    "model",
    {
        "mini_xception": "mien.models.mini_xception:mini_xception",
        "resnet": "mien.models.resnet:resnet",
    },
    group="mien.models",
)
