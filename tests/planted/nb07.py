"""Wrong answers to the exercises of notebook 07, each with a piece of the hint it must get, and right answers written another way."""

import numpy as np
import torch


def masked(x, real):
    return x * real[..., None]


def count(real):
    return real.sum(1, keepdim=True)


def first_ones(x, real):
    return torch.stack([row[: int(k)].mean(0) for row, k in zip(x, real.sum(1), strict=True)])


def cutting(both):
    """Short texts stay, ``both(words, max_len, head)`` cuts the others."""
    return lambda words, max_len, head: words if len(words) <= max_len else both(words, max_len, head)


def tail(words, n):
    return words[len(words) - n :]


def bins_of(p, n_bins):
    return (p * n_bins).long().clamp(max=n_bins - 1)


def gaps(p, labels, n_bins, bins=bins_of):
    inside = bins(p, n_bins)
    return [((p[inside == b].mean() - labels[inside == b].mean()).item(), (inside == b).sum().item()) for b in inside.unique() if 0 <= b < n_bins]


def error(p, labels, n_bins=10, bins=bins_of):
    return sum(abs(g) * k for g, k in gaps(p, labels, n_bins, bins)) / len(p)


def with_empty_bins(p, labels, n_bins=10):
    bins = bins_of(p, n_bins)
    return sum(((p[bins == b].mean() - labels[bins == b].mean()).abs() * (bins == b).float().mean()).item() for b in range(n_bins))


def upper_edges(p, n_bins):
    """Bins (a, b]: zero falls below the first."""
    return (p * n_bins).ceil().long() - 1


def midpoints(p, labels, n_bins=10):
    bins = bins_of(p, n_bins)
    return sum((((b + 0.5) / n_bins - labels[bins == b].mean()).abs() * (bins == b).sum()).item() for b in bins.unique()) / len(p)


def equal_numbers(p, labels, n_bins=10):
    parts = np.array_split(p.argsort().numpy(), n_bins)
    return sum(abs((p[i].mean() - labels[i].mean()).item()) * len(i) for i in parts if len(i)) / len(p)


def right_verdicts(p, labels):
    return ((p > 0.5) == (labels > 0)).float()


def edges_twice(p, labels, n_bins=10):
    total = 0.0
    for b in range(n_bins):
        inside = (p >= b / n_bins) & (p <= (b + 1) / n_bins)
        if inside.any():
            total += (inside.float().mean() * (p[inside].mean() - labels[inside].mean()).abs()).item()
    return total


PLANTED = {
    "07.1": [
        (lambda x, real: x.mean(1), "the padding is in it"),
        (lambda x, real: masked(x, real).mean(1), "still divide by T"),
        (lambda x, real: masked(x, real).sum(1), "this is the sum"),
        (lambda x, real: x.sum(1) / count(real), "padding is still in the sum"),
        (lambda x, real: masked(x, real).sum(1) / real.sum(), "of the whole batch"),
        (lambda x, real: masked(x, real).sum(1, keepdim=True) / count(real)[..., None], "without keepdim"),
        (lambda x, real: masked(x, ~real).sum(1) / count(~real).clamp(min=1), "wrong way round"),
        (lambda x, real: masked(x, ~real).sum(1) / count(~real), "wrong way round"),
        (lambda x, real: masked(x, ~real).sum(1) / count(real), "wrong way round"),
        (lambda x, real: masked(x, real).sum(-1) / count(real), "not over the features"),
        (lambda x, real: masked(x, real) / count(real)[..., None], "a vector for each token"),
        (lambda x, real: x[real].mean(0), "one vector for the whole batch"),
        (lambda x, real: x.mean((1, 2))[:2], "the result has shape (2,)"),
        (first_ones, "padding may stand in between"),
        (lambda x, real: x[:, 0], "of the first token"),
        (lambda x, real: x.masked_fill(~real[..., None], -1e9).amax(1), "max pooling"),
        (lambda x, real: masked(x, real).sum(1) / (count(real) + 1), "some values are wrong"),
        (lambda x, real: (masked(x, real).sum(1) / count(real)).squeeze(), "must stay (1, d_model)"),
        (lambda x, real: masked(x, real)[:, :5].sum(1) / count(real[:, :5]), "a size written as a number"),
        (lambda x, real: (masked(x, real).sum(1), count(real)), "one tensor (B, d_model)"),
    ],
    "07.2": [
        (lambda words, max_len, head: words[:max_len], "head alone"),
        (lambda words, max_len, head: words[-max_len:], "tail alone"),
        (lambda words, max_len, head: words, "the whole text"),
        (lambda words, max_len, head: words[:head] + words[-(max_len - head) :], "without repeats"),
        (cutting(lambda words, max_len, head: words[:head] + words[-(max_len - head) :]), "words[-0:]"),
        (lambda words, max_len, head: words if len(words) < max_len else words[:head] + words[-(max_len - head) - 1 : -1], "exactly max_len"),
        (cutting(lambda words, max_len, head: words[: max_len - head] + tail(words, head)), "exchanged the two numbers"),
        (cutting(lambda words, max_len, head: words[:head] + words[-max_len:]), "at most max_len"),
        (cutting(lambda words, max_len, head: tail(words, max_len - head) + words[:head]), "changed places"),
        (cutting(lambda words, max_len, head: words[:head] + tail(words, max_len - head)[::-1]), "runs backwards"),
        (cutting(lambda words, max_len, head: words[: max_len // 2] + words[-(max_len // 2) :]), "head is ignored"),
        (cutting(lambda words, max_len, head: words[: max_len // 2] + tail(words, max_len - max_len // 2)), "head is ignored"),
        (cutting(lambda words, max_len, head: words[:head]), "nothing of the tail"),
        (cutting(lambda words, max_len, head: tail(words, max_len - head)), "nothing of the head"),
        (cutting(lambda words, max_len, head: words[:head] + tail(words, head)), "head words of the tail as well"),
        (cutting(lambda words, max_len, head: words[:head] + tail(words[:-1], max_len - head)), "the last word of the text"),
        (cutting(lambda words, max_len, head: words[:head] + words[head + 1 : max_len + 1]), "the last 5 should stay"),
        (cutting(lambda words, max_len, head: words[: min(head, 4)] + tail(words, max_len - head)), "all of it"),
        (cutting(lambda words, max_len, head: words[: head or 1] + tail(words, max_len - (head or 1))), "with head = 0"),
        (lambda words, max_len, head: " ".join(words), "a list of words"),
    ],
    "07.3": [
        (edges_twice, "in exactly one of them"),
        (lambda p, labels, n_bins=10: abs(sum(g * k for g, k in gaps(p, labels, n_bins))) / len(p), "cancel"),
        (lambda p, labels, n_bins=10: sum(g * k for g, k in gaps(p, labels, n_bins)) / len(p), "cancel"),
        (lambda p, labels, n_bins=10: sum(abs(g) for g, _ in gaps(p, labels, n_bins)) / len(gaps(p, labels, n_bins)), "weight it by the number"),
        (lambda p, labels, n_bins=10: sum(abs(g) for g, _ in gaps(p, labels, n_bins)) / n_bins, "the empty ones too"),
        (lambda p, labels, n_bins=10: error(p, labels, n_bins) * len(p), "divide by the number of reviews"),
        (lambda p, labels, n_bins=10: error(p, labels, n_bins) * 100, "in percent"),
        (lambda p, labels, n_bins=10: max(abs(g) for g, _ in gaps(p, labels, n_bins)), "largest gap"),
        (lambda p, labels, n_bins=10: sum(g * g * k for g, k in gaps(p, labels, n_bins)) / len(p), "squared"),
        (lambda p, labels, n_bins=10: (sum(g * g * k for g, k in gaps(p, labels, n_bins)) / len(p)) ** 0.5, "squared"),
        (lambda p, labels, n_bins=10: (p - labels).abs().mean(), "its own label"),
        (lambda p, labels, n_bins=10: ((p - labels) ** 2).mean(), "Brier score"),
        (lambda p, labels, n_bins=10: error(torch.maximum(p, 1 - p), right_verdicts(p, labels), n_bins), "p itself"),
        (lambda p, labels, n_bins=10: error(p, right_verdicts(p, labels), n_bins), "share of right verdicts"),
        (midpoints, "the middle of each bin"),
        (equal_numbers, "equally many reviews"),
        (with_empty_bins, "skip it"),
        (lambda p, labels, n_bins=10: error(p, labels, n_bins, lambda p, n: (p * n).long()), "belongs to the last bin"),
        (lambda p, labels, n_bins=10: error(p, labels, n_bins + 1, lambda p, n: (p * (n - 1)).long()), "belongs to the last bin"),
        (lambda p, labels, n_bins=10: error(p, labels, n_bins, upper_edges), "belongs to the first bin"),
        (lambda p, labels, n_bins=10: error(p, labels, 10), "wrong for five"),
        (lambda p, labels, n_bins=10: error(p, labels, n_bins + 1), "equally wide, from 0 to 1"),
        (lambda p, labels, n_bins=10: gaps(p, labels, n_bins), "one number in [0, 1]"),
    ],
}


def pool_in_numpy(x, real):
    x, real = x.double().numpy(), real.numpy()
    return np.stack([row[keep].mean(axis=0) for row, keep in zip(x, real, strict=True)])


def pool_in_place(x, real):
    x[~real] = 0
    return x.sum(1).div_(real.sum(1)[:, None])


def cut_in_place(words, max_len, head):
    if len(words) > max_len:
        del words[head : len(words) - (max_len - head)]
    return words


def error_in_loops(p, labels, n_bins=10):
    inside = [[] for _ in range(n_bins)]
    for stated, label in zip(p.tolist(), labels.tolist(), strict=True):
        inside[min(int(stated * n_bins), n_bins - 1)].append((stated, label))
    return sum(abs(sum(s for s, _ in pairs) - sum(y for _, y in pairs)) for pairs in inside) / len(p)


def error_in_numpy(p, labels, n_bins=10):
    p, labels = np.asarray(p, dtype=np.float64), np.asarray(labels)
    sums = [np.histogram(p, np.linspace(0, 1, n_bins + 1), weights=values)[0] for values in (p, labels)]
    return np.float64(np.abs(sums[0] - sums[1]).sum() / len(p))


RIGHT = {
    "07.1": [
        pool_in_numpy,
        pool_in_place,
        lambda x, real: torch.einsum("btd,bt->bd", x.double(), real.double() / count(real)),
        lambda x, real: [row[keep].mean(0) for row, keep in zip(x, real, strict=True)],
    ],
    "07.2": [
        cut_in_place,
        cutting(lambda words, max_len, head: tuple(words[:head] + tail(words, max_len - head))),
        lambda words, max_len, head: [w for i, w in enumerate(words) if i < head or i >= len(words) - (max_len - head)],
        lambda words, max_len, head: np.array(words[:max_len] if len(words) <= max_len else words[:head] + tail(words, max_len - head)),
    ],
    "07.3": [
        error_in_loops,
        error_in_numpy,
        lambda p, labels, n_bins=10: torch.tensor(error(p, labels, n_bins), dtype=torch.float64),
        lambda p, labels, n_bins=10: error(p, labels, n_bins, lambda p, n: upper_edges(p, n).clamp(min=0)),
    ],
}
