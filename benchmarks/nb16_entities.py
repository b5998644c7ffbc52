"""Notebook 16's comparison: the small T5 learns entities in three target forms, each at its own best learning rate, three seeds.

``python -m benchmarks.nb16_entities`` writes results/nb16_entities.json after every run (about 50 minutes of one core); runs already there are kept.
``--smoke`` takes two steps of each form, in seconds, and writes nothing.
All forms see the same sentences in the same order (filled templates, some glued to pieces of reviews; scripts/entity_t5.py) and start from the same
pre-trained weights. Rates are chosen at seed 0. Every F1 is on validation sentences, with answers written greedily and freely.
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

from lessons.entities import FORMS, f1, spans, strict_counts, tag_by_sentinels
from lessons.t5 import generate_t5
from scripts.entity_t5 import SETTINGS, Batches, exams, learn, put_back, start_model
from utils import ROOT
from utils.entities import Sentence
from utils.training import set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb16_entities.json"
STEPS, DECAY, RATES, SEEDS, MOST = 200, 0.5, (1e-3, 2e-3, 4e-3), (0, 1, 2), 160
EXAMS = ("training names, known wording", "new names, new wording")


@torch.inference_mode()
def answers(model, batches: Batches, sentences: list[Sentence], batch_size: int = 64) -> list[str]:
    """What the model writes for each sentence, greedily, at most MOST tokens."""
    texts = [""] * len(sentences)
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i].words))
    for rows in (order[k : k + batch_size] for k in range(0, len(order), batch_size)):
        sources = [torch.tensor(batches.ids(batches.write(sentences[i])[0])) for i in rows]
        source = torch.nn.utils.rnn.pad_sequence(sources, batch_first=True)
        longest = max(len(sentences[i].words) for i in rows)
        for i, row in zip(rows, generate_t5(model, source, max_new=min(MOST, 6 * longest)), strict=True):
            text = batches.tokenizer.decode(row, skip_special_tokens=False)
            texts[i] = text.replace("<pad>", " ").split("</s>")[0]
    return texts


def copies(true: list[set], guesses: list[set], sentences: list[Sentence]) -> dict[str, float]:
    """Of the entities found: the share that stands nowhere in its sentence. F1 of the borders, types ignored, with these and without them."""
    somewhere = [
        {s for s in found if s[1] <= len(sentence.words)} for found, sentence in zip(guesses, sentences, strict=True)
    ]
    n, kept = sum(map(len, guesses)), sum(map(len, somewhere))

    def borders(found: list[set]) -> float:
        right = sum(len({s[:2] for s in a} & {s[:2] for s in b}) for a, b in zip(true, found, strict=True))
        return round(2 * right / max(1, sum(map(len, true)) + sum(map(len, found))), 4)

    return {
        "nowhere": round(1 - kept / max(1, n), 4),
        "borders_f1": borders(guesses),
        "borders_f1_of_copies": borders(somewhere),
    }


def run(form: str, rate: float, seed: int, smoke: bool = False, steps: int = STEPS) -> dict:
    """One training and its examination."""
    torch.manual_seed(seed)
    tokenizer, theirs, model = start_model()
    write, read = FORMS[form]
    batches, losses, seen = Batches(tokenizer, seed, write), [], []
    began = time.process_time()

    def after_step(n: int, value: float) -> None:
        losses.append(value)
        seen.append(n)

    learn(model, batches, 2 if smoke else steps, DECAY, after_step, rate)
    seconds, model = time.process_time() - began, model.eval()
    found = {"form": form, "rate": rate, "seed": seed, "loss": round(float(np.mean(losses[-20:])), 4)}
    found |= {"sentences": sum(seen), "cpu_seconds": round(seconds), "f1": {}, "copies": {}, "constrained_f1": {}}
    for name in EXAMS:
        sentences = exams()[name][: 4 if smoke else None]
        true = [spans(s.labels) for s in sentences]
        texts = answers(model, batches, sentences)
        guesses = [read(text, s.words) for text, s in zip(texts, sentences, strict=True)]
        found["f1"][name] = round(f1(strict_counts(true, guesses)), 4)
        found["copies"][name] = copies(true, guesses, sentences)
        if form == "sentinels":
            put_back(theirs, model)
            guesses = tag_by_sentinels(theirs.eval(), tokenizer, sentences)
            found["constrained_f1"][name] = round(f1(strict_counts(true, guesses)), 4)
    found["samples"] = [
        {"words": " ".join(s.words), "answer": text} for s, text in zip(sentences[:12:3], texts[:12:3], strict=True)
    ]
    return found


def main(smoke: bool = False) -> None:
    """Run what is missing: the rates at seed 0, then the best rate of each form at the other seeds."""
    set_threads(1)
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() and not smoke else {}
    runs, longer = old.get("runs", []), old.get("twice_as_long", [])

    def write() -> None:
        about = {
            "command": "python -m benchmarks.nb16_entities",
            "settings": {"steps": STEPS, "rates": RATES, "most_tokens": MOST, "decay": DECAY}
            | {k: SETTINGS[k] for k in ("tokens_a_batch", "glued")},
            "versions": {p: version(p) for p in ("torch", "transformers")},
            "machine": f"{platform.machine()}, 1 thread, float32",
            "date": date.today().isoformat(),
        }
        if not smoke:
            RESULTS.write_text(
                json.dumps(about | {"runs": runs, "twice_as_long": longer}, indent=1) + "\n", encoding="utf-8"
            )

    def once(form: str, rate: float, seed: int) -> dict:
        for old in runs:
            if (old["form"], old["rate"], old["seed"]) == (form, rate, seed):
                return old
        runs.append(run(form, rate, seed, smoke))
        print({k: v for k, v in runs[-1].items() if k != "samples"}, flush=True)
        write()
        return runs[-1]

    for rate in RATES[-1:] if smoke else RATES[::-1]:
        for form in FORMS:
            once(form, rate, 0)
    for seed in () if smoke else SEEDS[1:]:
        for form in FORMS:
            best = max((once(form, rate, 0) for rate in RATES), key=lambda r: r["f1"]["new names, new wording"])
            once(form, best["rate"], seed)
    for form in () if smoke else ("tags", "sentinels"):
        if form not in {found["form"] for found in longer}:
            longer.append(run(form, RATES[1], 0, steps=2 * STEPS) | {"steps": 2 * STEPS})
            write()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="two steps of each form, nothing written")
    main(parser.parse_args().smoke)
