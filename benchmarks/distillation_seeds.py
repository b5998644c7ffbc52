"""Notebook 10's students with and without a teacher, three seeds, and a sweep of temperatures.

Writes results/distillation_seeds.json after every run.

``python benchmarks/distillation_seeds.py`` trains everything with one thread (about 15 minutes); runs already there are kept. The code is the
notebook's (utils/lessons/distillation.py). Every run has 600 steps of 64 texts; the test part is only reported, nothing is chosen on it.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

from utils.data import imdb_sentences, reviews  # noqa: E402
from utils.lessons.distillation import student_scores, train_student  # noqa: E402
from utils.pretrained import minilm, review_teacher_logits  # noqa: E402
from utils.training import set_threads  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results" / "distillation_seeds.json"
SEEDS = (0, 1, 2)
# (way, more text?)
RUNS = [("labels", False), ("soft", False), ("both", False), ("teacher's labels", True), ("soft", True)]
CONTROLS = [("teacher's labels", False), ("labels, 200 steps", False)]  # the second: two passes, as many as "more text" gets
SWEEP = [("soft@1", True), ("soft@4", True), ("soft@8", True)]


def tfidf(texts, labels, test) -> float:
    """Test accuracy of TF-IDF (words and pairs) + logistic regression on labelled texts, the honest baseline."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = LogisticRegression(max_iter=1000, C=3.0).fit(vectorizer.fit_transform(texts), labels)
    return float(model.score(vectorizer.transform(test.text), test.label))


def main() -> int:
    """Run what is missing, seed by seed."""
    set_threads(1)
    tokenizer, _ = minilm()
    train, test = reviews("rotten_tomatoes", "train")[500:].reset_index(drop=True), reviews("rotten_tomatoes", "test")
    logits = review_teacher_logits()
    targets = torch.cat([logits["rotten_tomatoes"][500:], logits["imdb"]])
    ids = [row[:64] for row in tokenizer([*train.text, *imdb_sentences(12_000)])["input_ids"]]
    test_ids = [row[:64] for row in tokenizer([*test.text])["input_ids"]]
    labels, test_labels = torch.tensor(train.label.to_numpy()), torch.tensor(test.label.to_numpy())
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": []}
    record |= {
        "command": "python benchmarks/distillation_seeds.py",
        "settings": {"steps": 600, "batch": 64, "temperature": 2.0, "train": len(train), "test": len(test), "more_text": 12_000},
        "tfidf": round(tfidf(train.text, train.label, test), 4),
        "tfidf_taught": round(tfidf([*train.text, *imdb_sentences(12_000)], targets.argmax(dim=-1).numpy(), test), 4),
        "versions": {p: version(p) for p in ("torch", "transformers", "scikit-learn")},
        "machine": f"{platform.machine()}, 1 thread",
    }
    done = {(r["way"], r["more_text"], r["seed"]) for r in record["runs"]}
    for seed in SEEDS:
        for way, more in RUNS + SWEEP + CONTROLS:
            if (way, more, seed) in done:
                continue
            began = time.process_time()
            kind, _, rest = way.partition(", ")
            steps = int(rest.removesuffix(" steps")) if rest else 600
            model = train_student(ids if more else ids[: len(train)], targets, labels, kind, seed, steps)
            accuracy, log_loss = student_scores(model, test_ids, test_labels)
            run = {"way": way, "more_text": more, "seed": seed, "accuracy": round(accuracy, 4), "log_loss": round(log_loss, 4)}
            record["runs"].append(run | {"cpu_seconds": round(time.process_time() - began)})
            record["date"] = date.today().isoformat()
            RESULTS.write_text(json.dumps(record, indent=1) + "\n")
            print(run, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
