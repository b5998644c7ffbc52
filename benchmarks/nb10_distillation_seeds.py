"""Notebook 10's students with and without a teacher, three seeds, and a sweep of temperatures.

Writes results/nb10_distillation_seeds.json after every run.

``python -m benchmarks.nb10_distillation_seeds`` trains everything with one thread (about 15 minutes); runs already there are kept. The code is the
notebook's (lessons/distillation.py). Every run has 600 steps of 64 texts; the test part is only reported, nothing is chosen on it.
``--smoke`` takes two steps of every run on a few texts, in seconds, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from datetime import date
from importlib.metadata import version

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from lessons.distillation import student_scores, train_student
from utils import ROOT
from utils.data import imdb_sentences, reviews
from utils.pretrained import minilm, review_teacher_logits
from utils.training import set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb10_distillation_seeds.json"
SEEDS = (0, 1, 2)
# (way, more text?)
RUNS = [("labels", False), ("soft", False), ("both", False), ("teacher's labels", True), ("soft", True)]
CONTROLS = [("teacher's labels", False), ("labels, 200 steps", False), ("soft, 200 steps", False)]  # two passes, as many as "more text" gets
SWEEP = [("soft@1", True), ("soft@4", True), ("soft@8", True)]


def tfidf(texts, labels, test) -> float:
    """Test accuracy of TF-IDF (words and pairs) + logistic regression on labelled texts, the honest baseline."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = LogisticRegression(max_iter=1000, C=3.0).fit(vectorizer.fit_transform(texts), labels)
    return float(model.score(vectorizer.transform(test.text), test.label))


def main(smoke: bool = False) -> None:
    """Run what is missing, seed by seed."""
    set_threads(1)
    tokenizer, _ = minilm()
    train, test = reviews("rotten_tomatoes", "train")[500:].reset_index(drop=True), reviews("rotten_tomatoes", "test")
    sentences, logits = imdb_sentences(12_000), review_teacher_logits()
    if smoke:
        train, test, sentences = train[:200], test[:100], sentences[:200]
    targets = torch.cat([logits["rotten_tomatoes"][500:][: len(train)], logits["imdb"][: len(sentences)]])
    ids = [row[:64] for row in tokenizer([*train.text, *sentences])["input_ids"]]
    test_ids = [row[:64] for row in tokenizer([*test.text])["input_ids"]]
    labels, test_labels = torch.tensor(train.label.to_numpy()), torch.tensor(test.label.to_numpy())
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() and not smoke else {"runs": []}
    record |= {
        "command": "python -m benchmarks.nb10_distillation_seeds",
        "settings": {"steps": 600, "batch": 64, "temperature": 2.0, "train": len(train), "test": len(test), "more_text": len(sentences)},
        "tfidf": round(tfidf(train.text, train.label, test), 4),
        "tfidf_taught": round(tfidf([*train.text, *sentences], targets.argmax(dim=-1).numpy(), test), 4),
        "versions": {p: version(p) for p in ("torch", "transformers", "scikit-learn")},
        "machine": f"{platform.machine()}, 1 thread",
    }
    done = {(r["way"], r["more_text"], r["seed"]) for r in record["runs"]}
    for seed in SEEDS[:1] if smoke else SEEDS:
        for way, more in RUNS + SWEEP + CONTROLS:
            if (way, more, seed) in done:
                continue
            began = time.process_time()
            kind, _, rest = way.partition(", ")
            steps = 2 if smoke else int(rest.removesuffix(" steps")) if rest else 600
            model = train_student(ids if more else ids[: len(train)], targets, labels, kind, seed, steps)
            accuracy, log_loss = student_scores(model, test_ids, test_labels)
            run = {"way": way, "more_text": more, "seed": seed, "accuracy": round(accuracy, 4), "log_loss": round(log_loss, 4)}
            record["runs"].append(run | {"cpu_seconds": round(time.process_time() - began)})
            record["date"] = date.today().isoformat()
            if not smoke:
                RESULTS.write_text(json.dumps(record, indent=1) + "\n")
            print(run, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="two steps of everything, in seconds; writes nothing")
    main(parser.parse_args().smoke)
