"""Notebook 17's question: which way of choosing the next token writes most like people? SmolLM2 goes on with film reviews; people went on, too.

``python -m benchmarks.nb17_sampling``: 300 IMDB test reviews, 24 tokens each as the prompt, 64 tokens by each rule, the end token never, so that all
texts are equally long. The reviews are written in two halves, seeds 0 and 1 (twenty minutes of one core each; ``--half 0`` and ``--half 1`` may run
side by side; what is there already is kept in data/cache/nb17), then all are measured together:

- nats a token under SmolLM2 without rule or temperature, and the share of tokens with a probability below one in a thousand (the writer's view);
- the share of 4-grams that stood in the same text before;
- a judge that is not the writer: the share of words, and of pairs of words, that stand nowhere in the 20,000 IMDB training reviews (other films);
- how often a classifier is right about a text, a person's or the model's, cross-validated in five parts by review (0.5: guessing): logistic
  regression on words and pairs, on letters, and on quantiles of the writer's own nats. Plain letters only: typography gives nobody away. The
  first and the last word of each text, which the cut may have halved, are left out.

Intervals: bootstrap over reviews, 2,000 draws, 95 %. Four beams, which take four times as long, write 50 reviews of each half and are not classified.
Writes benchmarks/results/nb17_sampling.json and nb17_texts.safetensors (the ids). ``--smoke``: three rules, 16 reviews, nothing kept.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import unicodedata
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lessons.gpt import draw, min_p, top_k, top_p
from utils import ROOT
from utils.data import CACHE, reviews
from utils.pretrained import smollm2
from utils.training import set_threads

RESULTS = ROOT / "benchmarks" / "results"
FOLDER = CACHE / "nb17"
HALF, PROMPT, NEW, BATCH, BEAM_TEXTS = 150, 24, 64, 50, 50
RULES = {"greedy": (0.0, None, None)}  # name -> (temperature, rule, its setting)
RULES |= {f"temperature {t}": (t, None, None) for t in (1.0, 0.9, 0.8)}
RULES |= {f"top-p {p}": (1.0, top_p, p) for p in (0.95, 0.9, 0.8)}
RULES |= {"top-k 40": (1.0, top_k, 40), "min-p 0.1": (1.0, min_p, 0.1), "temperature 1.5, min-p 0.1": (1.5, min_p, 0.1)}
RULES |= {"beams 4": (0.0, "beams", 4)}


@torch.inference_mode()
def nats(model, prompts: torch.Tensor, texts: torch.Tensor, special: list[int]) -> torch.Tensor:
    """Nats of each token of each text (N, new), under the model's distribution without special tokens."""
    found = []
    for a, b in zip(prompts.split(10), texts.split(10), strict=True):
        logits = model(torch.cat((a, b), dim=1)).logits[:, a.shape[1] - 1 : -1]
        logits[..., special] = float("-inf")
        found.append(-logits.log_softmax(dim=-1).gather(-1, b[..., None])[..., 0])
    return torch.cat(found)


@torch.inference_mode()
def write(
    model, prompts: torch.Tensor, name: str, special: list[int], new: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """prompts (N, PROMPT) -> what follows (N, new), and the nats of each of its tokens (N, new)."""
    temperature, rule, setting = RULES[name]
    if rule == "beams":
        how = dict(
            do_sample=False,
            num_beams=setting,
            min_new_tokens=new,
            max_new_tokens=new,
            suppress_tokens=special,
            pad_token_id=special[0],
        )
        parts = prompts.split(BATCH // setting)
        texts = torch.cat([model.generate(p, attention_mask=torch.ones_like(p), **how)[:, p.shape[1] :] for p in parts])
        return texts, nats(model, prompts, texts, special)
    chosen = None if rule is None else lambda x: rule(x, setting)
    generator, rows = torch.Generator().manual_seed(seed), []
    for tokens in prompts.split(BATCH):
        cache, written = None, []
        for _ in range(new):
            out = model(tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache, logits = out.past_key_values, out.logits[:, -1]
            logits[:, special] = float("-inf")
            tokens = draw(logits, temperature, chosen, generator)
            written.append((tokens, -logits.log_softmax(dim=-1).gather(1, tokens)))
        rows.append([torch.cat(part, dim=1) for part in zip(*written, strict=True)])
    return tuple(torch.cat(part) for part in zip(*rows, strict=True))


def write_half(half: int, names: list[str], n: int, new: int, folder: Path) -> None:
    """Write what is missing of one half into the folder, a file for each rule: ids (n, new) and nats (n, new); "people" has the prompts, too."""
    tokenizer, model = smollm2()
    special, ids = tokenizer.all_special_ids, []
    for text in reviews("imdb", "test").text:
        row = tokenizer(text)["input_ids"]
        if len(row) >= PROMPT + new:
            ids.append(row[: PROMPT + new])
    prompts, theirs = torch.tensor(ids[half * n : (half + 1) * n]).split((PROMPT, new), dim=1)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ["people", *names]:
        path = folder / f"{name}, {half}.safetensors"
        if path.exists():
            continue
        size = min(n, BEAM_TEXTS) if name == "beams 4" else n
        texts, surprise = (
            (theirs, nats(model, prompts, theirs, special))
            if name == "people"
            else write(model, prompts[:size], name, special, new, half)
        )
        tensors = {"ids": texts.to(torch.int32), "nats": surprise}
        if name == "people":
            tensors["prompts"] = prompts.to(torch.int32)
        save_file({key: value.contiguous() for key, value in tensors.items()}, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
        print(f"half {half}: {name}, {surprise.mean():.3f} nats a token", flush=True)


def repeated(text: list[int], size: int = 4) -> float:
    """Share of a text's runs of ``size`` tokens that stood in it before."""
    grams = [tuple(text[i : i + size]) for i in range(len(text) - size + 1)]
    return 1 - len(set(grams)) / len(grams)


def words_of(text: str) -> list[str]:
    """Lower-case words and marks, plain letters only: quotes, dashes and accents as a typewriter has them."""
    text = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-", 0x2026: "..."})
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?|[^\w\s]", text.lower())


def quantiles(surprise: torch.Tensor) -> np.ndarray:
    """nats (N, new) -> what the third classifier sees of each text (N, 9)."""
    found = [surprise.mean(dim=1), surprise.std(dim=1)] + list(
        surprise.quantile(torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0]), dim=1)
    )
    return torch.stack(found, dim=1).numpy()


def told_apart(people: dict, machine: dict) -> tuple[dict[str, np.ndarray], dict]:
    """For each classifier how often it is right about a review's two continuations (N,), and the words that speak most for each side."""
    n = len(people["words"])
    labels, groups = np.repeat([0, 1], n), np.tile(np.arange(n), 2)
    texts = [" ".join(words) for words in people["words"] + machine["words"]]
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"\S+")
    letters = TfidfVectorizer(sublinear_tf=True, analyzer="char", ngram_range=(2, 5))
    kinds = {"words": (words, texts, 10.0), "letters": (letters, texts, 10.0)}
    kinds["surprise"] = (StandardScaler(), np.concatenate([quantiles(people["nats"]), quantiles(machine["nats"])]), 1.0)
    right = {}
    for kind, (features, both, C) in kinds.items():
        pipe = make_pipeline(features, LogisticRegression(C=C, max_iter=500))
        guesses = cross_val_predict(pipe, both, labels, groups=groups, cv=GroupKFold(5, shuffle=True, random_state=0))
        right[kind] = (guesses == labels).reshape(2, n).mean(axis=0)
    weights = LogisticRegression(C=10.0, max_iter=500).fit(words.fit_transform(texts), labels).coef_[0]
    names, order = words.get_feature_names_out(), np.argsort(weights)
    return right, {"people": names[order[:10]].tolist(), "model": names[order[:-11:-1]].tolist()}


def interval(values: np.ndarray) -> list[float]:
    """Mean of values over reviews (N,) and its 95 % bootstrap interval."""
    draws = np.random.default_rng(0).integers(len(values), size=(2000, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return [round(float(x), 4) for x in (values.mean(), low, high)]


def measure(names: list[str], folder: Path) -> tuple[dict, dict]:
    """All numbers of the rules, both halves together, and the ids of all texts."""
    tokenizer, _ = smollm2()
    known, pairs = set(), set()
    for text in reviews("imdb", "train").text:
        words = words_of(text)
        known.update(words)
        pairs.update(zip(words, words[1:], strict=False))
    everything = {}
    for name in ["people", *names]:
        halves = [load_file(folder / f"{name}, {half}.safetensors") for half in (0, 1)]
        row = {key: torch.cat([part[key] for part in halves]) for key in halves[0]}
        row["texts"] = [tokenizer.decode(ids) for ids in row["ids"]]
        row["words"] = [words_of(text)[1:-1] for text in row["texts"]]
        row["new words"] = np.array([np.mean([word not in known for word in words]) for words in row["words"]])
        row["new pairs"] = np.array(
            [np.mean([pair not in pairs for pair in zip(words, words[1:], strict=False)]) for words in row["words"]]
        )
        row["repeated"] = np.array([repeated(ids) for ids in row["ids"].tolist()])
        everything[name] = row
    people, table, right = everything["people"], {}, {}
    for name, row in everything.items():
        found = {"n": len(row["texts"]), "nats": interval(row["nats"].mean(dim=1).numpy())}
        found["tail"] = interval((row["nats"] > np.log(1000)).double().mean(dim=1).numpy())
        found |= {kind: interval(row[kind]) for kind in ("repeated", "new words", "new pairs")}
        if found["n"] == len(people["texts"]) and name != "people":
            right[name], found["tells"] = told_apart(people, row)
            found["told"] = {kind: interval(values) for kind, values in right[name].items()}
            found["more than people"] = {
                kind: interval(row[kind] - people[kind]) for kind in ("new words", "new pairs")
            }
        found["examples of new words"] = [word for words in row["words"] for word in words if word not in known][:15]
        table[name] = found | {"samples": row["texts"][:3]}
    for name, values in right.items():
        if name != "temperature 1.0":
            table[name]["told, less plain sampling"] = {
                kind: interval(values[kind] - right["temperature 1.0"][kind]) for kind in values
            }
    table["people"]["prompts"] = [tokenizer.decode(ids) for ids in people["prompts"][:3]]
    return table, {name: row["ids"].to(torch.uint16) for name, row in everything.items()}


def main(half: int | None = None, smoke: bool = False) -> None:
    """Write what is missing, then measure; with a half, only write that half."""
    set_threads(1)
    n, new, names, folder = HALF, NEW, list(RULES), FOLDER
    if smoke:
        n, new, names, folder = 8, 6, ["greedy", "temperature 1.0", "top-p 0.9", "beams 4"], CACHE / "nb17_smoke"
    for one in (0, 1) if half is None else (half,):
        write_half(one, names, n, new, folder)
    if half is not None:
        return
    table, ids = measure(names, folder)
    for name, row in table.items():
        print(
            name,
            {
                key: value
                for key, value in row.items()
                if key not in ("samples", "prompts", "tells", "examples of new words")
            },
        )
    if smoke:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        return
    about = {
        "command": "python -m benchmarks.nb17_sampling",
        **{"n": 2 * HALF, "prompt": PROMPT, "new": NEW, "seeds": [0, 1]},
        "versions": {p: version(p) for p in ("torch", "transformers", "scikit-learn")},
        "machine": f"{platform.machine()}, 1 thread, float32",
        "date": date.today().isoformat(),
    }
    (RESULTS / "nb17_sampling.json").write_text(json.dumps(about | {"rules": table}, indent=1) + "\n", encoding="utf-8")
    save_file({name: value.contiguous() for name, value in ids.items()}, RESULTS / "nb17_texts.safetensors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", type=int, choices=(0, 1), help="write this half only, measure nothing")
    parser.add_argument("--smoke", action="store_true", help="four rules, 16 short texts, nothing kept")
    options = parser.parse_args()
    main(options.half, options.smoke)
