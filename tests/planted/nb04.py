"""Wrong answers that the checks of notebook 04 must refuse, each with a piece of the hint it must get."""

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


PLANTED = {
    "04.1": [
        (by_product, "scalar product"),
        (with_itself, "its own neighbours"),
        (by_distance, "not scaled"),
        (farthest, "farthest"),
        (values, "row numbers are wanted"),
        (wrong_order, "nearest comes first"),
        (in_place, "changes the table"),
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
    ],
    "04.3": [
        (with_padding, "padding takes part"),
        (mask_inverted, "mean of the padding"),
        (first_token, "first token"),
        (not_scaled, "not scaled to length 1"),
        (wrong_axis, "length 1"),
        (scaled_first, "before the mean"),
        (over_features, "one vector a sentence"),
    ],
}
