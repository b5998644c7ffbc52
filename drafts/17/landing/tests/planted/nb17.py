"""Wrong and right answers to the exercises of notebook 17."""

import math

import numpy as np
import torch


def pp(logprobs, mask):
    return torch.exp(-logprobs[mask].mean())


def by_rows(logprobs, mask):
    return [row[keep].mean() for row, keep in zip(logprobs, mask)]


def penalized(logits, tokens, factor, plus=lambda x, f: x / f, minus=lambda x, f: x * f):
    there = logits.gather(1, tokens)
    return logits.scatter(1, tokens, torch.where(there > 0, plus(there, factor), minus(there, factor)))


def in_place(logits, tokens, factor):
    there = logits.gather(1, tokens)
    return logits.scatter_(1, tokens, torch.where(there > 0, there / factor, there * factor))


def twice(logits, tokens, factor):
    out = logits.clone()
    for i, row in enumerate(tokens.tolist()):
        for token in row:
            out[i, token] = out[i, token] / factor if out[i, token] > 0 else out[i, token] * factor
    return out


def by_loop(logits, tokens, factor):
    out = logits.clone()
    for i, row in enumerate(tokens.tolist()):
        for token in set(row):
            out[i, token] = logits[i, token] / factor if logits[i, token] > 0 else logits[i, token] * factor
    return out


def any_row(logits, tokens, factor):
    return penalized(logits, tokens.flatten().expand(len(logits), -1), factor)


def others(logits, tokens, factor):
    there = torch.zeros_like(logits).scatter(1, tokens, 1.0).bool()
    return torch.where(there, logits, torch.where(logits > 0, logits / factor, logits * factor))


def everything(logits, tokens, factor):
    return torch.where(logits > 0, logits / factor, logits * factor)


def size(config, B, S, n):
    return 2 * config.n_layers * B * S * config.d_model * n


PLANTED = {
    "17.1": [
        (lambda p, m: -p[m].mean(), "mean loss in nats"),
        (lambda p, m: p[m].mean().exp(), "the sign"),
        (lambda p, m: (-p.mean()).exp(), "padding is counted"),
        (lambda p, m: (-(p * m).mean()).exp(), "padding counts as zero"),
        (lambda p, m: sum(math.exp(-x) for x in by_rows(p, m)) / len(p), "mean of the texts' perplexities"),
        (lambda p, m: math.exp(-sum(by_rows(p, m)) / len(p)), "each text counts the same"),
        (lambda p, m: (-p[m]).exp().mean(), "e to each token's loss"),
        (lambda p, m: (-p[m].sum()).exp(), "not divided"),
        (lambda p, m: 2 ** -p[m].mean(), "2 to the mean"),
        (lambda p, m: (-p[~m].mean()).exp(), "turned round"),
        (lambda p, m: pp(p, m) + 1, "for a batch of 13"),
        (lambda p, m: max(pp(p, m).item(), 2.0), "the perplexity 1"),
    ],
    "17.2": [
        (lambda x, t, f: penalized(x, t, f, minus=lambda a, f: a / f), "multiply those"),
        (lambda x, t, f: penalized(x, t, f, plus=lambda a, f: a * f), "divide those"),
        (lambda x, t, f: penalized(x, t, 1 / f), "exchanged"),
        (lambda x, t, f: penalized(x, t, f, lambda a, f: a - f, lambda a, f: a - f), "subtracted"),
        (twice, "punished twice"),
        (any_row, "another row"),
        (others, "do NOT stand"),
        (everything, "all tokens are punished"),
        (lambda x, t, f: x.scatter(1, t, float("-inf")), "forbidden"),
        (lambda x, t, f: penalized(x, t[:, -1:], f), "only the last token"),
        (lambda x, t, f: penalized(x, t, f).log_softmax(dim=-1), "some logits differ"),
        (lambda x, t, f: penalized(x, t, f)[:, :-1], "of shape (2, 5)"),
        (in_place, "changed the logits"),
        (lambda x, t, f: penalized(x, t, 2.0), "factor of 1"),
        (lambda x, t, f: penalized(x, t, round(f)), "not for 1.3"),
    ],
    "17.3": [
        (lambda c, B, S, n: size(c, B, S, n) // 2, "keys are kept, and values"),
        (lambda c, B, S, n: size(c, B, S, n) // c.n_layers, "only one block"),
        (lambda c, B, S, n: size(c, B, S, 1), "numbers, not bytes"),
        (lambda c, B, S, n: size(c, 1, S, n), "only one text"),
        (lambda c, B, S, n: size(c, B, 1, n), "only one token"),
        (lambda c, B, S, n: size(c, B, S, n) * c.n_heads, "times n_heads"),
        (lambda c, B, S, n: size(c, B, S, n) // c.n_heads, "only one head"),
        (lambda c, B, S, n: size(c, B, c.max_len, n), "max_len"),
        (lambda c, B, S, n: size(c, B, S, n) * 4, "feed-forward"),
        (lambda c, B, S, n: size(c, B, S, n) // 2 * 3, "queries are not kept"),
        (lambda c, B, S, n: size(c, B, S * S, n), "S by S"),
        (lambda c, B, S, n: size(c, B, S, n) + 8, "for 3 texts"),
        (lambda c, B, S, n: size(c, 3, 11, 4), "use B, S and size"),
    ],
}

RIGHT = {
    "17.1": [
        pp,
        lambda p, m: pp(p, m).item(),
        lambda p, m: np.exp(-np.mean(p.numpy()[m.numpy()])),
        lambda p, m: math.exp(-(p * m).sum().item() / m.sum().item()),
    ],
    "17.2": [penalized, by_loop, lambda x, t, f: penalized(x, t, f).double().numpy()],
    "17.3": [
        size,
        lambda c, B, S, n: np.int64(size(c, B, S, n)),
        lambda c, B, S, n: torch.tensor(size(c, B, S, n)),
        lambda c, B, S, n: sum(2 * B * S * n * (c.d_model // c.n_heads) for _ in range(c.n_layers * c.n_heads)),
    ],
}
