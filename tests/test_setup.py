"""The two ways a reader's environment is made: `make` on a machine of one's own, the set-up cell on Colab."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scripts import environment
from tests.wheels import make_wheel

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def serve(tmp_path):
    """A package index on loopback that answers, refuses or hangs: ``serve(behaviour)`` gives its address."""
    servers = []

    def start(behaviour, shop=None):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=str(shop or tmp_path))

            def do_GET(self):
                if behaviour == "refuses":
                    return self.send_error(403)
                if behaviour == "hangs":
                    for _ in range(60):
                        time.sleep(0.5)
                        if done.is_set():
                            return None
                return super().do_GET()

            def log_message(self, *_):
                pass

        done = threading.Event()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append((server, done))
        return f"http://127.0.0.1:{server.server_port}/cpu"

    yield start
    for server, done in servers:
        done.set()
        server.shutdown()
        server.server_close()


def test_an_index_answers_refuses_hangs_or_is_not_there(serve, tmp_path):
    make_wheel(tmp_path / "cpu" / "torch", "torch", "2.13.0")
    assert environment.answers(serve("answers"))
    assert not environment.answers(serve("refuses"))
    began = time.monotonic()
    assert not environment.answers(serve("hangs"), seconds=1)
    assert time.monotonic() - began < 20
    assert not environment.answers("http://127.0.0.1:9/cpu")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A course of two packages in a folder of its own, and the folder of wheels that pip takes for its usual index."""
    shop = tmp_path / "shop"
    make_wheel(shop, "torch", "2.13.0")
    make_wheel(shop, "helper", "1.0", requires=("torch",))
    course = tmp_path / "course"
    (course / "requirements").mkdir(parents=True)
    (course / "requirements.txt").write_text("torch>=2.9,<2.14\nhelper>=1\n")
    monkeypatch.setattr(environment, "ROOT", course)
    for name, value in {
        "PIP_NO_INDEX": "",
        "PIP_FIND_LINKS": str(shop),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setattr(environment, "wants_cpu_build", lambda: True)
    return shop


def version_in(folder, name):
    code = f"from importlib.metadata import version; print(version({name!r}))"
    return subprocess.run([environment.python_of(folder), "-c", code], capture_output=True, text=True).stdout.strip()


def test_torch_comes_from_the_cpu_index_when_that_answers(shop, serve, tmp_path, monkeypatch, capfd):
    make_wheel(tmp_path / "index" / "cpu" / "torch", "torch", "2.13.0+cpu")
    monkeypatch.delenv("PIP_FIND_LINKS")
    address = serve("answers", tmp_path / "index")
    environment.make_environment(tmp_path / "venv")
    with pytest.raises(environment.SetUpError, match="pip could not install.*helper"):
        environment.install(tmp_path / "venv", [], address)  # torch is in; the usual index is not there
    assert version_in(tmp_path / "venv", "torch") == "2.13.0+cpu"
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop))
    environment.install(tmp_path / "venv", [], address)
    assert version_in(tmp_path / "venv", "torch") == "2.13.0+cpu" and version_in(tmp_path / "venv", "helper") == "1.0"
    assert "CPU build" in capfd.readouterr().out
    monkeypatch.setattr(environment, "pip", lambda *_: pytest.fail("installed again what is there"))
    environment.install(tmp_path / "venv", [], address)


@pytest.mark.parametrize("behaviour", ["refuses", "hangs"])
def test_the_usual_index_serves_when_the_cpu_index_does_not_answer(
    behaviour, shop, serve, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr(environment, "answers", lambda index, real=environment.answers: real(index, seconds=1))
    environment.make_environment(tmp_path / "venv")
    environment.install(tmp_path / "venv", [], serve(behaviour))
    assert version_in(tmp_path / "venv", "torch") == "2.13.0"
    assert "does not answer" in capfd.readouterr().out


def test_a_broken_environment_is_made_anew(tmp_path, capfd):
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    environment.make_environment(folder)
    assert environment.usable(folder, sys.version_info[:2]) and "made anew" in capfd.readouterr().out
    assert not environment.usable(folder, (3, 99))
    for pip in folder.glob("lib/python*/site-packages/pip"):
        shutil.rmtree(pip)  # what a kill in ensurepip leaves
    assert not environment.usable(folder, sys.version_info[:2])
    environment.make_environment(folder)
    assert environment.usable(folder, sys.version_info[:2])


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 14)])
def test_another_python_is_refused_in_a_sentence(version):
    with pytest.raises(environment.SetUpError, match=r"needs Python 3\.11 to 3\.13.*PYTHON=python3\.12"):
        environment.check_version(version)


def test_the_standard_library_is_enough_to_begin():
    """A bare Python, even one too old for the course, must be able to say so."""
    code = "import sys; sys.modules.update(dict.fromkeys(['numpy', 'torch', 'packaging', 'tqdm'])); import scripts.environment"
    subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, check=True)


# Colab: a bare folder, a stand-in for google.colab, a git remote on this disk, torch, numpy and pandas older than ours

COLAB = {"torch": "2.9.0+cu126", "numpy": "2.0.2", "pandas": "2.2.2", "packaging": None, "ipython": "7.34.0"}


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colab")
    names = [
        re.match(r"[\w-]+", line)[0]
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line and line[0] != "#"
    ]
    lower = dict(re.findall(r"^([\w-]+)>=([\d.]+)", (ROOT / "requirements.txt").read_text(), re.M))
    for name in names:
        if name not in COLAB and name != "pip":
            make_wheel(folder / "shop", name, lower[name])
    for name in ("torch", "numpy", "pandas"):  # newer ones are offered, too, and must not be taken
        make_wheel(folder / "shop", name, "2.13.0" if name == "torch" else "2.4.0" if name == "numpy" else "3.1.0")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = environment.python_of(folder / "venv")
    for name, version in COLAB.items():
        if version:
            make_wheel(folder / "before", name, version)
    before = [str(path) for path in (folder / "before").glob("*.whl")]
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", *before], check=True)
    site = next((folder / "venv").glob("lib/python*/site-packages"))
    import packaging

    shutil.copytree(Path(packaging.__file__).parent, site / "packaging")
    make_wheel(folder / "shop", "packaging", lower["packaging"])
    remote = folder / "remote"
    remote.mkdir()
    for name in ("utils", "scripts", "requirements.txt"):
        source = ROOT / name
        shutil.copytree(source, remote / name) if source.is_dir() else shutil.copy(source, remote / name)
    git = ["git", "-C", str(remote), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "course"]):
        subprocess.run([*git, *words], check=True)
    return folder


def run_cell(colab, shop):
    """The set-up cell as Colab runs it: in a bare folder, with torch, numpy and pandas imported before."""
    cell = (ROOT / "scripts" / "setup_cell.py").read_text()
    cell = re.sub(r'"https://github\.com/[^"]+"', repr(str(colab / "remote")), cell).replace(
        "/content/course", str(colab / "content" / "course")
    )
    script = (
        "import sys, types\nsys.modules['google'] = sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
    )
    script += f"import torch, numpy, pandas\n{cell}\nimport transformers\nprint(torch.__version__, numpy.__version__, pandas.__version__)"
    (colab / "bare").mkdir(exist_ok=True)
    environment_ = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    environment_ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shop), "PIP_CONFIG_FILE": os.devnull}
    python = environment.python_of(colab / "venv")
    return subprocess.run([python, "-c", script], cwd=colab / "bare", env=environment_, capture_output=True, text=True)


def test_the_colab_cell_mends_a_failed_first_install_keeps_what_colab_has_and_runs_twice(colab):
    (colab / "content" / "course" / "half").mkdir(parents=True)  # a clone that was broken off
    first = run_cell(colab, colab / "nothing here")
    assert first.returncode != 0 and "pip could not install what the course needs" in first.stderr.splitlines()[-1]
    second = run_cell(colab, colab / "shop")
    assert second.returncode == 0, second.stderr
    assert "Installing what this machine lacks" in second.stdout and second.stdout.split()[-3:] == [
        "2.9.0+cu126",
        "2.0.2",
        "2.2.2",
    ]
    python = environment.python_of(colab / "venv")
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    ).stdout
    installed = {row["name"].lower(): row["version"] for row in json.loads(listed)}
    assert (
        installed["torch"] == "2.9.0+cu126"
        and installed["numpy"] == "2.0.2"
        and installed["pandas"] == "2.2.2"
        and installed["ipython"] == "7.34.0"
    )
    assert "transformers" in installed and not {"jupyterlab", "ipywidgets", "nbval"} & set(installed)
    third = run_cell(colab, colab / "nothing here")  # all is there: neither pip nor git is asked
    assert third.returncode == 0 and "Installing" not in third.stdout, third.stderr


def test_the_lower_ends_are_what_colab_ships():
    text = (ROOT / "requirements.txt").read_text()
    lower = dict(re.findall(r"^([\w-]+)>=([\d.]+)", text, re.M))
    assert lower["torch"] == "2.9" and lower["numpy"] == "2.0.2" and lower["pandas"] == "2.2.2"


def test_paths_from_the_environment_are_absolute_or_refused(tmp_path):
    def run(**variables):
        code = "from utils import checks, data; print(data.CACHE, checks.PROGRESS)"
        return subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True
        )

    good = run(TRANSFORMERS_COURSE_CACHE=str(tmp_path / "c"), TRANSFORMERS_COURSE_PROGRESS=str(tmp_path / "p.json"))
    assert good.stdout.split() == [str(tmp_path / "c"), str(tmp_path / "p.json")]
    for wrong in ("", "cache", "~/cache"):
        assert "no absolute path" in run(TRANSFORMERS_COURSE_CACHE=wrong).stderr.splitlines()[-1]
        assert "no absolute path" in run(TRANSFORMERS_COURSE_PROGRESS=wrong).stderr.splitlines()[-1]
    default = run().stdout if "TRANSFORMERS_COURSE_PROGRESS" not in os.environ else ""
    assert str(ROOT / "data" / "cache") not in default.split()[1:], "progress must outlive `make clean`"
