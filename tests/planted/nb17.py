"""Wrong and right answers to the exercises of notebook 17."""

import math
from dataclasses import replace

import numpy as np
import torch


def pp(logprobs, mask):
    return torch.exp(-logprobs[mask].mean())


def by_rows(logprobs, mask):
    return [row[keep].mean() for row, keep in zip(logprobs, mask, strict=True)]


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


def first_row(logits, tokens, factor):
    out = logits.clone()
    out[0] = penalized(logits, tokens, factor)[0]
    return out


def only_repeated(logits, tokens, factor):
    counts = torch.zeros_like(logits).scatter_add(1, tokens, torch.ones(tokens.shape))
    return torch.where(counts > 1, torch.where(logits > 0, logits / factor, logits * factor), logits)


def by_number(logits, tokens, factor):
    there = logits.gather(1, tokens)
    return logits.scatter(1, tokens, torch.where(tokens > 0, there / factor, there * factor))


def threshold(logits, tokens, factor):
    there = logits.gather(1, tokens)
    return logits.scatter(
        1, tokens, torch.where(there > logits.mean(dim=1, keepdim=True), there / factor, there * factor)
    )


def by_factors(logits, tokens, factor):
    there = torch.zeros_like(logits).scatter(1, tokens, 1.0)
    change = torch.where(logits > 0, 1 / factor, factor)
    return logits * (there * change) + (1 - there) * logits


def spoils_tokens(logits, tokens, factor):
    out = penalized(logits, tokens, factor)
    tokens.zero_()
    return out


def everything(logits, tokens, factor):
    return torch.where(logits > 0, logits / factor, logits * factor)


def size(config, B, S, n):
    return 2 * config.n_layers * B * S * config.d_model * n


PLANTED = {
    "17.1": [
        (lambda p, m: -p[m].mean(), "mean loss in nats"),
        (lambda p, m: p[m].mean(), "mean log-probability"),
        (lambda p, m: -sum(by_rows(p, m)) / len(p), "a mean loss, each text"),
        (lambda p, m: -p[m].mean() / math.log(2), "in bits"),
        (lambda p, m: p[m].mean().exp(), "the sign"),
        (lambda p, m: (-p.mean()).exp(), "padding is counted"),
        (lambda p, m: (-(p * m).mean()).exp(), "padding counts as zero"),
        (
            lambda p, m: math.exp(-sum(row[:n].sum() for row, n in zip(p, m.sum(dim=1), strict=True)) / m.sum()),
            "the first tokens of each row",
        ),
        (lambda p, m: sum(math.exp(-x) for x in by_rows(p, m)) / len(p), "mean of the texts' perplexities"),
        (
            lambda p, m: sum(math.exp(-x) * n for x, n in zip(by_rows(p, m), m.sum(dim=1), strict=True)) / m.sum(),
            "mean of the texts' perplexities",
        ),
        (lambda p, m: sum(math.exp(-x) for x in by_rows(p, m)), "added up"),
        (lambda p, m: math.exp(-sum(by_rows(p, m)) / len(p)), "each text counts the same"),
        (lambda p, m: (-p[m]).exp().mean(), "e to each token's loss"),
        (lambda p, m: (-p[m].sum()).exp(), "not divided"),
        (lambda p, m: (-p[m].sum() / len(p)).exp(), "number of texts"),
        (lambda p, m: 2 ** -p[m].mean(), "2 to the mean"),
        (lambda p, m: (-p[~m].mean()).exp(), "turned round"),
        (lambda p, m: (-p.masked_fill(~m, float("-inf")).mean()).exp(), "infinite"),
        (lambda p, m: round(pp(p, m).item(), 1), "rounded"),
        (lambda p, m: pp(p, m) + 1, "for a batch of 12"),
        (lambda p, m: max(pp(p, m).item(), 2.0), "the perplexity 1"),
        (lambda p, m: torch.exp(-p[m].sum() / 12), "not for one of 5 texts"),
    ],
    "17.2": [
        (lambda x, t, f: x.clone(), "nothing has changed"),
        (lambda x, t, f: penalized(x, t, f, minus=lambda a, f: a / f), "multiply those"),
        (lambda x, t, f: penalized(x, t, f, plus=lambda a, f: a * f), "divide those"),
        (lambda x, t, f: penalized(x, t, 1 / f), "exchanged"),
        (lambda x, t, f: penalized(x, t, f, minus=lambda a, f: a), "negative logits are left"),
        (lambda x, t, f: penalized(x, t, f, plus=lambda a, f: a), "positive logits are left"),
        (lambda x, t, f: penalized(x, t, f, lambda a, f: a - f, lambda a, f: a - f), "is subtracted"),
        (lambda x, t, f: penalized(x, t, f, lambda a, f: a - math.log(f), lambda a, f: a - math.log(f)), "logarithm"),
        (lambda x, t, f: penalized(x, t, f, minus=lambda a, f: -a / f), "sign of negative"),
        (lambda x, t, f: torch.zeros_like(x).scatter(1, t, penalized(x, t, f).gather(1, t)), "became 0"),
        (twice, "punished twice"),
        (only_repeated, "once is enough"),
        (any_row, "another row"),
        (others, "do NOT stand"),
        (everything, "all tokens are punished"),
        (lambda x, t, f: x / f, "a temperature"),
        (lambda x, t, f: x.scatter(1, t, float("-inf")), "forbidden: they should"),
        (lambda x, t, f: penalized(x, t[:, -1:], f), "only the last token"),
        (lambda x, t, f: penalized(x, t[:, :1], f), "only the first token"),
        (lambda x, t, f: penalized(x, t[:, :-1], f), "all but the last"),
        (first_row, "only the first row"),
        (by_number, "token's number"),
        (threshold, "some logits differ"),
        (lambda x, t, f: penalized(x, t, f).bfloat16(), "half precision"),
        (lambda x, t, f: penalized(x, t, f).log_softmax(dim=-1), "some logits differ"),
        (lambda x, t, f: penalized(x, t, f)[:, :-1], "of shape (3, 6)"),
        (lambda x, t, f: penalized(x, t, f).to(torch.complex64), "complex"),
        (in_place, "changed the logits"),
        (spoils_tokens, "changed the tokens"),
        (lambda x, t, f: penalized(x, t, 2.5), "not for 1.3"),
        (lambda x, t, f: penalized(x, t, f) if x.shape == (3, 6) else x, "not for two of one token"),
        (by_factors, "forbidden (minus infinity)"),
    ],
    "17.3": [
        (lambda c, B, S, n: size(c, B, S, n) // 2, "keys are kept, and values"),
        (lambda c, B, S, n: size(c, B, S, n) * 2, "one factor of 2"),
        (lambda c, B, S, n: size(c, B, S, n) // c.n_layers, "only one block"),
        (lambda c, B, S, n: size(c, B, S, n) // c.n_layers * c.n_heads, "where n_layers should"),
        (lambda c, B, S, n: size(c, B, S, 1), "numbers, not bytes"),
        (lambda c, B, S, n: size(c, B, S, 2), "fixed in your code"),
        (lambda c, B, S, n: size(c, B, S, 4), "fixed in your code"),
        (lambda c, B, S, n: size(c, B, S, 8), "bits?"),
        (lambda c, B, S, n: size(c, B, S, n * n), "counted twice"),
        (lambda c, B, S, n: size(c, 1, S, n), "only one text"),
        (lambda c, B, S, n: size(c, B, 1, n), "only one token"),
        (lambda c, B, S, n: size(c, B, S, n) * c.n_heads, "times n_heads"),
        (lambda c, B, S, n: size(c, B, S, n) // c.n_heads, "only one head"),
        (lambda c, B, S, n: size(c, B, c.max_len, n), "max_len"),
        (lambda c, B, S, n: size(c, B, S, n) * 4, "feed-forward"),
        (lambda c, B, S, n: size(c, B, S, n) // 2 * 3, "queries are not kept"),
        (lambda c, B, S, n: size(c, B, S * S, n), "S by S"),
        (lambda c, B, S, n: size(c, B, S, n) + c.n_layers * B * c.n_heads * S * S * n, "S by S"),
        (lambda c, B, S, n: size(c, B, S * (S + 1) // 2, n), "triangle"),
        (lambda c, B, S, n: size(c, B, S, n) + 8, "for 3 texts"),
        (lambda c, B, S, n: size(c, 3, 11, 7), "use B, S and size"),
    ],
}

RIGHT = {
    "17.1": [
        pp,
        lambda p, m: pp(p, m).item(),
        lambda p, m: np.exp(-np.mean(p.numpy()[m.numpy()])),
        lambda p, m: math.exp(-(p * m).sum().item() / m.sum().item()),
        lambda p, m: torch.exp(-p.double().masked_fill(~m, float("nan")).nanmean()),
    ],
    "17.2": [
        penalized,
        by_loop,
        lambda x, t, f: penalized(x, t, f).double().numpy(),
        lambda x, t, f: penalized(x, t, f).tolist(),
        lambda x, t, f: x.scatter(1, t, torch.minimum(x.gather(1, t) / f, x.gather(1, t) * f)),
    ],
    "17.3": [
        size,
        lambda c, B, S, n: np.int64(size(c, B, S, n)),
        lambda c, B, S, n: torch.tensor(size(c, B, S, n)),
        lambda c, B, S, n: sum(2 * B * S * n * (c.d_model // c.n_heads) for _ in range(c.n_layers * c.n_heads)),
        lambda c, B, S, n: size(replace(c, dropout=0.1), B, S, n),
    ],
}
