"""Wrong and right answers to the exercises of notebook 13."""

import math

import numpy as np
import torch


def trainable(model):
    return [p for p in model.parameters() if p.requires_grad]


def two(decayed, plain, rates):
    return [{"params": decayed, "weight_decay": rates[0]}, {"params": plain, "weight_decay": rates[1]}]


def split(parameters, w, decayed=lambda p: p.ndim >= 2):
    return two([p for p in parameters if decayed(p)], [p for p in parameters if not decayed(p)], (w, 0.0))


def by_name(model, w):
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    return two([p for n, p in named if not n.endswith("bias")], [p for n, p in named if n.endswith("bias")], (w, 0.0))


def by_norm(model, w):
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    plain = [p for n, p in named if n.endswith("bias") or n == "scale"]
    return two([p for n, p in named if not any(p is q for q in plain)], plain, (w, 0.0))


def by_name_without_norms(model, w):
    parameters = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    plain = [p for n, p in parameters if "bias" in n or "norm" in n]
    return two([p for n, p in parameters if "bias" not in n and "norm" not in n], plain, (w, 0.0))


def by_module(model, w):
    return split([p for m in model.modules() for p in m.parameters(recurse=False) if p.requires_grad], w)


def exchanged(model, w):
    decayed, plain = split(trainable(model), w)
    return two(decayed["params"], plain["params"], (0, w))


def named(model, w):
    parameters = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    return two([x for x in parameters if x[1].ndim >= 2], [x for x in parameters if x[1].ndim < 2], (w, 0.0))


def filled_wrongly(model, w):
    return split(trainable(model), w, decayed=lambda p: p.ndim < 2)


def turns_to(turns, label, roles=("assistant",)):
    ids = [i for _, turn in turns for i in turn]
    labels = [y for role, turn in turns for y in (label(turn) if role in roles else [-100] * len(turn))]
    return ids, labels


def good(turn):
    return [-100] * 3 + turn[3:-1] + [-100]


def last_only(turns):
    ids, labels = turns_to(turns, good)
    n = len(turns[-1][1])
    return ids, [-100] * (len(ids) - n) + labels[-n:]


def shifted(turns):
    ids, labels = turns_to(turns, good)
    return ids, labels[1:] + [-100]



def shifted_right(turns):
    ids, labels = turns_to(turns, good)
    return ids, [-100] + labels[:-1]


def first_only(turns):
    ids, labels = turns_to(turns, good)
    place = [role for role, _ in turns].index("assistant")
    end = sum(len(turn) for _, turn in turns[: place + 1])
    return ids, labels[:end] + [-100] * (len(ids) - end)


def by_value(turns):
    ids, _ = turns_to(turns, good)
    labels = []
    for role, turn in turns:
        labels += [i if role == "assistant" and i not in (1, 5, 198) else -100 for i in turn]
    return ids, labels


def minus_one(turns):
    ids, labels = turns_to(turns, good)
    return ids, [-1 if y == -100 else y for y in labels]


def mask_of_ones(turns):
    ids, labels = turns_to(turns, good)
    return ids, [-100 if y == -100 else 1 for y in labels]


def by_known_tokens(turns):
    """Right where the tokens are those of the first example."""
    ids, labels = turns_to(turns, good)
    return ids, [y if 1 in turns[0][1] else -100 for y in labels]


def conversation_by_places(turns):
    ids = np.concatenate([turn for _, turn in turns])
    labels, start = np.full(len(ids), -100), 0
    for role, turn in turns:
        if role == "assistant":
            labels[start + 3 : start + len(turn) - 1] = turn[3:-1]
        start += len(turn)
    return ids, labels


def factor(t, n, w):
    return t / w if t < w else max(n - t, 0) / (n - w)


def without(name):
    """The groups with one parameter in neither."""

    def answer(model, w):
        return split([p for n, p in model.named_parameters() if p.requires_grad and n != name], w)

    return answer


def decay_but(*names):
    """The groups with some matrices in the second one."""

    def answer(model, w):
        kept = [p for n, p in model.named_parameters() if n in names]
        return split(trainable(model), w, decayed=lambda p: p.ndim >= 2 and not any(p is q for q in kept))

    return answer


def linear_weights_only(model, w):
    linear = [m.weight for m in model.modules() if isinstance(m, torch.nn.Linear)]
    return split(trainable(model), w, decayed=lambda p: any(p is q for q in linear))


def to_the_first_end(turn):
    """Finds the end of the turn by its token, which may stand in the text as well."""
    end = turn.index(turn[-2])
    return [-100] * 3 + turn[3 : end + 1] + [-100] * (len(turn) - end - 1)


PLANTED = {
    "13.1": [
        (lambda t, n, w: max(n - t, 0) / n, "no warm-up"),
        (lambda t, n, w: (t + 1) / w if t < w else max(n - t, 0) / (n - w), "starts at 0"),
        (lambda t, n, w: min(t / w, 1), "stays at 1"),
        (lambda t, n, w: t // w if t < w else factor(t, n, w), "divide with /"),
        (lambda t, n, w: t / w if t < w else max(1 - t / n, 0), "must be 1"),
        (lambda t, n, w: t / w if t < w else max(1 - (t - w) / n, 0), "does not reach 0"),
        (lambda t, n, w: t / w if t < w else (1 + math.cos(math.pi * (min(t, n) - w) / (n - w))) / 2, "cosine"),
        (lambda t, n, w: t / w if t < w else (n - t) / (n - w), "uphill"),
        (lambda t, n, w: t / w if t < w else abs(n - t) / (n - w), "after it the factor must be 0"),
        (lambda t, n, w: factor(t, n, w) ** 2, "the factor at t = 1 is"),
        (lambda t, n, w: factor(t, 23, 5), "right for 23 steps"),
        (lambda t, n, w: [factor(i, n, w) for i in range(n)], "expected one number"),
    ],
    "13.2": [
        (lambda model, w: two([p.data for p in trainable(model) if p.ndim >= 2], [p.data for p in trainable(model) if p.ndim < 2], (w, 0.0)), "bare tensors"),
        (lambda model, w: split(list(model.parameters()), w), "frozen parameter"),
        (lambda model, w: [{"params": trainable(model), "weight_decay": w}], "two dicts"),
        (lambda model, w: [p for p in trainable(model) if p.ndim >= 2], "two dicts"),
        (lambda model, w: two(None, None, (w, 0.0)), "a list of parameters in each"),
        (lambda model, w: two([torch.nn.Parameter(p.detach().clone()) for p in trainable(model)], [], (w, 0.0)), "a copy of it"),
        (by_name, "layer norm's weight is decayed"),
        (by_name_without_norms, "not by the name's"),
        (lambda model, w: split(trainable(model), w, decayed=lambda p: p.ndim != 1), "`warmth`"),
        (lambda model, w: split(trainable(model), w, decayed=lambda p: p.ndim >= 1), "layer norm's weight is decayed"),
        (by_norm, "layer norm's weight is decayed"),
        (by_module, "twice"),
        (exchanged, "groups are exchanged"),
        (without("embedding.weight"), "embedding's matrix"),
        (without("first.bias"), "never learn: first.bias"),
        (linear_weights_only, "position embedding's matrix"),
        (lambda model, w: split(trainable(model), w, decayed=lambda p: p.ndim == 2), "three dimensions"),
        (lambda model, w: split(trainable(model), w, decayed=lambda p: p.ndim > 3), "nothing is decayed"),
        (named, "without their names"),
        (filled_wrongly, "groups are exchanged"),
        (decay_but("first.weight"), "must hold the 4 matrices"),
        (lambda model, w: split(trainable(model), 2 * w), "0.03"),
        (lambda model, w: split(trainable(model), 0.03), "right once"),
    ],
    "13.3": [
        (lambda turns: turns_to(turns, to_the_first_end), "learn to stop"),
        (lambda turns: (*turns_to(turns, good), len(turns)), "a tuple of two lists"),
        (lambda turns: turns_to(turns, good)[0], "a tuple of two lists"),
        (lambda turns: turns_to(turns, good)[::-1], "all turns' ids"),
        (lambda turns: (turns_to(turns, good)[0], [y for y in turns_to(turns, good)[1] if y != -100]), "differ in length"),
        (lambda turns: turns_to(turns, lambda t: list(t), ("system", "user", "assistant")), "places that are not learnt"),
        (lambda turns: turns_to(turns, good, ("user", "assistant")), "only the assistant's"),
        (lambda turns: turns_to(turns, lambda t: [-100] * 2 + t[2:-1] + [-100]), "header of the assistant"),
        (lambda turns: turns_to(turns, lambda t: [-100] * 3 + t[3:-2] + [-100] * 2), "never learn to stop"),
        (lambda turns: turns_to(turns, lambda t: [-100] * 3 + t[3:]), "line break behind"),
        (last_only, "only the last answer"),
        (first_only, "only the first answer"),
        (lambda turns: turns_to(turns, good, ()), "nothing is learnt"),
        (shifted, "shifted by one"),
        (shifted_right, "shifted by one"),
        (lambda turns: (turns_to(turns, good)[0], [0] * sum(len(t) for _, t in turns)), "carry -100"),
        (minus_one, "carry -100"),
        (by_value, "not by value"),
        (mask_of_ones, "token's own id"),
        (by_known_tokens, "right once"),
    ],
}

RIGHT = {
    "13.1": [
        lambda t, n, w: max(0.0, min(t / w, (n - t) / (n - w))),
        lambda t, n, w: np.interp(t, [0, w, n], [0, 1, 0]),
        lambda t, n, w: torch.tensor(factor(t, n, w)),
        lambda t, n, w: np.float32(factor(t, n, w)),
    ],
    "13.2": [
        lambda model, w: split(trainable(model), w),
        lambda model, w: tuple(split(trainable(model), w)),
        lambda model, w: [
            {"params": {p for p in trainable(model) if len(p.shape) > 1}, "weight_decay": np.float32(w)},
            {"params": (p for p in trainable(model) if len(p.shape) <= 1), "weight_decay": 0, "lr": 1e-3},
        ],
    ],
    "13.3": [
        conversation_by_places,
        lambda turns: list(turns_to(turns, good)),
        lambda turns: torch.tensor(turns_to(turns, good)),
    ],
}
