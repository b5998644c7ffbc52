"""Wrong answers to the exercises of notebook 12."""

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


PLANTED = {
    "12.1": [
        (halves, "halves"),
        (clockwise, "clockwise"),
        (not_alternating, "must alternate"),
        (both_plus, "length of the vectors"),
        (overwritten, "keep the old ones first"),
        (angles_in_halves, "repeat_interleave"),
        (partners_in_halves, "no rotation at all"),
        (exchanged, "sine and cosine are exchanged"),
        (lambda x, angles: None, ""),
    ],
    "12.2": [
        (no_shrink, "different maxima"),
        (average, "averages two finished softmaxes"),
        (only_o, "o is shrunk, l is not"),
        (only_l, "l is shrunk, o is not"),
        (no_division, "division by the merged sum"),
        (finished_first, "must count by its sum"),
        (turned_round, "not top - m"),
        (measured_against(torch.minimum), "larger of their two maxima"),
        (measured_against(lambda m1, m2: torch.zeros_like(m1)), "larger of their two maxima"),
        (measured_against(lambda m1, m2: m1), "larger of their two maxima"),
        (measured_against(lambda m1, m2: torch.maximum(m1, m2).max()), "larger of their two maxima"),
    ],
    "12.3": [
        (lambda base, scale, d_head, pair: base * scale ** (d_head / (d_head - 2)), "slowest pair, whatever"),
        (lambda base, scale, d_head, pair: base * scale ** (2 * pair / d_head), "turned round"),
        (lambda base, scale, d_head, pair: base * scale ** (d_head / pair), "factor of two"),
        (lambda base, scale, d_head, pair: base * scale, "right only for a pair"),
        (lambda base, scale, d_head, pair: (base * scale) ** (d_head / (2 * pair)), "only the scale is raised"),
        (lambda base, scale, d_head, pair: base / scale ** (d_head / (2 * pair)), "must grow"),
        (lambda base, scale, d_head, pair: 10_000.0 * 4.0 ** (64 / 38), "use the arguments"),
    ],
}
