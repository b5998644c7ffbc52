"""Notebook 08's recipes: BERT's, each of RoBERTa's changes alone, and all together, three seeds each. Writes benchmarks/results/bert_recipes.json.

``python benchmarks/bert_recipes.py`` runs everything with one thread; name recipes to do only those: ``... bert dynamic``. The code is the
notebook's (utils/lessons/bert.py). The report is written after every run, so a stopped run keeps what it has.
"""

from __future__ import annotations

import json
import math
import platform
import resource
import sys
import time
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from utils.data import reviews  # noqa: E402
from utils.lessons.attention import padding_mask  # noqa: E402
from utils.lessons.bert import (  # noqa: E402
    CLS,
    LENGTH,
    SEP,
    Recipe,
    exam_passages,
    examine,
    hide_words,
    pretrain,
    segment_ids,
    segment_pairs,
    token_statistics,
    train_tokenizer,
)
from utils.training import set_threads  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results" / "bert_recipes.json"
SEEDS = (0, 1, 2)
RECIPES = {
    "bert": Recipe(),
    "random_start": Recipe(),  # the same, without the head start
    "dynamic": Recipe(dynamic=True),
    "no_nsp": Recipe(pairs=False),
    "byte_bpe": Recipe(byte_bpe=True),
    "large_batch": Recipe(batch_size=32, lr=6e-3),
    "large_batch_same_lr": Recipe(batch_size=32),
    "more_data": Recipe(n_reviews=2000),
    "no_nsp_more_data": Recipe(pairs=False, n_reviews=2000),
    "roberta": Recipe(dynamic=True, pairs=False, byte_bpe=True, batch_size=32, lr=6e-3, n_reviews=2000),
    "roberta_small_batch": Recipe(dynamic=True, pairs=False, byte_bpe=True, n_reviews=2000),
}


@torch.inference_mode()
def nsp_accuracy(model, tokenizer, texts: list[str]) -> tuple[float, float]:
    """Accuracy of next-sentence prediction on held-out pairs, and the share of the more frequent label."""
    documents = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
    tokens, labels = segment_pairs(documents, torch.Generator().manual_seed(11))
    guesses = torch.cat(
        [model(rows, segment_ids(rows, True), at=rows < 0)[1].argmax(dim=-1) for rows in tokens.split(128)]
    )
    share = labels.float().mean().item()
    return (guesses == labels).float().mean().item(), max(share, 1 - share)


@torch.inference_mode()
def features(model, tokenizer, texts: list[str]) -> torch.Tensor:
    """(N, d_model): the mean of the last states over the real tokens."""
    rows = torch.zeros(len(texts), LENGTH, dtype=torch.long)
    for n, encoding in enumerate(tokenizer.encode_batch(texts, add_special_tokens=False)):
        ids = torch.tensor([CLS, *encoding.ids[: LENGTH - 2], SEP])
        rows[n, : len(ids)] = ids
    means = []
    for part in rows.split(128):
        real = (part != 0).float().unsqueeze(-1)
        means.append((model.bert(part, mask=padding_mask(part))[0] * real).sum(dim=1) / real.sum(dim=1))
    return torch.cat(means)


def sentiment_probe(model, tokenizer, n_train: int = 3000, n_test: int = 1500) -> float:
    """Accuracy of logistic regression on frozen features, Rotten Tomatoes: a small stand-in for the paper's downstream tasks."""
    train, test = reviews("rotten_tomatoes", "train")[:n_train], reviews("rotten_tomatoes", "test")[:n_test]
    x, y = features(model, tokenizer, [*train.text]), features(model, tokenizer, [*test.text])
    mean, scale = x.mean(dim=0), x.std(dim=0)
    probe = LogisticRegression(C=0.1, max_iter=1000).fit(((x - mean) / scale).numpy(), train.label)
    return probe.score(((y - mean) / scale).numpy(), test.label)


def frequency_baseline(tokenizer, texts: list[str], exam) -> dict[str, float]:
    """Scores of a model without context: every hidden token gets its frequency in the training text."""
    ids = torch.tensor(
        [i for encoding in tokenizer.encode_batch(texts, add_special_tokens=False) for i in encoding.ids]
    )
    log_p = (torch.bincount(ids, minlength=tokenizer.get_vocab_size()) + 1).float().log()
    log_p -= log_p.logsumexp(dim=0)
    wanted, words = exam.targets[exam.targets != -100], exam.words[exam.targets != -100]
    nats = F.nll_loss(log_p.expand(len(wanted), -1), wanted, reduction="sum").item()
    right = torch.ones(int(words.max()) + 1).scatter_reduce(0, words, (wanted == log_p.argmax()).float(), "amin")
    return {
        "loss": nats / len(wanted),
        "accuracy": right[words.unique()].mean().item(),
        "bits": nats / math.log(2) / exam.n_characters,
    }


def prepare() -> dict:
    """Training texts, both tokenizers, and both forms of the exam for each."""
    texts = [*reviews("imdb", "train").text[:2000]]
    tokenizers = {byte_bpe: train_tokenizer(texts, byte_bpe) for byte_bpe in (False, True)}
    passages = exam_passages([*reviews("imdb", "test").text[:500]], [*tokenizers.values()])
    exams = {(b, pairs): hide_words(passages, t, pairs) for b, t in tokenizers.items() for pairs in (False, True)}
    statistics = {byte_bpe: token_statistics(tokenizer, texts) for byte_bpe, tokenizer in tokenizers.items()}
    return {
        "texts": texts,
        "tokenizers": tokenizers,
        "statistics": statistics,
        "exams": exams,
        "n_passages": len(passages),
    }


def run(recipe: Recipe, data: dict, seed: int, start: bool = True) -> dict:
    """Pre-train once and measure."""
    tokenizer, exam = data["tokenizers"][recipe.byte_bpe], data["exams"][recipe.byte_bpe, recipe.pairs]
    statistics = data["statistics"][recipe.byte_bpe] if start else None
    clock, cpu = time.perf_counter(), time.process_time()
    model, losses = pretrain(recipe, tokenizer, data["texts"], statistics, seed)
    seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
    result = {"seed": seed, "steps": len(losses)} | {
        name: round(value, 4) for name, value in examine(model, exam).items()
    }
    result["sentiment"] = round(sentiment_probe(model, tokenizer), 4)
    if recipe.pairs:
        accuracy, majority = nsp_accuracy(model, tokenizer, [*reviews("imdb", "test").text[500:700]])
        result |= {"nsp_accuracy": round(accuracy, 4), "nsp_majority": round(majority, 4)}
    width = len(losses) // 20
    curve = [round(sum(losses[i * width : (i + 1) * width]) / width, 4) for i in range(20)]
    return result | {"training_loss": curve, "seconds": round(seconds), "cpu_seconds": round(cpu)}


def main(names: list[str]) -> None:
    set_threads(1)
    if unknown := set(names) - set(RECIPES):
        sys.exit(f"error: no recipe named {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}")
    RESULTS.parent.mkdir(exist_ok=True)
    data = prepare()
    report = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    report |= {
        "command": "python benchmarks/bert_recipes.py",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, 1 thread of a shared machine with 2 cores: seconds are inflated, CPU seconds less so",
        "versions": {"python": platform.python_version()}
        | {n: version(n) for n in ("torch", "tokenizers", "scikit-learn")},
        "exam": {
            "passages": data["n_passages"],
            "hidden_words": int(data["exams"][False, False].words.max()) + 1,
            "hidden_characters": data["exams"][False, False].n_characters,
            "hidden_tokens": {
                kind: int((data["exams"][b, False].targets >= 0).sum())
                for b, kind in ((False, "wordpiece"), (True, "byte_bpe"))
            },
            "frequencies_alone": {
                kind: {
                    n: round(v, 4)
                    for n, v in frequency_baseline(
                        data["tokenizers"][b], data["texts"], data["exams"][b, False]
                    ).items()
                }
                for b, kind in ((False, "wordpiece"), (True, "byte_bpe"))
            },
        },
    }
    runs = report.setdefault("runs", {})
    for seed in SEEDS:  # seed by seed, so that a stopped run has every recipe equally often
        for name in names or RECIPES:
            entry = runs.setdefault(name, {"recipe": asdict(RECIPES[name]), "results": []})
            if entry["recipe"] != asdict(RECIPES[name]):
                runs[name] = entry = {"recipe": asdict(RECIPES[name]), "results": []}
            entry["results"] = [r for r in entry["results"] if r["seed"] != seed]
            entry["results"].append(run(RECIPES[name], data, seed, start=name != "random_start"))
            report["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1)
            RESULTS.write_text(json.dumps(report, indent=1) + "\n")
            print(name, {k: v for k, v in entry["results"][-1].items() if k != "training_loss"}, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
