"""Draft of benchmarks/nb17_sampling.py: which sampling rule writes most like people? SmolLM2 goes on with film reviews; people went on, too.

``PYTHONPATH=.:drafts/17 python drafts/17/sampling.py [N]``: N reviews (default 200), 24 tokens each as the prompt, 64 tokens written by each rule.
Measured for people's and each rule's texts: nats a token under SmolLM2; share of 4-grams that the same text had before; how well a linear classifier
(TF-IDF of words and word pairs) tells the texts from people's, cross-validated by review (0.5: not at all). Writes drafts/17/sampling.json.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from gpt import draw, min_p, top_k, top_p
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from utils.data import reviews
from utils.pretrained import smollm2

PROMPT, NEW, BATCH = 24, 64, 40
torch.set_num_threads(1)
tokenizer, model = smollm2()
n = int(sys.argv[1]) if len(sys.argv) > 1 else 200

RULES = {"greedy": (0.0, None)}
RULES |= {f"temperature {t}": (t, None) for t in (0.5, 0.7, 0.8, 0.9, 1.0)}
RULES |= {f"top-k {k}": (1.0, lambda x, k=k: top_k(x, k)) for k in (5, 40, 200)}
RULES |= {f"top-p {p}": (1.0, lambda x, p=p: top_p(x, p)) for p in (0.5, 0.8, 0.9, 0.95)}
RULES |= {f"min-p {p}": (1.0, lambda x, p=p: min_p(x, p)) for p in (0.3, 0.1, 0.05, 0.02)}


@torch.inference_mode()
def write(prompts: torch.Tensor, temperature: float, rule, seed: int) -> torch.Tensor:
    """(N, PROMPT) -> (N, NEW); the end token may not be drawn, so that all texts are equally long."""
    generator, rows = torch.Generator().manual_seed(seed), []
    for some in prompts.split(BATCH):
        cache, tokens, written = None, some, []
        for _ in range(NEW):
            out = model(tokens, past_key_values=cache, use_cache=True)
            cache, logits = out.past_key_values, out.logits[:, -1].float()
            logits[:, special] = float("-inf")
            tokens = draw(logits, temperature, rule, generator)
            written.append(tokens)
        rows.append(torch.cat(written, dim=1))
    return torch.cat(rows)


@torch.inference_mode()
def nats(prompts: torch.Tensor, texts: torch.Tensor) -> np.ndarray:
    """Mean nats a token of each continuation under SmolLM2 (N,), the specials left out of the distribution."""
    found = []
    for a, b in zip(prompts.split(BATCH), texts.split(BATCH)):
        logits = model(torch.cat((a, b), dim=1)).logits[:, PROMPT - 1 : -1].float()
        logits[..., special] = float("-inf")
        found.append(-logits.log_softmax(dim=-1).gather(-1, b[..., None])[..., 0].mean(dim=1))
    return torch.cat(found).numpy()


def repeated(row: list[int], size: int = 4) -> float:
    """Share of a text's 4-grams that stood in it before."""
    grams = [tuple(row[i : i + size]) for i in range(len(row) - size + 1)]
    return 1 - len(set(grams)) / len(grams)


def told_apart(people: list[str], machine: list[str]) -> float:
    """Accuracy of a linear classifier between the two, five folds by review."""
    both, labels = people + machine, np.repeat([0, 1], len(people))
    groups = np.tile(np.arange(len(people)), 2)
    pipe = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[^\w\s]"), LogisticRegression(C=10, max_iter=500))
    return float((cross_val_predict(pipe, both, labels, groups=groups, cv=GroupKFold(5)) == labels).mean())


special = torch.tensor(tokenizer.all_special_ids)
ids = []
for text in reviews("imdb", "test").text:
    row = tokenizer(text)["input_ids"]
    if len(row) >= PROMPT + NEW:
        ids.append(row[: PROMPT + NEW])
    if len(ids) == n:
        break
ids = torch.tensor(ids)
prompts, people = ids[:, :PROMPT], ids[:, PROMPT:]
human_texts = [tokenizer.decode(row) for row in people]
found = {"people": {"nats": nats(prompts, people), "repeated": [repeated(row) for row in people.tolist()], "told": None}}
for name, (temperature, rule) in RULES.items():
    began = time.process_time()
    texts = write(prompts, temperature, rule, seed=0)
    found[name] = {
        "nats": nats(prompts, texts),
        "repeated": [repeated(row) for row in texts.tolist()],
        "told": told_apart(human_texts, [tokenizer.decode(row) for row in texts]),
        "sample": tokenizer.decode(ids[0, :PROMPT]) + " >>> " + tokenizer.decode(texts[0]),
    }
    row = found[name]
    print(f"{name:16s} nats {np.mean(row['nats']):.2f} (sd {np.std(row['nats']):.2f}) repeated {np.mean(row['repeated']):.3f} told apart {row['told']:.2f} {time.process_time() - began:.0f} s", flush=True)
    if name == "greedy":
        print(f"{'people':16s} nats {np.mean(found['people']['nats']):.2f} (sd {np.std(found['people']['nats']):.2f}) repeated {np.mean(found['people']['repeated']):.3f}", flush=True)
    short = {k: {"nats": float(np.mean(v["nats"])), "repeated": float(np.mean(v["repeated"])), "told": v["told"], "sample": v.get("sample")} for k, v in found.items()}
    Path(__file__).with_name("sampling.json").write_text(json.dumps({"n": n, "rules": short}, indent=1) + "\n")
