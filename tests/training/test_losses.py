"""Losses: what they are, written again in plain NumPy, and their gradients against differences in float64."""

import numpy as np
import pytest

pytest.importorskip("keras")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

LABELS = np.array([0, 0, 1, 1, 1, 2, 2, 3])
"""The last one has no partner."""


def batch(n=8, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def shares(k=4):
    draw = np.random.default_rng(1).random((8, k))
    return draw / draw.sum(1, keepdims=True)


def log_softmax(z):
    z = z - z.max(1, keepdims=True)
    return z - np.log(np.exp(z).sum(1, keepdims=True))


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def plain_locality(x, held):
    out = []
    for i, label in enumerate(LABELS):
        near = [j for j in range(len(x)) if LABELS[j] == label and j != i]
        out.append(((x[i] - held[near].mean(0)) ** 2).sum() / 2 if near else 0.0)
    return np.array(out)


def plain_triplet(x):
    x, out = unit(x), []
    for a, label in enumerate(LABELS):
        pairs = [
            np.exp(((x[a] - x[p]) ** 2).sum() - ((x[a] - x[n]) ** 2).sum())
            for p in range(len(x)) if LABELS[p] == label and p != a
            for n in range(len(x)) if LABELS[n] != label
        ]  # fmt: skip
        out.append(np.mean(pairs) if pairs else 0.0)
    return np.array(out)


def plain_tuplet(x, held):
    """`held`: the same embeddings, for the radius, which has no gradient."""
    from mien.training.metric import MARGIN

    def distances(x, label):
        x = unit(x)
        return ((x - x[label == LABELS].mean(0)) ** 2).sum(1)

    def mean(values):
        values = values[values > 0]
        return values.mean() if len(values) else 0.0

    out = []
    for label in LABELS:
        d, h, own = distances(x, label), distances(held, label), label == LABELS
        radius = (h[own].mean() + h[~own].mean()) / 2
        lost = mean(np.maximum(d[own] - radius + MARGIN / 2, 0)) + mean(np.maximum(radius + MARGIN / 2 - d[~own], 0))
        out.append(lost if own.sum() > 1 else 0.0)
    return np.array(out)


def plain_islands(centers):
    u = unit(centers)
    return np.array(sum(u[i] @ u[j] + 1 for i in range(len(u)) for j in range(len(u)) if i != j))


def center_of(x):
    from keras import ops

    from mien.training.metric import center

    return center(LABELS, ops.sum((x[:, None] - ops.convert_to_tensor(batch(4, seed=2))[None]) ** 2, axis=-1) / 2)


def cases():
    """name -> the loss as a function of one array, that array, and the same in plain NumPy of the array and what is held."""
    from mien.training import losses, metric

    y, p = shares(), log_softmax
    return {
        "cross_entropy": (lambda z: losses.soft_cross_entropy(y, z), batch(d=4), lambda z, h: -(y * p(z)).sum(1)),
        "focal": (lambda z: losses.focal(2.0)(y, z), batch(d=4), lambda z, h: -(y * (1 - np.exp(p(z))) ** 2 * p(z)).sum(1)),
        "distilled": (lambda z: losses.distilled(3.0)(y, z), batch(d=4), lambda z, h: -9 * (y * p(z / 3)).sum(1)),
        "center": (center_of, batch(), lambda x, h: ((x - batch(4, seed=2)[LABELS]) ** 2).sum(1) / 2),
        "island": (metric.apart, batch(4), lambda c, h: plain_islands(c)),
        "locality": (lambda x: metric.locality(LABELS, x), batch(), plain_locality),
        "triplet": (lambda x: metric.exponential_triplet(LABELS, x), batch(), lambda x, h: plain_triplet(x)),
        "tuplet": (lambda x: metric.tuplet_cluster(LABELS, x), batch(), plain_tuplet),
    }


@pytest.fixture(params=["cross_entropy", "focal", "distilled", "center", "island", "locality", "triplet", "tuplet"])
def case(request):
    return cases()[request.param]


def value_and_gradient(loss, x):
    tf = pytest.importorskip("tensorflow")
    at = tf.Variable(x)
    with tf.GradientTape() as tape:
        lost = loss(at.value())
    return lost.numpy(), tape.gradient(lost, at).numpy()


def test_it_is_what_its_paper_says(case):
    loss, x, plain = case
    value, _ = value_and_gradient(loss, x)
    assert value == pytest.approx(plain(x, x), rel=1e-9, abs=1e-12)
    assert (value >= 0).all()


def test_its_gradient_is_that_of_differences(case):
    """In float64, by central differences of the plain form; what a loss holds is held there, too."""
    loss, x, plain = case
    _, gradient = value_and_gradient(loss, x)
    step = 1e-6
    for at in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[at] += step
        down[at] -= step
        assert gradient[at] == pytest.approx((plain(up, x).sum() - plain(down, x).sum()) / (2 * step), rel=1e-5, abs=1e-8)


def test_a_sample_without_partner_costs_nothing():
    from mien.training.metric import METRIC_LOSSES

    alone, one_class = np.arange(8), np.zeros(8, int)
    for name in ("locality", "triplet", "tuplet"):
        assert np.array_equal(METRIC_LOSSES[name](alone, batch()), np.zeros(8))
    for name in ("triplet", "tuplet"):
        assert np.array_equal(METRIC_LOSSES[name](one_class, batch()), np.zeros(8))


def test_half_precision_is_computed_whole():
    import keras

    from mien.training.losses import soft_cross_entropy

    z = keras.ops.cast(batch(d=4) * 10, "bfloat16")
    assert keras.ops.dtype(soft_cross_entropy(shares().astype("float32"), z)) == "float32"


def test_islands_drift_apart():
    """Training on the island loss alone spreads the centres: their cosines fall towards -1 / (k - 1)."""
    import keras

    from mien.training.metric import Centers, apart, center

    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    net = keras.Model(inputs, Centers(4, islands=1.0)(inputs))
    net.compile(keras.optimizers.Adam(0.05), center)
    before = float(apart(net.layers[-1].centers))
    net.fit(batch(64), np.arange(64) % 4, epochs=20, verbose=0)
    assert float(apart(net.layers[-1].centers)) < min(before, 8.5)  # 12 pairs of cosine -1/3: 8


@pytest.mark.parametrize("metric", ["locality", "triplet", "tuplet"])
def test_an_embedding_of_zeros_has_a_gradient(metric):
    from mien.training.metric import METRIC_LOSSES

    x, labels = np.maximum(np.random.default_rng(0).normal(size=(6, 4)), 0), np.array([0, 0, 1, 1, 2, 2])
    x[2] = 0
    value, gradient = value_and_gradient(lambda at: METRIC_LOSSES[metric](labels, at), x)
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
