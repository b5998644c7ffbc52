"""One plot style for the course, attention maps, curves with a band over seeds, and pictures that carry their alt text."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
import numpy as np
import torch
from cycler import cycler
from IPython.display import display
from PIL import Image

COLOURS = ["#2a6fbb", "#d1602b", "#2f8f5b", "#8a5bb5", "#b03a5b", "#6b6b6b"]
LINES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1))]


def use_style() -> None:
    """Set fonts, sizes and colours for all plots of a notebook; series differ by line style as well as colour."""
    plt.rcParams.update(
        {
            "figure.figsize": (7, 3.6),
            "figure.dpi": 90,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "axes.axisbelow": True,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "image.cmap": "viridis",
            "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINES),
        }
    )


def figure_png(figure: plt.Figure) -> bytes:
    """A figure as PNG bytes with 128 colours (a third of the size), closed afterwards so that no plot is shown twice."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", facecolor="white")
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(128).save(small, format="png", optimize=True)
    return small.getvalue()


def show(alt: str) -> None:
    """Show the current figure with an alt text: a sentence that says what the picture shows. Raises ValueError without one, or without a figure."""
    if not isinstance(alt, str) or len(alt.split()) < 4:
        raise ValueError("show needs an alt text of a sentence that says what the picture shows")
    if not plt.get_fignums():
        raise ValueError("there is no figure to show; plot something first")
    display({"image/png": figure_png(plt.gcf()), "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)


def plot_attention(
    weights: torch.Tensor, queries: list[str], keys: list[str], title: str, ax: plt.Axes | None = None
) -> plt.Axes:
    """Heat map of attention weights (T, S): queries down, keys across, scale fixed to [0, 1]. Raises ValueError when shapes and labels differ."""
    values = np.asarray(torch.as_tensor(weights).detach().float().cpu())
    if values.shape != (len(queries), len(keys)):
        raise ValueError(
            f"weights have shape {values.shape}, but there are {len(queries)} queries and {len(keys)} keys"
        )
    if ax is None:
        _, ax = plt.subplots(figsize=(1.8 + 0.34 * len(keys), 1.2 + 0.32 * len(queries)))
    image = ax.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    ax.set_xticks(range(len(keys)), keys, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(queries)), queries)
    ax.set(xlabel="key", ylabel="query", title=title)
    ax.grid(False)
    ax.figure.colorbar(image, ax=ax, label="attention weight", fraction=0.05)
    return ax


def plot_curves(
    curves: dict[str, object],
    x=None,
    xlabel: str = "step",
    ylabel: str = "loss",
    title: str = "",
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """Lines with their seeds: label -> (points,) or (seeds, points); the line is the mean, the band runs from the lowest to the highest seed.

    Raises ValueError for no curves, or where ``x`` has another length than a curve.
    """
    if not curves:
        raise ValueError("plot_curves needs at least one curve")
    if ax is None:
        _, ax = plt.subplots()
    for label, values in curves.items():
        values = np.atleast_2d(np.asarray(values, dtype=float))
        positions = np.arange(values.shape[1]) if x is None else np.asarray(x)
        if len(positions) != values.shape[1]:
            raise ValueError(f"{label}: {values.shape[1]} points, but x has {len(positions)}")
        (line,) = ax.plot(positions, values.mean(axis=0), label=label)
        if len(values) > 1:
            ax.fill_between(
                positions, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.15, linewidth=0
            )
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if len(curves) > 1:
        ax.legend()
    return ax
