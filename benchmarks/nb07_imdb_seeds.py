"""Notebook 07 on IMDB: the encoder, the counted votes and both, over seeds; what each part adds; what a random split would have claimed.

``python -m benchmarks.nb07_imdb_seeds`` runs everything with one thread (about 22 CPU-minutes) and writes
benchmarks/results/nb07_imdb_seeds.json after every run; name runs to do only those: ``... full no_block``; ``--smoke`` tries each in seconds.
The code is the notebook's (lessons/sentiment.py). Films are apart: tenth 7 of the films is the validation part, 8 and 9 are the test part.
Choices are made on validation; the test part is only reported.
"""

from __future__ import annotations

import json
import platform
import resource
import sys
import time
from dataclasses import replace
from datetime import date
from importlib.metadata import version

import numpy as np
import torch
from scipy.sparse import diags_array
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional as F

from lessons.sentiment import (
    SentimentConfig,
    WideAndDeep,
    count_vocabulary,
    encode_review,
    feature_counts,
    join_by_platt,
    log_count_ratio,
    predict,
    presence,
    review_words,
    starting_vectors,
    train_sentiment,
)
from utils import ROOT
from utils.data import reviews
from utils.training import seed_everything, set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb07_imdb_seeds.json"
FULL = SentimentConfig()
BAG = replace(FULL, n_layers=0)
HALF = {"keep": 0.5, "cap": 256}
# name: (what it is, configuration, starting vectors from co-occurrence?, data, seeds)
RUNS = {
    "full": ("the notebook's model", FULL, True, "words", (0, 1, 2)),
    "no_block": ("without the encoder block", BAG, True, "words", (0, 1, 2)),
    "half": ("half of the words kept", replace(FULL, **HALF), True, "words", (0,)),
    "no_block_half": ("without the block, half of the words kept", replace(BAG, **HALF), True, "words", (0,)),
    "slow": ("half the learning rate", replace(FULL, lr=1e-3), True, "words", (0,)),
    "no_block_slow": ("without the block, half the learning rate", replace(BAG, lr=1e-3), True, "words", (0,)),
    "no_start": ("without the starting vectors", FULL, False, "words", (0,)),
    "no_pairs": ("without the pair vectors", replace(FULL, use_pairs=False), True, "words", (0,)),
    "random": ("the notebook's model, split at random", FULL, True, "random", (0,)),
    "bpe": ("byte-level BPE (8,192) in place of words", FULL, True, "bpe", (0,)),
}


def bpe_documents(train: list[str], rest: list[str]) -> list[list[str]]:
    """Lower-case byte-level BPE tokens of all texts, merges learned on the training texts (the merges of notebook 03, by a fast library)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=8192, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator((text.lower() for text in train), trainer)
    return [encoding.tokens for encoding in tokenizer.encode_batch([text.lower() for text in train + rest])]


def split(kind: str, n: int | None = None) -> list:
    """Tables for training, validation and test: by films, or, for "random", parts of the same sizes drawn at random."""
    train, test = reviews("imdb", "train"), reviews("imdb", "test")
    tables = [train[train.films != 7], train[train.films == 7], test]
    if kind == "random":
        rows = reviews("imdb", "all").sample(frac=1.0, random_state=7)
        ends = np.cumsum([len(table) for table in tables])
        tables = [rows[: ends[0]], rows[ends[0] : ends[1]], rows[ends[1] : ends[2]]]
    return [table[:n] for table in tables]


def counted_votes(encoded: list[list], labels: list[torch.Tensor], sizes: tuple[int, int]) -> tuple[np.ndarray, dict]:
    """Votes of the logistic regression on naive-Bayes weights whose C is best on validation, and what it scores."""
    counts = [presence(feature_counts(part, *sizes)) for part in encoded]
    ratio = log_count_ratio(counts[0], labels[0].numpy())
    x = [part @ diags_array(ratio) for part in counts]
    fits = {C: LogisticRegression(C=C, solver="liblinear", dual=True, max_iter=3000).fit(x[0], labels[0]) for C in (1, 3, 10, 30, 100)}
    scores = {C: fit.score(x[1], labels[1]) for C, fit in fits.items()}
    best = max(scores, key=scores.get)
    report = {"C": best, "val": {C: round(score, 4) for C, score in scores.items()}, "test": round(fits[best].score(x[2], labels[2]), 4)}
    return fits[best].coef_[0] * ratio, report


def prepare(kind: str, n: int | None = None) -> dict:
    """Encoded reviews, votes and starting vectors for "words", "bpe" or "random", of the first ``n`` reviews of each part (default: all)."""
    tables = split(kind, n)
    texts = [[*table.text] for table in tables]
    if kind == "bpe":
        documents = bpe_documents(texts[0], texts[1] + texts[2])
    else:
        documents = [review_words(text) for part in texts for text in part]
    vocabulary = count_vocabulary(documents[: len(texts[0])])
    sizes = len(vocabulary.words) + 2, len(vocabulary.pairs) + 1
    ends = np.cumsum([0, *map(len, texts)])
    encoded = [encode_review(document, vocabulary) for document in documents]
    encoded = [encoded[first:last] for first, last in zip(ends, ends[1:], strict=False)]
    labels = [torch.tensor(table.label.to_numpy(), dtype=torch.float32) for table in tables]
    votes, report = counted_votes(encoded, labels, sizes)
    start = starting_vectors(encoded[0], sizes[0], FULL.d_model)
    return {"encoded": encoded, "labels": labels, "sizes": sizes, "votes": votes, "counted": report, "start": start}


def measure(model: WideAndDeep, data: dict) -> dict:
    """Accuracy on validation and test reviews, and the validation loss, with the model's present mix."""
    logits = [predict(model, part) for part in data["encoded"][1:]]
    right = [((z > 0) == (y > 0)).float().mean().item() for z, y in zip(logits, data["labels"][1:], strict=True)]
    loss = F.binary_cross_entropy_with_logits(logits[0], data["labels"][1]).item()
    return {"val_loss": round(loss, 4), "val": round(right[0], 4), "test": round(right[1], 4)}


def run(config: SentimentConfig, data: dict, start: bool, seed: int) -> dict:
    """Train one model and measure the encoder alone and the joined model on validation and test reviews."""
    seed_everything(seed)
    model = WideAndDeep(config, *data["sizes"])
    model.set_votes(data["votes"])
    if start:
        model.words.weight.data.copy_(data["start"])
    (train, val, _), (y_train, y_val, _) = data["encoded"], data["labels"]
    cpu = time.process_time()
    _, history = train_sentiment(model, train, y_train, val, y_val, seed=seed)
    cpu = time.process_time() - cpu
    best_epoch = 1 + min(range(len(history)), key=lambda i: history[i][0])
    result = {"seed": seed, "epochs": len(history), "best_epoch": best_epoch, "cpu_seconds": round(cpu)}
    model.mix.copy_(torch.tensor([1.0, 0.0, 0.0]))
    result["encoder"] = measure(model, data)
    join_by_platt(model, val, y_val)
    return result | {"joined": measure(model, data), "mix": [round(weight, 3) for weight in model.mix.tolist()]}


def smoke() -> None:
    """Every kind of run once, on 300 reviews and for one epoch; nothing is written."""
    data = {kind: prepare(kind, n=300) for kind in ("words", "bpe", "random")}
    for name, (_, config, start, kind, _) in RUNS.items():
        print(name, run(replace(config, epochs=1), data[kind], start, seed=0))


def main(names: list[str]) -> None:
    set_threads(1)
    unknown = set(names) - set(RUNS)
    if unknown:
        sys.exit(f"error: no run named {', '.join(sorted(unknown))}; there are {', '.join(RUNS)}")
    RESULTS.parent.mkdir(exist_ok=True)
    report = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    report |= {
        "command": "python -m benchmarks.nb07_imdb_seeds",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, 1 thread of a shared machine with 2 cores: CPU seconds, which a busy machine inflates a little",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("torch", "numpy", "scipy", "scikit-learn")},
    }
    runs, counted = report.setdefault("runs", {}), report.setdefault("counted", {})
    kind, data = None, {}
    for name in names or RUNS:
        what, config, start, wanted, seeds = RUNS[name]
        if wanted != kind:
            kind, data = wanted, prepare(wanted)
            counted[kind] = data["counted"]
            report["data"] = dict(zip(("train", "validation", "test"), map(len, data["encoded"]), strict=True))
        results = []
        for seed in seeds:
            results.append(run(config, data, start, seed))
            runs[name] = {"what": what, "results": results}
            report["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1)
            RESULTS.write_text(json.dumps(report, indent=1) + "\n")
            print(name, results[-1], flush=True)


if __name__ == "__main__":
    smoke() if sys.argv[1:] == ["--smoke"] else main(sys.argv[1:])
