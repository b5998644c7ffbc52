"""Wrong answers to the exercises of notebook 05, each with a piece of the hint it must get."""

import math

import torch


def scores(q, k):
    return q @ k.transpose(-2, -1)


def forbid(s, mask):
    return s.masked_fill(~mask, float("-inf"))


def tril(n, diagonal=0):
    return torch.ones(n, n, dtype=torch.bool).tril(diagonal)


def distance(n):
    return torch.arange(n)[:, None] - torch.arange(n)[None, :]


def cut(x, n):
    B, T, d_model = x.shape
    return x.view(B, T, n, d_model // n).transpose(1, 2)


PLANTED = {
    "05.1": [
        (lambda q, k, v, mask: forbid(scores(q, k), mask).softmax(-1) @ v, "not divided by the root"),
        (lambda q, k, v, mask: forbid(scores(q, k) / q.shape[-1], mask).softmax(-1) @ v, "divide by its square root"),
        (lambda q, k, v, mask: (scores(q, k) / math.sqrt(q.shape[-1])).softmax(-1) @ v, "mask was not used"),
        (lambda q, k, v, mask: (scores(q, k) / math.sqrt(q.shape[-1])).softmax(-1).masked_fill(~mask, 0) @ v, "after softmax"),
        (lambda q, k, v, mask: (scores(q, k) / math.sqrt(q.shape[-1])).masked_fill(~mask, 0).softmax(-1) @ v, "use minus infinity"),
        (lambda q, k, v, mask: (scores(q, k) / math.sqrt(q.shape[-1])).masked_fill(mask, -1e9).softmax(-1) @ v, "the wrong way round"),
        (lambda q, k, v, mask: forbid(scores(q, k) / math.sqrt(q.shape[-1]), mask).softmax(-2).nan_to_num(0.0) @ v, "dim=-1"),
        (lambda q, k, v, mask: forbid(scores(q, k) / math.sqrt(q.shape[-1]), mask).softmax(-1), "weights are (T, S)"),
    ],
    "05.2": [
        (lambda x, n, join=False: x.view(x.shape[0], n, x.shape[1], -1), "a view alone"),
        (lambda x, n, join=False: x.view(*x.shape[:2], n, -1), "exchange dimensions 1 and 2"),
        (lambda x, n, join=False: x.view(*x.shape[:2], -1, n).permute(0, 3, 1, 2), "every H-th feature"),
        (lambda x, n, join=False: x.reshape(x.shape[0], x.shape[2], -1) if join else cut(x, n), "reshape alone"),
        (lambda x, n, join=False: x.transpose(1, 2).view(x.shape[0], x.shape[2], -1) if join else cut(x, n), "raised RuntimeError"),
    ],
    "05.3": [
        (lambda t, pad_id=0: (t != pad_id)[:, None, :, None] & tril(t.shape[1]), "blocked as a query"),
        (lambda t, pad_id=0: (t != pad_id)[:, None, None, :] | tril(t.shape[1]), "joined with 'or'"),
        (lambda t, pad_id=0: ~((t != pad_id)[:, None, None, :] & tril(t.shape[1])), "the wrong way round"),
        (lambda t, pad_id=0: (t != pad_id)[:, None, None, :] & tril(t.shape[1]).T, "upside down"),
        (lambda t, pad_id=0: (t != pad_id)[:, None, None, :] & tril(t.shape[1], -1), "keep the diagonal"),
        (lambda t, pad_id=0: (t != 0)[:, None, None, :] & tril(t.shape[1]), "pad_id is ignored"),
        (lambda t, pad_id=0: (t != pad_id)[:, None, None, :] * 1 * tril(t.shape[1]), "boolean"),
    ],
    "05.4": [
        (lambda T, window: (distance(T) >= 0) & (distance(T) <= window), "one key too many"),
        (lambda T, window: (distance(T) > 0) & (distance(T) <= window), "must see itself"),
        (lambda T, window: distance(T).abs() < window, "looks ahead"),
        (lambda T, window: ((distance(T) >= 0) & (distance(T) < window)).T, "exchanged"),
        (lambda T, window: distance(T) >= 0, "full causal mask"),
    ],
}
