"""Wrong answers to the exercises of notebook 13."""


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


def linear_only(model, w):
    return split([p for n, p in model.named_parameters() if p.requires_grad and "embedding" not in n], w)


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


PLANTED = {
    "13.1": [
        (lambda t, n, w: max(n - t, 0) / n, "no warm-up"),
        (lambda t, n, w: (t + 1) / w if t < w else max(n - t, 0) / (n - w), "starts at 0"),
        (lambda t, n, w: min(t / w, 1), "stays at 1"),
        (lambda t, n, w: t / w if t < w else max(1 - t / n, 0), "must be 1"),
        (lambda t, n, w: t / w if t < w else max(1 - (t - w) / n, 0), "does not reach 0"),
        (lambda t, n, w: t / w if t < w else (n - t) / (n - w), "uphill"),
    ],
    "13.2": [
        (lambda model, w: split(list(model.parameters()), w), "frozen parameter"),
        (by_name, "decide by p.ndim"),
        (by_norm, "layer norm's weight is decayed"),
        (by_module, "twice"),
        (exchanged, "groups are exchanged"),
        (linear_only, "embedding's matrix"),
        (named, "without their names"),
        (filled_wrongly, "contents of the groups are exchanged"),
    ],
    "13.3": [
        (lambda turns: turns_to(turns, lambda t: list(t), ("system", "user", "assistant")), "only the assistant's"),
        (lambda turns: turns_to(turns, lambda t: [-100] * 2 + t[2:-1] + [-100]), "header of the assistant"),
        (lambda turns: turns_to(turns, lambda t: [-100] * 3 + t[3:-2] + [-100] * 2), "never learn to stop"),
        (lambda turns: turns_to(turns, lambda t: [-100] * 3 + t[3:]), "line break"),
        (last_only, "every assistant turn"),
        (shifted, "shifted by one"),
        (lambda turns: turns_to(turns, lambda t: t, ())[:1] + ([0] * sum(len(t) for _, t in turns),), "carry -100"),
    ],
}
