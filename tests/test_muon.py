"""Our Muon is PyTorch's, but for the precision in which it orthogonalises."""

import pytest
import torch

from scripts.muon import Muon, orthogonalized


def test_equal_to_torch():
    """Three steps on a wide, a tall and a square matrix: the changes are torch.optim.Muon's but for bfloat16's rounding."""
    torch.manual_seed(0)
    start = [torch.randn(size) for size in ((6, 20), (20, 6), (9, 9))]
    ours, theirs = ([torch.nn.Parameter(w.clone()) for w in start] for _ in range(2))
    both = (
        Muon(ours, lr=0.02, weight_decay=0.05),
        torch.optim.Muon(theirs, lr=0.02, weight_decay=0.05, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
    )
    for _ in range(3):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        for optimizer in both:
            optimizer.step()
    for a, b, w in zip(ours, theirs, start, strict=True):
        assert (a - b).norm() < 0.03 * (b - w).norm()


def test_orthogonalized():
    """Singular values between 0.6 and 1.3, whatever they were."""
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalized(torch.randn(12, 30) * torch.logspace(-1, 1, 12)[:, None]).float())
    assert 0.6 < values.min() and values.max() < 1.3


def test_a_vector_is_refused():
    """One sentence that says what to do."""
    with pytest.raises(ValueError, match="Muon is for matrices"):
        Muon([torch.nn.Parameter(torch.ones(3))])
