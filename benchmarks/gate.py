"""How often the gate lets a new model pass that is as good, a point better, or a point worse than the old one: simulated.

Each trial draws a hold-out of FER2013's size without copies, on which the old model is right about .70, and a new one that
is right where it is wrong, or wrong where it is right, on .08 or .16 of them (the packaged `fer2013` and `mini`: on .19).

python benchmarks/gate.py [--trials 1000]
"""

import argparse
from dataclasses import replace

import numpy as np

from mien.feedback.gate import Rules, compare
from mien.labels import FER2013
from results import write

FACES = 3_267
SHARES = np.array([0.13, 0.015, 0.14, 0.25, 0.18, 0.115, 0.17])
"""Of the classes in PublicTest."""
RECALL = np.array([0.62, 0.56, 0.48, 0.87, 0.57, 0.80, 0.70])
"""Of the old model, about .70 over all."""
GAINS = {"as good": 0.0, "a point better": 0.01, "two points better": 0.02, "a point worse": -0.01}
DIFFERING = (0.08, 0.16)
"""Share of the faces on which one of the two alone is right: of a net retrained, and of one of another kind."""
SURE = (0.9, 0.95)


def trial(gain: float, differing: float, draw: np.random.Generator) -> tuple:
    targets = draw.choice(7, FACES, p=SHARES / SHARES.sum())
    right = draw.random(FACES) < RECALL[targets]
    lost, won = (differing - gain) / 2, (differing + gain) / 2  # of each class alike
    change = draw.random(FACES)
    other = np.where(right, change >= lost / RECALL[targets], change < won / (1 - RECALL[targets]))
    return said(right, targets, draw), said(other, targets, draw), targets, FER2013


def said(right: np.ndarray, targets: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Probabilities whose confidence is about how often they are right: right ones are surer."""
    confidence = np.where(right, draw.beta(6, 2, len(right)), draw.beta(4, 3, len(right))).clip(0.2, 0.99)
    p = np.repeat((1 - confidence)[:, None] / 6, 7, axis=1)
    named = np.where(right, targets, (targets + draw.integers(1, 7, len(right))) % 7)
    p[np.arange(len(right)), named] = confidence
    return p


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--trials", type=int, default=1000)
    trials = ask.parse_args().trials
    rows = []
    for differing in DIFFERING:
        for name, gain in GAINS.items():
            draw, passed = np.random.default_rng(0), dict.fromkeys(SURE, 0)
            for number in range(trials):
                verdict = compare(*trial(gain, differing, draw), rules=replace(Rules(draws=500), seed=number))
                others = [reason for reason in verdict.reasons if "points more" not in reason]
                for sure in SURE:
                    passed[sure] += not others and verdict.better >= sure
            rows.append({"challenger": name, "differing": differing, **{f"{s}": n / trials for s, n in passed.items()}})
    write("gate", rows)


if __name__ == "__main__":
    main()
