"""Wrong and right answers to the exercises of notebook 14."""

import numpy as np
import torch


def fits(name, target):
    return name == target or name.endswith("." + target)


def count(shapes, targets, rank, fits=fits, size=lambda a, b, r: r * (a + b)):
    return sum(size(*shape, rank) for name, shape in shapes.items() if any(fits(name, t) for t in targets))


def twice(shapes, targets, rank):
    return sum(rank * (a + b) for t in targets for name, (a, b) in shapes.items() if fits(name, t))


def first_layer(shapes, targets, rank):
    return next((rank * sum(shape) for name, shape in shapes.items() if any(fits(name, t) for t in targets)), 0)


def at_least_one(shapes, targets, rank):
    return count(shapes, targets, rank) or 1


def always_three(shapes, targets, rank):
    return count(shapes, targets, 3)


def last_target(shapes, targets, rank):
    return count(shapes, targets[-1:], rank)


def stack(first, second, powers=(1, 0)):
    (A1, B1, s1), (A2, B2, s2) = first, second
    b, a = powers
    return torch.cat([s1**a * A1, s2**a * A2]), torch.cat([s1**b * B1, s2**b * B2], dim=1)


def summed(first, second):
    return first[0] + second[0], first[2] * first[1] + second[2] * second[1]


def crossed(first, second):
    (A1, B1, s1), (A2, B2, s2) = first, second
    return torch.cat([A1, A2]), torch.cat([s2 * B2, s1 * B1], dim=1)


def scales_exchanged(first, second):
    return stack((*first[:2], second[2]), (*second[:2], first[2]))


def fixed_rank(first, second):
    A, B = stack(first, second)
    return A[:4] if len(first[0]) == 2 else A[:2], B if len(first[0]) == 2 else B[:, :2]


def full_change(first, second):
    A, B = stack(first, second)
    return torch.eye(A.shape[1]), B @ A


def one_scale(first, second):
    (A1, B1, s1), (A2, B2, _) = first, second
    return torch.cat([A1, A2]), torch.cat([s1 * B1, s1 * B2], dim=1)


def halves(packed):
    packed = packed.long()
    return packed >> 4, packed & 15


def codes(packed, order=(0, 1)):
    parts = halves(packed)
    return torch.stack([parts[i] for i in order], dim=1).flatten()


def part(packed, scales, k):
    return packed.view(len(scales), -1)[k]


def block(packed, scales, levels, k, order=(0, 1)):
    return levels[codes(part(packed, scales, k), order)] * scales[k]


def by_loop(packed, scales, levels, k):
    n = len(packed) // len(scales)
    return [
        float(levels[c]) * float(scales[k]) for byte in packed[k * n : k * n + n].tolist() for c in divmod(byte, 16)
    ]


def bytes_as_weights(packed, scales, levels, k):
    n = 2 * len(packed) // len(scales)
    return levels[codes(packed[k * n : k * n + n])] * scales[k]


PLANTED = {
    "14.1": [
        (lambda shapes, targets, rank: count(shapes, targets, rank, lambda name, t: name == t), "no layer was found"),
        (lambda shapes, targets, rank: count(shapes, targets, rank, size=lambda a, b, r: a * b), "whole matrices"),
        (
            lambda shapes, targets, rank: count(shapes, targets, rank, size=lambda a, b, r: r * a * b),
            "not with their product",
        ),
        (
            lambda shapes, targets, rank: count(shapes, targets, rank, size=lambda a, b, r: r * a),
            "only one of the two factors",
        ),
        (
            lambda shapes, targets, rank: count(shapes, targets, rank, size=lambda a, b, r: r * b),
            "only one of the two factors",
        ),
        (lambda shapes, targets, rank: count(shapes, targets, rank, size=lambda a, b, r: a + b), "rank is missing"),
        (first_layer, "only one of the layers"),
        (lambda shapes, targets, rank: count(shapes, targets, rank, lambda name, t: t in name), "too many layers"),
        (lambda shapes, targets, rank: count(shapes, targets, rank, str.endswith), "too many layers"),
        (lambda shapes, targets, rank: count(shapes, targets, rank, size=lambda a, b, r: r * (a + b) + a), "yours is"),
        (
            lambda shapes, targets, rank: count(shapes, targets, rank, lambda name, t: name.endswith("." + t)),
            "whole name is the target",
        ),
        (always_three, "rank 2 it is"),
        (twice, "counts it twice"),
        (
            lambda shapes, targets, rank: count(shapes, targets, rank, lambda name, t: name.split(".")[-1] == t),
            "hold a dot",
        ),
        (
            lambda shapes, targets, rank: count(
                shapes, targets, rank, lambda name, t: name.split(".")[-1] == t.split(".")[-1]
            ),
            "not with its last part",
        ),
        (
            lambda shapes, targets, rank: count(shapes, targets, rank) + ("." in targets[0]),
            'for the target "output.dense"',
        ),
        (lambda shapes, targets, rank: count(shapes, targets[:1], rank), "only the first target"),
        (last_target, "only the last target"),
        (
            lambda shapes, targets, rank: count(shapes, targets, rank) * len(targets),
            'for the targets "value" and "query"',
        ),
        (
            lambda shapes, targets, rank: count(shapes, [t for t in targets if "." in t] or targets, rank),
            'for the targets "dense" and "output.dense"',
        ),
        (at_least_one, "no number is trained"),
        (lambda *_: "many", "one whole number"),
    ],
    "14.2": [
        (lambda first, second: stack(first, second)[1] @ stack(first, second)[0], "not the change itself"),
        (lambda first, second: stack(first, second)[::-1], "two are exchanged"),
        (lambda first, second: [part.flatten() for part in stack(first, second)], "are matrices"),
        (lambda first, second: (*stack(first, second), 1.0), "return A and B alone"),
        (lambda first, second: (first[0], first[2] * first[1]), "one of the two adapters"),
        (lambda first, second: (second[0], second[2] * second[1]), "one of the two adapters"),
        (
            lambda first, second: (torch.cat([first[0], second[0]], dim=1), torch.cat([first[1], second[1]], dim=1)),
            "wrong dimension",
        ),
        (lambda first, second: (torch.cat([first[0], second[0]]), torch.cat([first[1], second[1]])), "wrong dimension"),
        (one_scale, "same scale"),
        (summed, "two products too many"),
        (full_change, "r1 + r2 rows"),
        (lambda first, second: stack(first, second, (0, 0)), "scales are missing"),
        (lambda first, second: stack(first, second, (1, 1)), "belongs to one of them"),
        (scales_exchanged, "scales are exchanged"),
        (crossed, "B1 meets A2"),
        (lambda first, second: [2 * part for part in stack(first, second)], "not the sum"),
        (fixed_rank, "right for two adapters"),
        (lambda first, second: ("A", "B"), "A is"),
    ],
    "14.3": [
        (lambda p, s, lv, k: lv[codes(p)] * s.repeat_interleave(2 * len(p) // len(s)), "all blocks"),
        (lambda p, s, lv, k: lv[halves(part(p, s, k))[0]] * s[k], "two codes"),
        (lambda p, s, lv, k: block(p, s, lv, k)[None], "12 weights of a block, shape"),
        (bytes_as_weights, "you read block 2"),
        (lambda p, s, lv, k: block(p, s, lv, k - 1), "count from 0"),
        (lambda p, s, lv, k: block(p, s, lv, k, (1, 0)), "halves are exchanged"),
        (lambda p, s, lv, k: lv[torch.cat(halves(part(p, s, k)))] * s[k], "all upper halves"),
        (lambda p, s, lv, k: codes(part(p, s, k)) * s[k], "these are codes"),
        (lambda p, s, lv, k: codes(part(p, s, k)), "these are codes"),
        (lambda p, s, lv, k: lv[codes(part(p, s, k))], "scale is missing"),
        (lambda p, s, lv, k: lv[codes(part(p, s, k))] / s[k], "divided by the scale"),
        (lambda p, s, lv, k: lv[codes(part(p, s, k))] * s[0], "scale of block 0"),
        (lambda p, s, lv, k: block(p, s, lv, k) + 1, "weights are not"),
        (lambda p, s, lv, k: lv[codes(p[6 * k : 6 * k + 6])] * s[k], "right for blocks of 12"),
    ],
}

RIGHT = {
    "14.1": [
        count,
        lambda shapes, targets, rank: np.int64(count(shapes, targets, rank)),
        lambda shapes, targets, rank: torch.tensor(count(shapes, targets, rank)),
        lambda shapes, targets, rank: float(count(shapes, targets, rank)),
    ],
    "14.2": [
        stack,
        lambda first, second: stack(first, second, (0, 1)),
        lambda first, second: list(stack(first, second, (0.5, 0.5))),
        lambda first, second: [part.double().numpy() for part in stack(first, second)],
        lambda first, second: stack(second, first),
    ],
    "14.3": [
        block,
        by_loop,
        lambda p, s, lv, k: block(p, s, lv, k).double().numpy(),
        lambda p, s, lv, k: (lv[codes(p)].view(len(s), -1) * s[:, None])[k],
    ],
}
