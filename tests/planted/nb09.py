"""Wrong answers to the exercises of notebook 09, each with a piece of the hint it must get."""

import numpy as np


def grams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def new_grams(article, summary, n):
    return [g for g in grams(summary, n) if g not in set(grams(article, n))]


def blocking(n=3, stop=False, last=False, order=True, best=-1):
    def choose(sentences, scores, k=3):
        chosen = []
        for i in np.argsort(best * scores, kind="stable"):
            if any(set(grams(sentences[i], n)) & set(grams(sentences[j], n)) for j in (chosen[-1:] if last else chosen)):
                if stop:
                    break
                continue
            chosen.append(int(i))
            if len(chosen) == k:
                break
        return sorted(chosen) if order else chosen

    return choose


def resampled(values, n, size=None, seed=0):
    rows = np.random.default_rng(seed).integers(0, len(values), (n, size or len(values)))
    return values[rows]


def ends(means, level=95):
    return tuple(np.percentile(means, [50 - level / 2, 50 + level / 2]))


PLANTED = {
    "09.1": [
        (lambda a, s, n: 1 - len(new_grams(a, s, n)) / len(grams(s, n)), "share that was copied"),
        (lambda a, s, n: len(set(new_grams(a, s, n))) / len(set(grams(s, n))), "counts once"),
        (lambda a, s, n: len(set(grams(a, n)) - set(grams(s, n))) / len(set(grams(a, n))), "the summary lacks"),
        (lambda a, s, n: len(new_grams(a, s, n)) / len(grams(a, n)), "not in the article"),
        (lambda a, s, n: sum(w not in a for w in s) / len(s), "single words"),
        (lambda a, s, n: len(new_grams(a, s, n)) / len(s), "not of words"),
        (lambda a, s, n: len(new_grams(a, s, 2)) / len(grams(s, 2)) if len(s) > 1 else 0.0, "wrong for n = 3"),
        (lambda a, s, n: len(new_grams(a, s, n)) / len(grams(s, n)), "ZeroDivisionError"),
        (lambda a, s, n: len(new_grams(a, s, n)) / max(1, len(grams(s, n))) if len(s) >= n else 1.0, "has no n-gram"),
    ],
    "09.2": [
        (lambda sentences, scores, k=3: sorted(np.argsort(-scores)[:k].tolist()), "must be blocked"),
        (blocking(n=2), "two words in common are allowed"),
        (blocking(n=1), "single words in common are allowed"),
        (blocking(stop=True), "skip it and go on"),
        (blocking(last=True), "not only with the last"),
        (blocking(order=False), "order of the text"),
        (blocking(best=1), "best first"),
        (lambda sentences, scores, k=3: (blocking()(sentences, scores, k) + list(range(k)))[:k], "fewer than k"),
    ],
    "09.3": [
        (lambda a, b, n=1000: ends(resampled(b - a, n).mean(1)), "sign is wrong"),
        (lambda a, b, n=1000: ends(resampled(a, n).mean(1)), "a alone"),
        (lambda a, b, n=1000: ends(resampled(a, n, seed=1).mean(1) - resampled(b, n, seed=2).mean(1)), "same rows"),
        (lambda a, b, n=1000: ends(a - b), "same rows"),
        (lambda a, b, n=1000: ends(resampled(a - b, n).mean(1), 90), "90 %"),
        (lambda a, b, n=1000: ends(resampled(a - b, n).mean(1))[::-1], "wrong way round"),
        (lambda a, b, n=1000: ends(resampled(a - b, n).mean(1), 20), "far too narrow"),
        (lambda a, b, n=1000: resampled(a - b, n).mean(1), "two numbers"),
    ],
}
