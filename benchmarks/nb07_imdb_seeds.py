"""Notebook 07's model on IMDB: three seeds, and what each part contributes. Writes benchmarks/results/nb07_imdb_seeds.json after every run.

``python -m benchmarks.nb07_imdb_seeds`` runs everything with one thread; name runs to do only those: ``... full no_block``; ``--smoke`` tries
each in seconds. The code is the
notebook's (lessons/sentiment.py). Choices are made on 2,000 validation reviews; the test part is only reported.
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

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from lessons.sentiment import (
    SentimentConfig,
    SentimentEncoder,
    count_vocabulary,
    encode_review,
    predict,
    review_words,
    starting_vectors,
    train_sentiment,
)
from utils import ROOT
from utils.data import reviews
from utils.training import seed_everything, set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb07_imdb_seeds.json"
N_VAL = 2000
FULL = SentimentConfig()
# name: (what it is, configuration, starting vectors from co-occurrence?, tokens, seeds)
RUNS = {
    "full": ("the notebook's model", FULL, True, "words", (0, 1, 2)),
    "no_block": ("without the encoder block (a bag of words and pairs)", replace(FULL, n_layers=0), True, "words", (0, 1, 2)),
    "no_start": ("without the starting vectors", FULL, False, "words", (0,)),
    "no_pairs": ("without the pair vectors", replace(FULL, use_pairs=False), True, "words", (0,)),
    "bpe": ("byte-level BPE tokens (8,192) in place of words", FULL, True, "bpe", (0,)),
}


def bpe_documents(train: list[str], rest: list[str]) -> list[list[str]]:
    """Lower-case byte-level BPE tokens of all texts, merges learned on the training texts (the merges of notebook 03, by a fast library)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=8192, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator((text.lower() for text in train), trainer)
    return [encoding.tokens for encoding in tokenizer.encode_batch([text.lower() for text in train + rest])]


def best_threshold(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The logit in [-1.5, 1.5] above which "positive" is right most often."""
    grid = torch.linspace(-1.5, 1.5, 61)
    return float(grid[((logits > grid[:, None]) == (labels > 0)).float().mean(dim=1).argmax()])


def prepare(tokens: str, n_val: int = N_VAL, n: int | None = None) -> dict:
    """Encoded reviews, vocabulary and starting vectors for "words" or "bpe", of the first ``n`` reviews of each part (default: all)."""
    train_table, test_table = reviews("imdb", "train")[:n], reviews("imdb", "test")[:n]
    texts = [*train_table.text[n_val:]], [*train_table.text[:n_val]], [*test_table.text]
    if tokens == "bpe":
        documents = bpe_documents(texts[0], texts[1] + texts[2])
    else:
        documents = [review_words(text) for part in texts for text in part]
    vocabulary = count_vocabulary(documents[: len(texts[0])])
    encoded = [encode_review(document, vocabulary) for document in documents]
    labels = [torch.tensor(part.to_numpy(), dtype=torch.float32) for part in (train_table.label[n_val:], train_table.label[:n_val], test_table.label)]
    first, second = len(texts[0]), len(texts[0]) + n_val
    return {
        "train": (encoded[:first], labels[0]),
        "val": (encoded[first:second], labels[1]),
        "test": (encoded[second:], labels[2]),
        "sizes": (len(vocabulary.words) + 2, len(vocabulary.pairs) + 1),
        "start": starting_vectors(encoded[:first], len(vocabulary.words) + 2, FULL.d_model),
    }


def run(config: SentimentConfig, data: dict, start: bool, seed: int) -> dict:
    """Train one model and measure it on validation and test reviews."""
    seed_everything(seed)
    model = SentimentEncoder(config, *data["sizes"])
    if start:
        model.words.weight.data.copy_(data["start"])
    clock, cpu = time.perf_counter(), time.process_time()
    _, history = train_sentiment(model, *data["train"], *data["val"], seed=seed)
    seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
    val, test = predict(model, data["val"][0]), predict(model, data["test"][0])
    threshold = best_threshold(val, data["val"][1])
    accuracy = lambda logits, labels, cut: round(((logits > cut) == (labels > 0)).float().mean().item(), 4)  # noqa: E731
    return {
        "seed": seed,
        "epochs": len(history),
        "best_epoch": 1 + min(range(len(history)), key=lambda i: history[i][0]),
        "val_accuracy": accuracy(val, data["val"][1], 0.0),
        "test_accuracy": accuracy(test, data["test"][1], 0.0),
        "threshold": round(threshold, 2),
        "test_accuracy_at_threshold": accuracy(test, data["test"][1], threshold),
        "seconds": round(seconds),
        "cpu_seconds": round(cpu),
    }


def smoke() -> None:
    """Every kind of run once, on 300 reviews and for one epoch; nothing is written."""
    data = {tokens: prepare(tokens, n_val=100, n=300) for tokens in ("words", "bpe")}
    for name, (_, config, start, tokens, _) in RUNS.items():
        print(name, run(replace(config, epochs=1), data[tokens], start, seed=0))


def main(names: list[str]) -> None:
    set_threads(1)
    unknown = set(names) - set(RUNS)
    if unknown:
        sys.exit(f"error: no run named {', '.join(sorted(unknown))}; there are {', '.join(RUNS)}")
    RESULTS.parent.mkdir(exist_ok=True)
    report = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": {}}
    report |= {
        "command": "python -m benchmarks.nb07_imdb_seeds",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, 1 thread of a shared machine with 2 cores: seconds are inflated, CPU seconds less so",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("torch", "numpy", "scipy", "tokenizers")},
        "data": {"train": 19921 - N_VAL, "validation": N_VAL, "test": 4980},
    }
    kind, data = None, {}
    for name in names or RUNS:
        what, config, start, tokens, seeds = RUNS[name]
        if tokens != kind:
            kind, data = tokens, prepare(tokens)
        results = []
        for seed in seeds:
            results.append(run(config, data, start, seed))
            report["runs"][name] = {"what": what, "results": results}
            report["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1)
            RESULTS.write_text(json.dumps(report, indent=1) + "\n")
            print(name, results[-1], flush=True)


if __name__ == "__main__":
    smoke() if sys.argv[1:] == ["--smoke"] else main(sys.argv[1:])
