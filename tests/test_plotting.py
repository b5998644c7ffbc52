"""Plots: colours that can be read and told apart, maps, curves and bars that show their numbers, pictures that carry a description."""

import io
import itertools
import re

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from utils import plotting


@pytest.fixture(autouse=True)
def style():
    plt.close("all")
    plotting.use_style()
    yield
    plt.close("all")


def linear(colour):
    """Linear red, green and blue of a colour of matplotlib."""
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in matplotlib.colors.to_rgb(colour)]


def luminance(colour):
    return float(np.dot([0.2126, 0.7152, 0.0722], linear(colour)))


def contrast(one, other):
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def lab(colour):
    """CIE L*a*b* of a colour, in which equal distances look about equally large."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear(colour) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def drawn(ax):
    """The figure of these axes is drawn; what matplotlib cannot print raises here."""
    return Image.open(io.BytesIO(plotting.figure_png(ax.figure)))


def test_contrast_is_measured_rightly():
    assert contrast("white", "black") == pytest.approx(21) and contrast("#777777", "white") == pytest.approx(4.48, abs=0.01)
    assert contrast("#d1602b", "white") < 4.5 and contrast("#2f8f5b", "white") < 4.5  # two that were too pale


def test_the_colours_can_be_read_and_told_apart():
    assert len(plotting.COLOURS) == len(plotting.LINES) == 6 == len({str(style) for style in plotting.LINES})
    for colour in plotting.COLOURS:
        assert contrast(colour, "white") >= 4.5, colour
    for one, other in itertools.combinations(plotting.COLOURS, 2):
        assert np.linalg.norm(lab(one) - lab(other)) > 30, (one, other)  # 2 can just be seen side by side


def test_style_is_the_courses_in_seaborns_theme():
    cycle = plt.rcParams["axes.prop_cycle"].by_key()
    assert cycle["color"] == plotting.COLOURS and len(cycle["linestyle"]) == 6
    assert plt.rcParams["figure.dpi"] == 120 and plt.rcParams["font.family"] == ["DejaVu Sans"] and plt.rcParams["axes.grid"]


def test_plot_attention_shows_each_weight_at_its_place():
    ax = plotting.plot_attention(torch.rand(3, 4), list("abc"), list("wxyz"), "title")
    mesh = ax.collections[0]
    assert mesh.get_clim() == (0, 1) and mesh.get_cmap().name == "viridis" and mesh.get_array().shape == (3, 4)
    assert ax.get_ylabel() == "query" and ax.get_xlabel() == "key" and ax.yaxis_inverted() and len(ax.figure.axes) == 2
    assert [t.get_text() for t in ax.get_xticklabels()] == list("wxyz") and [t.get_text() for t in ax.get_yticklabels()] == list("abc")
    _, axes = plt.subplots(1, 2)
    assert plotting.plot_attention(torch.eye(2), list("ab"), list("ab"), "title", ax=axes[1]) is axes[1]


def test_plot_attention_refuses():
    with pytest.raises(ValueError, match=r"shape \(3, 4\)"):
        plotting.plot_attention(torch.eye(3, 4), list("abcd"), list("wxy"), "title")
    with pytest.raises(ValueError, match="at least one query"):
        plotting.plot_attention(torch.zeros(0, 2), [], list("ab"), "title")


def test_tokens_with_dollar_signs_are_printed_as_they_stand():
    words = ["$$", "$x$", "$", "a\\b", "^_"]
    ax = plotting.plot_attention(torch.eye(5), words, words, "where '$$' looks")
    assert drawn(ax).width > 100
    plotting.plot_curves({"$$": [1, 2], "$": [2, 1]})
    plotting.plot_bars({"$$": [1.0], "b": [2.0]}, "dollars", "bars")
    for number in plt.get_fignums():
        plotting.figure_png(plt.figure(number))


def test_plot_curves_shows_the_mean_and_a_band_from_the_lowest_to_the_highest_seed():
    seeds = np.array([[3.0, 2, 1], [5, 4, 2], [10, 3, 3]])
    ax = plotting.plot_curves({"one": [3, 2, 1], "three seeds": seeds}, x=[0, 10, 20], xlabel="step", ylabel="loss", title="t")
    assert len(ax.lines) == 2 and len(ax.collections) == 1 and ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()
    assert [line.get_color() for line in ax.lines] == plotting.COLOURS[:2]
    np.testing.assert_allclose(ax.lines[1].get_xydata(), np.c_[[0, 10, 20], seeds.mean(axis=0)])
    corners = ax.collections[0].get_paths()[0].vertices
    for position, values in zip((0, 10, 20), seeds.T, strict=True):
        at = corners[corners[:, 0] == position, 1]
        assert at.min() == values.min() and at.max() == values.max()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["one", "three seeds"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("step", "loss", "t")
    assert plotting.plot_curves({"alone": [1, 2]}).get_legend() is None
    many = plotting.plot_curves({str(i): [i, i] for i in range(9)})
    assert len({(line.get_color(), str(line._dash_pattern)) for line in many.lines}) == 9


def test_plot_curves_refuses():
    with pytest.raises(ValueError, match="at least one"):
        plotting.plot_curves({})
    with pytest.raises(ValueError, match="3 points, but x has 2"):
        plotting.plot_curves({"a": [1, 2, 3]}, x=[1, 2])


def test_plot_confusion_shows_counts_and_shares_of_the_row():
    ax = plotting.plot_confusion(torch.tensor([[90, 10], [1500, 500]]), ["negative", "positive"], "title")
    assert [t.get_text() for t in ax.texts] == ["90\n90 %", "10\n10 %", "1,500\n75 %", "500\n25 %"]
    np.testing.assert_allclose(ax.collections[0].get_array(), [[0.9, 0.1], [0.75, 0.25]])
    assert ax.get_ylabel() == "true" and ax.get_xlabel() == "predicted" and ax.collections[0].get_clim() == (0, 1)
    plotting.plot_confusion([[0, 0, 0], [1, 2, 3], [0, 1, 0]], list("abc"), "a class that never occurs")
    for wrong, labels, why in (([[1, 2]], ["a"], "1 by 1"), ([[1, 2], [3, 4]], list("abc"), "3 by 3"), ([[1, -2], [3, 4]], list("ab"), "below zero")):
        with pytest.raises(ValueError, match=why):
            plotting.plot_confusion(wrong, labels, "title")


def test_plot_bars_shows_means_intervals_and_seeds():
    values = {"seeds": [0.7, 0.8, 0.75], "interval": (0.6, 0.5, 0.9), "single": 0.4}
    ax = plotting.plot_bars(values, "accuracy", "title", baselines={"TF-IDF": 0.65})
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [0.75, 0.6, 0.4])
    spans = [path.vertices[:, 0].tolist() for path in ax.collections[0].get_paths()]
    np.testing.assert_allclose(spans, [[0.7, 0.8], [0.5, 0.9]])
    assert [t.get_text() for t in ax.get_yticklabels()] == list(values) and ax.yaxis_inverted()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["TF-IDF"]
    for wrong, why in (({}, "at least one bar"), ({"a": []}, "finite"), ({"a": [float("nan")]}, "finite"), ({"a": (0.5, 0.6, 0.7)}, "mean between")):
        with pytest.raises(ValueError, match=why):
            plotting.plot_bars(wrong, "accuracy", "title")


def test_a_picture_is_small_and_finer_than_it_is_shown():
    ax = plotting.plot_curves({str(i): np.random.default_rng(i).random((3, 40)) for i in range(4)})
    png = plotting.figure_png(ax.figure)
    assert not plt.get_fignums() and Image.open(io.BytesIO(png)).width == 840 and plotting.shown_width(png) == 630 and len(png) < 80_000


def test_a_picture_keeps_the_colours_of_thin_lines():
    """With 128 colours no pixel is far off; median cut, Pillow's default, turns lines grey for the sake of the many pale pixels of the bands."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4))
    for seed, ax in enumerate(axes):
        curves = {str(i): np.random.default_rng(6 * seed + i).random((3, 10)).cumsum(axis=1) for i in range(6)}
        plotting.plot_curves(curves, ax=ax).axvspan(2, 5, color="gray", alpha=0.12)
    exact = io.BytesIO()
    figure.savefig(exact, format="png", facecolor="white", dpi=plotting.DRAWN_DPI)
    before, after = (np.asarray(picture.convert("RGB")).astype(float) for picture in (Image.open(exact), drawn(axes[0])))
    distance = np.linalg.norm(after - before, axis=2)  # up to 442
    assert (distance > 30).mean() < 1e-4 and (after[0, 0] == 255).all()


def test_show_needs_a_sentence_and_a_figure():
    with pytest.raises(ValueError, match="no figure"):
        plotting.show("a sentence about the picture")
    plt.plot([1, 2])
    for alt in ("", "plot", None, 4):
        with pytest.raises(ValueError, match="alt text"):
            plotting.show(alt)


def test_show_puts_the_description_below_the_picture(monkeypatch):
    shown = []
    monkeypatch.setattr(plotting, "display", lambda bundle, metadata=None, raw=False: shown.append((bundle, metadata or {})))
    plt.plot([1, 2])
    plotting.show("a line that rises from 1 to 2 & <on>")
    (picture, about), (words, _) = shown
    assert picture["image/png"].startswith(b"\x89PNG") and set(picture) == {"image/png", "text/plain"}
    assert about["image/png"] == {"alt": "a line that rises from 1 to 2 & <on>", "width": 630}
    fold = r"<details class='course-description'><summary>.+</summary><p>a line that rises from 1 to 2 &amp; &lt;on&gt;</p></details>"
    assert re.match(fold, words["text/html"])
    assert not plt.get_fignums()
