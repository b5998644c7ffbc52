"""Notebook 16's two adaptations of the long run's T5: to real sentences, and to text without capitals. The sealed test stays shut.

Writes benchmarks/results/nb16_adaptation.json after every run (half an hour of one core in all); runs already there are kept.

``python -m benchmarks.nb16_adaptation``: rates, with and without **rehearsal** (filled templates of the old kind beside), two seeds.
"real": the half of the real sentences that may be learned from is cut in three parts that share no name; learned from two, examined on the third.
"small letters": 250 filled templates in small letters; examined on validation sentences with new names in new wording, and on the real sentences,
both in small letters and as they are. ``--smoke`` takes two steps of each and writes nothing.
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
N_SMALL, SMALL_RATES, SMALL_BESIDE = 250, (2e-4, 5e-4, 1e-3), (0, 1)
EPOCHS, BATCH, WARM_UP = {"real": 3, "small letters": 2}, 8, 0.1  # as in the notebook's config
WORDING = "new wording, new names"


def adapt(sentences: list[Sentence], epochs: int, rate: float, seed: int, most_steps: int | None = None):
    """(tokenizer, model): the T5 of the long run after some epochs of AdamW on the sentences, the rate rising and falling linearly."""
    seed_everything(seed)
    tokenizer, model = with_new_tokens(*small_t5())
    add_differences(model, load_checkpoint("entity_t5")).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    orders = [random.Random(seed * 100 + epoch).sample(sentences, len(sentences)) for epoch in range(epochs)]
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


def beside(sentences: list[Sentence], times: int, seed: int) -> list[Sentence]:
    """The sentences, and ``times`` as many filled templates of the old kind."""
    rng = random.Random(seed)
    return sentences + [fill(t, Names("train"), rng) for t in rng.sample(templates("train"), times * len(sentences))]


def run_real(rate: float, times: int, seed: int, fold: int, smoke: bool = False) -> dict:
    """One fine-tuning on real sentences and its examinations; rate 0 is the T5 as it is."""
    folds = parts(parts(annotated_sentences())[0], FOLDS)
    other = beside([s for k, part in enumerate(folds) for s in part if k != fold], times, seed)
    both = adapt(other if rate else [], EPOCHS["real"], rate, seed, 2 if smoke else None)
    n = 4 if smoke else None
    return {
        "real": counted(*both, folds[fold][:n]),
        WORDING: counted(*both, make_sentences("validation", "validation", 3, seed=5)[:n]),
    }


def run_small(rate: float, times: int, seed: int, fold: int, smoke: bool = False) -> dict:
    """One fine-tuning on small letters and its examinations; rate 0 is the T5 as it is."""
    rng = random.Random(1000 + seed)
    small = [fill(t, Names("train"), rng).in_small_letters() for t in rng.sample(templates("train"), N_SMALL)]
    both = adapt(beside(small, times, seed) if rate else [], EPOCHS["small letters"], rate, seed, 2 if smoke else None)
    exams = {WORDING: make_sentences("validation", "validation", 3, seed=5), "real": parts(annotated_sentences())[0]}
    found = {}
    for name, some in exams.items():
        some = some[: 4 if smoke else None]
        found[name] = counted(*both, some)
        found[f"{name}, small letters"] = counted(*both, [s.in_small_letters() for s in some])
    return found


def main(smoke: bool = False) -> None:
    """Run what is missing."""
    set_threads(1)
    weights = json.loads((CHECKPOINTS / "entity_t5.json").read_text())["sha256"]
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() and not smoke else {}
    runs = old["runs"] if old.get("weights") == weights else []
    wanted = [("real", 0.0, 0, 0, fold) for fold in range(FOLDS)] + [("small letters", 0.0, 0, 0, 0)]
    for seed in SEEDS:
        wanted += [("small letters", rate, n, seed, 0) for rate in SMALL_RATES for n in SMALL_BESIDE]
        wanted += [("real", rate, n, seed, fold) for rate in RATES for n in BESIDE for fold in range(FOLDS)]
    wanted = [("real", 1e-4, 4, 0, 0), ("small letters", 5e-4, 1, 0, 0)] if smoke else wanted
    for task, rate, times, seed, fold in wanted:
        key = {"task": task, "rate": rate, "templates_beside": times, "seed": seed, "fold": fold}
        if any(key.items() <= run.items() for run in runs):
            continue
        runs.append(key | (run_real if task == "real" else run_small)(rate, times, seed, fold, smoke))
        print(runs[-1], flush=True)
        about = {
            "command": "python -m benchmarks.nb16_adaptation",
            "what": "entities right, found, there, strictly counted",
            "settings": {"epochs": EPOCHS, "batch": BATCH, "warm_up": WARM_UP, "folds": FOLDS, "small": N_SMALL},
            "weights": weights,
            "versions": {p: version(p) for p in ("torch", "transformers")},
            "machine": f"{platform.machine()}, 1 thread, float32",
            "date": date.today().isoformat(),
        }
        if not smoke:
            RESULTS.write_text(json.dumps(about | {"runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="two steps of each task, nothing written")
    main(parser.parse_args().smoke)
