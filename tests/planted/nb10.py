"""Wrong answers to the exercises of notebook 10."""

import torch
from torch.nn import functional as F


def loss(z, v, labels, T, alpha, factor=None, reduction="batchmean", swap=False, log=True, hard_T=1.0, teacher_T=None):
    if swap:
        z_, v_ = v, z
    else:
        z_, v_ = z, v
    q = (z_ / T).log_softmax(-1) if log else (z_ / T).softmax(-1)
    p = (v_ / (teacher_T or T)).softmax(-1)
    soft = F.kl_div(q, p, reduction=reduction) * (T**2 if factor is None else factor)
    return alpha * soft + (1 - alpha) * F.cross_entropy(z / hard_T, labels)


def gap(z, v, T):
    return (z / T).softmax(-1) - (v / T).softmax(-1)


def tables(student, teacher, mask):
    ours, theirs = (F.normalize(h, dim=-1) @ F.normalize(h, dim=-1).mT for h in (student, teacher))
    return (ours - theirs), mask[:, :, None] & mask[:, None, :]


def zeroed(student, teacher, mask):
    difference, pairs = tables(student, teacher, mask)
    return (difference.square() * pairs).mean()


def dots(student, teacher, mask):
    _, pairs = tables(student, teacher, mask)
    return (student @ student.mT - teacher @ teacher.mT)[pairs].square().mean()


def text_by_text(student, teacher, mask):
    difference, pairs = tables(student, teacher, mask)
    return torch.stack([d[p].square().mean() for d, p in zip(difference, pairs, strict=True)]).mean()


PLANTED = {
    "10.1": [
        (lambda z, v, y, T, a: loss(z, v, y, T, a, factor=1), "T² is missing"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, factor=T), "the factor is T²"),
        (lambda z, v, y, T, a: loss(z, v, y, T, 1 - a), "exchanged: alpha"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, reduction="mean"), "batchmean"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, swap=True), "exchanged in kl_div"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, log=False), "wants the logarithm"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, hard_T=T), "temperature 1"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, teacher_T=1.0), "divided by T as well"),
        (lambda z, v, y, T, a: T**2 * loss(z, v, y, T, a, factor=1), "soft part alone"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a) + a * F.cross_entropy(z, y), "hard part's share"),
    ],
    "10.2": [
        (lambda z, v, T: -T * gap(z, v, T) / len(z), "sign is turned round"),
        (lambda z, v, T: T * gap(z, v, T), "B-th"),
        (lambda z, v, T: -T * gap(z, v, T), "student minus teacher"),
        (gap, "the factor T is missing"),
        (lambda z, v, T: gap(z, v, T) / T / len(z), "T² of the loss is missing"),
        (lambda z, v, T: gap(z, v, T) / len(z), "a factor T is missing"),
        (lambda z, v, T: T**2 * gap(z, v, T) / len(z), "inner derivative"),
        (lambda z, v, T: T * gap(z, v, 1.0) / len(z), "at temperature T"),
    ],
    "10.3": [
        (lambda s, t, m: tables(s, t, m)[0].square().mean(), "padding counts"),
        (zeroed, "still divide"),
        (lambda s, t, m: tables(s, t, m)[0][m].square().mean(), "second must be real"),
        (dots, "not cosines"),
        (lambda s, t, m: tables(s, t, m)[0][tables(s, t, m)[1]].abs().mean(), "square it"),
        (text_by_text, "each text counts alike"),
    ],
}
