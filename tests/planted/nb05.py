"""Wrong answers to the exercises of notebook 05, each with a piece of the hint it must get, and right answers written another way."""

import math

import numpy as np
import torch
from torch.nn import functional as F


def scores(q, k):
    return q @ k.transpose(-2, -1)


def scaled(q, k):
    return scores(q, k) / math.sqrt(q.shape[-1])


def forbid(s, mask):
    return s.masked_fill(~mask, float("-inf"))


def divided(size):
    """Attention whose scores are divided by what ``size`` makes of q and k."""
    return lambda q, k, v, mask: forbid(scores(q, k) / size(q, k), mask).softmax(-1) @ v


def tril(n, diagonal=0):
    return torch.ones(n, n, dtype=torch.bool).tril(diagonal)


def distance(n):
    return torch.arange(n)[:, None] - torch.arange(n)[None, :]


def cut(x, n):
    B, T, d_model = x.shape
    return x.view(B, T, n, d_model // n).transpose(1, 2)


def merge(x):
    B, H, T, d_head = x.shape
    return x.transpose(1, 2).reshape(B, T, H * d_head)


def joined(wrong):
    """A right cut with a wrong join."""
    return lambda x, n_heads, join=False: wrong(x) if join else cut(x, n_heads)


def wrapped_window(T, window):
    mask = torch.zeros(T, T, dtype=torch.bool)
    for i in range(T):
        for j in range(i - window + 1, i + 1):
            mask[i, j] = True
    return mask


def masks(t, pad_id=0):
    return (t != pad_id)[:, None, None, :], tril(t.shape[1])


def full(t, pad_id=0):
    return masks(t, pad_id)[0] & tril(t.shape[1])


def padding_on_the_right(t, pad_id=0):
    n = (t != pad_id).sum(1, keepdim=True)
    return (torch.arange(t.shape[1]) < n)[:, None, None] & tril(t.shape[1])


PLANTED = {
    "05.1": [
        (divided(lambda q, k: 1.0), "not divided by the root"),
        (divided(lambda q, k: q.shape[-1]), "divide by its square root"),
        (divided(lambda q, k: q.shape[-1] ** -0.5), "are multiplied by the root"),
        (divided(lambda q, k: k.shape[-2] ** 0.5), "root of a length"),
        (divided(lambda q, k: q.shape[-2] ** 0.5), "root of a length"),
        (divided(lambda q, k: q.shape[1] ** 0.5), "number of heads in it"),
        (divided(lambda q, k: (q.shape[1] * q.shape[-1]) ** 0.5), "number of heads in it"),
        (divided(lambda q, k: 6**0.5), "a size written as a number"),
        (lambda q, k, v, mask: scaled(q, k).softmax(-1) @ v, "mask was not used"),
        (lambda q, k, v, mask: scaled(q, k).softmax(-1).masked_fill(~mask, 0) @ v, "after softmax"),
        (lambda q, k, v, mask: scaled(q, k).masked_fill(~mask, 0).softmax(-1) @ v, "use minus infinity"),
        (lambda q, k, v, mask: (scaled(q, k) * mask).softmax(-1) @ v, "use minus infinity"),
        (lambda q, k, v, mask: (scaled(q, k) + mask).softmax(-1) @ v, "added as zeros and ones"),
        (lambda q, k, v, mask: scaled(q, k).masked_fill(mask, -1e9).softmax(-1) @ v, "the wrong way round"),
        (lambda q, k, v, mask: forbid(scaled(q, k), ~mask).softmax(-1) @ v, "the wrong way round"),
        (lambda q, k, v, mask: (scaled(q, k) + (~mask) * float("-inf")).softmax(-1) @ v, "0 times minus infinity"),
        (lambda q, k, v, mask: forbid(scaled(q, k), mask).softmax(1) @ v, "softmax over the keys"),
        (lambda q, k, v, mask: forbid(scaled(q, k), mask).softmax(-2) @ v, "dim=-1"),
        (lambda q, k, v, mask: forbid(scaled(q, k), mask).softmax(-1), "these are the weights"),
        (lambda q, k, v, mask: (forbid(scaled(q, k), mask).softmax(-1) @ v).transpose(-2, -1), "weights are (t, s)"),
        (lambda q, k, v, mask: scaled(q, k).masked_fill(~mask, 0) @ v, "softmax is missing"),
        (lambda q, k, v, mask: forbid(scaled(q, k), mask).softmax(-1) @ k, "numbers differ"),
        (lambda q, k, v, mask: scaled(q, k).masked_fill(~mask, -3.0).softmax(-1) @ v, "numbers differ"),
        (lambda q, k, v, mask: (forbid(scaled(q, k), mask).softmax(-1) @ v, mask), "alone"),
    ],
    "05.2": [
        (joined(lambda x: None), "returns nothing yet"),
        (lambda x, n, join=False: x.view(x.shape[0], n, x.shape[1], -1), "a view alone"),
        (lambda x, n, join=False: x.view(*x.shape[:2], n, -1), "exchange dimensions 1 and 2"),
        (lambda x, n, join=False: x.view(*x.shape[:2], -1, n).permute(0, 3, 1, 2), "every H-th feature"),
        (lambda x, n, join=False: cut(x, n).transpose(2, 3), "the last two dimensions"),
        (lambda x, n, join=False: x.view(*x.shape[:2], n, -1).permute(2, 0, 1, 3), "cut: shape"),
        (lambda x, n, join=False: cut(x, n).flip(1), "from view followed by transpose"),
        (joined(lambda x: x.reshape(x.shape[0], x.shape[2], -1)), "reshape alone"),
        (joined(lambda x: x.transpose(1, 2).view(x.shape[0], x.shape[2], -1)), "raised RuntimeError"),
        (joined(lambda x: x.transpose(1, 2)), "not merged yet"),
        (joined(lambda x: x), "join: shape"),
        (joined(lambda x: x.permute(0, 2, 3, 1).flatten(2)), "features of the heads alternate"),
        (joined(lambda x: merge(x.flip(1))), "does not undo"),
        (joined(lambda x: [1, 2]), "join: shape"),
        (joined(lambda x: "text"), "join: one tensor"),
        (lambda x, n, join=False: merge(x) if join else cut(x, 3), "cut: right for 3 heads"),
        (joined(lambda x: x.transpose(1, 2).reshape(x.shape[0], -1, 12)), "join: right for 3 heads"),
        (lambda x, n, join=False: merge(x) if join else x.view(2, 5, 3, 4).transpose(1, 2), "raised RuntimeError"),
    ],
    "05.3": [
        (lambda t, pad_id=0: (t != pad_id)[:, None, :, None] & tril(t.shape[1]), "blocked as a query (rows)"),
        (lambda t, pad_id=0: (t != pad_id)[:, None, :, None] & full(t, pad_id), "as a query as well as a key"),
        (lambda t, pad_id=0: masks(t, pad_id)[0] | tril(t.shape[1]), "joined with 'or'"),
        (lambda t, pad_id=0: ~full(t, pad_id), "the wrong way round"),
        (lambda t, pad_id=0: masks(t, pad_id)[0] & tril(t.shape[1]).T, "upside down"),
        (lambda t, pad_id=0: masks(t, pad_id)[0] & tril(t.shape[1], -1), "keep the diagonal"),
        (lambda t, pad_id=0: tril(t.shape[1]).expand(len(t), 1, -1, -1), "padding is not blocked"),
        (lambda t, pad_id=0: masks(t, pad_id)[0].expand(-1, 1, t.shape[1], -1), "the future is not blocked"),
        (padding_on_the_right, "may stand on the left"),
        (lambda t, pad_id=0: full(t, pad_id).flip(0), "each key must be real"),
        (lambda t, pad_id=0: full(t), "pad_id is ignored"),
        (lambda t, pad_id=0: full(t, pad_id) & full(t), "0 a token like any other"),
        (lambda t, pad_id=0: masks(t, pad_id)[0] * 1 * tril(t.shape[1]), "boolean, not torch.int64"),
        (lambda t, pad_id=0: full(t, pad_id) if pad_id == 0 else full(t, pad_id).float(), "boolean, not torch.float32"),
        (lambda t, pad_id=0: full(t, pad_id)[:, 0], "the dimension of the heads is missing"),
        (lambda t, pad_id=0: masks(t, pad_id)[0], "expected (B, 1, T, T)"),
        (lambda t, pad_id=0: masks(t, pad_id), "a boolean tensor (B, 1, T, T)"),
    ],
    "05.4": [
        (lambda T, window: (distance(T) >= 0) & (distance(T) <= window), "one key too many"),
        (lambda T, window: (distance(T) >= 0) & (distance(T) < window - 1), "one key too few"),
        (lambda T, window: (distance(T) > 0) & (distance(T) <= window), "must see itself"),
        (lambda T, window: (distance(T) > 0) & (distance(T) < window), "must see itself"),
        (lambda T, window: distance(T).abs() < window, "looks ahead"),
        (lambda T, window: ((distance(T) >= 0) & (distance(T) < window)).T, "exchanged"),
        (lambda T, window: ~((distance(T) >= 0) & (distance(T) < window)), "the wrong way round"),
        (lambda T, window: distance(T) >= 0, "full causal mask"),
        (lambda T, window: distance(T) >= window, "outside the window"),
        (wrapped_window, "negative indices"),
        (lambda T, window: tril(T) & (torch.arange(T)[:, None] // window == torch.arange(T) // window), "fixed blocks"),
        (lambda T, window: torch.eye(T, dtype=torch.bool), "query i sees keys"),
        (lambda T, window: ((distance(T) >= 0) & (distance(T) < window)).float(), "boolean (True = may attend), not torch.float32"),
        (lambda T, window: ((distance(T) >= 0) & (distance(T) < window))[None], "the mask has shape"),
        (lambda T, window: (distance(T) >= 0) & (distance(T) < 3), "a size written as a number"),
        (lambda T, window: (distance(T) >= 0) & (distance(T) < min(window, T - 1)), "wider than the text"),
        (lambda T, window: (distance(T) >= 0) & (distance(T) < max(window, 2)), "itself alone"),
        (lambda T, window: (distance(T) >= 0) & (distance(T) < window) if T == 7 else [1, 2], "boolean (True = may attend)"),
    ],
}


def attention_in_place(q, k, v, mask):
    q /= math.sqrt(q.shape[-1])
    mask.logical_not_()
    return torch.einsum("bhts,bhsd->bhtd", scores(q, k).masked_fill_(mask, float("-inf")).softmax(-1), v)


def attention_in_numpy(q, k, v, mask):
    q, k, v, mask = (t.double().numpy() for t in (q, k, v, mask))
    exps = np.where(mask > 0, np.exp(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])), 0.0)
    return exps / exps.sum(-1, keepdims=True) @ v


def heads_in_lists(x, n_heads, join=False):
    if join:
        return [torch.cat(list(sentence), dim=-1).tolist() for sentence in x]
    width = x.shape[2] // n_heads
    return [[[row[h * width : (h + 1) * width] for row in sentence] for h in range(n_heads)] for sentence in x.tolist()]


def heads_in_numpy(x, n_heads, join=False):
    x = x.numpy().astype(np.float64)
    if join:
        return np.concatenate([x[:, h] for h in range(n_heads)], axis=-1)
    return np.stack(np.split(x, n_heads, axis=-1), axis=1)


def decoder_mask_in_lists(tokens, pad_id=0):
    T = tokens.shape[1]
    return [[[[bool(row[j] != pad_id) and j <= i for j in range(T)] for i in range(T)]] for row in tokens.tolist()]


def window_in_loops(T, window):
    mask = np.zeros((T, T), dtype=bool)
    for i in range(T):
        mask[i, max(0, i - window + 1) : i + 1] = True
    return mask


RIGHT = {
    "05.1": [
        attention_in_place,
        attention_in_numpy,
        lambda q, k, v, mask: F.scaled_dot_product_attention(q.double(), k.double(), v.double(), attn_mask=mask),
        lambda q, k, v, mask: (scaled(q, k) - 1e9 * (~mask)).softmax(-1) @ v,
    ],
    "05.2": [
        lambda x, n_heads, join=False: merge(x) if join else cut(x, n_heads),
        heads_in_lists,
        heads_in_numpy,
        lambda x, n_heads, join=False: torch.cat(list(x.unbind(1)), -1) if join else torch.stack(x.chunk(n_heads, -1), 1),
    ],
    "05.3": [
        full,
        decoder_mask_in_lists,
        lambda tokens, pad_id=0: np.asarray(tokens != pad_id)[:, None, None, :] & np.tri(tokens.shape[1], dtype=bool),
        lambda tokens, pad_id=0: ~(tokens.eq(pad_id)[:, None, None, :] | tril(tokens.shape[1]).logical_not()),
    ],
    "05.4": [
        lambda T, window: tril(T).triu(1 - window),
        lambda T, window: tril(T) ^ tril(T, -window),
        window_in_loops,
        lambda T, window: [[0 <= i - j < window for j in range(T)] for i in range(T)],
    ],
}
