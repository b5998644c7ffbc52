"""One plot style for the course, drawn by seaborn: maps, curves with a band over seeds, bars with intervals, pictures with a description."""

from __future__ import annotations

import html
import io
import struct

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from cycler import cycler
from IPython.display import display
from PIL import Image

# blue, orange, green, purple, red, grey: each at least 4.5 : 1 on white, so that they serve for text too
COLOURS = ["#2a6fbb", "#b8500f", "#1f7a48", "#7d4aad", "#a3284f", "#5c5c5c"]
LINES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1))]
SHOWN_DPI, DRAWN_DPI = 90, 120  # the size on the page, and the finer grid the picture is drawn on

# A notebook's picture has no place for an alt text that JupyterLab or nbconvert would read; where scripts run, this one gives it to the page.
ALT_SCRIPT = (
    "<script>(s=>{const o=s&&s.closest('.jp-OutputArea-child,.output_area'),i=o&&o.previousElementSibling&&"
    "o.previousElementSibling.querySelector('img');if(i)i.alt=o.querySelector('details p').textContent})(document.currentScript)</script>"
)


def use_style() -> None:
    """Set fonts, sizes and colours for all plots of a notebook; series differ by line style as well as colour."""
    sns.set_theme(context="notebook", style="whitegrid", palette=COLOURS, font="DejaVu Sans", color_codes=False)
    plt.rcParams.update(
        {
            "figure.figsize": (7, 3.6),
            "figure.dpi": DRAWN_DPI,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 10,
            "axes.edgecolor": "#222222",
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "grid.color": "#b0b0b0",
            "grid.alpha": 0.3,
            "grid.linewidth": 0.8,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.fontsize": 10,
            "legend.title_fontsize": 10,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "lines.markersize": 6,
            "image.cmap": "viridis",
            "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINES),
        }
    )


def figure_png(figure: plt.Figure) -> bytes:
    """A figure as PNG bytes with 128 colours (a third of the size), closed afterwards so that no plot is shown twice.

    The colours are chosen so that none is far off (median cut turns thin lines grey), then moved to the middle of what they stand for.
    """
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", facecolor="white", dpi=DRAWN_DPI)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE, kmeans=1).save(small, format="png", optimize=True)
    return small.getvalue()


def shown_width(png: bytes) -> int:
    """The width in CSS pixels at which a picture of `figure_png` is shown: smaller than its own, so that it is sharp on fine screens."""
    return round(struct.unpack(">I", png[16:20])[0] * SHOWN_DPI / DRAWN_DPI)


def sentence(alt: object) -> str:
    """The text itself, if it can describe a picture. Raises ValueError for anything but a string of four words or more."""
    if not isinstance(alt, str) or len(alt.split()) < 4:
        raise ValueError("a picture needs an alt text of a sentence that says what the picture shows")
    return alt


def description(alt: str, of_picture: bool = True) -> dict[str, str]:
    """The output that follows a picture: its text in a fold, "Description of the figure", as a bundle of HTML and plain text.

    Why an output of its own: for a picture JupyterLab writes ``alt=""`` and nbconvert "No description ..."; neither reads its metadata. HTML with
    <img alt=...> would carry the text, but then every page takes the HTML instead of image/png, and one that drops data: images, as GitHub's
    clean-up of HTML may, would show no picture. So the picture stays image/png, and the fold after it is plain HTML, which a notebook that is not
    trusted keeps as well. Where a page runs scripts (nbconvert's, a trusted notebook), the text also becomes the picture's ``alt``.
    """
    name = "Description of the figure" if of_picture else "Description of this view"
    fold = f"<details class='course-description'><summary>{name}</summary><p>{html.escape(alt)}</p></details>"
    return {"text/html": fold + (ALT_SCRIPT if of_picture else ""), "text/plain": f"{name}: {alt}"}


def show(alt: str) -> None:
    """Show the current figure and, folded below it, its description: a sentence that says what the picture shows.

    Raises ValueError without a sentence, or without a figure.
    """
    sentence(alt)
    if not plt.get_fignums():
        raise ValueError("there is no figure to show; plot something first")
    png = figure_png(plt.gcf())
    display({"image/png": png, "text/plain": alt}, metadata={"image/png": {"alt": alt, "width": shown_width(png)}}, raw=True)
    display(description(alt), raw=True)


def plain(label: object) -> str:
    """A label that matplotlib prints as it stands: a dollar sign opens no formula."""
    return str(label).replace("$", r"\$")


def plot_attention(
    weights: torch.Tensor, queries: list[str], keys: list[str], title: str, ax: plt.Axes | None = None
) -> plt.Axes:
    """Heat map of attention weights (T, S): queries down, keys across, scale fixed to [0, 1]. Row i runs from i to i + 1 on the axis.

    Raises ValueError when shapes and labels differ, or where there is nothing to draw.
    """
    values = np.asarray(torch.as_tensor(weights).detach().float().cpu())
    if values.shape != (len(queries), len(keys)):
        raise ValueError(
            f"weights have shape {values.shape}, but there are {len(queries)} queries and {len(keys)} keys"
        )
    if not values.size:
        raise ValueError("plot_attention needs at least one query and one key")
    if ax is None:
        _, ax = plt.subplots(figsize=(1.8 + 0.34 * len(keys), 1.2 + 0.32 * len(queries)))
    sns.heatmap(
        values, vmin=0, vmax=1, cmap="viridis", ax=ax, xticklabels=[plain(k) for k in keys],
        yticklabels=[plain(q) for q in queries], cbar_kws={"label": "attention weight", "fraction": 0.05},
    )  # fmt: skip
    plt.setp(ax.get_xticklabels(), rotation=60, ha="right", rotation_mode="anchor")
    plt.setp(ax.get_yticklabels(), rotation=0)
    ax.set(xlabel="key", ylabel="query", title=plain(title))
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
    first = len(ax.lines)  # curves that stand there already keep their colours to themselves
    for place, (label, values) in enumerate(curves.items(), start=first):
        values = np.atleast_2d(np.asarray(values, dtype=float))
        positions = np.arange(values.shape[1]) if x is None else np.asarray(x)
        if len(positions) != values.shape[1]:
            raise ValueError(f"{label}: {values.shape[1]} points, but x has {len(positions)}")
        rows = pd.DataFrame({"x": np.tile(positions, len(values)), "y": values.ravel()})
        sns.lineplot(
            rows, x="x", y="y", ax=ax, label=plain(label), legend=False, color=COLOURS[place % 6], linestyle=LINES[(place + place // 6) % 6],
            errorbar=("pi", 100) if len(values) > 1 else None, err_kws={"alpha": 0.15, "linewidth": 0},
        )  # fmt: skip
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if len(curves) > 1:
        ax.legend()
    return ax


def plot_confusion(matrix, labels: list[str], title: str, ax: plt.Axes | None = None) -> plt.Axes:
    """Confusion matrix (true labels down, predicted across): counts with their share of the row, which is the colour, from 0 to 1.

    Raises ValueError where the matrix is not square, has a negative count, or does not fit the labels.
    """
    counts = np.asarray(matrix)
    if counts.shape != (len(labels), len(labels)) or not counts.size:
        raise ValueError(f"a confusion matrix for {len(labels)} labels is {len(labels)} by {len(labels)}, not {counts.shape}")
    if not (counts >= 0).all():
        raise ValueError("a confusion matrix holds counts, none below zero")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    notes = [[f"{n:,}\n{100 * s:.0f} %" for n, s in zip(*row, strict=True)] for row in zip(counts.tolist(), shares.tolist(), strict=True)]
    if ax is None:
        _, ax = plt.subplots(figsize=(2.2 + 0.9 * len(labels), 1.4 + 0.7 * len(labels)))
    names = [plain(label) for label in labels]
    sns.heatmap(
        shares, vmin=0, vmax=1, cmap="Blues", annot=np.array(notes), fmt="", ax=ax, xticklabels=names, yticklabels=names,
        linewidths=1, cbar_kws={"label": "share of the row"},
    )  # fmt: skip
    plt.setp(ax.get_yticklabels(), rotation=0)
    ax.set(xlabel="predicted", ylabel="true", title=title)
    return ax


def plot_bars(
    values: dict[str, object],
    xlabel: str,
    title: str,
    baselines: dict[str, float] | None = None,
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """Horizontal bars with intervals: label -> a tuple (mean, low, high), or a list of one value a seed.

    For seeds the bar is their mean, the interval runs from the lowest to the highest, and a stroke marks each. ``baselines`` are drawn as
    vertical lines with a legend. Raises ValueError for no bars, an empty list, or an interval that does not hold its mean.
    """
    if not values:
        raise ValueError("plot_bars needs at least one bar")
    if ax is None:
        _, ax = plt.subplots(figsize=(7, 0.9 + 0.42 * len(values)))
    means, lows, highs = [], [], []
    for place, (label, given) in enumerate(values.items()):
        seeds = np.atleast_1d(np.asarray(given, dtype=float)).ravel()
        if not seeds.size or not np.isfinite(seeds).all():
            raise ValueError(f"{label}: a bar needs finite numbers, at least one")
        triple = isinstance(given, tuple)
        if triple and not (len(seeds) == 3 and seeds[1] <= seeds[0] <= seeds[2]):
            raise ValueError(f"{label}: a tuple is (mean, low, high) with the mean between the two; for seeds give a list")
        mean, low, high = seeds if triple else (seeds.mean(), seeds.min(), seeds.max())
        means.append(mean)
        lows.append(mean - low)
        highs.append(high - mean)
        if not triple and len(seeds) > 1:
            ax.plot(seeds, [place] * len(seeds), linestyle="none", marker="|", color="#111111", markersize=9, zorder=4)
    sns.barplot(x=means, y=[plain(label) for label in values], orient="h", color=COLOURS[0], width=0.6, saturation=1, errorbar=None, ax=ax)
    spread = np.maximum([lows, highs], 0)
    wide = spread.sum(axis=0) > 0
    ax.errorbar(
        np.array(means)[wide], np.flatnonzero(wide), xerr=spread[:, wide], fmt="none", ecolor="#111111", elinewidth=1.4, capsize=3, zorder=3
    )
    for place, (label, value) in enumerate((baselines or {}).items(), start=1):
        ax.axvline(value, color=COLOURS[place % 6], linestyle=LINES[place % 6], linewidth=1.4, label=plain(label))
    ax.set(xlabel=xlabel, ylabel="", title=title)
    ax.grid(axis="y", visible=False)
    if baselines:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax
