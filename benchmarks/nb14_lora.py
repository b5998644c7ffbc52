"""Notebook 14's comparisons, three seeds: full fine-tuning, LoRA and cheaper ways on short film reviews, each at its own best learning rate.

``python -m benchmarks.nb14_lora`` writes results/nb14_lora.json after every run (about an hour on one core); runs already there are kept.
``--smoke`` takes two steps of a few ways on a few reviews, in seconds, and writes nothing.
The code is the notebook's (lessons/lora.py). A seed draws 2,000 training reviews of up to 24 tokens, the head, the adapters and the order; what is
left of the training part is for validation. Rates are chosen on validation; the test part is only reported. Training and testing compute in bf16
(autocast; float32 where the CPU lacks it), what the encoder remembers (notebook 13's `retrieval`) in float32.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from datetime import date
from importlib.metadata import version

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from lessons.fine_tuning import ReviewDataset, retrieval
from lessons.lora import BERT_LAYERS, add_lora, tune
from utils import ROOT
from utils.data import articles, reviews
from utils.pretrained import fast_dtype, minilm, minilm_classifier, sentence_embeddings
from utils.training import batches_by_length, seed_everything, set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb14_lora.json"
STEPS, HEAD_RATE, ALPHA, SEEDS = 100, 1e-3, 16.0, (0, 1, 2)
HALF = fast_dtype() == torch.bfloat16  # the results that stand were computed so
FEED_FORWARD = ["intermediate.dense", *(f"layer.{i}.output.dense" for i in range(6))]
# way -> (rank, targets) of the adapters; None: no adapters
WAYS = {
    "full": None,
    "LoRA": (8, BERT_LAYERS),
    "head alone": None,
    "biases": None,
    "last layer": None,
    "rank 1": (1, BERT_LAYERS),
    "rank 64": (64, BERT_LAYERS),
    "query, value": (8, ["query", "value"]),
    "feed-forward": (8, FEED_FORWARD),
}


def short(tokenizer, table):
    """The reviews of up to 24 tokens."""
    return table[[len(ids) <= 24 for ids in tokenizer(list(table.text))["input_ids"]]].reset_index(drop=True)


def prepared(way: str, seed: int) -> nn.Module:
    """MiniLM with a new head; what the way trains wants a gradient, the head always."""
    seed_everything(seed)
    model = minilm_classifier()[1]
    if WAYS[way]:
        rank, targets = WAYS[way]
        add_lora(model, targets, rank, ALPHA)
    elif way != "full":
        model.requires_grad_(False)
    if way == "biases":
        for name, parameter in model.bert.named_parameters():
            parameter.requires_grad_(name.endswith("bias"))
    if way == "last layer":
        model.bert.encoder.layer[-1].requires_grad_(True)
    model.bert.pooler.requires_grad_(True)
    model.classifier.requires_grad_(True)
    return model


def all_linear(model: nn.Module) -> list[str]:
    """Names of the linear layers inside the encoder's blocks (the pooler is the head's)."""
    return [name for name, module in model.bert.encoder.named_modules() if isinstance(module, nn.Linear)]


def padded(tokenizer, data: ReviewDataset, rows) -> dict[str, torch.Tensor]:
    """Some rows as one batch."""
    keys = ("input_ids", "attention_mask", "labels")
    return dict(tokenizer.pad([{k: data[i][k] for k in keys} for i in rows], return_tensors="pt"))


def training_batches(tokenizer, data: ReviewDataset, steps: int, seed: int) -> list[dict[str, torch.Tensor]]:
    """`steps` batches of 32, like lengths together, pass after pass."""
    rng, rows = np.random.default_rng(seed), []
    while len(rows) < steps:
        rows += batches_by_length([row["length"] for row in data], 32, rng)
    return [padded(tokenizer, data, r) for r in rows[:steps]]


@torch.inference_mode()
def accuracy(model: nn.Module, tokenizer, data: ReviewDataset) -> float:
    """Share of right answers, in bf16 where that is fast."""
    right = 0
    for rows in batches_by_length([row["length"] for row in data], 64):
        batch = padded(tokenizer, data, rows)
        labels = batch.pop("labels")
        with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
            right += (model(**batch).logits.argmax(dim=-1) == labels).sum().item()
    return right / len(data)


@torch.no_grad()
def truncated(model: nn.Module, start: dict[str, torch.Tensor], tokenizer, test: ReviewDataset) -> dict[str, float]:
    """Test accuracy when the change of each linear layer's weight is cut to its best approximation of a rank; all else as trained.

    "random 8" keeps eight directions at random instead of the largest; "share of 8" is the part of the squared change that the largest eight hold.
    """
    layers = {name: model.bert.encoder.get_submodule(name) for name in all_linear(model)}
    changes = {
        name: torch.linalg.svd(layer.weight - start[f"{name}.weight"], full_matrices=False)
        for name, layer in layers.items()
    }
    found = {}
    for rank in (0, 1, 2, 8, 64):
        for name, layer in layers.items():
            u, s, v = changes[name]
            layer.weight.copy_(start[f"{name}.weight"] + (u[:, :rank] * s[:rank]) @ v[:rank])
        found[str(rank)] = round(accuracy(model, tokenizer, test), 4)
    generator = torch.Generator().manual_seed(0)
    for name, layer in layers.items():
        u, s, v = changes[name]
        some = torch.randperm(len(s), generator=generator)[:8]
        layer.weight.copy_(start[f"{name}.weight"] + (u[:, some] * s[some]) @ v[some])
    found["random 8"] = round(accuracy(model, tokenizer, test), 4)
    squares = torch.stack([s.square() for _, s, _ in changes.values()])  # (layers, 384)
    found["share of 8"] = round((squares[:, :8].sum() / squares.sum()).item(), 4)
    return found


class Runs:
    """The runs so far, in the file (or in memory only, for a smoke run)."""

    def __init__(self, smoke: bool, about: dict):
        self.smoke, self.about = smoke, about
        self.runs = json.loads(RESULTS.read_text())["runs"] if RESULTS.exists() and not smoke else []

    def find(self, **key) -> dict | None:
        return next((run for run in self.runs if all(run.get(k) == v for k, v in key.items())), None)

    def add(self, run: dict) -> dict:
        self.runs.append(run)
        if not self.smoke:
            text = json.dumps(self.about | {"date": date.today().isoformat(), "runs": self.runs}, indent=1)
            RESULTS.write_text(text + "\n", encoding="utf-8")
        print(run, flush=True)
        return run


def main(smoke: bool = False) -> None:
    """Run what is missing, the main comparison first."""
    set_threads(1)
    tokenizer, encoder = minilm()
    start = {name: tensor.clone() for name, tensor in encoder.encoder.state_dict().items()}
    train, test = (
        short(tokenizer, reviews("rotten_tomatoes", "train")),
        short(tokenizer, reviews("rotten_tomatoes", "test")),
    )
    library, n_train, all_steps, seeds = articles(), 2000, STEPS, SEEDS
    if smoke:
        train, test, library, n_train, all_steps, seeds = train[:64], test[:32], library[:4], 32, 2, (0,)
    test_data = ReviewDataset(tokenizer, test.text, test.label)
    about = {
        "command": "python -m benchmarks.nb14_lora",
        "settings": {
            "steps": all_steps,
            "batch": 32,
            "head_rate": HEAD_RATE,
            "alpha": ALPHA,
            "train": n_train,
            "validation": len(train) - n_train,
            "test": len(test),
        },  # fmt: skip
        "versions": {p: version(p) for p in ("torch", "transformers", "scikit-learn")},
        "machine": f"{platform.machine()}, 1 thread, {'bf16 autocast' if HALF else 'float32'}",
    }
    store = Runs(smoke, about)

    def split(seed: int):
        order = np.random.default_rng(seed).permutation(len(train))
        return (train.iloc[rows].reset_index(drop=True) for rows in (order[:n_train], order[n_train:]))

    def run(
        way: str, rate: float, seed: int, head_rate: float = HEAD_RATE, validate: bool = True, cut: bool = False
    ) -> dict:
        key = {"way": way, "rate": rate, "head_rate": head_rate, "seed": seed, "steps": all_steps}
        if done := store.find(**key):
            return done
        began = time.process_time()
        sample, rest = split(seed)
        data = ReviewDataset(tokenizer, sample.text, sample.label)
        model = prepared(way, seed)
        numbers = sum(p.numel() for n, p in model.named_parameters() if p.requires_grad and n.startswith("bert.e"))
        losses = tune(model, training_batches(tokenizer, data, all_steps, seed), rate, head_rate, bf16=HALF)
        first, mrr = retrieval(model.bert, tokenizer, library)
        result = {
            "trained": numbers, "last_losses": round(float(np.mean(losses[-10:])), 3),
            "test": round(accuracy(model, tokenizer, test_data), 4),
            "finds_its_article": round(first, 4), "reciprocal_rank": round(mrr, 4),
        }  # fmt: skip
        if validate:
            result["validation"] = round(accuracy(model, tokenizer, ReviewDataset(tokenizer, rest.text, rest.label)), 4)
        if cut:
            result["cut_to_rank"] = truncated(model, start, tokenizer, test_data)
        return store.add(key | result | {"cpu_seconds": round(time.process_time() - began)})

    def tuned(way: str, rates: tuple[float, ...]) -> None:
        """The rates on the first seed; the one best on validation on the other seeds."""
        best = max((run(way, rate, seeds[0]) for rate in rates), key=lambda r: r["validation"])
        for seed in seeds[1:]:
            run(way, best["rate"], seed, validate=False)

    for seed in seeds:
        if not store.find(way="frozen features", seed=seed):
            began = time.process_time()
            sample, rest = split(seed)
            x, x_rest, x_test = (
                sentence_embeddings(list(t.text), tokenizer, encoder).numpy() for t in (sample, rest, test)
            )
            model = LogisticRegression(max_iter=1000, C=3.0).fit(x, sample.label)
            scores = {
                "validation": round(model.score(x_rest, rest.label), 4),
                "test": round(model.score(x_test, test.label), 4),
            }
            store.add(
                {"way": "frozen features", "seed": seed} | scores | {"cpu_seconds": round(time.process_time() - began)}
            )
    for seed in seeds:
        for full_rate, lora_rate in ((1e-4, 1e-3), (3e-5, 3e-3), (3e-4, 3e-4)):
            run("full", full_rate, seed, cut=full_rate == 1e-4)
            run("LoRA", lora_rate, seed)
    run("LoRA", 1e-2, seeds[0])  # past the best
    if smoke:
        tuned("rank 1", (3e-3,))
        for way in WAYS:
            prepared(way, 0)
        return
    for seed in seeds:
        for head_rate in (1e-3, 3e-3, 1e-2):
            run("head alone", 0.0, seed, head_rate=head_rate)
    for seed in seeds:  # a finer step near the best of both
        run("LoRA", 2e-3, seed)
        run("full", 2e-4, seed)
    for seed in seeds:  # a head that learns as slowly as the encoder does in notebook 13's recipe
        for way, rates in (("full", (3e-5, 1e-4, 2e-4)), ("LoRA", (1e-3, 2e-3))):
            for rate in rates:
                run(way, rate, seed, head_rate=1e-4)
    tuned("last layer", (3e-4, 1e-3, 3e-3, 1e-2))
    tuned("biases", (1e-3, 3e-3, 1e-2))
    for way in ("query, value", "rank 1", "rank 64", "feed-forward"):
        tuned(way, (3e-4, 1e-3, 2e-3, 3e-3, 1e-2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--smoke", action="store_true", help="two steps of a few ways on a few reviews, in seconds; writes nothing"
    )
    main(parser.parse_args().smoke)
