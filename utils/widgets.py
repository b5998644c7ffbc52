"""Explorers: one idea, a few controls, and a first state that is saved as a static picture, so that it shows without a kernel."""

from __future__ import annotations

import base64
import html
import inspect
import math
from collections.abc import Callable

import ipywidgets
import matplotlib.pyplot as plt
from IPython.display import display

from utils.plotting import description, figure_png, sentence, shown_width

VIEW = "application/vnd.jupyter.widget-view+json"
TINTS = ["#dbe9f9", "#fbe3d3", "#dcf1e4", "#ebe1f5", "#fbdce4", "#f4efcf"]
GREEN, RED = (60, 165, 105), (230, 95, 65)  # the text on them, #111111, has at least 5 : 1 at full strength

# ipywidgets gives no names to a slider's handle or a group of radio buttons, and knows no live regions. This one-pixel picture does, when it loads,
# for the box it lies in, and again whenever something in the box is drawn anew.
DOT = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
NAME = """(function find(image, tries) {
  const box = image.closest('.course-named');
  if (!box) return tries && setTimeout(find, 200, image, tries - 1);
  const name = () => {
    for (const part of box.querySelectorAll('[role=slider], .widget-readout, .widget-radio-box')) {
      const label = part.closest('.widget-inline-hbox, .widget-radio')?.querySelector('.widget-label');
      if (label) part.setAttribute('aria-label', label.textContent.trim() || label.title);
      if (part.matches('.widget-readout')) part.setAttribute('role', 'textbox');
      if (!part.matches('.widget-radio-box')) continue;
      part.setAttribute('role', 'radiogroup');
      part.id ||= 'course-' + Math.random().toString(36).slice(2);
      for (const button of part.querySelectorAll('input')) button.name = part.id;
    }
    for (const part of box.querySelectorAll('.course-caption')) part.setAttribute('aria-live', 'polite');
  };
  name();
  new MutationObserver(name).observe(box, {childList: true, subtree: true});
})(this, 100)"""
NAMES = f"""<img alt="" width="1" height="1" src="data:image/gif;base64,{DOT}" onload="{NAME}">"""


def named(*children: ipywidgets.Widget) -> ipywidgets.VBox:
    """A column of widgets in which each slider and each group of radio buttons has a name for screen readers: its ``description``, or ``tooltip``."""
    box = ipywidgets.VBox([*children, ipywidgets.HTML(NAMES, layout=ipywidgets.Layout(display="none"))])
    box.add_class("course-named")
    return box


def explore(render: Callable, alt: str | Callable[..., str], **controls: ipywidgets.Widget) -> None:
    """Show controls with what ``render(**values)`` makes of them, again after every change.

    ``render`` returns an HTML string or a matplotlib figure, or yields HTML strings one after the other (streaming). ``alt`` describes it for
    readers who do not see it: a function ``alt(**values)`` for every state, called when ``render`` is done, or a sentence for the first state
    (later ones are then described by their controls alone). The text stands below, is read out after a change, and is the picture's ``alt``.
    The first state is rendered at once, and its error raised; an error after a change is shown as one sentence, and the controls stay.
    """
    if not controls:
        raise ValueError("explore needs at least one control")
    pane, caption, last, said = ipywidgets.HTML(), ipywidgets.HTML(), None, ""
    caption.add_class("course-caption")

    def values() -> dict:
        return {name: control.value for name, control in controls.items()}

    first = values()

    def describe(state: dict) -> str:
        if callable(alt):
            return sentence(alt(**state))
        return sentence(alt) if state == first else f"Now shown: {_state(controls)}."

    def update(*_) -> None:
        nonlocal last, said
        state, figures, words = values(), set(plt.get_fignums()), None
        try:
            for frame in _frames(render, state):
                last = frame
                if isinstance(frame, plt.Figure):
                    last, words = figure_png(frame), describe(state)
                pane.value = _as_html(last, words or "")
            said = words or describe(state)
            caption.value = f"<p style='font-size:90%;max-width:60em'>{html.escape(said)}</p>"
        except Exception as error:
            for number in set(plt.get_fignums()) - figures:
                plt.close(number)  # half drawn; the next plot starts afresh
            pane.value, caption.value = _as_sentence(error), ""
            if not started:
                raise

    started = False
    update()
    started = True
    for control in controls.values():
        if hasattr(control, "continuous_update"):
            control.continuous_update = False
        control.observe(update, names="value")
    # Two outputs, each with two faces: a live kernel shows the widgets, a page without one the picture or HTML, and its description.
    if isinstance(last, bytes):
        _show(named(*controls.values(), pane), {"image/png": last, "text/plain": said}, {"alt": said, "width": shown_width(last)})
    else:
        _show(named(*controls.values(), pane), {"text/html": _static(controls) + pane.value, "text/plain": said})
    words = description(said, of_picture=isinstance(last, bytes))
    if isinstance(last, bytes):
        words["text/html"] += _static(controls)
    _show(named(caption), words)


def _show(view: ipywidgets.Widget, static: dict, about_picture: dict | None = None) -> None:
    live = {VIEW: {"version_major": 2, "version_minor": 0, "model_id": view.model_id}}
    display({**live, **static}, metadata={"image/png": about_picture} if about_picture else {}, raw=True)


def _frames(render: Callable, values: dict):
    result = render(**values)
    if inspect.isgenerator(result):
        yield from result
    else:
        yield result


def _as_html(frame: str | bytes, alt: str) -> str:
    if isinstance(frame, bytes):
        data, width = base64.b64encode(frame).decode(), shown_width(frame)
        return f'<img alt="{html.escape(alt, quote=True)}" width="{width}" style="max-width:100%;height:auto" src="data:image/png;base64,{data}">'
    if not isinstance(frame, str):
        raise TypeError(f"render must give HTML or a figure, not {type(frame).__name__}")
    return frame


def _as_sentence(error: Exception) -> str:
    said = " ".join(str(error).split())
    said = f": {said[:297] + '...' if len(said) > 300 else said}" if said else ""
    return f"<p role='alert' style='background:#fff;color:#a3284f;padding:2px 8px'>{type(error).__name__}{html.escape(said)}</p>"


def _state(controls: dict[str, ipywidgets.Widget]) -> str:
    return ", ".join(f"{c.description or name} {_value(c)}" for name, c in controls.items())


def _value(control: ipywidgets.Widget) -> str:
    return str(control.label if getattr(control, "label", None) else control.value)


def _static(controls: dict[str, ipywidgets.Widget]) -> str:
    rows = "; ".join(
        f"{html.escape(c.description or name)} <b>{html.escape(_value(c))}</b>" for name, c in controls.items()
    )
    return f"<p style='font-size:90%'><i>Static first view; run the notebook to change it.</i> {rows}</p>"


def token_html(tokens: list[str], weights=None) -> str:
    """Tokens as coloured boxes, spaces shown as ␣ and line breaks as ⏎; with ``weights`` in [-1, 1], from red (-1) over white to green (1).

    Weights beyond that range count as -1 or 1. Raises ValueError where tokens and weights differ in number, or where a weight is nan.
    """
    if weights is not None and len(weights) != len(tokens):
        raise ValueError(f"{len(tokens)} tokens, but {len(weights)} weights")
    boxes = []
    for i, token in enumerate(tokens):
        if weights is None:
            colour = TINTS[i % len(TINTS)]
        else:
            weight = float(weights[i])
            if math.isnan(weight):
                raise ValueError(f"the weight of token {i}, {token!r}, is nan: it has no colour")
            strength = max(-1.0, min(1.0, weight))
            colour = "rgba({},{},{},{:.2f})".format(*(GREEN if strength > 0 else RED), abs(strength))
        text = html.escape(token).replace(" ", "␣").replace("\n", "⏎") or "∅"
        boxes.append(
            f"<span style='background:{colour};color:#111;border-radius:3px;padding:1px 3px;margin:1px;display:inline-block;"
            f"font-family:monospace'>{text}</span>"
        )
    return "<div style='line-height:1.9;background:#fff;padding:4px'>" + "".join(boxes) + "</div>"
