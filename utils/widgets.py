"""Explorers: one idea, a few controls, and a first state that is saved as a static picture, so that it shows without a kernel."""

from __future__ import annotations

import base64
import html
import inspect
from collections.abc import Callable

import ipywidgets
import matplotlib.pyplot as plt
from IPython.display import display

from utils.plotting import figure_png

VIEW = "application/vnd.jupyter.widget-view+json"
TINTS = ["#dbe9f9", "#fbe3d3", "#dcf1e4", "#ebe1f5", "#fbdce4", "#f4efcf"]


def explore(render: Callable, alt: str, **controls: ipywidgets.Widget) -> None:
    """Show controls with what ``render(**values)`` makes of them, again after every change.

    ``render`` returns an HTML string or a matplotlib figure, or yields HTML strings one after the other (streaming). The first state is
    rendered at once; ``alt`` is its text for readers who do not see it. An error in ``render`` is shown as one sentence.
    """
    if not controls:
        raise ValueError("explore needs at least one control")
    pane, last = ipywidgets.HTML(), None

    def update(*_) -> None:
        nonlocal last
        try:
            for last in _frames(render, {name: control.value for name, control in controls.items()}):
                if isinstance(last, plt.Figure):
                    last = figure_png(last)
                pane.value = _as_html(last, alt)
        except Exception as error:
            pane.value = f"<p style='color:#b03a5b'>{html.escape(type(error).__name__)}: {html.escape(str(error))}</p>"
            if not started:
                raise

    started = False
    update()
    started = True
    for control in controls.values():
        if hasattr(control, "continuous_update"):
            control.continuous_update = False
        control.observe(update, names="value")
    view = ipywidgets.VBox([*controls.values(), pane])
    # One output with several faces: a live kernel shows the widget, a page without one (GitHub, nbviewer) the picture or the HTML.
    static = {"image/png": last} if isinstance(last, bytes) else {"text/html": _static(controls) + pane.value}
    display(
        {VIEW: {"version_major": 2, "version_minor": 0, "model_id": view.model_id}, **static, "text/plain": alt},
        metadata={"image/png": {"alt": alt}} if isinstance(last, bytes) else {},
        raw=True,
    )


def _frames(render: Callable, values: dict):
    result = render(**values)
    if inspect.isgenerator(result):
        yield from result
    else:
        yield result


def _as_html(frame: str | bytes, alt: str) -> str:
    if isinstance(frame, bytes):
        data = base64.b64encode(frame).decode()
        return f'<img alt="{html.escape(alt, quote=True)}" src="data:image/png;base64,{data}">'
    if not isinstance(frame, str):
        raise TypeError(f"render must give HTML or a figure, not {type(frame).__name__}")
    return frame


def _static(controls: dict[str, ipywidgets.Widget]) -> str:
    rows = "; ".join(
        f"{html.escape(c.description or name)} <b>{html.escape(str(getattr(c, 'label', None) or c.value))}</b>"
        for name, c in controls.items()
    )
    return f"<p style='font-size:90%'><i>Static first view; run the notebook to change it.</i> {rows}</p>"


def token_html(tokens: list[str], weights=None) -> str:
    """Tokens as coloured boxes, spaces shown as ␣ and line breaks as ⏎; with ``weights`` in [-1, 1], from red (-1) over white to green (1).

    Raises ValueError where tokens and weights differ in number.
    """
    if weights is not None and len(weights) != len(tokens):
        raise ValueError(f"{len(tokens)} tokens, but {len(weights)} weights")
    boxes = []
    for i, token in enumerate(tokens):
        if weights is None:
            colour = TINTS[i % len(TINTS)]
        else:
            strength = max(-1.0, min(1.0, float(weights[i])))
            colour = f"rgba({'47,143,91' if strength > 0 else '209,72,43'},{abs(strength):.2f})"
        text = html.escape(token).replace(" ", "␣").replace("\n", "⏎") or "∅"
        boxes.append(
            f"<span style='background:{colour};color:#111;border-radius:3px;padding:1px 3px;margin:1px;display:inline-block;"
            f"font-family:monospace'>{text}</span>"
        )
    return "<div style='line-height:1.9;background:#fff;padding:4px'>" + "".join(boxes) + "</div>"
