"""Notebook 09's two abstractive systems on all articles, texts included. Writes benchmarks/results/summaries.json after each step.

``python benchmarks/summaries.py`` does everything with one thread (about 13 CPU-minutes); ``... smollm2`` or ``... bert2bert`` does one part;
``... --data file.parquet`` (or .jsonl, .csv in CNN/DailyMail's form) scores the extractive systems on a file of yours instead and
writes nothing. A stopped run goes on where it stopped: SmolLM2's summaries of unchanged articles stay, and the weights after the reviews are
kept in data/cache. The code is the notebook's (utils/lessons/summarization.py). No setting was chosen by its score on the articles.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import resource
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from rouge_score.rouge_scorer import RougeScorer  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from utils.data import CACHE, articles, reviews  # noqa: E402
from utils.lessons.summarization import (  # noqa: E402
    bert2bert_batch,
    bert2bert_loss,
    build_bert2bert,
    encode_texts,
    extract,
    load_summaries,
    prompt_summaries,
    review_pairs,
    split_sentences,
    train_bert2bert,
    write_bert2bert,
)
from utils.pretrained import minilm, minilm_folder, sentence_embeddings, smollm2  # noqa: E402
from utils.training import seed_everything, set_threads  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results" / "summaries.json"
SETTINGS = {
    "reviews": {"pairs": 1200, "epochs": 1, "lr": 5e-4, "max_source": 128},
    "articles": {"epochs": 8, "lr": 3e-4, "max_source": 512},
    "seed": 0,
}


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
    order = left.text.str.len().sort_values().index  # like lengths together
    for start in range(0, len(order), batch_size):
        rows, clock = order[start : start + batch_size], time.process_time()
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


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="bert2bert, smollm2 (default: both)")
    parser.add_argument("--data", help="score the extractive systems on this file instead")
    options = parser.parse_args(arguments)
    parts = {"bert2bert": bert2bert, "smollm2": by_prompt}
    if unknown := set(options.parts) - set(parts):
        parser.error(f"no part named {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    set_threads(1)
    if options.data:
        return extractive(options.data)
    report = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    report |= {
        "command": "python benchmarks/summaries.py",
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
