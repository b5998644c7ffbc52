"""Notebook 13's learning curve, three seeds: accuracy against the number of labelled reviews.

MiniLM fine-tuned (also layer-wise and gradually), frozen and from scratch, and TF-IDF.
``python -m benchmarks.nb13_fine_tuning_curve`` writes results/nb13_fine_tuning_curve.json after every run (some 80 minutes on one core);
runs already there are kept. Names of ways after the command run only these.
``--smoke`` takes two steps of every way on a few reviews, in seconds, and writes nothing.
The code is the notebook's (lessons/fine_tuning.py). A seed draws the examples and the starting weights; the test part is only reported.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from datetime import date
from importlib.metadata import version

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from lessons.fine_tuning import (
    ReviewDataset,
    fine_tune,
    own_loop,
    predict_logits,
    retrieval,
    shuffled_batches,
)
from utils import ROOT
from utils.data import articles, reviews
from utils.pretrained import minilm, minilm_classifier, sentence_embeddings
from utils.training import seed_everything, set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb13_fine_tuning_curve.json"
STEPS = {100: 94, 500: 94, 2000: 94, 6323: 198}  # batches of 32: 24, 6, 1.5 and 1 passes
SEEDS = (0, 1, 2)
LAYER_WISE = {"rate": 5e-4, "decay": 0.5}  # the head's rate, and the factor from each part to the one below
FROM_SCRATCH = {"from_scratch": True, "rate": 5e-4}  # five times the rate of fine-tuning, chosen on the validation part


def tfidf(train, test) -> float:
    """Test accuracy of TF-IDF (words and pairs) + logistic regression."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = LogisticRegression(max_iter=1000, C=3.0).fit(vectorizer.fit_transform(train.text), train.label)
    return float(model.score(vectorizer.transform(test.text), test.label))


def main(ways: list[str], smoke: bool = False) -> None:
    """Run what is missing: the cheap ways first, then seed by seed."""
    all_steps, seeds, few = (dict.fromkeys((16, 24), 2), (0,), (16,)) if smoke else (STEPS, SEEDS, (100, 500))
    set_threads(1)
    tokenizer, encoder = minilm()
    train, test = reviews("rotten_tomatoes", "train")[500:].reset_index(drop=True), reviews("rotten_tomatoes", "test")
    library = articles()
    if smoke:
        train, test, library = train[:64], test[:32], library[:4]
    about = {
        "command": "python -m benchmarks.nb13_fine_tuning_curve",
        "settings": {"steps": all_steps, "batch": 32, "rate": 1e-4, "layer_wise": LAYER_WISE, "from_scratch": FROM_SCRATCH, "test": len(test)},
        "versions": {p: version(p) for p in ("torch", "transformers", "scikit-learn")},
        "machine": f"{platform.machine()}, 1 thread",
    }

    def so_far() -> dict:
        return json.loads(RESULTS.read_text()) if RESULTS.exists() and not smoke else {"runs": []}

    done = {(r["way"], r["n"], r["seed"]) for r in so_far()["runs"]}

    def note(way: str, n: int, seed: int, accuracy: float, began: float, **more) -> None:
        run = {"way": way, "n": n, "seed": seed, "accuracy": round(accuracy, 4), "cpu_seconds": round(time.process_time() - began)} | more
        record = so_far()  # read anew: two processes may share the work
        record["runs"].append(run)
        if not smoke:
            RESULTS.write_text(json.dumps(record | about | {"date": date.today().isoformat()}, indent=1) + "\n")
        print(run, flush=True)

    samples = {(n, seed): train.sample(n, random_state=seed).reset_index(drop=True) for n in all_steps for seed in seeds}
    missing = [key for key in samples if ("frozen features", *key) not in done]
    if missing:
        x_test = sentence_embeddings(list(test.text), tokenizer, encoder).numpy()
        x = dict(zip(train.text, sentence_embeddings(list(train.text), tokenizer, encoder).numpy(), strict=True))
        for n, seed in missing:
            began, sample = time.process_time(), samples[n, seed]
            model = LogisticRegression(max_iter=1000, C=3.0).fit([x[text] for text in sample.text], sample.label)
            note("frozen features", n, seed, float(model.score(x_test, test.label)), began)
            note("TF-IDF", n, seed, tfidf(sample, test), began)

    def collate(rows: list[dict]) -> dict[str, torch.Tensor]:
        return dict(tokenizer.pad([{k: r[k] for k in ("input_ids", "attention_mask", "labels")} for r in rows], return_tensors="pt"))

    test_data, labels = ReviewDataset(tokenizer, test.text, test.label), torch.tensor(test.label.to_numpy())
    plan = [(way, n, seed) for seed in seeds for way in ("fine-tuned", "from scratch") for n in all_steps]
    plan += [(way, n, seed) for seed in seeds for n in few for way in ("layer-wise", "gradual, layer-wise")]
    plan = [run for run in plan if not ways or run[0] in ways]
    for way, n, seed in plan:
        if (way, n, seed) in done:
            continue
        began, sample, steps = time.process_time(), samples[n, seed], all_steps[n]
        data = ReviewDataset(tokenizer, sample.text, sample.label)
        if way == "gradual, layer-wise":
            seed_everything(seed)
            model = minilm_classifier()[1]
            batches = [collate([data[i] for i in rows]) for rows in shuffled_batches(n, steps, seed)]
            losses = own_loop(model, batches, **LAYER_WISE, every=max(steps // 8, 1))
        else:
            settings = {"layer-wise": LAYER_WISE, "from scratch": FROM_SCRATCH}.get(way, {})
            model, losses = fine_tune(data, tokenizer, steps, seed, **settings)
        logits = predict_logits(model, tokenizer, test_data)
        first, mrr = retrieval(model.bert, tokenizer, library)
        kept = {"last_losses": round(sum(losses[-10:]) / 10, 3), "finds_its_article": round(first, 4), "reciprocal_rank": round(mrr, 4)}
        note(way, n, seed, (logits.argmax(dim=-1) == labels).float().mean().item(), began, steps=steps, **kept)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ways", nargs="*", help="names of ways, to run only these")
    parser.add_argument("--smoke", action="store_true", help="two steps of everything on a few reviews, in seconds; writes nothing")
    arguments = parser.parse_args()
    main(arguments.ways, arguments.smoke)
