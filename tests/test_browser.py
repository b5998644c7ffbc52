"""A reader's first minutes in a real browser: JupyterLab opens the start page, a notebook runs, a widget moves, a static page shows its pictures.

Needs Chromium or Chrome on this machine (Debian and Ubuntu: ``sudo apt install chromium``); skipped with that sentence where there is none.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

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
            tmp_path_factory.mktemp("chrome"), executable_path=CHROME, headless=True, args=FLAGS, viewport={"width": 1280, "height": 900}
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
    for name in ("utils", "notebooks", "requirements.txt"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    (folder / "data").mkdir()
    shutil.copy(ROOT / "data" / "packages.txt", folder / "data")
    return folder


@pytest.fixture(scope="module")
def lab(folder, tmp_path_factory):
    """JupyterLab on a free loopback port, over the copy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = tmp_path_factory.mktemp("settings")
    tracker = settings / "lab" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    tracker.write_text('{"windowingMode": "none"}')            # all cells are on the page, not only those in sight
    environment = {
        **os.environ,
        "TRANSFORMERS_COURSE_CACHE": str(ROOT / "data" / "cache"),
        "TRANSFORMERS_COURSE_PROGRESS": str(settings / "progress.json"),
        "JUPYTER_CONFIG_DIR": str(settings),
        "JUPYTERLAB_SETTINGS_DIR": str(settings / "lab"),
        "JUPYTERLAB_WORKSPACES_DIR": str(settings / "workspaces"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--IdentityProvider.token=", "--LabApp.news_url=None", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    log = open(settings / "server.log", "w")
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail(f"JupyterLab did not start: {(settings / 'server.log').read_text()[-2000:]}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


def open_notebook(page, lab, name):
    page.goto(f"{lab}/lab/workspaces/test{name[:2]}/tree/notebooks/{name}", timeout=120_000)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=120_000)


def wait_for_text(page, text):
    page.wait_for_function(f"document.querySelector('.jp-Notebook')?.innerText.includes({text!r})", timeout=120_000)


def run_all(page):
    """Run > Run All Cells; again where a busy machine's kernel was not connected yet and the cells were dropped (their prompts stay empty)."""
    from playwright.sync_api import TimeoutError

    running = r"() => [...document.querySelectorAll('.jp-InputPrompt')].some(prompt => /\[(\*|\d+)\]/.test(prompt.innerText))"
    for _ in range(5):
        page.click("text=Run >> visible=true")
        page.click("text=Run All Cells >> visible=true")
        page.wait_for_timeout(2_000)
        try:
            page.wait_for_function(running, timeout=10_000)
            return
        except TimeoutError:
            continue


def test_the_start_page_opens_and_checks_this_machine(page, lab):
    open_notebook(page, lab, "00_start_here.ipynb")
    wait_for_text(page, "Transformers, from the first token")
    run_all(page)
    wait_for_text(page, "Everything is here.")
    road = page.locator("img[alt^='The road of the course']")
    assert road.evaluate("image => image.complete && image.naturalWidth > 0")


def test_a_widget_moves(page, lab, folder):
    """The quiz of notebook 05 answers a click with the reason, in a fresh notebook that shows nothing else."""
    import nbformat

    setup = (ROOT / "scripts" / "setup_cell.py").read_text()
    cells = [setup, "from utils.checks import quiz\nquiz('05')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, folder / "notebooks" / "98_widget.ipynb")
    open_notebook(page, lab, "98_widget.ipynb")
    run_all(page)
    page.wait_for_selector(".jp-OutputArea input[type=radio]", timeout=120_000)
    page.locator(".jp-OutputArea label:has(input[type=radio])").first.click()
    page.wait_for_function("/Right\\.|Not this one\\./.test(document.querySelector('.jp-Notebook').innerText)", timeout=60_000)


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("0[1-9]_*.ipynb")), ids=lambda p: p.name[:2])
def test_a_page_without_a_kernel_shows_every_picture_and_widget(page, path, tmp_path):
    """What GitHub shows: nbconvert's page, every image loaded, no empty widget."""
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(tmp_path), str(path)], check=True, capture_output=True
    )
    shutil.copytree(ROOT / "notebooks" / "figures", tmp_path / "figures")
    page.goto((tmp_path / path.with_suffix(".html").name).as_uri(), wait_until="domcontentloaded")
    page.wait_for_function("[...document.images].every(image => image.complete)", timeout=60_000)
    # nbconvert does not carry the alt text of outputs (test_structure reads it in the notebooks), but that of drawn figures
    broken = page.evaluate("[...document.images].filter(i => !i.naturalWidth || !i.alt).map(i => i.outerHTML.slice(0, 200))")
    assert not broken
    text = page.inner_text("body")
    assert "model not found" not in text and "Loading widget" not in text
    assert re.search(r"Static first view", text) or page.locator("img").count() > 2
