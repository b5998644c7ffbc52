"""Wrong answers to the exercises of notebook 02, each with a piece of the hint it must get."""

import torch


def attention(d):
    return 4 * (d * d + d)


def feed_forward(d, f):
    return 2 * d * f + f + d


def decode(step, batch, bos, eos, pad, max_steps, fill=True, stop="all", early=False):
    """Greedy decoding with one thing wrong, chosen by the arguments."""
    tokens, done = torch.full((batch, 1), bos), torch.zeros(batch, dtype=torch.bool)
    for _ in range(max_steps):
        best = step(tokens).argmax(dim=-1)
        if early:
            done = done | (best == eos)
        if fill:
            best = best.masked_fill(done, pad)
        done = done | (best == eos)
        tokens = torch.cat([tokens, best[:, None]], dim=1)
        if (stop == "all" and done.all()) or (stop == "any" and done.any()):
            break
    return tokens


PLANTED = {
    "02.1": [
        (lambda d, f: attention(d) + feed_forward(d, f) + 4 * d, "encoder layer"),
        (lambda d, f: attention(d) + feed_forward(d, f) + 6 * d, "one attention is missing"),
        (lambda d, f: 2 * attention(d) + feed_forward(d, f), "three norms are missing"),
        (lambda d, f: 2 * attention(d) + feed_forward(d, f) + 3 * d, "a gain and a bias"),
        (lambda d, f: 8 * d * d + 2 * d * f + 6 * d, "biases are missing"),
        (lambda d, f: 6 * (d * d + d) + feed_forward(d, f) + 6 * d, "four matrices"),
    ],
    "02.2": [
        (lambda target: (target, target), "learn to copy"),
        (lambda target: (target[:, 1:], target[:, :-1]), "exchanged"),
        (lambda target: (target[:, :-1], target), "shapes differ"),
        (lambda target: (target[:-1], target[1:]), "cuts the batch"),
    ],
    "02.3": [
        (lambda *a: decode(*a, fill=False, stop="never"), "go on writing"),
        (lambda *a: decode(*a, stop="any"), "first row is done"),
        (lambda *a: decode(*a, early=True), "overwritten by pad"),
        (lambda *a: decode(*a, stop="never"), "loop goes on"),
    ],
}
