"""Networks that learn: a name and class counts in, an untrained Keras model out."""

from mien.catalog import Catalog

MODELS = Catalog(
    "model",
    {
        "big_xception": "mien.models.big_xception:big_xception",
        "cnn_lstm": "mien.models.cnn_lstm:cnn_lstm",
        "fully_convolutional": "mien.models.fully_convolutional:fully_convolutional",
        "mini_xception": "mien.models.mini_xception:mini_xception",
        "resnet": "mien.models.resnet:resnet",
        "sequential_cnn": "mien.models.sequential_cnn:sequential_cnn",
        "transfer": "mien.models.transfer:transfer",
        "tutorial_cnn": "mien.models.tutorial_cnn:tutorial_cnn",
        "vgg": "mien.models.vgg:vgg",
    },
    group="mien.models",
)
