"""Write docs/results.md and the table in README.md from the cards and from what the other scripts measured.

python benchmarks/page.py
"""

import json
import re
from pathlib import Path
from statistics import mean, stdev

from mien.card import ModelCard
from mien.weights import PACKAGED, find_card, packaged
from papers import CLAIMS
from results import FOLDER

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "speed": "python benchmarks/speed.py --samples DIR --fer PYTHON",
    "threads": "python benchmarks/threads.py",
    "detectors": "python benchmarks/detectors.py --samples DIR",
    "footprint": "python benchmarks/footprint.py --photo PHOTO mien=PYTHON fer=PYTHON",
    "calibration": "python benchmarks/calibration.py --data fer2013.npz",
    "training": "python benchmarks/training.py",
    "architectures": "python benchmarks/architectures.py",
    "data": "python benchmarks/data.py --data fer2013.npz",
    "papers": "python benchmarks/papers.py --data fer2013.npz --runs DIR",
    "losses": "python benchmarks/ablation.py --table losses --data fer2013.npz --runs DIR",
    "throughput": "python benchmarks/throughput.py",
    "gate": "python benchmarks/gate.py",
    "monitor": "python benchmarks/monitor.py --data fer2013.npz --run RUN ... --noisy RUN ... --predictions FILE.npy",
    "curation": "python benchmarks/curation.py --data fer2013.npz --watched RUN --runs DIR",
    "loop": "python benchmarks/loop.py --data fer2013.npz --work DIR",
    "poison": "python benchmarks/poison.py --data fer2013.npz --work DIR",
    "drift": "python benchmarks/drift.py --data fer2013.npz --work DIR",
    "ablation": "python benchmarks/ablation.py --data fer2013.npz --runs DIR",
    "faces": "python benchmarks/faces.py --faces DIR --people mask853 --machine ccp --detector RUN --detector mien ...",
    "geometry": "python benchmarks/geometry.py --data fer2013.npz",
    "serving": "python benchmarks/serving.py --photos A.jpg B.jpg C.jpg",
    "browser": "python benchmarks/browser.py --photos A.jpg B.jpg C.jpg",
    "tracking": "python benchmarks/tracking.py --data fer2013.npz",
    "peer_accuracy": "PYTHON benchmarks/peer_accuracy.py --data fer2013.npz",
}


def load(name: str) -> dict:
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {"rows": [], "date": "", "commit": "", "machine": ""}


def table(head: list[str], rows: list[list]) -> str:
    return "\n".join("| " + " | ".join(str(v) for v in row) + " |" for row in (head, ["---"] * len(head), *rows)) + "\n"


def down(value: float, digits: int = 3) -> str:
    """Never rounded up."""
    return f"{int(value * 10**digits) / 10**digits:.{digits}f}"


def up(value: float, digits: int = 3) -> str:
    """Errors and times are never rounded down."""
    return f"{-(int(-value * 10**digits // 1)) / 10**digits:.{digits}f}"


def source(name: str) -> str:
    r = load(name)
    told = f", {r['date']}, commit {r['commit']}, {r['machine']}" if r["date"] else ""
    return f"`{COMMANDS[name]}`{told}.\n"


def models() -> str:
    rows = []
    for card in (ModelCard.load(find_card(name)) for name in packaged()):
        for split, m in card.metrics.items():
            cells = [down(m["accuracy"]), down(m["macro_f1"]), down(m["recall"]["fear"]), up(m["ece"]), f"{m['n']:,}"]
            rows.append([card.name, f"{card.parameters:,}", split, *cells])
    return table(["model", "parameters", "scored on", "accuracy", "macro-F1", "fear recall", "ECE", "faces"], rows)


def commands() -> str:
    cards = [ModelCard.load(find_card(name)) for name in packaged()]
    return table(
        ["model", "graph", "sha256 of Training", "command", "sure at"],
        [
            [c.name, f"{c.weights}, {(PACKAGED / c.weights).stat().st_size / 1e6:.1f} MB", c.data["sha256"]["Training"][:12],
             f"`{c.command}`", f"confidence {c.unsure_confidence:.2f}"]
            for c in cards
        ],
    )  # fmt: skip


def peers() -> str:
    rows = [
        [
            r["split"],
            down(r["accuracy"]),
            down(r["recall"]["fear"]),
            f"{r['n']:,}",
            down(r["accuracy_votes"]),
            f"{r['n_votes']:,}",
        ]
        for r in load("peer_accuracy")["rows"]
    ]
    return table(["fer 25.10.3 on", "accuracy", "fear recall", "faces", "what most people saw", "faces"], rows)


def speed() -> str:
    measured = load("speed")["rows"] or {"frames": [], "classifiers": []}
    names = ("mien", "viola_jones_alone", "fer")
    rows = [
        [r["photo"], r["size"], *(f"{r['ms'].get(n, float('nan')):.1f} ({r['faces'].get(n, '-')})" for n in names)]
        + [f"{down(r[f'{n}_over_mien'], 1)} x" if f"{n}_over_mien" in r else "" for n in names[1:]]
        for r in measured["frames"]
    ]
    head = ["photo", "frame", "mien, ms (faces)", "Viola-Jones alone, ms", "fer, ms", "Viola-Jones / mien", "fer / mien"]
    nets = [
        [r["model"], up(r["ms_batch_1"], 2), f"{r['images_per_second_batch_1']:,}", f"{r['images_per_second_batch_64']:,}"]
        for r in measured["classifiers"]
    ]
    return table(head, rows) + "\n" + table(["classifier", "ms, batch 1", "images/s, batch 1", "images/s, batch 64"], nets)


def detectors() -> str:
    rows = load("detectors")["rows"]
    conditions = [k for k in (rows[0] if rows else {}) if k not in ("detector", "faces", "ms", "ms_320x240")]
    body = [[r["detector"], *(f"{r[c]['found']} / {r[c]['false']}" for c in conditions), r["ms"], r["ms_320x240"]] for r in rows]
    of = f"found of {rows[0]['faces']} / false alarms" if rows else ""
    return f"Cells: {of}.\n\n" + table(["detector", *conditions, "ms", "ms at 320x240"], body)


def footprint() -> str:
    rows = []
    for r in load("footprint")["rows"]:
        start = [f"{r['import_s_beyond_numpy']} s", f"{r['first_answer_s']} s"]
        rows.append([r["package"], f"{r['site_packages_mb']:,} MB", *start, f"{r['peak_memory_mb']:,} MB"])
    return table(["package", "site-packages", "import beyond NumPy", "first answer, import to end", "peak memory"], rows)


def geometry() -> str:
    rows, measured = [], load("geometry")["rows"] or {"detectors": [], "alignment": []}
    for r in measured["detectors"]:
        m, e = r["measured"], r["end_to_end"]
        spans = [f"{m[k][1]:.3f} ({m[k][0]:.3f} to {m[k][2]:.3f})" for k in ("side", "across", "down")]
        rows.append([r["detector"], *spans, e["split"], down(e["found"]), down(e["found_and_right"])])
    turned = [
        [f"{r['roll']} degrees", "level" if r["aligned"] else "as they are", down(r["found"]), down(r["found_and_right"])]
        for r in measured["alignment"]
    ]
    crops = table(["detector", "side", "across", "down", "scored on", "found", "found and right"], rows)
    return crops + "\nRolled, and the eyes made level or not:\n\n" + table(["roll", "eyes", "found", "found and right"], turned)


def faces() -> str:
    """Detectors on photos that they were not fitted on."""
    measured = load("faces")["rows"] or {"detectors": [], "ours": {}}
    bands = ("8-16", "16-32", "32-64", "over 64")
    rows = []
    for r in sorted(measured["detectors"], key=lambda r: r["on"]):
        of = r["bands"]["readable"]
        cells = [of["faces"], down(of["recall"]), up(of["alarms_per_image"]), down(of["recall_at_alarms"]), down(of["ap"])]
        cells += [down(r["bands"][b]["ap"]) if r["bands"][b]["ap"] is not None else "" for b in bands]
        rows.append([r["on"], r["detector"], *cells, up(r["landmark_error"]) if r["landmark_error"] else ""])
    head = ["boxes", "detector", "faces", "recall", "false alarms an image", "recall at 0.1", "AP"]
    head += [*(f"AP, {band} px" for band in bands), "landmarks"]
    ours = measured["ours"].items()
    harder = [[name, what, down(r["recall"]), up(r["alarms_per_image"])] for name, o in ours for what, r in o["harder"].items()]
    bright = [
        [name, r["gray"], r["faces"], down(r["recall"]) if r["recall"] is not None else ""]
        for name, o in ours
        for r in o["brightness"]
    ]
    large = [[name, r["side"], f"{r['crops']:,}", down(r["found"]), down(r["tight"])] for name, o in ours for r in o["close_ups"]]
    return "\n".join(
        (
            table(head, rows),
            "Made harder:\n\n" + table(["detector", "photos", "recall", "false alarms an image"], harder),
            "By the mean gray level of the face:\n\n" + table(["detector", "gray", "faces", "recall"], bright),
            "A face that fills nine tenths of the frame:\n\n"
            + table(["detector", "longest side", "crops", "found", "IoU .7"], large),
        )
    )


def threads() -> str:
    rows = [[r["threads"], up(r["ms"], 2), up(r["cpu_ms"], 2)] for r in load("threads")["rows"]]
    return table(["the threads of ONNX Runtime", "ms", "ms of the processor"], rows)


def calibration() -> str:
    names = ("temperature_ece", "temperature_loss", "bend_ece", "bend_loss")
    rows = [[r["model"], *(up(r[name], 4) for name in names)] for r in load("calibration")["rows"]]
    return table(["model", "ECE, temperature", "loss, temperature", "ECE, with bend", "loss, with bend"], rows)


def training() -> str:
    rows = load("training")["rows"]
    pairs = list(dict.fromkeys((r["backend"], r["calls"]) for r in rows))
    models = list(dict.fromkeys(r["model"] for r in rows))
    found = {(r["model"], r["backend"], r["calls"]): r["images_per_second"] for r in rows}
    head = ["network", *(b if n == "keras" else f"{b}, mien's calls" for b, n in pairs)]
    return table(head, [[m, *(found[(m, *pair)] for pair in pairs)] for m in models])


def serving() -> str:
    measured = load("serving")["rows"]
    if not measured:
        return "Not yet measured.\n"
    one, frame, crowd = measured["one_request_ms"], measured["frame"], measured["crowd"]
    rows = [
        ["from the command to ready", f"{up(measured['cold_start_s'], 2)} s"],
        ["one picture by REST, median, beside the same in process", f"{one['server']} ms, {one['in process']} ms"],
        ["processor time of a live frame, saturated, beside the same stream in process",
         f"{frame['server_ms']} ms, {frame['in_process_ms']} ms ({up(frame['ratio'], 2)} times)"],
        [f"{crowd['cameras']} cameras, {crowd['fps']} frames a second each, {crowd['seconds']:.0f} s: answers, fewest of one",
         f"{crowd['answers']:,}, {crowd['fewest']:,}"],
        ["time to their answers: median, 99 of 100", f"{crowd['p50_ms']} ms, {crowd['p99_ms']} ms"],
        ["memory after a minute and at the end", f"{crowd['memory_early_mb']} MB, {crowd['memory_late_mb']} MB"],
    ]  # fmt: skip
    return table(["", ""], rows)


def browser() -> str:
    measured = load("browser")["rows"] or {"films": [], "chromium": ""}
    rows = [[r["faces"], r["frames_per_second"], r["ms"]] for r in measured["films"]]
    return f"Chromium {measured['chromium']}, headless, frames of 640 pixels:\n\n" + table(
        ["faces", "frames a second", "ms"], rows
    )


def tracking() -> str:
    measured = load("tracking")["rows"] or {"films": [], "small": []}
    rows = [
        [r["film"], r["looked at"], down(r["mota"]), r["switches"], f"{r['missed']:,} / {r['faces']:,}", r["wrong"], r["ms"]]
        for r in measured["films"]
    ]
    head = ["film", "looked at", "MOTA", "identity switches", "missed / faces", "false", "ms a frame"]
    small = [[r["looked at"], f"{r['faces']:,}", down(r["right"]), r["ms"]] for r in measured["small"]]
    return table(head, rows) + "\n" + table(["a large face looked at in the", "faces", "found and right", "ms to find"], small)


def networks() -> str:
    """Every network: what it costs, and how it scores after its own recipe, or as it is packaged."""
    scores, peers = load("papers")["rows"] or {}, []
    of = {"resnet": "fer2013", "mini_xception": "mini"}
    runs = {"sequential_cnn": "dissertation_sequential", "fully_convolutional": "web_api", "tutorial_cnn": "tutorial"}
    rows = []
    for r in load("architectures")["rows"]:
        card = ModelCard.load(find_card(of[r["name"]])).metrics if r["name"] in of else None
        said = scores.get(runs.get(r["name"], r["name"]))
        private = card["PrivateTest"] if card else said["PrivateTest"] if said else None
        more = (
            [card["PrivateTest, deduplicated"], card["PrivateTest, what most people saw"]] if card
            else [private["deduplicated"], private["votes"]] if private else []
        )  # fmt: skip
        cells = (
            [down(private["accuracy"]), down(private["macro_f1"]), down(private["recall"]["fear"]), up(private["ece"]),
             *(down(s["accuracy"]) for s in more)] if private else ["not yet run", *[""] * 5]
        )  # fmt: skip
        rows.append([r["name"], f"{r['parameters']:,}", r["megaflops"], up(r["ms_1"], 2), up(r["ms_64"], 2), *cells])
    head = ["network", "parameters", "MFLOPs", "ms, one", "ms each, of 64", "accuracy", "macro-F1", "fear recall", "ECE",
            "deduplicated", "what most people saw"]  # fmt: skip
    return table(head, rows + peers)


def claims() -> str:
    found = load("papers")["rows"] or {}
    speed = {r["name"]: r for r in load("architectures")["rows"]}
    rows = []
    for paper, claim, run, split in CLAIMS:
        said = found.get(run)
        ours = split if not run else "not yet run" if said is None else None
        if ours is None:
            value = said["Training"] if split == "Training" else said[split]["accuracy"]
            ours = f"{down(value)} on {split}, {said['epochs']} epochs"
        rows.append([paper, claim, ours])
    if speed:
        mini, first = speed["mini_xception"], speed["sequential_cnn"]
        rows.append(
            ["dissertation, mini-Xception", "0.22 ms a face", f"{up(mini['ms_1'], 2)} ms alone, {up(mini['ms_64'], 2)} of 64"]
        )
        times = [down(first[k] / mini[k], 1) for k in ("ms_1", "ms_64")]
        rows.append(["the same beside the sequential CNN", "1.5 times as fast", f"{times[0]} times alone, {times[1]} of 64"])
    return table(["paper", "claim", "its recipe here"], rows)


def throughput() -> str:
    rows = [
        [
            r["model"],
            r["backend"],
            r["plain"],
            *(f"{r[k]} ({down(r[f'{k}_over_plain'], 2)})" for k in ("none", "usual", "all")),
            *(down(r[f"{k}_over_usual"]) for k in ("recorded", "half")),
        ]
        for r in load("throughput")["rows"]
    ]
    head = ["network", "backend", "plain `fit`", "mien, no augmentation", "its usual one", "all of it"]
    return table([*head, "with `--dynamics`, of its usual speed", "in bfloat16"], rows) if rows else "Not yet measured.\n"


def ablation(name: str = "ablation") -> str:
    """An arm a row, best first: means over its seeds; of three, what the middle of macro-F1 is worth (standard error)."""
    arms: dict[str, list[dict]] = {}
    for run in load(name)["rows"]:
        arms.setdefault(run["arm"], []).append(run)
    if not arms:
        return "Not yet measured.\n"

    def of(arm: str, score: str) -> list[float]:
        return [run[score] for run in arms[arm]]

    rows = [
        [
            arm,
            len(arms[arm]),
            *(down(mean(of(arm, k))) for k in ("accuracy", "macro_f1")),
            up(stdev(of(arm, "macro_f1")) / len(arms[arm]) ** 0.5) if len(arms[arm]) > 1 else "",
            *(down(mean(of(arm, k))) for k in ("recall_disgust", "recall_fear")),
            up(mean(of(arm, "ece"))),
        ]
        for arm in sorted(arms, key=lambda arm: -mean(of(arm, "macro_f1")))
    ]
    return table(["arm", "seeds", "accuracy", "macro-F1", "give or take", "disgust recall", "fear recall", "ECE"], rows)


def gate() -> str:
    rows = [[r["challenger"], r["differing"], down(r["0.9"]), down(r["0.95"])] for r in load("gate")["rows"]]
    if not rows:
        return "Not yet measured.\n"
    return table(["the new model is", "of these share one alone is right", "passes, sure of 0.9", "passes, sure of 0.95"], rows)


def monitor() -> str:
    """A scorer a row, by each reference: means over runs; how much the monitor has over it."""
    measured = load("monitor")["rows"]
    if not measured:
        return "Not yet measured.\n"
    names = ("within", "overall", "average_precision", "precision_0.01", "precision_0.02", "precision_0.05")
    over = {(g["reference"], g["over"]): g["interval"] for g in measured["gains"]}
    found: dict[tuple[str, str], list[dict]] = {}
    for row in measured["runs"]:
        found.setdefault((row["reference"], row["scorer"]), []).append(row)
    rows = [
        [*key, *(down(mean(row[n] for row in of)) for n in names), *([signed(over[key])] if key in over else [""])]
        for key, of in found.items()
    ]
    head = ["reference", "scorer", "within classes", "overall", "AP", "of the first 1 %", "2 %", "5 %", "the monitor has more"]
    return table(head, rows)


def signed(interval: list[float]) -> str:
    """Both ends towards where they say less."""
    return f"{down(interval[0]) if interval[0] > 0 else '-' + up(-interval[0])} to {up(interval[1])}"


def curation() -> str:
    """An arm a row: means over seeds, and how much more often the net without doubted labels is right."""
    arms: dict[str, list[dict]] = {}
    for row in load("curation")["rows"]:
        arms.setdefault(row["arm"], []).append(row)
    if not arms:
        return "Not yet measured.\n"
    gains = {(g["over"], g["score"]): g for g in load("curation_gains")["rows"]}
    names = ("labels", "without copies", "people")
    rows = [
        [
            arm,
            len(of),
            f"{of[0]['left_out']:,}",
            *(down(mean(row[n] for row in of)) for n in names),
            *(signed(gains[arm, n]["interval"]) if (arm, n) in gains else "" for n in ("labels", "people")),
        ]
        for arm, of in arms.items()
    ]
    head = ["left out by", "seeds", "labels left out", *names, "the monitor's has more, labels", "people"]
    return table(head, rows)


def loop() -> str:
    """An arm a row, a cycle a column: accuracy, mean over seeds."""
    arms: dict[str, dict[int, list[float]]] = {}
    for row in load("loop")["rows"]:
        arms.setdefault(row["arm"], {}).setdefault(row["cycle"], []).append(row["accuracy"])
    if not arms:
        return "Not yet measured.\n"
    cycles = sorted(next(iter(arms.values())))
    return table(["after cycle", *map(str, cycles)], [[arm, *(down(mean(of[c])) for c in cycles)] for arm, of in arms.items()])


def poison() -> str:
    rows = load("poison")["rows"]
    if not rows:
        return "Not yet measured.\n"
    sent = [[r["kind"], r["by"], r["sent"], r["taken_in"]] for r in rows if "sent" in r]
    nets = [
        [
            r["kind"],
            r["net"],
            down(r["found"]),
            up(r["done"]),
            up(r["done_clean"]),
            down(r["accuracy"]),
            "yes" if r["passes"] else "no",
        ]
        for r in rows
        if "net" in r
    ]
    head = ["kind", "the net learned", "found by the monitor", "harm done", "by the clean net", "accuracy", "passes the gate"]
    return table(["kind", "sent by", "sent", "taken in"], sent) + "\n" + table(head, nets)


def drift() -> str:
    """A kind of drift a row: mean delays over seeds; beside the LSTM's the least by which it is sooner than the best other."""
    found: dict[str, list[dict]] = {}
    for row in load("drift")["rows"]:
        found.setdefault(row["kind"], []).append(row)
    if not found:
        return "Not yet measured.\n"
    first = next(iter(found.values()))[0]
    names = [key.removesuffix(" delay") for key in first if key.endswith(" delay")]
    rows = []
    for kind, seeds in found.items():
        delays = {name: mean(row[f"{name} delay"] for row in seeds) for name in names}
        best = min(names[1:], key=delays.__getitem__)
        low, high = (mean(row[f"LSTM sooner than {best}"][end] for row in seeds) for end in (0, 1))
        errors = [up(mean(row[key] for row in seeds)) for key in ("forecast_error", "confidence_error")]
        rows.append([kind, *(up(delays[name], 1) for name in names), f"{best}: {down(low, 1)} to {up(high, 1)}", *errors])
    head = ["kind", *names, "sooner than the best other", "error of the forecast", "of mean confidence"]
    return table(head, rows)


def losses() -> str:
    return ablation("losses")


def data() -> str:
    measured = load("data")["rows"]
    if not measured:
        return "Not yet measured.\n"
    many, costs = measured["parquet"], measured["augmentation"]
    reading = [[r["by"], f"{up(r['seconds'], 1)} s", f"{r['peak_mb']:,} MB"] for r in measured["reading"]]
    reading += [
        [f"{many[way]['samples']:,} faces {said} Parquet", f"{up(many[way]['seconds'], 0)} s", f"{many[way]['peak_mb']:,} MB"]
        for way, said in (("write", "into"), ("read", "from"))
    ]
    speed = [[r["model"], r["none"], r["all"], down(r["share"])] for r in costs]
    return (
        table(["FER2013's csv, to arrays, by", "time", "peak memory"], reading)
        + "\n"
        + table(["training", "images/s without augmentation", "with all of it", "share kept"], speed)
    )


PAGE = """# Results

Written by `python benchmarks/page.py` from the model cards and from what the scripts in benchmarks/ measured. Scores are cut,
errors and times are rounded up. {note}

## Models

FER2013: fitted on Training, everything chosen on PublicTest, PrivateTest scored once per released model
(`fer2013` a second time after its calibration was exchanged: docs/decisions). "deduplicated":
without copies of earlier rows and of other splits. "what most people saw": against the name that more FER+ voters chose
than any other.

{models}
{commands}
`sure at`: an answer below this confidence is `unsure`; above it at most one in ten was wrong on PublicTest.

Calibration error and loss on PublicTest, five-fold, with temperature alone and with the bend that a card has where it pays:

{calibration}
{calibration_source}
The peer, on the same crops:

{peers}
{peer_source}
## Speed

{speed}
Medians of interleaved rounds in one run. {speed_source}
The packaged detector's and classifier's nets in turn, by how their threads wait:

{threads}
{threads_source}
## Detectors

{detectors}
{detectors_source}
`held_out`, a run of the packaged net's recipe that was fitted on none of these photos; `mien`, the packaged one, which had
people's boxes besides and is shown on the others alone; and peers as they come, on faces of 20 pixels or more; the last columns
are by size. People's boxes rank them; the
machine's are a teacher's, whose misses a student shares, and on these photos our threshold was chosen. "the labels": the teacher
at 1,024 pixels. "landmarks": median distance over that of the eyes.

{faces}
{faces_source}
## From box to chip

Crops enlarged to 192 pixels on a gray canvas of 320. Side and centre of FER2013's square relative to the box, in units of
sqrt(width x height): median (middle half), on Training; the package's numbers are of an earlier such run.
"found and right": share of all images.

{geometry}
{geometry_source}
## Training

Images/s of a whole step, augmentation included. "mien's calls": models/on_torch.py.

{training}
{training_source}
Beside Keras's own `fit` of the same net on arrays in memory (share of its speed):

{throughput}
{throughput_source}
Every network, with seven classes at 48x48; scores on PrivateTest after its own recipe, of `resnet` and `mini_xception` as
packaged:

{networks}
{architectures_source}
What the papers claim and what their recipes give here, fitted on Training alone, nothing chosen on what is scored:

{claims}
{papers_source}
What a loss is worth: the small net and budget of the ablation below, on PublicTest.

{losses}
{losses_source}
## Data

{data}
{data_source}
What data work is worth: one small net (8-16-32-64-128 channels), 12 epochs, one change an arm, fitted on Training, scored on
PublicTest. Every arm but those of augmentation has the base's, the mirror image.

{ablation}
{ablation_source}
## Feedback

How often the gate lets a new model pass, on 3,267 made-up faces of which the old one is right about .7:

{gate}
{gate_source}
How well wrong labels are told by how a net came to know them: area under the ROC curve within each class, averaged over classes,
against what FER+'s people saw (`plurality`: another answer won; `strict`: with six votes in ten) and in runs with labels
exchanged on purpose:

{monitor}
{monitor_source}
What it is worth to leave such labels out, each arm as many of each class; PublicTest:

{curation}
{curation_source}
Ten cycles of a simulated production, a fifth of what comes under a wrong name; accuracy:

{loop}
{loop_source}
Faces that are meant to harm:

{poison}
{poison_source}
How soon a change of a live stream is told: windows of 64 answers from the change to the alarm (24 where there is none), with one
stream in twenty raising a false alarm. The LSTM is asked about a kind that it was not fitted to. At the end, how far the
accuracy that is forecast for a window is from what it is, beside the mean confidence taken for it:

{drift}
{drift_source}
## Server

The cameras, which send two frames ahead as the protocol has it, share the two cores with the server.

{serving}
{serving_source}
The page doing the work itself:

{browser}
{browser_source}
Faces of FER2013 on crossing ways through a made film (640x480, 25 frames a second), 2,000 frames each:

{tracking}
{tracking_source}
## Footprint

{footprint}
{footprint_source}
{goals}"""


def main() -> None:
    sections = (
        models, commands, peers, speed, detectors, faces, geometry, training, serving, browser, tracking, footprint, calibration,
        threads, ablation, gate, monitor, curation, loop, poison, drift, data, networks, claims, losses, throughput,
    )  # fmt: skip
    parts = {section.__name__: section() for section in sections}
    sources = {f"{name.removesuffix('_accuracy')}_source": source(name) for name in COMMANDS}
    goals = (ROOT / "docs" / "goals.md").read_text() if (ROOT / "docs" / "goals.md").exists() else ""
    note = "What missed its goal is named at the end." if goals else ""
    page = PAGE.format(**parts, **sources, goals=goals, note=note)
    (ROOT / "docs" / "results.md").write_text(page)
    readme = ROOT / "README.md"
    text = re.sub(r"(?s)(<!-- figures -->\n).*?(<!-- end -->)", lambda m: m[1] + headline() + m[2], readme.read_text())
    readme.write_text(text)


def headline() -> str:
    cards = {name: ModelCard.load(find_card(name)).metrics for name in packaged()}
    split = "PrivateTest" if "PrivateTest" in cards["fer2013"] else "PublicTest"
    ours, theirs = ({r["package"]: r for r in load("footprint")["rows"]}[name] for name in ("mien", "fer"))
    peer = next(r for r in load("peer_accuracy")["rows"] if r["split"] == split)
    labels = cards["fer2013"][split]["accuracy"]
    people = cards["default"][f"{split}, what most people saw"]["accuracy"]
    rows = [
        [
            "time for a photo of 640x480",
            f"{up(r['ms']['mien'], 1)} ms ({r['faces']['mien']} found)",
            f"{r['ms']['fer']:.1f} ms ({r['faces']['fer']} found)",
        ]
        for r in load("speed")["rows"]["frames"]
        if r["size"] == "640x480"
    ]
    rows += [
        [f"accuracy of `fer2013` on FER2013's labels, {split}", down(labels), down(peer["accuracy"])],
        [f"accuracy of `default` on what most people see (FER+), {split}", down(people), down(peer["accuracy_votes"])],
        ["installed", f"{ours['site_packages_mb']:,} MB", f"{theirs['site_packages_mb']:,} MB"],
        ["peak memory, one photo", f"{ours['peak_memory_mb']:,} MB", f"{theirs['peak_memory_mb']:,} MB"],
    ]
    return "\n" + table(["", "mien", "fer 25.10.3"], rows) + "\n"


if __name__ == "__main__":
    main()
