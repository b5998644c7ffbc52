"""Explorers: a first state that stays on the page, a text that is true in every state, controls that survive errors, tokens that can be read."""

import re

import matplotlib

matplotlib.use("agg")
import ipywidgets
import matplotlib.pyplot as plt
import pytest

from tests.test_plotting import contrast
from utils import widgets


@pytest.fixture
def shown(monkeypatch):
    """What was displayed: (bundle, metadata) in order."""
    outputs = []
    monkeypatch.setattr(widgets, "display", lambda bundle, metadata=None, raw=False: outputs.append((bundle, metadata or {})))
    yield outputs
    plt.close("all")


@pytest.fixture
def boxes(monkeypatch):
    """The boxes that explorers make: first that of the controls and the pane, then that of the caption."""
    made, build = [], widgets.named
    monkeypatch.setattr(widgets, "named", lambda *children: made.append(children) or build(*children))
    return made


def number(value=2, description="n"):
    return ipywidgets.IntSlider(value=value, min=0, max=5, description=description)


def line_to(n):
    figure, ax = plt.subplots()
    ax.plot([0, n])
    return figure


def test_explore_renders_a_first_frame_and_follows_its_controls(shown):
    slider, seen = number(), []
    widgets.explore(lambda n: seen.append(n) or f"<b>{n * n}</b>", alt="the square of a number", n=slider)
    view, words = (bundle for bundle, _ in shown)
    assert "<b>4</b>" in view["text/html"] and "n <b>2</b>" in view["text/html"] and view[widgets.VIEW]["model_id"]
    assert "<p>the square of a number</p>" in words["text/html"] and words[widgets.VIEW]["model_id"] != view[widgets.VIEW]["model_id"]
    slider.value = 5
    assert seen == [2, 5]


def test_explore_streams(shown):
    frames = []

    def stream(n):
        for i in range(3):
            frames.append(i)
            yield f"<i>{i}/{n}</i>"

    widgets.explore(stream, alt="three frames, one after the other", n=number(1))
    assert frames == [0, 1, 2] and "<i>2/1</i>" in shown[0][0]["text/html"]


def test_a_figure_is_followed_by_its_description(shown):
    widgets.explore(line_to, alt="a line from zero to n", n=number(1))
    (picture, about), (words, _) = shown
    assert picture["image/png"].startswith(b"\x89PNG") and about["image/png"] == {"alt": "a line from zero to n", "width": pytest.approx(576, abs=60)}
    assert "<details class='course-description'>" in words["text/html"] and "<p>a line from zero to n</p>" in words["text/html"]
    assert "Static first view" in words["text/html"] and not plt.get_fignums()


def test_a_text_by_function_is_true_in_every_state(shown, boxes):
    slider = number(1)
    widgets.explore(line_to, alt=lambda n: f"A line that ends at <{n}>.", n=slider)
    pane, caption = boxes[0][-1], boxes[1][0]
    assert "ends at &lt;1&gt;" in pane.value and "ends at &lt;1&gt;" in caption.value and "ends at &lt;1&gt;" in shown[1][0]["text/html"]
    slider.value = 4
    assert "ends at &lt;4&gt;" in pane.value and "ends at &lt;4&gt;" in caption.value and "1" not in re.sub("<.*?>", "", caption.value)


def test_a_sentence_for_the_first_state_gives_way_to_the_controls_values(shown, boxes):
    slider, menu = number(1, "end"), ipywidgets.Dropdown(options=[("the first", 0), ("the second", 1)], description="sentence")
    widgets.explore(lambda n, s: line_to(n), alt="A line from zero to one.", n=slider, s=menu)
    pane, caption = boxes[0][-1], boxes[1][0]
    assert "A line from zero to one." in caption.value and 'alt="A line from zero to one."' in pane.value
    menu.value = 1
    assert "Now shown: end 1, sentence the second." in caption.value and "zero to one" not in caption.value + pane.value
    menu.value = 0
    assert "A line from zero to one." in caption.value


def test_an_error_is_one_sentence_and_the_controls_stay(shown, boxes):
    def fragile(n):
        figure = line_to(n)
        if n == 0:
            raise ValueError("nothing\nto <draw>")
        return figure

    slider = number(1)
    widgets.explore(fragile, alt="a line from zero to n", n=slider)
    pane, caption = boxes[0][-1], boxes[1][0]
    slider.value = 0
    assert "role='alert'" in pane.value and "ValueError: nothing to &lt;draw&gt;" in pane.value and caption.value == "" and slider in boxes[0]
    assert not plt.get_fignums(), "a half-drawn figure is left for the next show()"
    slider.value = 3
    assert "<img" in pane.value and "Now shown: n 3." in caption.value
    with pytest.raises(ZeroDivisionError):
        widgets.explore(lambda n: f"{1 / 0}", alt="a broken first frame", n=number())


def test_explore_refuses(shown):
    with pytest.raises(ValueError, match="at least one control"):
        widgets.explore(lambda: "", alt="nothing to control here")
    for alt in ("", "plot", None, lambda n: ""):
        with pytest.raises(ValueError, match="alt text"):
            widgets.explore(lambda n: "<b>1</b>", alt=alt, n=number())
    with pytest.raises(TypeError, match="HTML or a figure, not int"):
        widgets.explore(lambda n: n, alt="a number that is no page", n=number())


def test_named_boxes_keep_their_widgets_in_order():
    slider, pane = number(), ipywidgets.HTML()
    box = widgets.named(slider, pane)
    assert box.children[:2] == (slider, pane) and "course-named" in box._dom_classes and "aria-label" in box.children[2].value
    assert '"' not in widgets.NAME, "it stands between double quotes"


def test_token_html():
    out = widgets.token_html([" the", "<b>", "\n", ""], [-1.0, 0.0, 2.0, float("inf")])
    assert "␣the" in out and "&lt;b&gt;" in out and "⏎" in out and "∅" in out
    assert re.findall(r"rgba\((.+?)\)", out) == ["230,95,65,1.00", "230,95,65,0.00", "60,165,105,1.00", "60,165,105,1.00"]
    with pytest.raises(ValueError, match="1 tokens, but 2 weights"):
        widgets.token_html(["a"], [1, 2])
    with pytest.raises(ValueError, match="token 1, 'b', is nan"):
        widgets.token_html(["a", "b"], [0.5, float("nan")])


def test_tokens_can_be_read_on_every_tint():
    backgrounds = re.findall(r"background:(#\w+);color:#111;", widgets.token_html(list("abcdef")))
    assert backgrounds == widgets.TINTS
    for strength in (-1, -0.7, -0.3, 0, 0.3, 0.7, 1):
        *colour, alpha = map(float, re.search(r"rgba\((.+?)\)", widgets.token_html(["a"], [strength]))[1].split(","))
        backgrounds.append([alpha * c / 255 + 1 - alpha for c in colour])  # over the white page
    for background in backgrounds:
        assert contrast("#111111", background) >= 4.5, background
