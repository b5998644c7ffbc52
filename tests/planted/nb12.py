"""Wrong and right answers to the exercises of notebook 12."""

import math

import numpy as np
import torch


def halves(x, angles):
    cos, sin = (torch.cat([t, t], dim=-1) for t in (angles.cos(), angles.sin()))
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


def clockwise(x, angles):
    even, odd, cos, sin = x[..., 0::2], x[..., 1::2], angles.cos(), angles.sin()
    return torch.stack([even * cos + odd * sin, odd * cos - even * sin], dim=-1).flatten(-2)


def not_alternating(x, angles):
    even, odd, cos, sin = x[..., 0::2], x[..., 1::2], angles.cos(), angles.sin()
    return torch.cat([even * cos - odd * sin, even * sin + odd * cos], dim=-1)


def both_plus(x, angles):
    even, odd, cos, sin = x[..., 0::2], x[..., 1::2], angles.cos(), angles.sin()
    return torch.stack([even * cos + odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


def shrunk(first, second):
    top = torch.maximum(first[0], second[0])
    return top, (first[0] - top).exp(), (second[0] - top).exp()


def no_shrink(first, second):
    return (first[2] + second[2]) / (first[1] + second[1])


def average(first, second):
    return (first[2] / first[1] + second[2] / second[1]) / 2


def only_o(first, second):
    _, a, b = shrunk(first, second)
    return (first[2] * a + second[2] * b) / (first[1] + second[1])


def only_l(first, second):
    _, a, b = shrunk(first, second)
    return (first[2] + second[2]) / (first[1] * a + second[1] * b)


def no_division(first, second):
    _, a, b = shrunk(first, second)
    return first[2] * a + second[2] * b


def overwritten(x, angles):
    out, cos, sin = x.clone(), angles.cos(), angles.sin()
    out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = out[..., 0::2] * sin + x[..., 1::2] * cos
    return out


def neighbours(x):
    return torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).flatten(-2)


def angles_in_halves(x, angles):
    both = torch.cat([angles, angles], dim=-1)
    return x * both.cos() + neighbours(x) * both.sin()


def partners_in_halves(x, angles):
    each = angles.repeat_interleave(2, dim=-1)
    first, second = x.chunk(2, dim=-1)
    return x * each.cos() + torch.cat([-second, first], dim=-1) * each.sin()


def exchanged(x, angles):
    even, odd, cos, sin = x[..., 0::2], x[..., 1::2], angles.cos(), angles.sin()
    return torch.stack([even * sin - odd * cos, even * cos + odd * sin], dim=-1).flatten(-2)


def measured_against(top):
    """Merging with another reference than the larger maximum of each row."""

    def merge(first, second):
        against = top(first[0], second[0])
        (l1, o1), (l2, o2) = [(total * (m - against).exp(), o * (m - against).exp()) for m, total, o in (first, second)]
        return (o1 + o2) / (l1 + l2)

    return merge


def turned_round(first, second):
    _, a, b = shrunk(first, second)
    return (first[2] / a + second[2] / b) / (first[1] / a + second[1] / b)


def finished_first(first, second):
    _, a, b = shrunk(first, second)
    return (first[2] / first[1] * a + second[2] / second[1] * b) / (a + b)



def rotation(x, angles):
    even, odd, cos, sin = x[..., 0::2], x[..., 1::2], angles.cos(), angles.sin()
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


def complex_pairs(x, angles):
    return torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * torch.polar(torch.ones_like(angles), angles)


def rotation_by_loops(x, angles):
    rows = []
    for features, row in zip(x.tolist(), angles.tolist(), strict=True):
        rows.append([])
        for i, a in enumerate(row):
            even, odd = features[2 * i], features[2 * i + 1]
            rows[-1] += [even * math.cos(a) - odd * math.sin(a), even * math.sin(a) + odd * math.cos(a)]
    return rows


def merged(first, second):
    _, a, b = shrunk(first, second)
    return (first[2] * a + second[2] * b) / (first[1] * a + second[1] * b)


def merged_by_log_sums(first, second):
    (m1, l1, o1), (m2, l2, o2) = ([t.double() for t in part] for part in (first, second))
    shares = torch.stack([m1 + l1.log(), m2 + l2.log()]).softmax(dim=0)
    return shares[0] * o1 / l1 + shares[1] * o2 / l2


def merged_by_loops(first, second):
    (m1, l1, o1), (m2, l2, o2) = ([t.numpy().astype(np.float64) for t in part] for part in (first, second))
    rows = []
    for t in range(len(m1)):
        top = max(m1[t, 0], m2[t, 0])
        a, b = math.exp(m1[t, 0] - top), math.exp(m2[t, 0] - top)
        rows.append((a * o1[t] + b * o2[t]) / (a * l1[t] + b * l2[t]))
    return np.stack(rows)


def larger_alone(first, second):
    return torch.where(first[0] > second[0], first[2] / first[1], second[2] / second[1])


def new_base(base, scale, d_head, pair):
    return base * scale ** (d_head / (2 * pair))


def odd_overwritten(x, angles):
    """In place, the odd features first."""
    x = x.clone()
    x[:, 1::2] = x[:, 0::2] * angles.sin() + x[:, 1::2] * angles.cos()
    x[:, 0::2] = x[:, 0::2] * angles.cos() - x[:, 1::2] * angles.sin()
    return x


def weights_without_log(first, second):
    p = torch.stack([first[0] + first[1], second[0] + second[1]]).softmax(dim=0)
    return p[0] * first[2] / first[1] + p[1] * second[2] / second[1]


PLANTED = {
    "12.1": [
        (odd_overwritten, "were computed from odd ones"),
        (complex_pairs, "the result is complex"),
        (lambda x, angles: rotation(x, angles)[:, :4], "as many features as before"),
        (lambda x, angles: x, "nothing is turned"),
        (halves, "halves"),
        (clockwise, "clockwise"),
        (not_alternating, "must alternate"),
        (both_plus, "length of the vectors"),
        (overwritten, "keep the old ones first"),
        (angles_in_halves, "repeat_interleave"),
        (partners_in_halves, "no rotation at all"),
        (exchanged, "sine and cosine are exchanged"),
        (lambda x, angles: rotation(x, angles[:1]), "angles of the first"),
        (lambda x, angles: rotation(x, angles[:, :1]), "first pair's angle"),
        (lambda x, angles: rotation(x, 2 * angles), "some features are wrong"),
        (lambda x, angles: torch.cat([rotation(x[:, :6], angles[:, :3]), x[:, 6:]], dim=1), "right for (5, 6)"),
        (lambda x, angles: None, "not attempted"),
        (lambda x, angles: {"x": x}, "expected one tensor"),
    ],
    "12.2": [
        (weights_without_log, "m + log l"),
        (lambda first, second: merged(first, second).sum(1), "expected a real tensor (T, d)"),
        (no_shrink, "different maxima"),
        (average, "averages two finished softmaxes"),
        (larger_alone, "only the half with the larger score"),
        (only_o, "o is shrunk, l is not"),
        (only_l, "l is shrunk, o is not"),
        (no_division, "division by the merged sum"),
        (finished_first, "must count by its sum"),
        (turned_round, "not top - m"),
        (measured_against(torch.minimum), "larger of their two maxima"),
        (measured_against(lambda m1, m2: torch.zeros_like(m1)), "larger of their two maxima"),
        (measured_against(lambda m1, m2: m1), "larger of their two maxima"),
        (measured_against(lambda m1, m2: torch.maximum(m1, m2).max()), "larger of their two maxima"),
        (lambda first, second: 2 * merged(first, second), "some rows are wrong"),
        (lambda first, second: merged(first, second)[:, :3].repeat(1, first[2].shape[1] // 3), "right once"),
        (lambda first, second: (*first[:2], merged(first, second)), "expected one tensor"),
    ],
    "12.3": [
        (lambda base, scale, d_head, pair: base * scale ** (d_head / (d_head - 2)), "slowest pair, whatever"),
        (lambda base, scale, d_head, pair: base * scale ** (2 * pair / d_head), "turned round"),
        (lambda base, scale, d_head, pair: base * scale ** (d_head / pair), "factor of two"),
        (lambda base, scale, d_head, pair: new_base(base, scale, d_head, pair + 1), "counted from 0"),
        (lambda base, scale, d_head, pair: base * scale, "right only for a pair"),
        (lambda base, scale, d_head, pair: (base * scale) ** (d_head / (2 * pair)), "only the scale is raised"),
        (lambda base, scale, d_head, pair: base ** (d_head / (2 * pair)) * scale, "only the scale is raised"),
        (lambda base, scale, d_head, pair: scale ** (d_head / (2 * pair)), "multiply the base by it"),
        (lambda base, scale, d_head, pair: base ** (-2 * pair / d_head) / scale, "new frequency"),
        (lambda base, scale, d_head, pair: base / scale ** (d_head / (2 * pair)), "must grow"),
        (lambda base, scale, d_head, pair: 3 * base, "times slower"),
        (lambda base, scale, d_head, pair: float("inf"), "times slower"),
        (lambda base, scale, d_head, pair: 10_000.0 * 4.0 ** (64 / 38), "use the arguments"),
        (lambda base, scale, d_head, pair: [base] * pair, "expected one number"),
    ],
}

RIGHT = {
    "12.1": [
        rotation_by_loops,
        lambda x, angles: torch.view_as_real(complex_pairs(x, angles)).flatten(-2),
        lambda x, angles: rotation(x.double(), angles.double()).numpy(),
    ],
    "12.2": [merged_by_log_sums, merged_by_loops],
    "12.3": [
        lambda base, scale, d_head, pair: np.float32(new_base(base, scale, d_head, pair)),
        lambda base, scale, d_head, pair: torch.tensor(base * scale ** (d_head / (2 * pair))),
        lambda base, scale, d_head, pair: math.exp(math.log(base) + d_head / (2 * pair) * math.log(scale)),
    ],
}
