"""A reader's first minutes in a real browser: JupyterLab opens the start page, a notebook runs, a widget moves, a static page shows its pictures.

Needs Chromium or Chrome on this machine (Debian and Ubuntu: ``sudo apt install chromium``); skipped with that sentence where there is none.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from utils.checks import exercises

ROOT = Path(__file__).resolve().parent.parent
CHROME = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
MISSING = "no Chromium or Chrome found; `sudo apt install chromium`, or install Chrome, to run the browser tests"
pytestmark = pytest.mark.skipif(CHROME is None, reason=MISSING)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("chrome"),
            executable_path=CHROME,
            headless=True,
            args=FLAGS,
            viewport={"width": 1280, "height": 900},
        )
        yield context
        context.close()


@pytest.fixture
def page(context):
    """A page of its own for each test: an unsaved notebook would ask before it lets go of the page."""
    page = context.new_page()
    yield page
    page.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the course, so that the reader's files stay as they are."""
    folder = tmp_path_factory.mktemp("course")
    for name in (
        "utils",
        "lessons",
        "exercises",
        "scripts",
        "notebooks",
        "data",
        "README.md",
        "GLOSSARY.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "requirements.txt",
    ):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("cache", "__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


class Lab(str):
    """The server's address, and its token."""

    def __new__(cls, address: str, token: str):
        lab = super().__new__(cls, address)
        lab.token = token
        return lab


@pytest.fixture(scope="module")
def lab(folder, tmp_path_factory):
    """JupyterLab as `make lab` starts it, on a free loopback port over the copy, behind a token of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = tmp_path_factory.mktemp("settings")
    tracker = settings / "lab" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    tracker.write_text('{"windowingMode": "none"}')  # all cells are on the page, not only those in sight
    environment = {
        **os.environ,
        "TRANSFORMERS_COURSE_CACHE": str(ROOT / "data" / "cache"),
        "TRANSFORMERS_COURSE_PROGRESS": str(settings / "progress.json"),
        "JUPYTER_CONFIG_DIR": str(settings),
        "JUPYTERLAB_SETTINGS_DIR": str(settings / "lab"),
        "JUPYTERLAB_WORKSPACES_DIR": str(settings / "workspaces"),
    }
    token = secrets.token_hex(16)
    command = [
        sys.executable,
        "-m",
        "scripts.lab",
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        f"--IdentityProvider.token={token}",
    ]
    log = open(settings / "server.log", "w")
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=2)
                break
            except urllib.error.HTTPError as error:
                assert error.code == 403
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail(f"JupyterLab did not start: {(settings / 'server.log').read_text()[-2000:]}")
        yield Lab(f"http://127.0.0.1:{port}", token)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


def open_notebook(page, lab, name):
    page.goto(f"{lab}/lab/workspaces/test{name[:2]}/tree/notebooks/{name}?token={lab.token}", timeout=120_000)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=120_000)


def wait_for_text(page, text):
    page.wait_for_function(f"document.querySelector('.jp-Notebook')?.innerText.includes({text!r})", timeout=120_000)


def run_all(page):
    """Run > Run All Cells; again where a busy machine's kernel was not connected yet and the cells were dropped (their prompts stay empty)."""
    from playwright.sync_api import TimeoutError

    running = (
        r"() => [...document.querySelectorAll('.jp-InputPrompt')].some(prompt => /\[(\*|\d+)\]/.test(prompt.innerText))"
    )
    for _ in range(5):
        for question in page.locator(
            "dialog.jp-Dialog:visible"
        ).all():  # a busy machine may ask for the kernel; the offer is the right one
            print("JupyterLab asks:", question.inner_text())
            question.locator(".jp-mod-accept").click()
        page.click("text=Run >> visible=true")
        page.click("text=Run All Cells >> visible=true")
        page.wait_for_timeout(2_000)
        try:
            page.wait_for_function(running, timeout=10_000)
            return
        except TimeoutError:
            continue


def test_the_server_is_locked_opens_the_start_page_asks_nothing_and_reaches_everything(page, lab):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{lab}/api/contents", timeout=10)
    page.goto(f"{lab}/?token={lab.token}", timeout=120_000)
    wait_for_text(page, "Transformers, from the first token")
    page.wait_for_timeout(3_000)
    body = page.inner_text("body")
    assert "Would you like to receive" not in body and "Jupyter news" not in body
    page.locator(".jp-Notebook a:has-text('glossary')").first.click()
    page.wait_for_function("document.body.innerText.includes('One line a term')", timeout=60_000)
    for name in ("README.md", "CONTRIBUTING.md", "LICENSE", "lessons/attention.py"):
        answer = urllib.request.urlopen(f"{lab}/api/contents/{name}?content=0&token={lab.token}", timeout=30)
        assert answer.status == 200


def test_the_start_page_opens_and_checks_this_machine(page, lab):
    open_notebook(page, lab, "00_start_here.ipynb")
    wait_for_text(page, "Transformers, from the first token")
    run_all(page)
    wait_for_text(page, "Everything is here.")
    road = page.locator("img[alt^='The road of the course']")
    assert road.evaluate("image => image.complete && image.naturalWidth > 0")


def new_notebook(folder, name, cells):
    """A fresh notebook of these code cells, behind the set-up cell, in the copy of the course."""
    import nbformat

    cells = [(ROOT / "scripts" / "setup_cell.py").read_text(), *cells]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, folder / "notebooks" / name)


def test_a_widget_moves(page, lab, folder):
    """The quiz of notebook 05 answers a click with the reason, in a fresh notebook that shows nothing else."""
    new_notebook(folder, "98_widget.ipynb", ["from utils.checks import quiz\nquiz('05')"])
    open_notebook(page, lab, "98_widget.ipynb")
    run_all(page)
    page.wait_for_selector(".jp-OutputArea input[type=radio]", timeout=120_000)
    page.locator(".jp-OutputArea label:has(input[type=radio])").first.click()
    page.wait_for_function(
        "/Right\\.|Not this one\\./.test(document.querySelector('.jp-Notebook').innerText)", timeout=60_000
    )


PLOT = """import matplotlib.pyplot as plt
from ipywidgets import Dropdown, FloatLogSlider, FloatSlider, IntSlider, SelectionSlider
from utils.plotting import show, use_style
from utils.widgets import explore, token_html
use_style()
plt.plot([1, 2])
show("A line that rises from one to two.")"""
FIGURE = """def line_to(end, share, power, size, way):
    if end == 4:
        raise ValueError("no line ends at 4")
    figure, ax = plt.subplots()
    ax.plot([0, end])
    return figure

explore(line_to, alt=lambda end, **others: f"A line that rises from zero to {end}.", end=IntSlider(2, 0, 5, description="end"),
        share=FloatSlider(0.5, max=1, description="share"), power=FloatLogSlider(1, description="power"),
        size=SelectionSlider(options=["small", "large"], description="size"), way=Dropdown(options=["up", "down"], description="way"))"""
TOKENS = """explore(lambda boxes: token_html(boxes * ["a"]), alt="Three boxes with an a in each.", boxes=IntSlider(3, 0, 5, description="boxes"))"""


def test_a_plot_and_an_explorer_can_be_read_without_seeing_them(page, lab, folder):
    """In JupyterLab: descriptions, the names of sliders, a text that follows the state and is read out, an error that leaves the controls."""
    new_notebook(folder, "97_described.ipynb", [PLOT, FIGURE, TOKENS])
    open_notebook(page, lab, "97_described.ipynb")
    run_all(page)
    boxes = page.get_by_role("slider", name="boxes", exact=True)
    boxes.wait_for(timeout=120_000)
    assert page.get_by_role("img", name="A line that rises from one to two.").count() == 1
    fold = page.locator("details.course-description")
    fold.locator("summary").click()
    assert fold.locator("p").is_visible() and fold.locator("p").inner_text() == "A line that rises from one to two."

    handles = page.locator(".jp-OutputArea [role=slider]")
    names = handles.evaluate_all("all => all.map(one => one.ariaLabel)")
    assert names == ["end", "share", "power", "size", "boxes"]
    assert page.get_by_role("combobox", name="way").count() == 1

    captions = page.locator(".course-caption")
    assert captions.evaluate_all("all => all.map(one => one.ariaLive)") == ["polite", "polite"]
    assert captions.all_inner_texts() == ["A line that rises from zero to 2.", "Three boxes with an a in each."]
    end = page.get_by_role("slider", name="end", exact=True)
    end.press("ArrowRight")
    page.get_by_role("img", name="A line that rises from zero to 3.").wait_for(timeout=60_000)
    wait_for_text(page, "A line that rises from zero to 3.")
    boxes.press("ArrowRight")
    wait_for_text(page, "Now shown: boxes 4.")
    assert "Three boxes" not in "".join(captions.all_inner_texts())

    end.press("ArrowRight")
    wait_for_text(page, "ValueError: no line ends at 4")
    assert page.locator(".jp-OutputArea [role=alert]").count() == 1 and captions.first.inner_text() == ""
    end.press("ArrowRight")
    wait_for_text(page, "A line that rises from zero to 5.")
    assert page.locator(".jp-OutputArea [role=alert]").count() == 0


def test_a_saved_notebook_that_is_not_trusted_shows_pictures_and_descriptions(page, lab, folder):
    """What a reader sees who opens a notebook of the course before running it: JupyterLab cleans up the HTML of its outputs."""
    name = "05_attention.ipynb"
    open_notebook(page, lab, name)
    page.wait_for_function("[...document.querySelectorAll('.jp-RenderedImage img')].length > 2", timeout=60_000)
    assert not page.evaluate(UNDESCRIBED, False)
    page.wait_for_function("document.querySelectorAll('details pre span').length > 4", timeout=60_000)
    solutions_are_folded(page, name[:2])


def solutions_are_folded(page, number):
    """On the page of notebook ``number`` each exercise has a closed fold with highlighted code; a click opens it."""
    folds = page.locator("details:has(> summary:text-is('Solution'))")
    closed = "all => all.map(one => !one.open && one.innerText.trim() === 'Solution' && !!one.querySelector('pre span'))"
    assert folds.evaluate_all(closed) == [True] * len(exercises().get(number, []))
    for fold in folds.all()[:1]:
        fold.locator("summary").click()
        assert fold.locator("pre").is_visible() and "check(" in fold.inner_text()


# Pictures among the outputs that no fold with a description follows, or (with_alt) whose alt text is not the fold's
UNDESCRIBED = """with_alt => [...document.querySelectorAll('.jp-OutputArea-child')].filter(output => output.querySelector('.jp-RenderedImage img'))
    .filter(output => {
        const said = output.nextElementSibling?.querySelector('details.course-description p')?.textContent ?? '';
        return said.trim().split(/\\s+/).length < 4 || (with_alt && output.querySelector('img').alt !== said);
    }).map(output => output.innerHTML.slice(0, 200))"""


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")), ids=lambda p: p.name[:2])
def test_a_page_without_a_kernel_shows_and_describes_every_picture_and_widget(page, path, tmp_path):
    """What GitHub shows: nbconvert's page, every image loaded, every output picture described, no empty widget."""
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(tmp_path), str(path)],
        check=True,
        capture_output=True,
    )
    shutil.copytree(ROOT / "notebooks" / "figures", tmp_path / "figures")
    page.goto((tmp_path / path.with_suffix(".html").name).as_uri(), wait_until="domcontentloaded")
    page.wait_for_function("[...document.images].every(image => image.complete)", timeout=60_000)
    broken = page.evaluate(
        "[...document.images].filter(i => !i.naturalWidth || !i.alt || i.alt.startsWith('No description')).map(i => i.outerHTML.slice(0, 200))"
    )
    assert not broken
    assert not page.evaluate(UNDESCRIBED, True)
    pictures = sum(
        "image/png" in o.get("data", {}) for c in json.loads(path.read_text())["cells"] for o in c.get("outputs", [])
    )
    assert page.locator(".jp-OutputArea-child .jp-RenderedImage img").count() == pictures
    solutions_are_folded(page, path.name[:2])
    text = page.inner_text("body")
    assert "model not found" not in text and "Loading widget" not in text
    assert "explore(" not in path.read_text() or "Static first view" in text
