"""Wrong answers to the exercises of notebook 08, each with a piece of the hint it must get."""

import math

import numpy as np
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


def hides_equal(model, tokens, mask_id, special_ids):
    total = 0.0
    for i, token in enumerate(tokens.tolist()):
        if token not in special_ids:
            copy = torch.where(tokens == token, mask_id, tokens)
            total += model(copy[None])[0, i].log_softmax(-1)[token].item()
    return total


PLANTED = {
    "08.1": [
        (lambda p, w: nats(p) / characters(w), "divide by ln 2"),
        (lambda p, w: -nats(p) / math.log(2) / characters(w), "minus their sum"),
        (lambda p, w: nats(p) * math.log(2) / characters(w), "do not multiply"),
        (lambda p, w: nats(p) / math.log(2) / sum(map(len, p)), "number of pieces"),
        (lambda p, w: nats(p) / math.log(2) / len(w), "number of words"),
        (lambda p, w: sum(nats([q]) / math.log(2) / len(v) for q, v in zip(p, w, strict=True)) / len(w), "add up all bits"),
        (lambda p, w: nats(p) / math.log(2), "all bits together; divide"),
        (lambda p, w: nats(p) / math.log(10) / characters(w), "base 10"),
        (lambda p, w: nats([q[:1] for q in p]) / math.log(2) / characters(w), "only the first piece"),
        (lambda p, w: nats(p) / math.log(2) / characters(w) + 0.1, "all bits together, divided by all characters together"),
        (lambda p, w: nats(p) / math.log(2) / 24, "another text"),
        (lambda p, w: nats(p) / math.log(2) / sum(len(v.encode()) for v in w), "bytes counted"),
        (lambda p, w: str(nats(p)), "expected one number"),
    ],
    "08.2": [
        (lambda w, rate, g: (torch.rand(len(w), 1, generator=g) < rate) & (w >= 0), "share one fate"),
        (lambda w, rate, g: (torch.rand(w.shape, generator=g) < rate) & (w >= 0), "different fates"),
        (lambda w, rate, g: whole(w, throws(w, g, 1) < rate), "the same words are chosen in every row"),
        (lambda w, rate, g: whole(w, throws(w, g) < rate, keep_special=False), "special tokens"),
        (lambda w, rate, g: whole(w, throws(w, g) > rate), "above the rate"),
        (lambda w, rate, g: whole(w, throws(w, g) < 0.15), "expected 30 %"),
        (lambda w, rate, g: whole(w, throws(w, torch.Generator().manual_seed(0)) < rate), "hand generator to torch.rand"),
        (lambda w, rate, g: whole(w, throws(w, None) < rate), "not torch's global one"),
        (lambda w, rate, g: whole(w, throws(w, g) < rate).long(), "boolean"),
        (lambda w, rate, g: whole(w, throws(w, g) < 0.3), "with rate 0 nothing"),
        (lambda w, rate, g: whole(w, throws(w, g) < rate)[:, :-1], "has shape"),
        (lambda w, rate, g: whole(w, throws(w, g) < rate) & (w.clamp_(min=0) >= 0), "changed the tensor"),
    ],
    "08.3": [
        (hides_equal, "hide the place i"),
        (pll(hide=lambda i, ordinary: []), "nothing is hidden"),
        (pll(hide=lambda i, ordinary: ordinary), "hide one at a time"),
        (pll(places=lambda tokens: range(len(tokens))), "special tokens are counted"),
        (pll(divide="mean"), "this is the mean"),
        (pll(divide=-1.0), "the sign"),
        (pll(softmax=False), "sums of logits"),
        (pll(hide=lambda i, ordinary: [j for j in ordinary if j <= i]), "fresh copy"),
        (pll(places=lambda tokens: sorted({t: i for i, t in enumerate(tokens.tolist()) if t not in (0, 2, 3, 4)}.values())), "asked only once"),
        (pll(divide=2.0), "expected -"),
        (lambda model, tokens, mask_id, special_ids: pll()(model, tokens, 4, special_ids), "on another sentence"),
        (lambda model, tokens, mask_id, special_ids: pll()(model, tokens, mask_id, special_ids).__repr__(), "expected one number"),
        (in_place, "changed the sentence"),
        (no_batch, "raised ValueError"),
    ],
}


def bits_by_loop(log_probs, words):
    total = np.float32(0)
    for pieces in log_probs:
        for p in pieces:
            total -= np.float32(p)
    return total / np.float32(np.log(2)) / sum(len(word) for word in words)


def chosen_by_loop(words, rate, generator):
    out = torch.zeros(words.shape, dtype=torch.bool)
    draws = torch.rand((len(words), int(words.max()) + 1), generator=generator, dtype=torch.float64)
    for word in range(draws.shape[1]):
        out |= (words == word) & (draws[:, [word]] < rate)
    return out.numpy()


def all_places_in_one_batch(model, tokens, mask_id, special_ids):
    places = [i for i, token in enumerate(tokens.tolist()) if token not in special_ids]
    copies = tokens.repeat(len(places), 1)
    copies[range(len(places)), places] = mask_id
    rows = model(copies).double().log_softmax(dim=-1)
    return rows[range(len(places)), places, tokens[places]].sum()


RIGHT = {
    "08.1": [bits_by_loop, lambda p, w: torch.tensor(nats(p) / characters(w)) / math.log(2), lambda p, w: nats(p) / math.log(2) / len("".join(w))],
    "08.2": [lambda w, rate, g: whole(w, throws(w, g) < rate), chosen_by_loop],
    "08.3": [pll(), all_places_in_one_batch, lambda *a: np.array(pll()(*a))],
}
