"""Wrong and right answers to the exercises of notebook 11."""

import statistics

import numpy as np
import torch


def saved(n, d, d_ff, V, max_len, biases=True, norms=True, more=0, divide_by_student=False, kept=False, half=None):
    layer = 4 * d * d + 2 * d * d_ff + ((4 * d + d_ff + d + (4 * d if norms else 0)) if biases else 0)
    rest = V * d + max_len * d + 2 * d + (d * d + d) + (2 * d + 2) + more
    half = n // 2 if half is None else half
    share = (n - half) * layer / (rest + (half if divide_by_student else n) * layer)
    return 1 - share if kept else share


def without(part):
    """The share with a part of the model forgotten: part(d, V, max_len) parameters."""
    return lambda n, d, d_ff, V, max_len: saved(n, d, d_ff, V, max_len, more=-part(d, V, max_len))


def counted(n, d, d_ff, V, max_len):
    return (n - n // 2) * (4 * (d * d + d) + 2 * d * d_ff + d_ff + d + 4 * d)


def counted_by_modules(n, d, d_ff, V, max_len):
    def size(*modules):
        return sum(p.numel() for module in modules for p in module.parameters())

    layer = size(torch.nn.TransformerEncoderLayer(d, 1, d_ff))
    rest = size(torch.nn.Embedding(V, d), torch.nn.Embedding(max_len, d), torch.nn.LayerNorm(d), torch.nn.Linear(d, d), torch.nn.Linear(d, 2))
    return np.float32(1 - (rest + n // 2 * layer) / (rest + n * layer))


def every_other(n, m):
    if n % m:
        raise ValueError("uneven")
    return list(range(n // m - 1, n, n // m))


def refuses_by_assert(n, m):
    assert n % m == 0
    return list(range(n // m - 1, n, n // m))


def by_groups(n, m):
    if n % m:
        raise ValueError
    return [int(group[-1]) for group in np.arange(n).reshape(m, -1)]


def both_ends(n, m):
    return [round(i * (n - 1) / (m - 1)) for i in range(m)] if m > 1 else [n - 1]


def by_floats(n, m):
    return [(i + 1) * n / m - 1 for i in range(m)]


def from_the_top(n, m):
    return list(range(n - 1, -1, -2))


def step_two(n, m):
    return sorted(range(n - 1, -1, -2))[-m:]


def by_statistic(middle):
    """(faster by, less time by) with another statistic than the median."""

    def answer(teacher, student):
        t, s = middle(list(teacher)), middle(list(student))
        return float(t / s - 1), float(1 - s / t)

    return answer


faster_and_less = by_statistic(statistics.median)


def medians(teacher, student):
    return statistics.median(teacher), statistics.median(student)


PLANTED = {
    "11.1": [
        (lambda n, m: list(range(0, n, n // m)), "begin with the first layer"),
        (lambda n, m: list(range(n // m, n + 1, n // m)), "counted from 0"),
        (lambda n, m: list(range(m)), "first layers"),
        (lambda n, m: list(range(n - m, n)), "last layers"),
        (both_ends, "keeps both ends"),
        (from_the_top, "from the top down"),
        (lambda n, m: [1, 2, 5], "six to three gives"),
        (by_floats, "whole numbers"),
        (lambda n, m: list(range(1, 2 * m, 2)), "not always 2"),
        (step_two, "not always 2"),
        (lambda n, m: [1, 3, 5], "twelve to four gives"),
        (lambda n, m: every_other(n, m) if n > m else [n - 1], "as deep as its teacher"),
        (lambda n, m: every_other(n, m) if m > 1 else [0], "a student of one layer"),
        (lambda n, m: list(range(n // m - 1, n, n // m)), "raise ValueError"),
        (refuses_by_assert, "not AssertionError"),
        (lambda n, m: n // m, "expected a list of layer numbers"),
    ],
    "11.2": [
        (lambda *s: 100 * saved(*s), "percentage"),
        (counted, "divide it by all"),
        (lambda *s: 0.5, "not half of the model"),
        (lambda *s: saved(*s, kept=True), "share that is kept"),
        (lambda *s: saved(*s, divide_by_student=True), "teacher's parameters"),
        (lambda *s: saved(*s, biases=False), "biases and norms"),
        (lambda *s: saved(*s, norms=False), "two norms of each layer"),
        (without(lambda d, V, max_len: max_len * d), "position table"),
        (without(lambda d, V, max_len: V * d), "table of token vectors"),
        (without(lambda d, V, max_len: 2 * d), "norm behind the embeddings"),
        (without(lambda d, V, max_len: -2 * d), "segment vectors are counted"),
        (without(lambda d, V, max_len: d * d + d + 2 * d + 2), "head (pooler and classifier)"),
        (without(lambda d, V, max_len: 2 * d + 2), "the classifier is missing"),
        (without(lambda d, V, max_len: d * d + d), "the pooler is missing"),
        (lambda n, d, d_ff, V, max_len: saved(n, d, 4 * d, V, max_len), "need not be 4 d"),
        (lambda *s: 0.4, "this is rounded"),
        (lambda *s: saved(*s) + 0.01, "for these sizes"),
        (lambda n, *s: saved(n, *s, half=n - n // 2), "so three are saved"),
        (lambda n, *s: saved(n, *s, half=n / 2), "so three are saved"),
        (lambda *s: saved(8, 24, 100, 500, 60), "other sizes"),
        (lambda *s: (saved(*s), 1), "expected one number"),
    ],
    "11.3": [
        (lambda t, s: faster_and_less(t, s) + (1,), "returned 3 values"),
        (lambda t, s: ("60 %", "37.5 %"), "expected a number"),
        (by_statistic(np.mean), "uses the mean"),
        (by_statistic(min), "fastest round"),
        (by_statistic(lambda x: x[len(x) // 2]), "after sorting"),
        (lambda t, s: (medians(t, s)[0] / medians(t, s)[1], faster_and_less(t, s)[1]), "ratio of speeds"),
        (lambda t, s: faster_and_less(t, s)[::-1], "exchanged: 0.6"),
        (lambda t, s: (faster_and_less(t, s)[1],) * 2, "speed is one over time"),
        (lambda t, s: faster_and_less(s, t), "teacher and student are exchanged"),
        (lambda t, s: (100 * faster_and_less(t, s)[0], 37.5), "percentages"),
        (lambda t, s: (faster_and_less(t, s)[0], 1 - faster_and_less(t, s)[1]), "share of time"),
        (lambda t, s: (faster_and_less(t, s)[0],) * 2, "time is one over speed"),
        (lambda t, s: (float(np.median(np.divide(t, s))) - 1, 1 - float(np.median(np.divide(s, t)))), "median of each list first"),
        (lambda t, s: (medians(t, s)[0] - medians(t, s)[1], faster_and_less(t, s)[1]), "milliseconds"),
        (lambda t, s: (0.2, 0.2), "here the student is faster"),
        (by_statistic(lambda x: sorted(x)[len(x) // 2]), "even number of rounds"),
        (by_statistic(lambda x: sorted(x)[(len(x) - 1) // 2]), "even number of rounds"),
        (lambda t, s: (0.6, 0.375), "other latencies"),
    ],
}

RIGHT = {
    "11.1": [every_other, by_groups, lambda n, m: np.array(every_other(n, m)), lambda n, m: tuple(torch.tensor(every_other(n, m)))],
    "11.2": [saved, counted_by_modules, lambda *s: torch.tensor(saved(*s), dtype=torch.float64)],
    "11.3": [
        faster_and_less,
        lambda t, s: np.array([np.median(t) / np.median(s) - 1, 1 - np.median(s) / np.median(t)]),
        lambda t, s: [torch.tensor(value) for value in faster_and_less(t, s)],
    ],
}
