"""Checks and quiz of notebook 14, LoRA."""

import torch

from utils.checks import Question, call, cast, close, expect

SHAPES = {
    "block.0.query": (5, 7),
    "block.1.query": (5, 7),
    "block.0.subquery": (4, 9),
    "block.0.query.norm": (2, 3),
    "block.0.output.dense": (6, 11),
    "block.0.intermediate.dense": (13, 6),
    "value": (3, 17),
}


def check_1(answer):
    """one whole number: rank * (d_in + d_out), summed over the layers whose name is a target or ends with a dot and a target"""

    def chosen(targets, fits):
        return [shape for name, shape in SHAPES.items() if any(fits(name, target) for target in targets)]

    def right(targets, rank):
        return sum(rank * (a + b) for a, b in chosen(targets, lambda name, t: f".{name}".endswith(f".{t}")))

    def given(targets, rank):
        return call(
            answer, SHAPES, targets, rank, kind=int, gives="one whole number, how many numbers the factors have"
        )

    got = given(["query"], 3)
    expect(
        got != 0 or right(["query"], 3) == 0,
        'no layer was found: a target is the end of a name, so "query" fits "block.0.query"',
    )
    expect(
        got != 2 * 5 * 7, "these are the numbers of the whole matrices; the factors have rank * d_in and d_out * rank"
    )
    expect(
        got != 3 * 2 * 5 * 7,
        "multiply the rank with the sum d_in + d_out, not with their product: there are two thin matrices",
    )
    expect(
        got not in (3 * 2 * 5, 3 * 2 * 7),
        "only one of the two factors is counted: A has rank * d_in numbers and B d_out * rank",
    )
    expect(got != 2 * (5 + 7), "the rank is missing: rank * (d_in + d_out) for each layer")
    expect(got != 3 * (5 + 7), "only one of the layers is counted: the target fits the query of every block")
    expect(
        got != sum(3 * (a + b) for a, b in chosen(["query"], lambda name, t: t in name))
        and got != sum(3 * (a + b) for a, b in chosen(["query"], lambda name, t: name.endswith(t))),
        'too many layers: "block.0.subquery" or "block.0.query.norm" is counted, but a target is a whole part at the end of a name',
    )
    expect(got == right(["query"], 3), f'for the target "query" and rank 3 it is {right(["query"], 3)}, yours is {got}')
    got = given(["value"], 2)
    expect(got != 0, 'a layer whose whole name is the target counts as well: "value"')
    expect(got == right(["value"], 2), f'for the target "value" and rank 2 it is {right(["value"], 2)}, yours is {got}')
    got, wanted = given(["output.dense"], 4), right(["output.dense"], 4)
    expect(got != 0, 'a target may itself hold a dot: "output.dense" fits "block.0.output.dense"')
    expect(
        got != right(["dense"], 4),
        '"intermediate.dense" does not end with ".output.dense": compare with the whole target, not with its last part',
    )
    expect(got == wanted, f'for the target "output.dense" and rank 4 it is {wanted}, yours is {got}')
    got, wanted = given(["value", "query"], 4), right(["value", "query"], 4)
    expect(got != right(["value"], 4), "only the first target is used; a layer counts if any of them fits")
    expect(got != right(["query"], 4), "only the last target is used; a layer counts if any of them fits")
    expect(got == wanted, f'for the targets "value" and "query" and rank 4 it is {wanted}, yours is {got}')
    got, wanted = given(["dense", "output.dense"], 4), right(["dense", "output.dense"], 4)
    expect(got != wanted + 4 * 17, "a layer that fits two targets gets one adapter; yours counts it twice")
    expect(got == wanted, f'for the targets "dense" and "output.dense" and rank 4 it is {wanted}, yours is {got}')
    expect(given(["nothing"], 4) == 0, "where no layer fits, no number is trained: 0")


def check_2(answer):
    """a tuple of two tensors: A of r1 + r2 rows and B of r1 + r2 columns, with B @ A the sum of the two scaled changes"""
    gives = "a tuple of two tensors, (A, B)"

    def factors(first, second):
        out = call(answer, first, second, gives=gives)
        expect(isinstance(out, (tuple, list)) and len(out) == 2, f"expected {gives}, not the change itself")
        return [cast(part, "tensor", "a tensor", f"{name} is") for part, name in zip(out, "AB", strict=True)]

    generator = torch.Generator().manual_seed(0)

    def adapter(rank, d_in, d_out, scale):
        return torch.randn(rank, d_in, generator=generator), torch.randn(d_out, rank, generator=generator), scale

    def change(adapter):
        A, B, scale = adapter
        return scale * B @ A

    first, second = adapter(2, 7, 5, 4.0), adapter(2, 7, 5, 0.5)
    A, B = factors(first, second)
    wanted = change(first) + change(second)
    expect(A.shape != (5, 4) or B.shape != (4, 7), "the two are exchanged: return A first, then B")
    expect(A.ndim == 2 and B.ndim == 2, f"A and B are matrices; yours have {A.ndim} and {B.ndim} dimensions")
    expect(
        A.shape != (2, 7) or B.shape != (5, 2),
        "summing factors gives (B1 + B2)(A1 + A2), with two products too many: set them side by side, B's columns and A's rows",
    )
    expect(
        A.shape == (4, 7) and B.shape == (5, 4),
        f"A has r1 + r2 rows, (4, 7), and B r1 + r2 columns, (5, 4); yours are {tuple(A.shape)} and {tuple(B.shape)}",
    )
    got = B @ A
    expect(
        not close(got, change((*first[:2], 1.0)) + change((*second[:2], 1.0)), 1e-4),
        "the scales are missing: each change counts times its own scale",
    )
    expect(
        not close(got, change((*first[:2], 16.0)) + change((*second[:2], 0.25)), 1e-4),
        "the scale is applied to A and to B: it belongs to one of them",
    )
    expect(
        not close(got, change((*first[:2], 0.5)) + change((*second[:2], 4.0)), 1e-4),
        "the scales are exchanged: each adapter keeps its own",
    )
    expect(
        not close(got, 4.0 * first[1] @ second[0] + 0.5 * second[1] @ first[0], 1e-4)
        and not close(got, 0.5 * first[1] @ second[0] + 4.0 * second[1] @ first[0], 1e-4),
        "B1 meets A2, and B2 meets A1: stack both factors in the same order",
    )
    expect(close(got, wanted, 1e-4), "B @ A is not the sum of the two changes, scale * B @ A of each")
    first, second = adapter(1, 3, 6, 0.25), adapter(3, 3, 6, 2.0)
    A, B = factors(first, second)
    expect(
        A.shape == (4, 3) and B.shape == (6, 4) and close(B @ A, change(first) + change(second), 1e-4),
        "right for two adapters of rank 2, but not for ranks 1 and 3: take the sizes from the factors",
    )


def check_3(answer):
    """a tensor (n,): of each byte first the upper, then the lower 4 bits, looked up in the levels, times the scale of their block"""
    generator = torch.Generator().manual_seed(1)
    levels = torch.linspace(-1, 1, 16) ** 3
    codes = torch.randperm(36, generator=generator) % 16
    packed = (codes[::2] << 4 | codes[1::2]).to(torch.uint8)  # (18,)
    scales = torch.tensor([0.5, 2.0, 3.0])

    def given(packed, scales, levels):
        return call(answer, packed, scales, levels, kind="tensor", gives="a tensor with a weight for each code, (n,)")

    got = given(packed, scales, levels)
    expect(got.numel() != 18, "a byte holds two codes: 18 bytes are 36 weights")
    expect(got.shape == (36,), f"expected one row of 36 weights, shape (36,); yours is {tuple(got.shape)}")
    spread = scales.repeat_interleave(12)
    right = levels[codes] * spread
    swapped = torch.stack([codes[1::2], codes[::2]], dim=1).flatten()
    apart = torch.cat([codes[::2], codes[1::2]])
    expect(
        not close(got, levels[swapped] * spread),
        "the halves are exchanged: the first code of a byte is its upper half, packed >> 4",
    )
    expect(
        not close(got, levels[apart] * spread),
        "all upper halves come first, and then all lower ones: the two codes of a byte are neighbours",
    )
    expect(
        not close(got, codes * spread) and not close(got, codes.float()),
        "these are codes, 0 to 15: look them up in `levels`",
    )
    expect(not close(got, levels[codes]), "the scales are missing: each level counts times the scale of its block")
    expect(
        not close(got, levels[codes] / spread), "divided by the scales: quantizing divided, so the way back multiplies"
    )
    expect(
        not close(got, levels[codes] * scales.repeat(12)),
        "the scales go round weight by weight; the first 12 weights have the first scale (`repeat_interleave`)",
    )
    expect(close(got, right), "the shape is right but the weights are not: levels[code] times the scale of the block")
    packed, scales = torch.tensor([0x1F, 0xA0, 0x77, 0x38], dtype=torch.uint8), torch.tensor([1.0, 10.0, 100.0, 1000.0])
    codes = torch.tensor([1, 15, 10, 0, 7, 7, 3, 8])
    expect(
        close(given(packed, scales, levels), levels[codes] * scales.repeat_interleave(2), 1e-2),
        "right for blocks of 12, but not for blocks of 2: a block has n / len(scales) weights",
    )


QUIZ = [
    Question(
        "At the start B is zero and A is random. Why not the other way round, or both random?",
        right="With both random the model would not start as it was; the other way round it would",
        why="one zero factor keeps the change at zero, and the random one lets a gradient through to it; which of the two is zero matters less (Hayou et al. 2024 find B = 0 the better choice)",
        wrong={
            "With A zero and B random nothing would learn": "then A gets a gradient at once, just as B does now",
            "Both random would be better, the model finds back": "it would begin damaged, and what it knew would have to be learnt again",
        },
    ),
    Question(
        "LoRA trains 1 % of the numbers. Why does a step not take 1 % of the time?",
        right="the forward pass and the way back still go through every frozen layer",
        why="only the product that gives the frozen weights' own gradient, and their update, are spared",
        wrong={
            "only because the adapters are slow": "without any adapter the forward pass and half of the way back would still be there",
            "because the optimizer still updates everything": "it holds the factors and the head only",
        },
    ),
    Question(
        "One method forgets less than another, each at its own best learning rate. What is the next thing to check?",
        right="whether the second, at a lower rate, learns as much as the first and forgets as little",
        why="a rate moves a method along its own curve; methods are compared by their curves",
        wrong={
            "whether it has fewer parameters": "that may be an explanation, but first there must be something to explain",
            "whether its training loss is lower": "that is about learning, not about what was lost",
        },
    ),
    Question(
        "Why are NF4's levels not evenly spaced?",
        right="weights crowd around zero, and the levels stand where the weights are",
        why="quantiles of the normal distribution: close together where many weights are",
        wrong={
            "so that the largest weight is exact": "in each block the largest magnitude is exact on even steps, too",
            "because they are floating-point numbers of 4 bits": "they are a table of 16 numbers; a code is a place in it",
        },
    ),
]
