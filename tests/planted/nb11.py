"""Wrong answers to the exercises of notebook 11."""

import numpy as np


def saved(n, d, d_ff, V, max_len, biases=True, positions=True, divide_by_student=False, kept=False):
    layer = 4 * d * d + 2 * d * d_ff + ((4 * d + d_ff + d + 4 * d) if biases else 0)
    rest = V * d + (max_len * d if positions else 0) + 2 * d + (d * d + d) + (2 * d + 2)
    share = (n - n // 2) * layer / (rest + (n // 2 if divide_by_student else n) * layer)
    return 1 - share if kept else share


def by_median(teacher, student):
    return float(np.median(teacher)), float(np.median(student))


def refuses_by_assert(n, m):
    assert n % m == 0
    return list(range(n // m - 1, n, n // m))


PLANTED = {
    "11.1": [
        (lambda n, m: list(range(0, n, n // m)), "begin with the first layer"),
        (lambda n, m: list(range(n // m, n + 1, n // m)), "counted from 0"),
        (lambda n, m: list(range(m)), "first layers"),
        (lambda n, m: list(range(n - m, n)), "last layers"),
        (lambda n, m: list(range(1, 2 * m, 2)), "not always 2"),
        (lambda n, m: list(range(n // m - 1, n, n // m)), "raise ValueError"),
        (refuses_by_assert, "not AssertionError"),
        (lambda n, m: [round(i * (n - 1) / (m - 1)) for i in range(m)] if m > 1 else [n - 1], "keeps both ends"),
    ],
    "11.2": [
        (lambda *s: 100 * saved(*s), "percentage"),
        (lambda *s: 0.5, "not half of the model"),
        (lambda *s: saved(*s, kept=True), "share that is kept"),
        (lambda *s: saved(*s, divide_by_student=True), "teacher's parameters"),
        (lambda *s: saved(*s, biases=False), "biases and norms"),
        (lambda *s: saved(*s, positions=False), "position table"),
        (lambda n, d, d_ff, V, max_len: saved(n, d, 4 * d, V, max_len), "need not be 4 d"),
    ],
    "11.3": [
        (lambda t, s: (float(np.mean(t) / np.mean(s) - 1), float(1 - np.mean(s) / np.mean(t))), "median"),
        (lambda t, s: (by_median(t, s)[0] / by_median(t, s)[1], 1 - by_median(t, s)[1] / by_median(t, s)[0]), "ratio of speeds"),
        (lambda t, s: (1 - by_median(t, s)[1] / by_median(t, s)[0], by_median(t, s)[0] / by_median(t, s)[1] - 1), "exchanged: 0.6"),
        (lambda t, s: (1 - by_median(t, s)[1] / by_median(t, s)[0],) * 2, "different numbers"),
        (lambda t, s: (by_median(t, s)[1] / by_median(t, s)[0] - 1, 1 - by_median(t, s)[0] / by_median(t, s)[1]), "teacher and student are exchanged"),
        (lambda t, s: (by_median(t, s)[0] / by_median(t, s)[1] - 1, by_median(t, s)[1] / by_median(t, s)[0]), "share of time"),
        (lambda t, s: (float(np.median(np.divide(t, s))) - 1, 1 - float(np.median(np.divide(s, t)))), "median of each list first"),
        (lambda t, s: (100 * (by_median(t, s)[0] / by_median(t, s)[1] - 1), 37.5), "percentages"),
        (lambda t, s: (by_median(t, s)[0] / by_median(t, s)[1] - 1,) * 2, "time is one over speed"),
    ],
}
