"""Notebook 16's choice: at which rate, and with how many templates beside, do the real sentences help the T5? Cross-validated, the test stays shut.

Writes benchmarks/results/nb16_adaptation.json after every run (half an hour of one core in all); runs already there are kept.

``python -m benchmarks.nb16_adaptation`` cuts the half of the real sentences that may be learned from in three parts that share no name. For each
rate and number of templates beside, the T5 of the long run is fine-tuned on two parts and examined on the third, and on validation sentences with
new names in new wording. ``--smoke`` takes two steps of one run and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
from datetime import date
from importlib.metadata import version

import torch

from lessons.entities import parts, spans, strict_counts, tag_by_sentinels, with_new_tokens, write_sentinels
from utils import ROOT
from utils.entities import Names, Sentence, annotated_sentences, fill, make_sentences, templates
from utils.pretrained import CHECKPOINTS, add_differences, load_checkpoint, small_t5
from utils.training import seed_everything, set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb16_adaptation.json"
FOLDS, RATES, BESIDE, SEEDS = 3, (3e-5, 1e-4, 3e-4), (0, 4), (0, 1)
EPOCHS, BATCH, WARM_UP = 3, 8, 0.1  # as in the notebook's config


def adapt(sentences: list[Sentence], rate: float, seed: int, most_steps: int | None = None):
    """(tokenizer, model): the T5 of the long run after EPOCHS epochs of AdamW on the sentences, the rate rising and falling linearly."""
    seed_everything(seed)
    tokenizer, model = with_new_tokens(*small_t5())
    add_differences(model, load_checkpoint("entity_t5")).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    orders = [random.Random(seed * 100 + epoch).sample(sentences, len(sentences)) for epoch in range(EPOCHS)]
    batches = [order[k : k + BATCH] for order in orders for k in range(0, len(order), BATCH)][:most_steps]
    for step, some in enumerate(batches):
        share = (step + 1) / len(batches)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(share / WARM_UP, (1 - share) / (1 - WARM_UP) + 1 / len(batches), 1.0)
        sources, targets = zip(*map(write_sentinels, some), strict=True)
        batch = tokenizer(list(sources), padding=True, return_tensors="pt")
        labels = tokenizer(list(targets), padding=True, return_tensors="pt")["input_ids"]
        loss = model(**batch, labels=labels.masked_fill(labels == 0, -100)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return tokenizer, model.eval()


def counted(tokenizer, model, sentences: list[Sentence]) -> list[int]:
    """Entities that are right, found, there."""
    counts = strict_counts([spans(s.labels) for s in sentences], tag_by_sentinels(model, tokenizer, sentences))
    return counts.sum(axis=(0, 1)).tolist()


def run(rate: float, beside: int, fold: int, seed: int, smoke: bool = False) -> dict:
    """One fine-tuning and its two examinations; rate 0 is the T5 as it is."""
    folds = parts(parts(annotated_sentences())[0], FOLDS)
    held, other = folds[fold], [s for k, part in enumerate(folds) for s in part if k != fold]
    rng = random.Random(seed)
    other = other + [fill(t, Names("train"), rng) for t in rng.sample(templates("train"), beside * len(other))]
    tokenizer, model = adapt(other if rate else [], rate, seed, 2 if smoke else None)
    wording = make_sentences("validation", "validation", 3, seed=5)
    return {
        **{"rate": rate, "templates_beside": beside, "fold": fold, "seed": seed, "sentences": len(other)},
        "real": counted(tokenizer, model, held[: 4 if smoke else None]),
        "new wording, new names": counted(tokenizer, model, wording[: 4 if smoke else None]),
    }


def main(smoke: bool = False) -> None:
    """Run what is missing."""
    set_threads(1)
    weights = json.loads((CHECKPOINTS / "entity_t5.json").read_text())["sha256"]
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() and not smoke else {}
    runs = old["runs"] if old.get("weights") == weights else []
    wanted = [(0.0, 0, fold, 0) for fold in range(FOLDS)]
    wanted += [(rate, n, fold, seed) for seed in SEEDS for rate in RATES for n in BESIDE for fold in range(FOLDS)]
    for rate, beside, fold, seed in [(1e-4, 4, 0, 0)] if smoke else wanted:
        if any((r["rate"], r["templates_beside"], r["fold"], r["seed"]) == (rate, beside, fold, seed) for r in runs):
            continue
        runs.append(run(rate, beside, fold, seed, smoke))
        print(runs[-1], flush=True)
        about = {
            "command": "python -m benchmarks.nb16_adaptation",
            "what": "entities right, found, there, strictly counted: on the held part of the real sentences, and on validation",
            "settings": {"epochs": EPOCHS, "batch": BATCH, "warm_up": WARM_UP, "folds": FOLDS},
            "weights": weights,
            "versions": {p: version(p) for p in ("torch", "transformers")},
            "machine": f"{platform.machine()}, 1 thread, float32",
            "date": date.today().isoformat(),
        }
        if not smoke:
            RESULTS.write_text(json.dumps(about | {"runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="two steps of one run, nothing written")
    main(parser.parse_args().smoke)
