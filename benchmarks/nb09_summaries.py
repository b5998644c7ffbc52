"""Notebook 09's two abstractive systems on all articles, texts included. Writes benchmarks/results/nb09_summaries.json after each step.

``python -m benchmarks.nb09_summaries`` does everything with one thread (about 13 CPU-minutes); ``... smollm2`` or ``... bert2bert`` does one part;
``... --data file.parquet`` (or .jsonl, .csv in CNN/DailyMail's form) scores the extractive systems on a file of yours instead and
writes nothing. A stopped run goes on where it stopped: SmolLM2's summaries of unchanged articles stay, and the weights after the reviews are
kept in data/cache. The code is the notebook's (lessons/summarization.py). No setting was chosen by its score on the articles.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import resource
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rouge_score.rouge_scorer import RougeScorer
from safetensors.torch import load_file, save_file

from lessons.summarization import (
    bert2bert_batch,
    bert2bert_loss,
    build_bert2bert,
    encode_texts,
    extract,
    prompt_summaries,
    review_pairs,
    split_sentences,
    train_bert2bert,
    write_bert2bert,
)
from utils import ROOT
from utils.data import CACHE, articles, reviews
from utils.pretrained import minilm, minilm_folder, sentence_embeddings, smollm2
from utils.training import batches_by_length, seed_everything, set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb09_summaries.json"
SETTINGS = {
    "reviews": {"pairs": 1200, "epochs": 1, "lr": 5e-4, "max_source": 128},
    "articles": {"epochs": 8, "lr": 3e-4, "max_source": 512},
    "seed": 0,
}


# CNN/DailyMail, from a file or from the hub


def _from_hub(split: str) -> pd.DataFrame:
    if split not in ("train", "validation", "test"):
        raise ValueError(f"CNN/DailyMail has no split {split!r}; it has train, validation, test")
    from datasets import load_dataset

    try:
        return load_dataset("abisee/cnn_dailymail", "3.0.0", split=split).to_pandas()
    except Exception as error:
        raise ConnectionError(
            f"abisee/cnn_dailymail could not be fetched ({type(error).__name__}): is the hub within reach?"
        ) from error


def load_summaries(
    source: str | Path, split: str = "test", article: str = "article", summary: str = "highlights"
) -> pd.DataFrame:
    """Articles and summaries in CNN/DailyMail's form as a table with columns id, text, summary (sentences on lines).

    ``source``: a local .jsonl, .csv or .parquet file, or "abisee/cnn_dailymail" (configuration 3.0.0), which the package
    ``datasets`` fetches from the hub. Raises FileNotFoundError, ConnectionError, or ValueError for a file of another form.
    """
    readers = {
        ".jsonl": lambda p: pd.read_json(p, lines=True, dtype=False),  # an id "007" stays a text
        ".csv": lambda p: pd.read_csv(p, dtype=str),
        ".parquet": pd.read_parquet,
    }
    suffix = Path(source).suffix
    if suffix in readers:
        if not Path(source).exists():
            raise FileNotFoundError(
                f"there is no file {source}; give a .jsonl, .csv or .parquet file, or 'abisee/cnn_dailymail'"
            )
        try:
            table = readers[suffix](source)
        except ValueError as error:
            raise ValueError(f"{source} cannot be read as {suffix[1:]}: {error}") from error
    elif str(source) == "abisee/cnn_dailymail":
        table = _from_hub(split)
    else:
        raise ValueError(f"{source} is neither a .jsonl, .csv or .parquet file nor 'abisee/cnn_dailymail'")
    for column in (article, summary):
        if column not in table:
            raise ValueError(f"{source} has no column {column!r}; it has {', '.join(map(str, table.columns))}")
    for column in (article, summary):
        empty = [i for i, text in enumerate(table[column]) if not isinstance(text, str) or not text.strip()]
        if empty:
            raise ValueError(
                f"{source}: the {column} of row {empty[0]} is empty (rows count from 0; {len(empty)} such rows)"
            )
    ids = table["id"].astype(str) if "id" in table else [str(i) for i in range(len(table))]
    return pd.DataFrame({"id": ids, "text": table[article].str.strip(), "summary": table[summary].str.strip()})


# The experiment


@torch.inference_mode()
def loss_of(model, tokenizer, states, targets: list[str]) -> float:
    """Mean loss per text, one text at a time."""
    model.eval()
    return float(np.mean([bert2bert_loss(model, bert2bert_batch(tokenizer, states, targets, [i])).item() for i in range(len(targets))]))


def looks_at_its_source(model, tokenizer, states, targets: list[str]) -> dict:
    """The loss with each text's own source, and with the source of its neighbour in the list: equal when the source is ignored."""
    own = loss_of(model, tokenizer, states, targets)
    other = loss_of(model, tokenizer, states[1:] + states[:1], targets)
    return {"loss": round(own, 3), "loss_with_another_source": round(other, 3)}


def train_on_reviews(model, tokenizer) -> dict:
    """Train the decoder to write a review's first sentence from the rest; weights and report come from data/cache where it was done before."""
    settings, seed = SETTINGS["reviews"], SETTINGS["seed"]
    name = f"bert2bert_{settings['pairs']}_{settings['epochs']}_{settings['lr']}_{seed}"
    weights, notes = CACHE / f"{name}.safetensors", CACHE / f"{name}.json"
    if weights.exists() and notes.exists():
        model.load_state_dict(load_file(weights), strict=False)
        model.decoder.tie_weights()
        return json.loads(notes.read_text())
    clock = time.process_time()
    sources, targets = review_pairs([*reviews("imdb", "train").text], settings["pairs"] + 100)
    states = encode_texts(model, tokenizer, sources, settings["max_source"])
    losses = train_bert2bert(model, tokenizer, states[:-100], targets[:-100], settings["epochs"], settings["lr"], seed)
    report = {"losses": [round(x, 3) for x in losses], "cpu_seconds": round(time.process_time() - clock)}
    report |= looks_at_its_source(model, tokenizer, states[-100:], targets[-100:])
    written = write_bert2bert(model, tokenizer, states[-3:], 40)
    report["samples"] = [{"target": a, "written": b} for a, b in zip(targets[-3:], written, strict=True)]
    trained = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    save_file(trained, weights)
    notes.write_text(json.dumps(report))
    return report


def bert2bert(table, report: dict, save) -> None:
    """Reviews first, then half of the articles; each article is summarized by the model that did not train on it."""
    seed = SETTINGS["seed"]
    tokenizer, _ = minilm()
    seed_everything(seed)
    model = build_bert2bert(minilm_folder())
    total = sum(p.numel() for p in model.parameters())
    result = report["bert2bert"] = {"parameters": total, "settings": SETTINGS, "losses": {}, "summaries": {}}
    state = encode_texts(model, tokenizer, [*table.text], SETTINGS["articles"]["max_source"])
    result["untrained"] = write_bert2bert(model, tokenizer, state[:2], max_new_tokens=30)

    result["reviews"] = train_on_reviews(model, tokenizer)
    start = {name: weight.clone() for name, weight in model.state_dict().items()}
    save()

    settings = SETTINGS["articles"]
    clock = time.process_time()
    halves = [[*range(0, len(table), 2)], [*range(1, len(table), 2)]]
    result["folds"] = []
    for number, (train, test) in enumerate((halves, halves[::-1])):
        model.load_state_dict(start)
        pick = lambda some, rows: [some[i] for i in rows]  # noqa: E731
        summaries = [*table.summary]
        before = loss_of(model, tokenizer, pick(state, test), pick(summaries, test))
        losses = train_bert2bert(
            model, tokenizer, pick(state, train), pick(summaries, train), settings["epochs"], settings["lr"], seed + number
        )
        result["losses"][f"articles {number}"] = [round(x, 3) for x in losses]
        seen = loss_of(model, tokenizer, pick(state, train), pick(summaries, train))
        fold = {"trained_on": len(train), "before": round(before, 3), "training_articles": round(seen, 3)}
        fold |= looks_at_its_source(model, tokenizer, pick(state, test), pick(summaries, test))
        result["folds"].append(fold)
        written = write_bert2bert(model, tokenizer, pick(state, test))
        result["summaries"] |= {table.id[i]: text for i, text in zip(test, written, strict=True)}
        result["articles_cpu_seconds"] = round(time.process_time() - clock)
        save()
        print("bert2bert", fold, flush=True)


def by_prompt(table, report: dict, save, batch_size: int = 6) -> None:
    """SmolLM2's summary of every article."""
    tokenizer, model = smollm2()
    result = report.setdefault("smollm2", {"summaries": {}, "articles": {}, "cpu_seconds": 0})
    done = {mark: result["summaries"][i] for i, mark in result["articles"].items()}  # of texts that were summarized before
    marks = {i: hashlib.sha256(text.encode()).hexdigest()[:8] for i, text in zip(table.id, table.text, strict=True)}
    result["articles"] = {i: mark for i, mark in marks.items() if mark in done}
    result["summaries"] = {i: done[mark] for i, mark in result["articles"].items()}
    left = table[~table.id.isin([*result["articles"]])]
    for chosen in batches_by_length(left.text.str.len(), batch_size):
        rows, clock = left.index[chosen], time.process_time()
        written = prompt_summaries([*table.text[rows]], tokenizer, model)
        result["summaries"] |= dict(zip(table.id[rows], written, strict=True))
        result["articles"] |= {i: marks[i] for i in table.id[rows]}
        result["cpu_seconds"] += round(time.process_time() - clock)
        save()
        print("smollm2", len(result["summaries"]), f"{result['cpu_seconds']} CPU-s", flush=True)


def extractive(path: str) -> None:
    """Mean ROUGE F1 of the extractive systems on a file of one's own, three sentences each."""
    table, (tokenizer, model) = load_summaries(path), minilm()
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=True)
    scores: dict[str, list] = {}
    for text, reference in zip(table.text, table.summary, strict=True):
        sentences = split_sentences(text)
        vectors = sentence_embeddings(sentences, tokenizer, model).numpy()
        for method in ("lead", "centroid", "clustering", "textrank"):
            chosen = "\n".join(sentences[i] for i in extract(method, vectors, k=3, balance=0.5))
            scores.setdefault(method, []).append([s.fmeasure for s in scorer.score(reference, chosen).values()])
    print(f"{len(table)} articles; mean F1 of ROUGE-1, -2, -L, -Lsum")
    for method, rows in scores.items():
        print(f"{method:11}", "  ".join(f"{100 * x:5.1f}" for x in np.mean(rows, axis=0)))


def smoke() -> None:
    """Every function once, on two articles and a few steps; nothing is written but to a temporary folder."""
    table = articles()[:2]
    with tempfile.TemporaryDirectory() as folder:
        rows = [{"id": r.id, "article": r.text, "highlights": r.summary} for r in table.itertuples()]
        path = Path(folder) / "two.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        extractive(str(path))
    tokenizer, _ = minilm()
    seed_everything(0)
    model = build_bert2bert(minilm_folder())
    sources, targets = review_pairs([*reviews("imdb", "train").text[:40]], 8)
    states = encode_texts(model, tokenizer, sources, 64)
    losses = train_bert2bert(model, tokenizer, states, targets, 1, 5e-4)
    print(f"BERT2BERT: {len(losses)} step, loss {losses[-1]:.2f},", looks_at_its_source(model, tokenizer, states[:2], targets[:2]))
    print("it writes:", write_bert2bert(model, tokenizer, states[:1], 5))
    print("SmolLM2 writes:", prompt_summaries([table.text[0][:300]], *smollm2(), max_new_tokens=5))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="bert2bert, smollm2 (default: both)")
    parser.add_argument("--data", help="score the extractive systems on this file instead")
    parser.add_argument("--smoke", action="store_true", help="try everything in seconds, write nothing")
    options = parser.parse_args(arguments)
    parts = {"bert2bert": bert2bert, "smollm2": by_prompt}
    if unknown := set(options.parts) - set(parts):
        parser.error(f"no part named {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    set_threads(1)
    if options.smoke:
        return smoke()
    if options.data:
        return extractive(options.data)
    report = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    report |= {
        "command": "python -m benchmarks.nb09_summaries",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, 1 thread of a shared machine with 2 cores",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("torch", "transformers", "nltk")},
    }
    table = articles()

    def save() -> None:
        report["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1)
        RESULTS.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")

    for name in options.parts or parts:
        parts[name](table, report, save)
        save()


if __name__ == "__main__":
    main(sys.argv[1:])
