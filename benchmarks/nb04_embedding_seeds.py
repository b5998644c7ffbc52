"""Word vectors of notebook 04 over seeds: PPMI-SVD, skip-gram and GloVe on the same reviews, the same two tests.

    python -m benchmarks.nb04_embedding_seeds            # all runs, written to benchmarks/results/nb04_embedding_seeds.json
    python -m benchmarks.nb04_embedding_seeds --tune     # the settings tried, on the 80 tuning triples alone

A run that is already in the results file is not repeated; delete the file to start afresh. "cpu_seconds" is process time, which a busy machine
hardly inflates. Settings were chosen on TUNING, which shares no triple with the test that the notebook reports.
"""

import argparse
import json
import platform
import time
from collections import Counter

import torch

from lessons import embeddings as lesson
from utils import ROOT
from utils.data import reviews

RESULTS = ROOT / "benchmarks" / "results" / "nb04_embedding_seeds.json"

# Written with the 117 of the notebook before any model was trained, then set apart at random.
TUNING = [tuple(triple.split()) for triple in """
gun rifle knife, brilliant outstanding mediocre, strong powerful weak, watch view buy, rescue save kill,
quick fast slow, problem trouble success, writer author actor, mistake error success, crime theft marriage,
hours minutes miles, buy purchase sell, knife blade gun, plot storyline character, actor actress stage,
happen occur finish, mother father teacher, kill murder rescue, soldier officer doctor, ghost spirit cowboy,
tv television radio, television tv newspaper, amusing entertaining depressing, war battle marriage,
smart intelligent stupid, three four third, violent brutal gentle, reviewer critic hero, musician singer painter,
angry furious calm, lawyer attorney judge, walk run talk, fun enjoyment boredom, love adore hate,
awful terrible excellent, terribly horribly perfectly, island beach desert, failure flop success,
monster creature hero, masterpiece classic disaster, comedy farce tragedy, boring dull exciting, husband wife boss,
quickly rapidly slowly, gangster mobster cop, realistic believable ridiculous, clever witty stupid,
speak talk listen, weird strange normal, rich wealthy poor, elderly old young, kid child adult, city town forest,
dream nightmare memory, fear terror joy, viewers audience directors, costumes outfits actors, hospital clinic prison,
brother sister neighbor, parody spoof drama, music songs images, talented gifted wooden, summer winter river,
humor wit violence, cartoon animation documentary, teenagers teens adults, success triumph failure,
annoying irritating charming, fight battle kiss, ship boat car, singing dancing fighting, scary frightening silly,
excellent superb awful, story tale actor, suspense tension humor, help assist hurt, ending conclusion opening,
seem appear become, sequel prequel trailer, understand comprehend ignore
""".replace("\n", " ").split(",")]  # fmt: skip


def corpus(n: int | None = None):
    """(vocabulary, index, stream, counts, co-occurrence matrix) of the training reviews (the first ``n`` of each), as in the notebook."""
    texts = reviews("imdb", "train")["text"][:n].tolist() + reviews("rotten_tomatoes", "train")["text"][:n].tolist()
    documents = [lesson.split_words(text) for text in texts]
    word_counts = Counter(word for document in documents for word in document)
    vocab = lesson.build_vocabulary(word_counts)
    index = {word: i for i, word in enumerate(vocab)}
    stream = lesson.encode_documents(documents, index)
    return vocab, index, stream, torch.tensor([word_counts[word] for word in vocab]), lesson.cooccurrence(stream, len(vocab))


def plan() -> list[tuple[str, int, int, dict]]:
    """(method, d_model, seed, settings) of every run: the notebook's settings, longer training, and skip-gram at other sizes."""
    runs = []
    for seed in range(3):
        runs += [("PPMI-SVD", 100, seed, {}), ("skip-gram", 100, seed, {}), ("GloVe", 100, seed, {})]
    runs += [("skip-gram", d, 0, {}) for d in (10, 25, 50, 200)]
    for seed in range(3):
        runs += [("skip-gram, longer", 100, seed, {"epochs": 3}), ("GloVe, longer", 100, seed, {"epochs": 12})]
    return runs


def train(method: str, d_model: int, seed: int, settings: dict, stream, counts, X) -> torch.Tensor:
    """The vectors (V, d_model) of one run."""
    if method.startswith("PPMI-SVD"):
        return lesson.svd_vectors(lesson.ppmi(X, **settings), d_model, seed=seed)
    if method.startswith("skip-gram"):
        return lesson.train_skipgram(stream, counts, d_model=d_model, seed=seed, **settings)
    return lesson.train_glove(X, d_model=d_model, seed=seed, **settings)


def tune(index, stream, counts, X) -> None:
    """Print each setting's score on TUNING (one seed)."""
    tried = [("PPMI-SVD", {"smoothing": s}) for s in (0.75, 1.0)]
    tried += [("skip-gram", {"lr": lr, "threshold": t}) for lr, t in ((0.025, 1e-4), (0.05, 1e-3), (0.1, 1e-4), (0.1, 1e-3))]
    tried += [("GloVe", {"x_max": x, "min_count": m}) for x, m in ((100.0, 1.0), (10.0, 1.0), (10.0, 0.3))]
    for method, settings in tried:
        vectors = train(method, 100, 0, settings, stream, counts, X)
        print(f"{method:12s} {settings!s:40s} {lesson.similarity_test(vectors, index, TUNING).float().mean():.1%}", flush=True)


def smoke() -> None:
    """Each method once, on 400 reviews of each kind at size 10; nothing is written."""
    vocab, index, stream, counts, X = corpus(400)
    triples = [triple for triple in [*lesson.TRIPLES, *TUNING] if all(word in index for word in triple)]
    for method in ("PPMI-SVD", "skip-gram", "GloVe"):
        vectors = train(method, 10, 0, {}, stream, counts, X)
        right = lesson.similarity_test(vectors, index, triples).float().mean()
        print(f"{method}: {len(vocab)} words, {len(triples)} triples, {right:.0%} right")


def main(tuning: bool) -> None:
    """Run what is missing, and write the results after every run."""
    _, index, stream, counts, X = corpus()
    if tuning:
        tune(index, stream, counts, X)
        return
    questions = lesson.analogy_questions()
    wanted = torch.tensor([index[y] for *_, y in questions])
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": []}
    results |= {
        "command": "python -m benchmarks.nb04_embedding_seeds",
        "machine": f"{platform.machine()}, {torch.get_num_threads()} torch thread(s), a shared machine: trust cpu_seconds, not the clock",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    done = {(r["method"], r["d_model"], r["seed"]) for r in results["runs"]}
    for method, d_model, seed, settings in plan():
        if (method, d_model, seed) in done:
            continue
        start = time.process_time()
        vectors = train(method, d_model, seed, settings, stream, counts, X)
        run = {
            "method": method,
            "d_model": d_model,
            "seed": seed,
            "settings": settings,
            "cpu_seconds": round(time.process_time() - start, 1),
            "analogies": round((lesson.analogy_test(vectors, index, questions) == wanted).float().mean().item(), 3),
            "right": "".join(str(int(r)) for r in lesson.similarity_test(vectors, index, lesson.TRIPLES)),
        }
        print(method, d_model, seed, f"{run['right'].count('1') / len(run['right']):.1%}", run["analogies"], run["cpu_seconds"], flush=True)
        results["runs"].append(run)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tune", action="store_true", help="score settings on the tuning triples instead")
    parser.add_argument("--smoke", action="store_true", help="try every method in seconds, write nothing")
    chosen = parser.parse_args()
    smoke() if chosen.smoke else main(chosen.tune)
