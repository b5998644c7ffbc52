"""Wrong and right answers to the exercises of notebook 10."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def loss(z, v, labels, T, alpha, factor=None, reduction="batchmean", swap=False, log=True, hard_T=1.0, teacher_T=None, student_T=None, dim=-1):
    if swap:
        z_, v_ = v, z
    else:
        z_, v_ = z, v
    q = (z_ / (student_T or T)).log_softmax(dim) if log else (z_ / T).softmax(dim)
    p = (v_ / (teacher_T or T)).softmax(dim)
    soft = F.kl_div(q, p, reduction=reduction) * (T**2 if factor is None else factor)
    return alpha * soft + (1 - alpha) * F.cross_entropy(z / hard_T, labels)


def soft_cross_entropy(z, v, labels, T, alpha):
    soft = F.cross_entropy(z / T, (v / T).softmax(-1))
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(z, labels)


def two_softmaxes(z, v, labels, T, alpha):
    return loss(z, v, labels, T, alpha) + (1 - alpha) * (F.cross_entropy(z.softmax(-1), labels) - F.cross_entropy(z, labels))


def with_a_factor(z, v, labels, T, alpha, soft=1.0, hard=1.0):
    return soft * loss(z, v, labels, T, alpha) + (hard - soft) * (1 - alpha) * F.cross_entropy(z, labels)


def by_example(z, v, labels, T, alpha):
    divergence = F.kl_div((z / T).log_softmax(-1), (v / T).softmax(-1), reduction="none").sum(-1)
    return alpha * T**2 * divergence + (1 - alpha) * F.cross_entropy(z, labels, reduction="none")


def loss_by_loops(z, v, labels, T, alpha):
    total = 0.0
    for student, teacher, label in zip(z.tolist(), v.tolist(), labels.tolist(), strict=True):
        q, p = [math.exp(x / T) for x in student], [math.exp(x / T) for x in teacher]
        q, p = [x / sum(q) for x in q], [x / sum(p) for x in p]
        total += alpha * T * T * sum(b * math.log(b / a) for a, b in zip(q, p, strict=True))
        total -= (1 - alpha) * math.log(math.exp(student[label]) / sum(math.exp(x) for x in student))
    return total / len(z)


def gap(z, v, T, dim=-1):
    return (z / T).softmax(dim) - (v / T).softmax(dim)


def soft_loss(z, v, T):
    return T**2 * F.kl_div((z / T).log_softmax(-1), (v / T).softmax(-1), reduction="batchmean")


def by_autograd(z, v, T):
    z = z.clone().requires_grad_()
    return torch.autograd.grad(soft_loss(z, v, T), z)[0]


def by_backward(z, v, T):
    with torch.enable_grad():
        z = nn.Parameter(z.clone())
        soft_loss(z, v, T).backward()
    return z.grad


def gradient_by_loops(z, v, T):
    rows = []
    for student, teacher in zip(z.double().numpy(), v.double().numpy(), strict=True):
        q, p = ([math.exp(x / T) for x in row] for row in (student, teacher))
        rows.append([T * (a / sum(q) - b / sum(p)) / len(z) for a, b in zip(q, p, strict=True)])
    return rows


def tables(student, teacher, mask):
    ours, theirs = (F.normalize(h, dim=-1) @ F.normalize(h, dim=-1).mT for h in (student, teacher))
    return (ours - theirs), mask[:, :, None] & mask[:, None, :]


def relation(student, teacher, mask):
    difference, pairs = tables(student, teacher, mask)
    return difference[pairs].square().mean()


def zeroed(student, teacher, mask):
    difference, pairs = tables(student, teacher, mask)
    return (difference.square() * pairs).mean()


def either(student, teacher, mask):
    return tables(student, teacher, mask)[0][mask[:, :, None] | mask[:, None, :]].square().mean()


def no_diagonal(student, teacher, mask):
    difference, pairs = tables(student, teacher, mask)
    return difference[pairs & ~torch.eye(mask.shape[1], dtype=torch.bool)].square().mean()


def dots(student, teacher, mask):
    _, pairs = tables(student, teacher, mask)
    return (student @ student.mT - teacher @ teacher.mT)[pairs].square().mean()


def text_by_text(student, teacher, mask):
    difference, pairs = tables(student, teacher, mask)
    return torch.stack([d[p].square().mean() for d, p in zip(difference, pairs, strict=True)]).mean()


def across_texts(student, teacher, mask):
    ours, theirs = (F.normalize(h[mask], dim=-1) for h in (student, teacher))
    return (ours @ ours.T - theirs @ theirs.T).square().mean()


def relation_by_loops(student, teacher, mask):
    total, count = 0.0, 0
    for ours, theirs, real in zip(student, teacher, mask, strict=True):
        places = [i for i in range(len(real)) if real[i]]
        for i in places:
            for j in places:
                a, b = (F.cosine_similarity(h[i], h[j], dim=0).item() for h in (ours, theirs))
                total, count = total + (a - b) ** 2, count + 1
    return total / count


def relation_by_einsum(student, teacher, mask):
    ours, theirs = (h.double() / h.double().norm(dim=-1, keepdim=True) for h in (student, teacher))
    difference = torch.einsum("btd,bsd->bts", ours, ours) - torch.einsum("btd,bsd->bts", theirs, theirs)
    pairs = mask.double()[:, :, None] * mask.double()[:, None, :]
    return ((difference**2 * pairs).sum() / pairs.sum()).numpy()


def first_places(student, teacher, mask):
    """Takes the first mask.sum() places of each text for the real ones."""
    prefix = torch.arange(mask.shape[1]) < mask.sum(dim=1, keepdim=True)
    return relation(student, teacher, prefix)


PLANTED = {
    "10.1": [
        (lambda z, v, labels, T, alpha: loss(z, v, labels, T, 0.5) * 2, "both shares are missing"),
        (lambda z, v, labels, T, alpha: F.kl_div((z / T).log_softmax(-1), (v / T).log_softmax(-1), reduction="batchmean"), "log_target=True"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, factor=1), "T² is missing"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, factor=T), "the factor is T²"),
        (lambda z, v, y, T, a: loss(z, v, y, T, 1 - a), "exchanged: alpha"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, factor=T**2 / z.shape[1]), "number of classes"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, reduction="sum"), "soft loss is summed"),
        (lambda z, v, y, T, a: with_a_factor(z, v, y, T, a, hard=len(z)), "cross-entropy is summed"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, swap=True), "exchanged in kl_div"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, log=False), "wants the logarithm"),
        (soft_cross_entropy, "teacher's entropy"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, dim=0), "dim=0"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, hard_T=T), "temperature 1"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, teacher_T=1.0), "teacher's logits must be divided"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a, student_T=1.0), "student's logits must be divided"),
        (lambda z, v, y, T, a: T**2 * loss(z, v, y, T, a, factor=1), "soft part alone"),
        (lambda z, v, y, T, a: loss(z, v, y, T, a) + a * F.cross_entropy(z, y), "hard part's share"),
        (lambda z, v, y, T, a: loss(z, v, y, T, 1.0) + (1 - a) * F.cross_entropy(z, y), "soft part's share"),
        (two_softmaxes, "the softmax itself"),
        (lambda z, v, y, T, a: 2 * loss(z, v, y, T, a), "with these logits"),
        (lambda z, v, y, T, a: loss(z, v, y, 2.5, a), "right once"),
        (lambda z, v, y, T, a: loss(z, v, y, T, 0.7), "right once"),
        (by_example, "expected one number"),
    ],
    "10.2": [
        (lambda z, v, T: gap(z, v, T).mean(0), "logits' shape"),
        (lambda z, v, T: -T * gap(z, v, T) / len(z), "sign is turned round"),
        (lambda z, v, T: T * gap(z, v, T), "B-th"),
        (lambda z, v, T: -T * gap(z, v, T), "student minus teacher"),
        (gap, "a factor T is missing"),
        (lambda z, v, T: T * gap(z, v, T) / z.numel(), "number of classes as well"),
        (lambda z, v, T: T * gap(z, v, T) / z.shape[-1], "in place of B"),
        (lambda z, v, T: gap(z, v, T) / T / len(z), "T² of the loss is missing"),
        (lambda z, v, T: gap(z, v, T) / len(z), "a factor T is missing"),
        (lambda z, v, T: T**2 * gap(z, v, T) / len(z), "inner derivative"),
        (lambda z, v, T: T * gap(z, v, 1.0) / len(z), "at temperature T"),
        (lambda z, v, T: T * gap(z, v, T, dim=0) / len(z), "dim=0"),
        (lambda z, v, T: 3 * gap(z, v, T), "compare with autograd"),
        (by_autograd, "works with autograd only"),
        (by_backward, "works with autograd only"),
        (lambda z, v, T: torch.func.grad(lambda z: soft_loss(z, v, T))(z), "works with autograd only"),
        (lambda z, v, T: 2.5 * gap(z, v, 2.5) / 7, "right once"),
        (lambda z, v, T: "T (q - p) / B", "expected one tensor"),
    ],
    "10.3": [
        (first_places, "before or between"),
        (lambda s, t, m: tables(s, t, m)[0].square().mean(), "padding counts"),
        (zeroed, "still divide"),
        (lambda s, t, m: tables(s, t, m)[0][m].square().mean(), "second must be real"),
        (either, "both must be"),
        (no_diagonal, "token with itself"),
        (dots, "not cosines"),
        (lambda s, t, m: tables(s, t, m)[0][tables(s, t, m)[1]].abs().mean(), "square it"),
        (lambda s, t, m: tables(s, t, m)[0][tables(s, t, m)[1]].square().sum(), "sum over the pairs"),
        (lambda s, t, m: relation(s, t, m).sqrt(), "leave the root away"),
        (text_by_text, "each text counts alike"),
        (across_texts, "tokens of different texts"),
        (lambda s, t, m: 2 * relation(s, t, m), "with these states"),
        (lambda s, t, m: relation(s, t, m) * len(s) / 3, "right once"),
        (lambda s, t, m: tables(s, t, m)[0], "expected one number"),
    ],
}

RIGHT = {
    "10.1": [
        loss_by_loops,
        lambda *a: loss(*a).item(),
        lambda z, v, y, T, a: loss(z.double(), v.double(), y, T, a),
        lambda z, v, y, T, a: by_example(z, v, y, T, a).mean().numpy(),
    ],
    "10.2": [
        gradient_by_loops,
        lambda z, v, T: (T * gap(z, v, T) / len(z)).numpy(),
        lambda z, v, T: list(T * gap(z.double(), v.double(), T) / len(z)),
    ],
    "10.3": [relation_by_loops, relation_by_einsum, lambda *a: relation(*a).item()],
}
