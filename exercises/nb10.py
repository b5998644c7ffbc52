"""Checks and quiz of notebook 10, knowledge distillation."""

import math
from unittest.mock import patch

import torch
from torch.nn import functional as F

from utils.checks import Hint, Question, call, close, describe, expect


def same(a: float, b: torch.Tensor) -> bool:
    return math.isclose(a, b.item(), rel_tol=1e-4, abs_tol=1e-6)


def check_1(answer):
    """one number, alpha times T² KL(teacher, student) plus 1 - alpha times the labels' cross-entropy, each a mean over the batch"""
    gives = "one number: the mean over the batch, alpha · soft + (1 - alpha) · hard"

    def parts(B, N, T, seed):
        generator = torch.Generator().manual_seed(seed)
        z, v = 2 * torch.randn(B, N, generator=generator), 2 * torch.randn(B, N, generator=generator)
        log_q, log_p = (z / T).log_softmax(-1), (v / T).log_softmax(-1)
        return z, v, log_q, log_p, (log_p.exp() * (log_p - log_q)).sum(-1).mean()

    labels, T, alpha = torch.tensor([2, 0, 1, 1, 2]), 2.5, 0.7
    z, v, log_q, log_p, soft = parts(5, 3, T, seed=10)
    hard = F.cross_entropy(z, labels)
    out = call(answer, z, v, labels, T, alpha, kind=float, gives=gives)

    def is_loss(soft, hard):
        return same(out, alpha * T**2 * soft + (1 - alpha) * hard)

    expect(math.isfinite(out), "the result is nan or infinite: kl_div takes the teacher's probabilities (softmax) as its second argument, their logarithms only with log_target=True")
    expect(not is_loss(soft / T**2, hard), "the factor T² is missing: at T = 2.5 the soft part counts for a sixth of what alpha says")
    expect(not is_loss(soft / T, hard), "the factor is T²: one T from each softmax's argument")
    expect(not same(out, (1 - alpha) * T**2 * soft + alpha * hard), "alpha and 1 - alpha are exchanged: alpha belongs to the soft loss")
    expect(not is_loss(soft / 3, hard), 'reduction="mean" divides by the number of classes, too: take "batchmean"')
    expect(not is_loss(soft * 5, hard), 'the soft loss is summed over the batch (reduction="sum"): take the mean over the examples, "batchmean"')
    expect(not is_loss(soft, hard * 5), "the cross-entropy is summed over the batch: its mean, the default, is wanted")
    turned = (log_q.exp() * (log_q - log_p)).sum(-1).mean()
    expect(not is_loss(turned, hard), "student and teacher are exchanged in kl_div: its first argument is the student's log-probabilities")
    expect(not is_loss(F.kl_div(log_q.exp(), log_p.exp(), reduction="batchmean"), hard),
           "kl_div wants the logarithm of the student's probabilities as its first argument: log_softmax")
    expect(not is_loss(-(log_p.exp() * log_q).sum(-1).mean(), hard),
           "the soft part is the cross-entropy with the teacher's probabilities; the divergence is that minus the teacher's entropy")
    columns = F.kl_div((z / T).log_softmax(0), (v / T).softmax(0), reduction="batchmean")
    expect(not is_loss(columns, hard), "softmax runs along the batch (dim=0): the classes lie in the last dimension, dim=-1")
    expect(not is_loss(soft, F.cross_entropy(z / T, labels)), "the labels' cross-entropy is taken at temperature 1, as the student is used")
    expect(not is_loss(F.kl_div(log_q, v.softmax(-1), reduction="batchmean"), hard), "the teacher's logits must be divided by T as well")
    expect(not is_loss(F.kl_div(z.log_softmax(-1), log_p.exp(), reduction="batchmean"), hard),
           "the student's logits must be divided by T as well, in the soft part")
    expect(not is_loss(soft, T**2 * hard), "T² belongs to the soft part alone")
    expect(not same(out, T**2 * soft + hard), "both shares are missing: alpha for the soft part, 1 - alpha for the hard one")
    expect(not same(out, alpha * T**2 * soft + hard), "the hard part's share is missing: (1 - alpha) times the cross-entropy")
    expect(not same(out, T**2 * soft + (1 - alpha) * hard), "the soft part's share is missing: alpha times T² times the divergence")
    expect(not is_loss(soft, F.cross_entropy(z.softmax(-1), labels)), "cross_entropy takes logits and does the softmax itself")
    right = alpha * T**2 * soft + (1 - alpha) * hard
    expect(same(out, right), f"with these logits the loss is {right:.4f}, yours {out:.4f}")
    labels, T, alpha = torch.tensor([3, 0]), 1.5, 0.2
    z, v, *_, soft = parts(2, 4, T, seed=13)
    again = call(answer, z, v, labels, T, alpha, kind=float, gives=gives)
    expect(same(again, alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(z, labels)),
           "right once, but not for another T, alpha, batch and number of classes: use the arguments")


def check_2(answer):
    """a tensor (B, classes), T (q - p) / B, worked out without autograd"""

    def case(B, N, T, seed):
        generator = torch.Generator().manual_seed(seed)
        z, v = 2 * torch.randn(B, N, generator=generator), 2 * torch.randn(B, N, generator=generator)
        return z, v, (z / T).softmax(-1) - (v / T).softmax(-1)

    T = 2.5
    z, v, gap = case(7, 3, T, seed=11)
    out = call(answer, z, v, T, kind="tensor", gives="one tensor (B, classes), the gradient")
    expect(out.shape == z.shape and not out.is_complex(), f"the gradient has the logits' shape {tuple(z.shape)} and is real; yours: {describe(out)}")
    expect(not close(out, -T * gap / 7) and not close(out, -T * gap),
           "the sign is turned round: student minus teacher; where the student's probability is too large the gradient is positive")
    expect(not close(out, T * gap), "the loss is a mean over B examples, so each gets a B-th of it")
    expect(not close(out, T * gap / 21), "divided by the number of classes as well: the mean runs over the B examples only")
    expect(not close(out, T * gap / 3), "divided by the number of classes in place of B: the mean runs over the examples")
    expect(not close(out, gap / T / 7) and not close(out, gap / T), "the T² of the loss is missing: T² · (q - p) / T = T · (q - p)")
    expect(not close(out, gap / 7) and not close(out, gap), "a factor T is missing: T² of the loss, 1 / T of the inner derivative")
    expect(not close(out, T**2 * gap / 7), "the inner derivative 1 / T is missing: the softmax sees z / T")
    expect(not close(out, T * (z.softmax(-1) - v.softmax(-1)) / 7), "both softmaxes are taken at temperature T")
    expect(not close(out, T * ((z / T).softmax(0) - (v / T).softmax(0)) / 7),
           "softmax runs along the batch (dim=0): the classes lie in the last dimension, dim=-1")
    expect(close(out, T * gap / 7),
           f"compare with autograd on soft_target_loss: the first entry should be {(T * gap / 7)[0, 0]:.4f}, yours {out.flatten()[0]:.4f}")
    z, v, gap = case(4, 5, 1.5, seed=14)
    try:
        with torch.inference_mode(), patch("torch.autograd.grad", side_effect=RuntimeError("no gradients")):  # autograd is switched off
            again = call(answer, z, v, 1.5, kind="tensor")
    except Hint as hint:
        raise Hint(f"this works with autograd only, and the task asks for the formula; with autograd switched off {hint}") from None
    expect(close(again, 1.5 * gap / 4), "right once, but not for another T, batch and number of classes: use the arguments")


def check_3(answer):
    """one number, the mean squared difference of the two tables of cosines over all pairs of real tokens of one text"""
    gives = "one number, the mean over all pairs of real tokens"

    def case(lengths, width, seed):
        generator, B, n = torch.Generator().manual_seed(seed), len(lengths), max(lengths)
        student, teacher = torch.randn(B, n, width, generator=generator), torch.randn(B, n, 9, generator=generator)
        mask = torch.arange(n) < torch.tensor(lengths)[:, None]
        ours, theirs = (F.normalize(h, dim=-1) @ F.normalize(h, dim=-1).mT for h in (student, teacher))
        return student, teacher, mask, ours - theirs, mask[:, :, None] & mask[:, None, :]

    student, teacher, mask, difference, pairs = case([6, 4, 2], 4, seed=12)
    square = difference.square()
    out = call(answer, student, teacher, mask, kind=float, gives=gives)
    expect(not same(out, square.mean()), "padding counts: a pair is used only where both tokens are real")
    expect(not same(out, (square * pairs).mean()), "padded pairs are set to zero, but still divide: the mean runs over real pairs only")
    expect(not same(out, square[mask].mean()), "only the first token of each pair is checked: the second must be real as well")
    either = mask[:, :, None] | mask[:, None, :]
    expect(not same(out, square[either].mean()), "a pair counts here where one of the two tokens is real (|): both must be (&)")
    others = pairs & ~torch.eye(6, dtype=torch.bool)
    expect(not same(out, square[others].mean()),
           "the pairs of a token with itself are left out; the task includes them (their difference is 0, but they divide)")
    raw = (student @ student.mT - teacher @ teacher.mT).square()
    expect(not same(out, raw[pairs].mean()), "these are dot products, not cosines: scale the states to length 1 first")
    expect(not same(out, difference.abs()[pairs].mean()), "this is the mean absolute difference; square it")
    expect(not same(out, square[pairs].sum()), "this is the sum over the pairs; their mean is wanted")
    expect(not same(out, square[pairs].mean().sqrt()), "this is the root of the mean square; leave the root away")
    expect(not same(out, torch.stack([square[i][pairs[i]].mean() for i in range(3)]).mean()),
           "each text counts alike here; the task asks for the mean over all pairs, so long texts count for more")
    flat = [F.normalize(h[mask], dim=-1) for h in (student, teacher)]
    expect(not same(out, (flat[0] @ flat[0].T - flat[1] @ flat[1].T).square().mean()),
           "tokens of different texts are paired here: only pairs within one text count")
    expect(same(out, square[pairs].mean()), f"with these states the loss is {square[pairs].mean():.4f}, yours {out:.4f}")
    student, teacher, mask, difference, pairs = case([3, 5], 7, seed=15)
    again = call(answer, student, teacher, mask, kind=float, gives=gives)
    expect(same(again, difference.square()[pairs].mean()), "right once, but not for another batch, length and width: use the arguments' shapes")
    mask = torch.tensor([[True, False, True, True, False], [False, True, True, False, True]])
    again = call(answer, student, teacher, mask, kind=float, gives=gives)
    expect(same(again, difference.square()[mask[:, :, None] & mask[:, None, :]].mean()),
           "wrong where padding stands before or between the real tokens: use the mask itself, not the first mask.sum() places")


QUIZ = [
    Question(
        "Why is the soft loss multiplied by T²?",
        right="its gradient shrinks with about 1 / T², and the factor keeps its share the same at any temperature",
        why="1 / T comes from the inner derivative, another from the softmax growing flat",
        wrong={
            "to make the teacher's probabilities sum to one": "softmax does that at any temperature",
            "to make the loss larger, so that training is faster": "size is the learning rate's business; the balance with the hard loss counts",
        },
    ),
    Question(
        "How could a student name threes that it had never been shown?",
        right="the teacher's doubts about other digits say how much each resembles a 3",
        why="a 2 or an 8 with some probability of 3 teaches what makes a 3; one corrected bias did the rest",
        wrong={
            "some threes were left in its images": "they were all taken out, and a student of labels, corrected in the same way, named three in ten",
            "the bias correction told it which images are threes": "it used only that a tenth of all images are threes",
        },
    ),
    Question(
        "What does the soft loss, with its factor T², become at very high temperatures?",
        right="least squares between the centred logits",
        why="q - p is then about (z - v) / (N T), so the gradient is that of a squared difference",
        wrong={
            "cross-entropy with the teacher's label": "that needs a hard teacher and a student at T = 1; here both grow flat",
            "zero": "without the factor T² it would go there",
        },
    ),
    Question(
        "A student learns from a teacher on many unlabelled texts and gains. What must be compared to know that the soft targets did it?",
        right="the same texts with the teacher's hard labels",
        why="then texts, steps and teacher are the same, and only the softness differs; on our reviews the two come out alike in accuracy",
        wrong={
            "the student on the labelled texts alone": "this mixes two changes: more texts, and softer targets",
            "the teacher's own accuracy": "that is the ceiling one hopes for, not a control",
        },
    ),
]
