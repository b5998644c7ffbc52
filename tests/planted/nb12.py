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


PLANTED = {
    "12.1": [
        (halves, "halves"),
        (clockwise, "clockwise"),
        (not_alternating, "must alternate"),
        (both_plus, "length of the vectors"),
        (lambda x, angles: None, ""),
    ],
    "12.2": [
        (no_shrink, "different maxima"),
        (average, "averages two finished softmaxes"),
        (only_o, "o is shrunk, l is not"),
        (only_l, "l is shrunk, o is not"),
        (no_division, "division by the merged sum"),
    ],
    "12.3": [
        (lambda base, scale, d_head: base * scale, "nearly right"),
        (lambda base, scale, d_head: base * scale ** ((d_head - 2) / d_head), "turned round"),
        (lambda base, scale, d_head: base / scale, "must grow"),
        (lambda base, scale, d_head: base * scale ** (d_head / (d_head + 2)), "not (d + 2)/d"),
        (lambda base, scale, d_head: 10_000.0 * 4.0 ** (64 / 62), "use the arguments"),
    ],
}
