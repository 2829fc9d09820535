"""An LSTM that watches: training, for samples with a wrong label; the live stream, for answers that get worse."""
