"""Checks and quiz of notebook 10, knowledge distillation."""

import torch
from torch.nn import functional as F

from utils.checks import Question, call, expect


def near(a, b) -> bool:
    return torch.is_tensor(a) and a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-6)


def check_1(answer):
    generator = torch.Generator().manual_seed(10)
    z, v = 2 * torch.randn(5, 3, generator=generator), 2 * torch.randn(5, 3, generator=generator)
    labels, T, alpha = torch.tensor([2, 0, 1, 1, 2]), 2.5, 0.7
    log_q, p = (z / T).log_softmax(-1), (v / T).softmax(-1)
    soft, hard = F.kl_div(log_q, p, reduction="batchmean"), F.cross_entropy(z, labels)
    right = alpha * T**2 * soft + (1 - alpha) * hard
    out = call(answer, z, v, labels, T, alpha)
    expect(torch.is_tensor(out) and out.dim() == 0, "the result must be a scalar tensor")
    expect(not near(out, alpha * soft + (1 - alpha) * hard), "the factor T² is missing: at T = 2.5 the soft part counts for a sixth of what alpha says")
    expect(not near(out, alpha * T * soft + (1 - alpha) * hard), "the factor is T²: one T from each softmax's argument")
    expect(not near(out, (1 - alpha) * T**2 * soft + alpha * hard), "alpha and 1 - alpha are exchanged: alpha belongs to the soft loss")
    by_element = alpha * T**2 * (soft / 3) + (1 - alpha) * hard
    expect(not near(out, by_element), 'reduction="mean" divides by the number of classes, too: take "batchmean"')
    expect(not near(out, alpha * T**2 * F.kl_div((v / T).log_softmax(-1), (z / T).softmax(-1), reduction="batchmean") + (1 - alpha) * hard),
           "student and teacher are exchanged in kl_div: its first argument is the student's log-probabilities")
    expect(not near(out, alpha * T**2 * F.kl_div((z / T).softmax(-1), p, reduction="batchmean") + (1 - alpha) * hard),
           "kl_div wants the logarithm of the student's probabilities as its first argument: log_softmax")
    expect(not near(out, alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(z / T, labels)), "the labels' cross-entropy is taken at temperature 1, as the student is used")
    expect(not near(out, alpha * T**2 * F.kl_div(log_q, v.softmax(-1), reduction="batchmean") + (1 - alpha) * hard), "the teacher's logits must be divided by T as well")
    expect(not near(out, T**2 * (alpha * soft + (1 - alpha) * hard)), "T² belongs to the soft part alone")
    expect(not near(out, alpha * T**2 * soft + hard), "the hard part's share is missing: (1 - alpha) times the cross-entropy")
    expect(not near(out, alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(z.softmax(-1), labels)), "cross_entropy takes logits and does the softmax itself")
    expect(near(out, right), f"with these logits the loss is {right:.4f}, yours {float(out):.4f}")


def check_2(answer):
    generator = torch.Generator().manual_seed(11)
    z, v, T = 2 * torch.randn(7, 3, generator=generator), 2 * torch.randn(7, 3, generator=generator), 2.5
    gap = (z / T).softmax(-1) - (v / T).softmax(-1)
    out = call(answer, z, v, T)
    expect(torch.is_tensor(out), "return one tensor, the gradient")
    expect(out.shape == z.shape, f"the gradient has the logits' shape {tuple(z.shape)}, yours {tuple(out.shape)}")
    expect(not near(out, -T * gap / 7), "the sign is turned round: where the student's probability is too large the gradient is positive")
    expect(not near(out, T * gap), "the loss is a mean over B examples, so each gets a B-th of it")
    expect(not near(out, gap / T / 7) and not near(out, gap / T), "the T² of the loss is missing: T² · (q - p) / T = T · (q - p)")
    expect(not near(out, gap / 7), "a factor T is missing: T² from the loss, 1 / T from the inner derivative")
    expect(not near(out, T**2 * gap / 7), "the inner derivative 1 / T is missing: the softmax sees z / T")
    expect(not near(out, T * (z.softmax(-1) - v.softmax(-1)) / 7), "both softmaxes are taken at temperature T")
    expect(not near(out, gap), "the factor T is missing: T² of the loss, 1 / T of the inner derivative")
    expect(not near(out, -T * gap), "the sign is turned round: student minus teacher")
    expect(near(out, T * gap / 7), f"compare with autograd on soft_target_loss: the first entry should be {(T * gap / 7)[0, 0]:.4f}, yours {float(out.flatten()[0]):.4f}")


def check_3(answer):
    generator = torch.Generator().manual_seed(12)
    student, teacher = torch.randn(3, 6, 4, generator=generator), torch.randn(3, 6, 9, generator=generator)
    mask = torch.arange(6) < torch.tensor([[6], [4], [2]])
    ours, theirs = (F.normalize(h, dim=-1) @ F.normalize(h, dim=-1).mT for h in (student, teacher))
    pairs, square = mask[:, :, None] & mask[:, None, :], (ours - theirs).square()
    out = call(answer, student.clone(), teacher.clone(), mask.clone())
    expect(torch.is_tensor(out) and out.dim() == 0, "the result must be a scalar tensor")
    expect(not near(out, square.mean()), "padding counts: a pair is used only where both tokens are real")
    expect(not near(out, (square * pairs).mean()), "padded pairs are set to zero, but still divide: the mean runs over real pairs only")
    expect(not near(out, square[mask].mean()), "only the first token of each pair is checked: the second must be real as well")
    raw = (student @ student.mT - teacher @ teacher.mT).square()
    expect(not near(out, raw[pairs].mean()), "these are dot products, not cosines: scale the states to length 1 first")
    expect(not near(out, (ours - theirs).abs()[pairs].mean()), "this is the mean absolute difference; square it")
    expect(not near(out, torch.stack([square[i][pairs[i]].mean() for i in range(3)]).mean()),
           "each text counts alike here; the task asks for the mean over all pairs, so long texts count for more")
    expect(near(out, square[pairs].mean()), f"with these states the loss is {square[pairs].mean():.4f}, yours {float(out):.4f}")


QUIZ = [
    Question(
        "Why is the soft loss multiplied by T²?",
        right="its gradient shrinks with about 1 / T², and the factor keeps its share the same at any temperature",
        why="1 / T comes from the inner derivative, another from the softmax growing flat",
        wrong={
            "to make the teacher's probabilities sum to one": "softmax does that at any temperature",
            "to make the loss larger, so that training is faster": "the size alone would be the learning rate's business; it is the balance with the hard loss that counts",
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
            "cross-entropy with the teacher's label": "that needs a hard teacher and a student at T = 1; here both are divided by T, and both grow flat",
            "zero": "without the factor T² it would go there",
        },
    ),
    Question(
        "A student learns from a teacher on many unlabelled texts and gains. What must be compared to know that the soft targets did it?",
        right="the same texts with the teacher's hard labels",
        why="then texts, steps and teacher are the same, and only the softness differs",
        wrong={
            "the student on the labelled texts alone": "this mixes two changes: more texts, and softer targets",
            "the teacher's own accuracy": "that is the ceiling one hopes for, not a control",
        },
    ),
]
