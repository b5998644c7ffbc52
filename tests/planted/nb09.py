"""Wrong answers to the exercises of notebook 09, each with a piece of the hint it must get, and right answers written another way."""

from collections import Counter

import numpy as np
import torch


def grams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def new_grams(article, summary, n):
    return [g for g in grams(summary, n) if g not in set(grams(article, n))]


def share(a, s, n):
    return len(new_grams(a, s, n)) / len(grams(s, n)) if len(s) >= n else 0.0


def in_strings(a, s, n):
    runs = grams(s, n)
    return sum(" ".join(g) not in " ".join(a) for g in runs) / len(runs) if runs else 0.0


def runs_of(n):
    return lambda a, b: set(grams(a, n)) & set(grams(b, n))


def blocking(both=runs_of(3), stop=False, against="chosen", order=True, best=-1):  # noqa: B008
    """Trigram blocking with one thing changed: what is shared, what it is compared with, the order."""

    def choose(sentences, scores, k=3):
        chosen, seen = [], []
        for i in map(int, np.argsort(best * scores, kind="stable")):
            if any(both(sentences[i], sentences[j]) for j in {"chosen": chosen, "last": chosen[-1:], "all": seen}[against]):
                if stop:
                    break
            else:
                chosen.append(i)
            seen.append(i)
            if len(chosen) == k:
                break
        return sorted(chosen) if order else chosen

    return choose


def among_the_best(sentences, scores, k=3):
    best = sorted(np.argsort(-scores)[:k].tolist())
    chosen = blocking()([sentences[i] for i in best], scores[best], k)
    return [best[i] for i in chosen]


def resampled(values, n, size=None, seed=0):
    rows = np.random.default_rng(seed).integers(0, len(values), (n, size or len(values)))
    return values[rows]


def ends(means, level=95):
    return tuple(np.percentile(means, [50 - level / 2, 50 + level / 2]))


def without_replacement(a, b, n=1000):
    g = np.random.default_rng(0)
    return ends([g.permutation(a - b).mean() for _ in range(n)])


def signs_flipped(a, b, n=1000):
    signs = np.random.default_rng(0).choice([-1, 1], (n, len(a)))
    return ends((signs * (a - b)).mean(1))


def one_error(a, b, n=1000):
    means = resampled(a - b, n).mean(1)
    return means.mean() - means.std(), means.mean() + means.std()


def against_the_best(sentences, scores, k=3):
    order = [int(i) for i in np.argsort(-np.asarray(scores))]
    chosen, best = order[:1], set(grams(sentences[order[0]], 3))
    for i in order[1:]:
        if len(chosen) < k and not set(grams(sentences[i], 3)) & best:
            chosen.append(i)
    return sorted(chosen)


def half_samples(a, b, n=1000):
    rng = np.random.default_rng(0)
    return ends(np.array([rng.choice(a - b, len(a) // 2, replace=False).mean() for _ in range(n)]))


PLANTED = {
    "09.1": [
        (lambda a, s, n: share(a, s, n) if len(s) > n else 0.0, "exactly n words"),
        (lambda a, s, n: sum(g not in list(grams(a, n))[:-1] for g in grams(s, n)) / len(list(grams(s, n))) if len(s) >= n else 0.0, "last n-gram of the article"),
        (lambda a, s, n: 1 - len(new_grams(a, s, n)) / len(grams(s, n)), "share that was copied"),
        (lambda a, s, n: len(set(new_grams(a, s, n))) / len(set(grams(s, n))), "counts once"),
        (lambda a, s, n: len(set(grams(a, n)) - set(grams(s, n))) / len(set(grams(a, n))), "the summary lacks"),
        (lambda a, s, n: len(new_grams(a, s, n)) / len(grams(a, n)), "not in the article"),
        (lambda a, s, n: len(new_grams(a, s, n)), "the number of new n-grams"),
        (lambda a, s, n: 100 * share(a, s, n), "in percent"),
        (lambda a, s, n: sum(w not in a for w in s) / len(s), "single words"),
        (lambda a, s, n: len(new_grams(a, s, n)) / len(s), "not of words"),
        (lambda a, s, n: 1 - (Counter(grams(s, n)) & Counter(grams(a, n))).total() / len(grams(s, n)), "if it occurs at all"),
        (lambda a, s, n: sum({*g} not in [{*h} for h in grams(a, n)] for g in grams(s, n)) / len(grams(s, n)), "compare tuples, not sets"),
        (lambda a, s, n: len(new_grams(a, s, n + 1)) / len(grams(s, n + 1)), "which of the summary's pairs"),
        (lambda a, s, n: float("nan"), "the result is nan"),
        (lambda a, s, n: len(new_grams(a, s, 2)) / len(grams(s, 2)) if len(s) > 1 else 0.0, "wrong for n = 3"),
        (in_strings, "inside longer words"),
        (lambda a, s, n: len(new_grams(a, s, n)) / len(grams(s, n)), "ZeroDivisionError"),
        (lambda a, s, n: share(a, s, n) if len(s) >= n else 1.0, "has no n-gram"),
        (new_grams, "one number in [0, 1]"),
    ],
    "09.2": [
        (blocking(lambda a, b: {tuple(a[j : j + 3]) for j in range(len(a) - 3)} & {tuple(b[j : j + 3]) for j in range(len(b) - 3)}), "last run of a sentence"),
        (blocking(lambda a, b: any(x == y for x, y in zip(grams(a, 3), grams(b, 3), strict=False))), "wherever it stands"),
        (against_the_best, "not only with the best"),
        (blocking(lambda a, b: {frozenset(g) for g in grams(a, 3)} & {frozenset(g) for g in grams(b, 3)}), "order inside a run"),
        (blocking(lambda a, b: any(" ".join(g) in " ".join(b) for g in grams(a, 3))), "not joined strings"),
        (lambda sentences, scores, k=3: sorted(np.argsort(-scores)[:k].tolist()), "must be blocked"),
        (lambda sentences, scores, k=3: np.argsort(-scores)[:k], "must be blocked"),
        (blocking(runs_of(4)), "you ask for four"),
        (blocking(runs_of(2)), "two words in common are allowed"),
        (blocking(runs_of(1)), "single words in common are allowed"),
        (blocking(lambda a, b: len(set(a) & set(b)) >= 3), "do not stand in a row"),
        (blocking(stop=True), "skip it and go on"),
        (among_the_best, "the k best sentences alone"),
        (blocking(against="last"), "not only with the last"),
        (blocking(against="all"), "skipped sentence must block nothing"),
        (blocking(order=False), "order of the text"),
        (blocking(best=1), "best first"),
        (lambda sentences, scores, k=3: blocking()(sentences, -np.arange(7), k), "take the best score first"),
        (lambda sentences, scores, k=3: blocking()(sentences, scores, k - 1), "stop at k"),
        (lambda sentences, scores, k=3: blocking()(sentences, scores, max(k, 4)), "with k = 2"),
        (lambda sentences, scores, k=3: (blocking()(sentences, scores, k) + list(range(k)))[:k], "fewer than k"),
        (lambda sentences, scores, k=3: [sentences[i] for i in blocking()(sentences, scores, k)], "the index of a sentence"),
        (lambda sentences, scores, k=3: " ".join(sentences[0]), "chosen sentences' indices"),
    ],
    "09.3": [
        (lambda a, b, n=1000: ends(resampled(a - b, 5000).mean(1)), "n_resamples = 1"),
        (lambda a, b, n=1000: ((a - b).mean() - 1.96 * (a - b).std(ddof=1) / len(a) ** 0.5, (a - b).mean() + 1.96 * (a - b).std(ddof=1) / len(a) ** 0.5), "1.96 standard errors"),
        (lambda a, b, n=1000: ends((a - b)[np.random.default_rng(0).integers(0, len(a) - 1, (n, len(a)))].mean(1)), "never drawn"),
        (half_samples, "draw N of N"),
        (lambda a, b, n=1000: ends(np.median(resampled(a - b, n), axis=1)), "medians of the resamples"),
        (lambda a, b, n=1000: ends(resampled(b - a, n).mean(1)), "sign is wrong"),
        (lambda a, b, n=1000: ends(resampled(a, n).mean(1)), "one system alone"),
        (lambda a, b, n=1000: ends(resampled(a - b, n).sum(1)), "not the sum"),
        (signs_flipped, "lies around 0"),
        (lambda a, b, n=1000: ends(resampled(a, n, seed=1).mean(1) - resampled(b, n, seed=2).mean(1)), "same rows"),
        (lambda a, b, n=1000: ends(a - b), "differences themselves"),
        (lambda a, b, n=1000: ends(resampled(a - b, n)), "differences themselves"),
        (without_replacement, "with replacement"),
        (lambda a, b, n=1000: np.percentile(resampled(a - b, n).mean(1), [0.025, 0.975]), "from 0 to 100"),
        (lambda a, b, n=1000: ends(resampled(a - b, n, size=n).mean(1)), "as many articles as there are"),
        (one_error, "not one standard error"),
        (lambda a, b, n=1000: ends(resampled(a - b, n).mean(1), 90), "90 %"),
        (lambda a, b, n=1000: ends(resampled(a - b, n).mean(1), 99), "99 %"),
        (lambda a, b, n=1000: ends(resampled(a - b, n).mean(1))[::-1], "wrong way round"),
        (lambda a, b, n=1000: ends(resampled(a - b, n).mean(1) + 1), "expected about ["),
        (lambda a, b, n=1000: ends(resampled(a - b, n, size=41).mean(1)), "wrong for 17"),
        (lambda a, b, n=1000: resampled(a - b, n).mean(1), "return two"),
        (lambda a, b, n=1000: (resampled(a - b, n).mean(1),), "there are 1 numbers"),
        (lambda a, b, n=1000: resampled(a - b, n).mean(1)[:2] * np.nan, "nan or infinite"),
    ],
}


def novelty_in_loops(article, summary, n):
    new = total = 0
    for i in range(len(summary) - n + 1):
        total += 1
        new += all(summary[i : i + n] != article[j : j + n] for j in range(len(article) - n + 1))
    return np.float32(new / total) if total else 0


def blocking_in_loops(sentences, scores, k=3):
    scores, chosen = scores.tolist(), []
    while len(chosen) < k and max(scores) > float("-inf"):
        i = scores.index(max(scores))
        scores[i] = float("-inf")
        texts = [f" {' '.join(sentences[j])} " for j in chosen]
        if not any(f" {' '.join(g)} " in text for g in grams(sentences[i], 3) for text in texts):
            chosen.append(i)
    return torch.tensor(sorted(chosen))


def interval_in_loops(a, b, n=1000):
    g = np.random.default_rng(5)
    means = []
    for _ in range(n):
        rows = g.integers(0, len(a), len(a))
        means.append(a[rows].mean() - b[rows].mean())
    return [np.quantile(means, 0.025), np.quantile(means, 0.975)]


def interval_in_torch(a, b, n=1000):
    difference = torch.as_tensor(a - b)
    rows = torch.randint(len(difference), (n, len(difference)), generator=torch.Generator().manual_seed(1))
    return torch.quantile(difference[rows].mean(1), torch.tensor([0.025, 0.975], dtype=torch.float64))


RIGHT = {
    "09.1": [
        novelty_in_loops,
        lambda a, s, n: torch.tensor(share(a, s, n)),
        lambda a, s, n: np.mean([g not in grams(a, n) for g in grams(s, n)]) if len(s) >= n else 0,
    ],
    "09.2": [
        blocking_in_loops,
        lambda sentences, scores, k=3: np.array(blocking()(sentences, scores, k)),
        lambda sentences, scores, k=3: tuple(np.int64(i) for i in blocking()(sentences, scores, k)),
    ],
    "09.3": [
        interval_in_loops,
        interval_in_torch,
        lambda a, b, n=1000: np.percentile(resampled(a - b, n, seed=9).mean(1), [2.5, 97.5]),
    ],
}
