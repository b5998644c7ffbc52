"""Wrong answers to the exercises of notebook 04, each with a piece of the hint it must get; right ones written another way."""

import math

import numpy as np
import torch
from torch.nn import functional as F


def by_product(vectors, i, n):
    products = vectors @ vectors[i]
    products[i] = -torch.inf
    return products.topk(n).indices


def with_itself(vectors, i, n):
    unit = F.normalize(vectors, dim=1)
    return (unit @ unit[i]).topk(n).indices


def by_distance(vectors, i, n):
    return torch.cdist(vectors[i : i + 1], vectors)[0].argsort()[1 : n + 1]


def farthest(vectors, i, n):
    unit = F.normalize(vectors, dim=1)
    return (unit @ unit[i]).argsort()[:n]


def values(vectors, i, n):
    unit = F.normalize(vectors, dim=1)
    return (unit @ unit[i]).topk(n + 1).values[1:]


def wrong_order(vectors, i, n):
    unit = F.normalize(vectors, dim=1)
    return (unit @ unit[i]).topk(n + 1).indices[1:].flip(0)


def in_place(vectors, i, n):
    vectors /= vectors.norm(dim=1, keepdim=True)
    return (vectors @ vectors[i]).topk(n + 1).indices[1:]


def _pmi(X, smoothing):
    n = X.sum(dim=1)
    p = n**smoothing / (n**smoothing).sum()
    return (X / (n[:, None] * p[None])).log()


def not_clipped(X, smoothing=0.75):
    return _pmi(X, smoothing)


def negative_kept(X, smoothing=0.75):
    out = _pmi(X, smoothing)
    return torch.where(X > 0, out, torch.zeros_like(X))


def not_smoothed(X, smoothing=0.75):
    return _pmi(X, 1.0).clamp(min=0)


def swapped(X, smoothing=0.75):
    return _pmi(X, smoothing).clamp(min=0).T


def both_smoothed(X, smoothing=0.75):
    p = (X.sum(1) / X.sum()) ** smoothing
    return (X / X.sum() / (p[:, None] * p[None])).log().clamp(min=0)


def not_renormalized(X, smoothing=0.75):
    return (X / (X.sum(1)[:, None] * ((X.sum(1) / X.sum()) ** smoothing)[None])).log().clamp(min=0)


def base_two(X, smoothing=0.75):
    return _pmi(X, smoothing).clamp(min=0) / torch.tensor(2.0).log()


def nans(X, smoothing=0.75):
    return X.sign() * _pmi(X, smoothing)


def fixed_power(X, smoothing=0.75):
    return _pmi(X, 0.75).clamp(min=0)


def with_padding(x, real):
    return F.normalize(x.mean(dim=1), dim=-1)


def mask_inverted(x, real):
    return F.normalize((x * ~real.unsqueeze(-1)).sum(1) + 1e-9, dim=-1)


def first_token(x, real):
    return F.normalize(x[:, 0], dim=-1)


def not_scaled(x, real):
    return (x * real.unsqueeze(-1)).sum(1) / real.sum(1, keepdim=True)


def wrong_axis(x, real):
    return F.normalize((x * real.unsqueeze(-1)).sum(1), dim=0)


def scaled_first(x, real):
    return F.normalize((F.normalize(x, dim=-1) * real.unsqueeze(-1)).sum(1), dim=-1)


def over_features(x, real):
    return F.normalize((x * real.unsqueeze(-1)).sum(2), dim=-1)


def cosines(vectors, i, dim=1):
    unit = F.normalize(vectors, dim=dim)
    return unit @ unit[i]


def put(values, i, value=-torch.inf):
    values = values.clone()
    values[i] = value
    return values


def right_rows(vectors, i, n):
    return put(cosines(vectors, i), i).topk(n).indices


def drops_all_twins(vectors, i, n):
    near = cosines(vectors, i)
    return near.masked_fill(near > 0.9999, -torch.inf).topk(n).indices


def never_negative(vectors, i, n):
    """Puts -1 in place of i and turns negative cosines into 0, so that ties follow the row numbers."""
    near = put(cosines(vectors, i).clamp(min=0), i, -1.0)
    return sorted(range(len(near)), key=lambda row: -near[row].item())[:n]


def table(X, smoothing=0.75, n=None, p=None, joint=None):
    """Right, unless one part is given."""
    n = X.sum(dim=1) if n is None else n
    p = n**smoothing / (n**smoothing).sum() if p is None else p
    ratio = (X if joint is None else joint) / (n[:, None] * p[None])
    return torch.where(X > 0, ratio, 1.0).log().clamp(min=0)


def ratio(X, smoothing=0.75):
    n = X.sum(dim=1)
    p = n**smoothing / (n**smoothing).sum()
    return X / (n[:, None] * p[None])


def cells_raised(X, smoothing=0.75):
    raised = (X**smoothing).sum(dim=0)
    return table(X, smoothing, p=raised / raised.sum())


def counts_for_probability(X, smoothing=0.75):
    n = X.sum(dim=1)
    return (X / X.sum() / ((n / n.sum())[:, None] * n[None] ** smoothing)).log().clamp(min=0)


def changes_the_counts(X, smoothing=0.75):
    out = table(X, smoothing)
    X /= X.sum()
    return out


def solution_with_nan(X, smoothing=0.75):
    n = X.sum(dim=1)
    p = n**smoothing / (n**smoothing).sum()
    return (X / (n[:, None] * p[None])).log().clamp(min=0)


def no_diagonal(X, smoothing=0.75):
    return table(X, smoothing).fill_diagonal_(0)


def total(x, real):
    return (x * real.unsqueeze(-1)).sum(dim=1)


def max_pooled(x, real):
    return F.normalize(x.masked_fill(~real.unsqueeze(-1), -torch.inf).amax(dim=1), dim=-1)


def last_token(x, real):
    return F.normalize(x[torch.arange(len(x)), real.sum(dim=1) - 1], dim=-1)


def by_length(x, real):
    ends = real.sum(dim=1, keepdim=True)
    return F.normalize(total(x, torch.arange(x.shape[1]) < ends), dim=-1)


def padding_zeroed_in_place(x, real):
    x[~real] = 0
    return F.normalize(x.sum(dim=1), dim=-1)


def divided_by_padding(x, real):
    return F.normalize(total(x, real) / (~real).sum(dim=1, keepdim=True) * (~real).sum(dim=1, keepdim=True), dim=-1)


PLANTED = {
    "04.1": [
        (lambda v, i, n: np.argsort(cosines(v, i).numpy())[::-1][1 : n + 1].copy(), "leave out row i by its number"),
        (lambda v, i, n: cosines(v, i).topk(n + 1).indices[1:], "leave out row i by its number"),
        (by_product, "scalar product"),
        (with_itself, "its own neighbours"),
        (by_distance, "not scaled"),
        (farthest, "farthest"),
        (values, "row numbers are wanted"),
        (lambda v, i, n: put(cosines(v, i), i).topk(n), "row numbers are wanted"),
        (wrong_order, "nearest comes first"),
        (in_place, "changes the table"),
        (lambda v, i, n: put(cosines(v, i, dim=0), i).topk(n).indices, "columns were scaled"),
        (lambda v, i, n: put(cosines(v, i).abs(), i).topk(n).indices, "sign was dropped"),
        (lambda v, i, n: put(cosines(v, i), i).argsort(descending=True), "has shape (23,)"),
        (lambda v, i, n: right_rows(v, i + 1, n), "not the rows with the largest cosines"),
        (lambda v, i, n: put(cosines(v, i), i).topk(4).indices[:n] if len(v) > 20 and i == 7 else right_rows(v, 7, n), "right for one row only"),
        (lambda v, i, n: put(cosines(v, i), i, 0.0).topk(n).indices, "minus infinity there"),
        (never_negative, "all cosines are negative, expected the rows"),
        (drops_all_twins, "leave out row i by its number"),
        (lambda v, i, n: right_rows(v, i, n) if i == 7 else None, "returns nothing"),
        (lambda v, i, n: "7", "row numbers"),
    ],
    "04.2": [
        (not_clipped, "minus infinity"),
        (negative_kept, "negative values"),
        (not_smoothed, "without smoothing"),
        (swapped, "swapped"),
        (both_smoothed, "both probabilities"),
        (not_renormalized, "do not sum to 1"),
        (base_two, "base 2"),
        (nans, "NaN"),
        (fixed_power, "use the argument"),
        (changes_the_counts, "changes the counts"),
        (lambda X, smoothing: table(X, smoothing).sum(dim=1), "one value a cell"),
        (ratio, "take its logarithm"),
        (lambda X, smoothing: ratio(X, smoothing).clamp(min=1), "the logarithm is missing"),
        (lambda X, smoothing: (ratio(X, smoothing) + 1).log(), "ln(1 + ratio)"),
        (lambda X, smoothing: torch.where(X > 0, _pmi(X, smoothing).abs(), 0.0), "lost their sign"),
        (cells_raised, "each cell was raised"),
        (counts_for_probability, "where its probability belongs"),
        (lambda X, smoothing: table(X, smoothing) / X.sum(), "the values differ"),
        (solution_with_nan, "0 / 0"),
        (no_diagonal, "right for the first table only"),
        (lambda X, smoothing: table(X, smoothing) if len(X) < 5 else None, "returns nothing"),
    ],
    "04.3": [
        (lambda x, real: F.normalize(x.masked_fill(~real[..., None], -torch.inf).mean(1), dim=-1), "there are NaNs"),
        (with_padding, "padding takes part"),
        (lambda x, real: x.mean(dim=1), "padding takes part"),
        (mask_inverted, "mean of the padding"),
        (first_token, "first token"),
        (not_scaled, "not scaled to length 1"),
        (wrong_axis, "each column was scaled"),
        (scaled_first, "before the mean"),
        (over_features, "one vector a sentence"),
        (max_pooled, "max pooling"),
        (lambda x, real: F.normalize(x.amax(dim=1), dim=-1), "max pooling"),
        (lambda x, real: total(x, real), "F.normalize over the features comes last"),
        (lambda x, real: F.normalize(total(x, real), p=1, dim=-1), "do not have length 1"),
        (last_token, "differ from the mean"),
        (by_length, "before the tokens and between them"),
        (padding_zeroed_in_place, "changes what it was given"),
        (divided_by_padding, "division by zero"),
        (lambda x, real: F.normalize(total(x, real), dim=-1) if len(x) == 3 else None, "returns nothing"),
    ],
}


def rows_by_loop(vectors, i, n):
    def cosine(a, b):
        a, b = a.tolist(), b.tolist()
        return sum(p * q for p, q in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)

    others = [row for row in range(len(vectors)) if row != i]
    return sorted(others, key=lambda row: -cosine(vectors[row], vectors[i]))[:n]


def rows_in_numpy(vectors, i, n):
    v = vectors.double().numpy()
    near = v @ v[i] / np.linalg.norm(v, axis=1)
    near[i] = -np.inf
    return np.argsort(-near)[:n]


def rows_by_distance_of_units(vectors, i, n):
    unit = F.normalize(vectors.double(), dim=1)
    order = (unit - unit[i]).norm(dim=1).argsort()
    return [row for row in order if row != i][:n]


def ppmi_by_loop(X, smoothing=0.75):
    rows = X.tolist()
    n = [sum(row) for row in rows]
    powers = [value**smoothing for value in n]
    out = [[0.0] * len(rows) for _ in rows]
    for i, row in enumerate(rows):
        for j, count in enumerate(row):
            if count:
                out[i][j] = max(0.0, math.log(count * sum(powers) / (n[i] * powers[j])))
    return out


def ppmi_in_numpy(X, smoothing=0.75):
    counts = X.double().numpy()
    n = counts.sum(axis=0)
    p = n**smoothing / (n**smoothing).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.maximum(0, np.log(counts / np.outer(n, p))))


def pooled_by_loop(x, real):
    means = [np.mean([v for v, keep in zip(s, m, strict=True) if keep], axis=0) for s, m in zip(x.double().numpy(), real.tolist(), strict=True)]
    return np.array([mean / np.linalg.norm(mean) for mean in means])


def pooled_by_einsum(x, real):
    mean = torch.einsum("btd,bt->bd", x.double(), real.double()) / real.sum(dim=1, keepdim=True)
    return mean / mean.norm(dim=1, keepdim=True)


RIGHT = {
    "04.1": [right_rows, rows_by_loop, rows_in_numpy, rows_by_distance_of_units],
    "04.2": [table, ppmi_by_loop, ppmi_in_numpy, lambda X, smoothing: table(X.double(), smoothing)],
    "04.3": [lambda x, real: F.normalize(total(x, real), dim=-1), pooled_by_loop, pooled_by_einsum],
}
