"""Wrong answers to the exercises of notebook 08, each with a piece of the hint it must get."""

import math

import torch


def nats(log_probs):
    return -sum(sum(pieces) for pieces in log_probs)


def characters(words):
    return sum(len(word) for word in words)


def throws(words, generator, rows=None):
    n_words = int(words.max()) + 1
    return torch.rand((len(words) if rows is None else rows, n_words), generator=generator)


def whole(words, chosen, keep_special=True):
    picked = chosen.expand(len(words), -1).gather(1, words.clamp(min=0))
    return picked & (words >= 0) if keep_special else picked


def pll(hide=lambda i, ordinary: [i], places=None, softmax=True, divide=1.0):
    def answer(model, tokens, mask_id, special_ids):
        ordinary = [i for i, t in enumerate(tokens.tolist()) if t not in special_ids]
        total = 0.0
        for i in places(tokens) if places else ordinary:
            copy = tokens.clone()
            copy[hide(i, ordinary)] = mask_id
            row = model(copy[None])[0, i]
            total += (row.log_softmax(-1) if softmax else row)[tokens[i]].item()
        return total / (len(ordinary) if divide == "mean" else divide)

    return answer


def in_place(model, tokens, mask_id, special_ids):
    total = 0.0
    for i, token in enumerate(tokens.tolist()):
        if token not in special_ids:
            tokens[i] = mask_id
            total += model(tokens[None])[0, i].log_softmax(-1)[token].item()
    return total


def no_batch(model, tokens, mask_id, special_ids):
    return model(tokens).log_softmax(-1).sum().item()


PLANTED = {
    "08.1": [
        (lambda p, w: nats(p) / characters(w), "divide by ln 2"),
        (lambda p, w: -nats(p) / math.log(2) / characters(w), "minus their sum"),
        (lambda p, w: nats(p) * math.log(2) / characters(w), "do not multiply"),
        (lambda p, w: nats(p) / math.log(2) / sum(map(len, p)), "number of pieces"),
        (lambda p, w: nats(p) / math.log(2) / len(w), "number of words"),
        (lambda p, w: sum(nats([q]) / math.log(2) / len(v) for q, v in zip(p, w, strict=True)) / len(w), "add up all bits"),
    ],
    "08.2": [
        (lambda w, rate, g: (torch.rand(w.shape, generator=g) < rate) & (w >= 0), "different fates"),
        (lambda w, rate, g: whole(w, throws(w, g, 1) < rate), "the same words are chosen in every row"),
        (lambda w, rate, g: whole(w, throws(w, g) < rate, keep_special=False), "special tokens"),
        (lambda w, rate, g: whole(w, throws(w, g) > rate), "above the rate"),
        (lambda w, rate, g: whole(w, throws(w, g) < 0.15), "expected 30 %"),
        (lambda w, rate, g: whole(w, throws(w, torch.Generator().manual_seed(0)) < rate), "hand generator to torch.rand"),
        (lambda w, rate, g: whole(w, throws(w, None) < rate), "not torch's global one"),
        (lambda w, rate, g: whole(w, throws(w, g) < rate).long(), "boolean"),
    ],
    "08.3": [
        (pll(hide=lambda i, ordinary: []), "nothing is hidden"),
        (pll(hide=lambda i, ordinary: ordinary), "hide one at a time"),
        (pll(places=lambda tokens: range(len(tokens))), "special tokens are counted"),
        (pll(divide="mean"), "this is the mean"),
        (pll(divide=-1.0), "the sign"),
        (pll(softmax=False), "sums of logits"),
        (pll(hide=lambda i, ordinary: [j for j in ordinary if j <= i]), "fresh copy"),
        (in_place, "changed the sentence"),
        (no_batch, "raised ValueError"),
    ],
}
