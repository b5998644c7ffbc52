"""Wrong answers to the exercises of notebook 07, each with a piece of the hint it must get."""


def bins_of(p, n_bins):
    return (p * n_bins).long().clamp(max=n_bins - 1)


def gaps(p, labels, n_bins):
    bins = bins_of(p, n_bins)
    return [((p[bins == b].mean() - labels[bins == b].mean()).item(), (bins == b).sum().item()) for b in bins.unique()]


def with_empty_bins(p, labels, n_bins=10):
    bins = bins_of(p, n_bins)
    return sum(((p[bins == b].mean() - labels[bins == b].mean()).abs() * (bins == b).float().mean()).item() for b in range(n_bins))


def loses_one(p, labels, n_bins=10):
    bins = (p * n_bins).long()
    total = 0.0
    for b in range(n_bins):
        i = bins == b
        if i.any():
            total += i.float().mean().item() * (p[i].mean() - labels[i].mean()).abs().item()
    return total


PLANTED = {
    "07.1": [
        (lambda x, real: x.mean(1), "the padding is in it"),
        (lambda x, real: (x * real[..., None]).mean(1), "still divide by T"),
        (lambda x, real: (x * real[..., None]).sum(1), "this is the sum"),
        (lambda x, real: (x * real[..., None]).sum(1) / real.sum(), "of the whole batch"),
        (lambda x, real: (x * real[..., None]).sum(1, keepdim=True) / real.sum(1)[:, None, None], "without keepdim"),
        (lambda x, real: (x * ~real[..., None]).sum(1) / (~real).sum(1, keepdim=True).clamp(min=1), "wrong way round"),
        (lambda x, real: (x * real[..., None]).sum(-1) / real.sum(1, keepdim=True), "sum over the tokens"),
    ],
    "07.2": [
        (lambda words, max_len, head: words[:max_len], "head alone"),
        (lambda words, max_len, head: words[-max_len:], "tail alone"),
        (lambda words, max_len, head: words[:head] + words[-(max_len - head):], "without repeats"),
        (lambda words, max_len, head: words if len(words) <= max_len else words[:head] + words[-(max_len - head):], "words[-0:]"),
        (lambda words, max_len, head: words if len(words) < max_len else words[:head] + words[-(max_len - head) - 1 : -1], "exactly max_len"),
        (lambda words, max_len, head: words if len(words) <= max_len else words[: max_len - head] + words[len(words) - head :], "exchanged the two numbers"),
        (lambda words, max_len, head: words if len(words) <= max_len else words[:head] + words[-max_len:], "at most max_len"),
        (lambda words, max_len, head: words if len(words) <= max_len else words[-(max_len - head):] + words[:head], "changed places"),
    ],
    "07.3": [
        (lambda p, labels, n_bins=10: abs(sum(g * k for g, k in gaps(p, labels, n_bins))) / len(p), "cancel"),
        (lambda p, labels, n_bins=10: sum(abs(g) for g, _ in gaps(p, labels, n_bins)) / len(gaps(p, labels, n_bins)), "weight it by the number"),
        (lambda p, labels, n_bins=10: max(abs(g) for g, _ in gaps(p, labels, n_bins)), "largest gap"),
        (lambda p, labels, n_bins=10: sum(g * g * k for g, k in gaps(p, labels, n_bins)) / len(p), "squared"),
        (lambda p, labels, n_bins=10: (p - labels).abs().mean(), "its own label"),
        (with_empty_bins, "skip it"),
        (loses_one, "belongs to the last bin"),
        (lambda p, labels, n_bins=10: sum(abs(g) * k for g, k in gaps(p, labels, 10)) / len(p), "wrong for five"),
    ],
}
