"""Notebook 11: MiniLM halved, with and without its teacher, three seeds, and what each part of the triple loss adds.

``python -m benchmarks.nb11_distilbert_claim`` writes results/nb11_distilbert_claim.json after every run (about 30 minutes on one core);
runs already there are kept. The code is the notebook's (lessons/distilbert.py). Students get one pass over the 6,323
training reviews unless the name says two; the test part is only reported. ``--smoke`` takes a few reviews, in seconds, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from datetime import date
from importlib.metadata import version

from lessons.bert import BertConfig
from lessons.distilbert import (
    Classifier,
    DistilBert,
    TripleLoss,
    distil,
    is_right,
    review_batches,
    student_from_teacher,
    teacher_answers,
)
from utils import ROOT
from utils.data import reviews
from utils.pretrained import review_classifier
from utils.training import seed_everything, set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb11_distilbert_claim.json"
EVERY_OTHER = [1, 3, 5]
LABELS_ONLY = TripleLoss(soft=0.0, cosine=0.0)
# (name, layers copied from the teacher or None for random ones, loss, passes over the training reviews, seeds), the important ones first
RUNS = [
    ("triple loss", EVERY_OTHER, TripleLoss(), 1, (0, 1, 2)),
    ("labels only", EVERY_OTHER, LABELS_ONLY, 1, (0, 1, 2)),
    ("random layers, triple loss", None, TripleLoss(), 1, (0,)),
    ("triple loss, two passes", EVERY_OTHER, TripleLoss(), 2, (0,)),
    ("labels only, two passes", EVERY_OTHER, LABELS_ONLY, 2, (0,)),
    ("without soft targets", EVERY_OTHER, TripleLoss(soft=0.0), 1, (0,)),
    ("without labels", EVERY_OTHER, TripleLoss(hard=0.0), 1, (0,)),
    ("without cosine", EVERY_OTHER, TripleLoss(cosine=0.0), 1, (0,)),
    ("first three layers", [0, 1, 2], TripleLoss(), 1, (0,)),
]


def random_layers(teacher) -> Classifier:
    """The student with random layers; tables and head are still the teacher's, so that the layers are the only difference."""
    student = student_from_teacher(teacher, EVERY_OTHER)
    student.encoder.blocks.load_state_dict(DistilBert(BertConfig(n_layers=len(EVERY_OTHER))).blocks.state_dict())
    return student


def main(smoke: bool = False) -> None:
    """Run what is missing, seed by seed."""
    set_threads(1)
    tokenizer, theirs = review_classifier()
    train, test = reviews("rotten_tomatoes", "train")[500:].reset_index(drop=True), reviews("rotten_tomatoes", "test")
    if smoke:
        train, test = train[:16], test[:32]
    batches = review_batches(tokenizer, list(train.text), list(train.label))
    test_batches = review_batches(tokenizer, list(test.text), list(test.label))
    teacher = student_from_teacher(theirs, list(range(6)))
    teacher_right = is_right(teacher, test_batches)
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() and not smoke else {"runs": []}
    record |= {
        "command": "python -m benchmarks.nb11_distilbert_claim",
        "settings": {"layers": EVERY_OTHER, "steps": len(batches), "batch": 32, "rate": 1e-4, "train": len(train), "test": len(test)},
        "teacher_accuracy": round(teacher_right.float().mean().item(), 4),
        "teacher_right": "".join("1" if r else "0" for r in teacher_right.tolist()),
        "versions": {p: version(p) for p in ("torch", "transformers")},
        "machine": f"{platform.machine()}, 1 thread",
    }
    done = {(r["name"], r["seed"]) for r in record["runs"]}
    answers = None
    for name, layers, loss, passes, seeds in RUNS:
        for seed in seeds[:1] if smoke else seeds:
            if (name, seed) in done:
                continue
            answers = answers or teacher_answers(teacher, batches)
            began = time.process_time()
            seed_everything(seed)
            student = random_layers(theirs) if layers is None else student_from_teacher(theirs, layers)
            distil(student, batches, answers, loss, seed, steps=passes * len(batches))
            right = is_right(student, test_batches)
            run = {"name": name, "seed": seed, "accuracy": round(right.float().mean().item(), 4)}
            run["right"] = "".join("1" if r else "0" for r in right.tolist())  # in the order of the test batches, for paired intervals
            record["runs"].append(run | {"cpu_seconds": round(time.process_time() - began)})
            record["date"] = date.today().isoformat()
            if not smoke:
                RESULTS.write_text(json.dumps(record, indent=1) + "\n")
            print(name, seed, run["accuracy"], record["runs"][-1]["cpu_seconds"], "s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="a few reviews for everything, in seconds; writes nothing")
    main(parser.parse_args().smoke)
