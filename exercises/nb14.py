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
        expect(
            not isinstance(out, (tuple, list)) or len(out) != 3,
            "return A and B alone: the scale of the new adapter is 1, so the old scales must be inside the factors",
        )
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
        not any(A.shape == a.shape and close(A, a, 1e-4) for a in (first[0], second[0])),
        "this is one of the two adapters: the new one must do what both do",
    )
    expect(
        A.shape != (2, 14) and B.shape != (10, 2),
        "put together along the wrong dimension: A's rows one above the other (dim=0), B's columns side by side (dim=1)",
    )
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
        not any(
            close(got, change((*first[:2], s)) + change((*second[:2], s)), 1e-4) for s in (4.0, 0.5, 2.0, 4.5, 2.25)
        ),
        "both changes got the same scale: each adapter keeps its own",
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
    """a tensor (block,): the codes of block k, of each byte first the upper, then the lower 4 bits, looked up in the levels, times the scale of the block"""
    generator = torch.Generator().manual_seed(1)
    levels = torch.linspace(-1, 1, 16) ** 3
    codes = torch.randperm(36, generator=generator) % 16
    packed = (codes[::2] << 4 | codes[1::2]).to(torch.uint8)  # (18,)
    scales = torch.tensor([0.7, 2.0, 3.0])

    def given(packed, scales, levels, k):
        gives = "a tensor with the weights of block k, (n / len(scales),)"
        return call(answer, packed, scales, levels, k, kind="tensor", gives=gives)

    got = given(packed, scales, levels, 1)
    blocks = codes.view(3, 12)
    expect(got.numel() != 36, "these are the weights of all blocks: return those of block k alone")
    expect(got.numel() != 6, "a byte holds two codes: the 6 bytes of a block are 12 weights")
    expect(got.shape == (12,), f"expected the 12 weights of a block, shape (12,); yours is {tuple(got.shape)}")
    mine = blocks[1]
    expect(
        not close(got, levels[blocks[2]] * 2.0) and not close(got, levels[blocks[2]] * 3.0),
        "asked for block 1, you read block 2: two codes share a byte, so block k begins at byte k * len(packed) / len(scales)",
    )
    expect(
        not close(got, levels[blocks[0]] * 0.7) and not close(got, levels[blocks[0]] * 2.0),
        "asked for block 1, you read block 0: blocks count from 0",
    )
    swapped = torch.stack([mine[1::2], mine[::2]], dim=1).flatten()
    expect(
        not close(got, levels[swapped] * 2.0),
        "the halves are exchanged: the first code of a byte is its upper half, packed >> 4",
    )
    expect(
        not close(got, levels[torch.cat([mine[::2], mine[1::2]])] * 2.0),
        "all upper halves come first, and then all lower ones: the two codes of a byte are neighbours",
    )
    expect(not close(got, mine * 2.0) and not close(got, mine), "these are codes, 0 to 15: look them up in `levels`")
    expect(not close(got, levels[mine]), "the scale is missing: each level counts times the scale of its block")
    expect(not close(got, levels[mine] / 2.0), "divided by the scale: quantizing divided, so the way back multiplies")
    expect(not close(got, levels[mine] * 0.7), "that is the scale of block 0: block k has the scale of its own number")
    expect(
        close(got, levels[mine] * 2.0),
        "the shape is right but the weights are not: levels[code] times the block's scale",
    )
    packed, scales = torch.tensor([0x1F, 0xA0, 0x77, 0x38], dtype=torch.uint8), torch.tensor([1.0, 10.0, 100.0, 1000.0])
    expect(
        close(given(packed, scales, levels, 3), levels[torch.tensor([3, 8])] * 1000.0, 1e-2),
        "right for blocks of 12, but not for blocks of 2: a block has 2 * len(packed) / len(scales) weights",
    )


QUIZ = [
    Question(
        "At the start B is zero and A is random. Why not the other way round, or both random?",
        right="Both random would change the model at the start; the other way round would not",
        why="one zero factor keeps the change at zero, and the random one lets a gradient through to it; which of the two is zero matters less (Hayou et al. 2024 find B = 0 the better choice)",
        wrong={
            "With A zero and B random nothing would ever get a gradient, so nothing would learn": "then A gets a gradient at once, just as B does now",
            "Both random would learn faster, since the model soon finds its way back": "it would begin damaged, and what it knew would have to be learnt again",
        },
    ),
    Question(
        "LoRA trains 1 % of the numbers. Why does a step not take 1 % of the time?",
        right="the forward pass and the way back still go through every frozen layer",
        why="only the product that gives the frozen weights' own gradient, and their update, are spared",
        wrong={
            "only because two thin products in each layer are slow": "without any adapter the forward pass and half of the way back would still be there",
            "because the optimizer still updates everything": "it holds the factors and the head only",
        },
    ),
    Question(
        "One method forgets less than another, each at its own best learning rate. What is the next thing to check?",
        right="whether the other method at a lower rate learns and forgets the same",
        why="a rate moves a method along its own curve; methods are compared by their curves",
        wrong={
            "whether the method that forgets less has fewer trained parameters": "that may be an explanation, but first there must be something to explain",
            "whether the method that forgets less has a lower training loss": "that is about learning, not about what was lost",
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
