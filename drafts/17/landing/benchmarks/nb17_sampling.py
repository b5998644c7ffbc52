"""Notebook 17's question: which way of choosing the next token writes most like people? SmolLM2 goes on with film reviews; people went on, too.

Writes benchmarks/results/nb17_sampling.json after every rule (an hour of one core in all); rules already there are kept.

``python -m benchmarks.nb17_sampling``: 300 reviews, 24 tokens each as the prompt, 64 tokens by each rule, the end token never, so that all texts are
equally long. Measured for each rule and for people: nats a token under SmolLM2; the share of 4-grams that stood in the same text before; how often linear
classifiers tell the texts from people's, cross-validated in four parts by review (0.5: not at all): one of words and pairs, one of letters. People
against people (the continuations of other reviews) would be at 0.5 by construction. ``--smoke`` takes two rules, 8 reviews, and writes nothing.
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
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from lessons.gpt import draw, min_p, top_k, top_p
from utils import ROOT
from utils.data import reviews
from utils.pretrained import smollm2
from utils.training import set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb17_sampling.json"
N, PROMPT, NEW, BATCH, SEED = 300, 24, 64, 50, 0
RULES = {"greedy": (0.0, None, None)}  # name -> (temperature, rule, its setting)
RULES |= {f"temperature {t}": (t, None, None) for t in (1.0, 0.9, 0.8, 0.7, 0.5)}
RULES |= {f"top-p {p}": (1.0, top_p, p) for p in (0.95, 0.9, 0.8, 0.5)}
RULES |= {f"top-k {k}": (1.0, top_k, k) for k in (200, 40, 10)}
RULES |= {f"min-p {p}": (1.0, min_p, p) for p in (0.02, 0.05, 0.1, 0.3)}


@torch.inference_mode()
def write(model, prompts: torch.Tensor, name: str, special: list[int], new: int) -> torch.Tensor:
    """prompts (N, PROMPT) -> what follows (N, new)."""
    temperature, rule, setting = RULES[name]
    chosen = None if rule is None else lambda x: rule(x, setting)
    generator, rows = torch.Generator().manual_seed(SEED), []
    for tokens in prompts.split(BATCH):
        cache, written = None, []
        for _ in range(new):
            out = model(tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache, logits = out.past_key_values, out.logits[:, -1]
            logits[:, special] = float("-inf")
            tokens = draw(logits, temperature, chosen, generator)
            written.append(tokens)
        rows.append(torch.cat(written, dim=1))
    return torch.cat(rows)


@torch.inference_mode()
def nats(model, prompts: torch.Tensor, texts: torch.Tensor, special: list[int]) -> np.ndarray:
    """Mean nats a token of each text (N,), under the distribution without special tokens."""
    found = []
    for a, b in zip(prompts.split(10), texts.split(10), strict=True):
        logits = model(torch.cat((a, b), dim=1)).logits[:, a.shape[1] - 1 : -1]
        logits[..., special] = float("-inf")
        found.append(-logits.log_softmax(dim=-1).gather(-1, b[..., None])[..., 0].mean(dim=1))
    return torch.cat(found).numpy()


def repeated(text: list[int], size: int = 4) -> float:
    """Share of a text's runs of ``size`` tokens that stood in it before."""
    grams = [tuple(text[i : i + size]) for i in range(len(text) - size + 1)]
    return 1 - len(set(grams)) / len(grams)


def told_apart(people: list[str], machine: list[str], letters: bool) -> float:
    """Share of texts that a linear classifier gives to the right author; the two continuations of one review are in the same part."""
    both, labels = people + machine, np.repeat([0, 1], len(people))
    words = dict(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b|[^\w\s]")
    features = TfidfVectorizer(sublinear_tf=True, **(dict(analyzer="char", ngram_range=(2, 5)) if letters else words))
    pipe = make_pipeline(features, LogisticRegression(C=10, max_iter=500))
    guesses = cross_val_predict(pipe, both, labels, groups=np.tile(np.arange(len(people)), 2), cv=GroupKFold(4))
    return float((guesses == labels).mean())


def main(smoke: bool = False) -> None:
    """Write and measure what is missing."""
    set_threads(1)
    n, new, names = (8, 6, list(RULES)[:2]) if smoke else (N, NEW, list(RULES))
    tokenizer, model = smollm2()
    special, ids = tokenizer.all_special_ids, []
    for text in reviews("imdb", "test").text:
        row = tokenizer(text)["input_ids"]
        if len(row) >= PROMPT + new and len(ids) < n:
            ids.append(row[: PROMPT + new])
    prompts, people = torch.tensor(ids).split((PROMPT, new), dim=1)
    human = [tokenizer.decode(row) for row in people]
    rules = json.loads(RESULTS.read_text())["rules"] if RESULTS.exists() and not smoke else {}

    def measured(texts: torch.Tensor) -> dict:
        surprise, written = nats(model, prompts, texts, special), [tokenizer.decode(row) for row in texts]
        found = {"nats": float(surprise.mean()), "nats_sd": float(surprise.std(ddof=1))}
        found["repeated"] = float(np.mean([repeated(row) for row in texts.tolist()]))
        if texts is not people:
            found |= {"told": told_apart(human, written, False), "told_by_letters": told_apart(human, written, True)}
        return {k: round(v, 4) for k, v in found.items()} | {"samples": written[:3]}

    for name in ["people", *names]:
        if name in rules:
            continue
        began = time.process_time()
        rules[name] = measured(people if name == "people" else write(model, prompts, name, special, new))
        rules[name]["cpu_seconds"] = round(time.process_time() - began)
        print(name, {k: v for k, v in rules[name].items() if k != "samples"}, flush=True)
        about = {
            "command": "python -m benchmarks.nb17_sampling",
            **{"n": n, "prompt": PROMPT, "new": new, "seed": SEED},
            "prompts": [tokenizer.decode(row) for row in prompts[:3]],
            "versions": {p: version(p) for p in ("torch", "transformers", "scikit-learn")},
            "machine": f"{platform.machine()}, 1 thread, float32",
            "date": date.today().isoformat(),
        }
        if not smoke:
            RESULTS.write_text(json.dumps(about | {"rules": rules}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="two rules, eight short texts, nothing written")
    main(parser.parse_args().smoke)
