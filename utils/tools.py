"""Tools that cannot live in the course's environment, each in one of its own under the cache: AutoTrain for notebook 16.

``environment(name)`` makes it from requirements/NAME.txt once; ``make tools`` makes all ahead. It takes a minute, and the network that once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
import venv
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import yaml
from filelock import FileLock
from packaging.requirements import Requirement
from tqdm.auto import tqdm

from utils import ROOT, data

REQUIREMENTS = ROOT / "requirements"
PROGRAMS = {"autotrain": ("autotrain", "accelerate")}  # tool -> the commands its environment must have
MARK = "course.json"  # written last: an environment without it is half made
MEND = "Run `make tools` in the course's folder (it needs the network once)."

# torch is the one package too large to have twice. A link to it needs a right that Windows seldom grants, and the parent's whole site-packages
# on the path would bring its transformers and numpy along. An import hook, started by a .pth file, works on every system: it finds torch, what
# belongs to torch alone, and torch's metadata in the parent, and nothing else. The variable lets several learners share one cache.
HOOK = '''"""Finds torch in the environment of the course (utils/tools.py wrote this file)."""
import os
import sys
from importlib.machinery import PathFinder
from importlib.metadata import DistributionFinder, MetadataPathFinder

PLACE = os.environ.get("TRANSFORMERS_COURSE_TORCH") or {place!r}
NAMES = {{"torch", "torchgen", "functorch", "sympy", "mpmath", "networkx", "triton", "nvidia", "cuda"}}


class Shared:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, [PLACE], target) if path is None and name in NAMES else None

    @staticmethod
    def find_distributions(context=DistributionFinder.Context()):
        if context.name != "torch":
            return iter(())
        return MetadataPathFinder.find_distributions(DistributionFinder.Context(name="torch", path=[PLACE]))


sys.meta_path.append(Shared)
'''

# AutoTrain's seq2seq trainer loads the metric "rouge" from the hub as it starts, or from this file in the working folder.
ROUGE = '''"""ROUGE for AutoTrain: the mean F1 of each kind (utils/tools.py wrote this file)."""
import datasets
import evaluate
from rouge_score import rouge_scorer

KINDS = ["rouge1", "rouge2", "rougeL", "rougeLsum"]


class Rouge(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        features = datasets.Features({"predictions": text, "references": text})
        return evaluate.MetricInfo(description="", citation="", inputs_description="", features=features)

    def _compute(self, predictions, references, use_stemmer=False):
        scorer = rouge_scorer.RougeScorer(KINDS, use_stemmer=use_stemmer)
        scores = [scorer.score(reference, text) for text, reference in zip(predictions, references)]
        return {kind: sum(score[kind].fmeasure for score in scores) / max(1, len(scores)) for kind in KINDS}
'''


class ToolError(RuntimeError):
    """A tool or its environment is missing, or the tool failed; the message says what, why, and what mends it."""


def place(name: str) -> Path:
    """Where a tool's environment stands, made or not: its name holds the Python and the hash of all that it is made from.

    Raises ValueError for an unknown tool, ToolError where its list of packages cannot be read.
    """
    if name not in PROGRAMS:
        raise ValueError(f"unknown tool {name!r}; there is {', '.join(PROGRAMS)}")
    try:
        content = (REQUIREMENTS / f"{name}.txt").read_bytes()
    except OSError as error:
        mend = f"git checkout requirements/{name}.txt"
        raise ToolError(
            f"requirements/{name}.txt cannot be read ({error.strerror}); get it back with: {mend}"
        ) from error
    digest = hashlib.sha256(content + HOOK.encode()).hexdigest()[:10]
    return data.CACHE / "tools" / f"{name}-{sys.implementation.cache_tag}-{digest}"


def folder_of(environment: Path, kind: str) -> Path:
    """A folder inside a virtual environment: ``kind`` is "scripts" or "purelib" (site-packages)."""
    return Path(sysconfig.get_path(kind, "venv", {"base": str(environment), "platbase": str(environment)}))


def program(environment: Path, name: str) -> Path:
    """The path of a command, or of python itself, in a virtual environment."""
    return folder_of(environment, "scripts") / (f"{name}.exe" if os.name == "nt" else name)


def whole(environment: Path) -> bool:
    """Whether an environment is complete: its mark is there, and each file with the size noted in it (0.2 s for AutoTrain's 13,000)."""
    try:
        noted = json.loads((environment / MARK).read_text(encoding="utf-8"))["files"]
        alive = program(environment, "python").exists()  # a link to a Python that is gone points nowhere
        return alive and all(os.stat(environment / name).st_size == size for name, size in noted.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def missing(name: str) -> str | None:
    """None where a tool's environment is there and whole, or else one sentence that says what is wrong; makes nothing. Raises like ``place``."""
    target = place(name)
    if whole(target):
        return None
    state = "is damaged or half made" if target.exists() else "is not there yet"
    return f"The environment of {name} {state}. {MEND}"


def environment(name: str) -> Path:
    """The folder of a tool's virtual environment, made on first use (a minute or so, with the network) and again when it is damaged.

    Safe when two processes ask at once. Environments of the same tool from another list of packages are removed. Raises ValueError for an
    unknown tool, ToolError where the environment cannot be made; nothing half made is left then.
    """
    target = place(name)
    if whole(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f"{name}.lock", mode=0o666):
            if whole(target):
                return target  # another process made it meanwhile
            if target.exists():
                print(f"The environment of {name} is damaged or half made; made again.")
                shutil.rmtree(target) if target.is_dir() else target.unlink()
            try:
                _make(name, target)
            except BaseException:  # Ctrl-C too
                shutil.rmtree(target, ignore_errors=True)
                raise
            for old in target.parent.glob(f"{name}-{sys.implementation.cache_tag}-*"):
                if old != target:
                    shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        reason = error.strerror or error
        mend = (
            "Free 1 GB of space, then: make tools" if error.errno == 28 else "Ask the cache's owner to run `make tools`"
        )
        raise ToolError(
            f"The environment of {name} could not be written to {target.parent}: {reason}. {mend}"
        ) from error
    return target


def _make(name: str, target: Path) -> None:
    """A virtual environment in its final place (its programs hold their own path, so it cannot be moved), the packages, torch, the mark."""
    listing = REQUIREMENTS / f"{name}.txt"
    lines = [line for line in listing.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    wanted = [need for need in map(Requirement, lines) if need.marker is None or need.marker.evaluate()]
    torch = importlib.util.find_spec("torch")
    if torch is None:
        raise ToolError(
            "torch is not installed in this Python, and the tools share it. Run `make lab` in the course's folder."
        )
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(target)
    _install(name, target, listing, len(wanted))
    packages = folder_of(target, "purelib")
    (packages / "course_torch.py").write_text(
        HOOK.format(place=str(Path(torch.origin).parent.parent)), encoding="utf-8"
    )
    (packages / "course_torch.pth").write_text("import course_torch\n", encoding="utf-8")
    for command in PROGRAMS[name]:
        if not program(target, command).exists():
            raise ToolError(
                f"pip installed requirements/{name}.txt, but it brought no command {command}. Is the list complete?"
            )
    files = [path for path in target.rglob("*") if path.suffix != ".pyc" and path.is_file() and not path.is_symlink()]
    mark = {
        "python": sys.version.split()[0],
        "packages": {need.name: str(need.specifier).removeprefix("==") for need in wanted},
        "files": {path.relative_to(target).as_posix(): path.stat().st_size for path in files},
    }
    half = target / f"{MARK}.part"
    half.write_text(json.dumps(mark), encoding="utf-8")
    os.replace(half, target / MARK)


def _install(name: str, target: Path, listing: Path, n: int) -> None:
    """The course's pip installs a list of ``n`` packages into another environment; a bar shows how many are fetched and unpacked."""
    options = "install --no-deps --no-user --disable-pip-version-check --no-input --no-warn-script-location --retries 2 --progress-bar off"
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(program(target, "python")),
        *options.split(),
        "-r",
        str(listing),
    ]
    variables = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PIP_TARGET", "PIP_PREFIX")
    }
    log, packages = target / "pip.log", folder_of(target, "purelib")
    with open(log, "wb") as file, tqdm(total=n, desc=f"installing {name}", unit="package", leave=False) as bar:
        pip = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=variables)
        try:
            while pip.poll() is None:
                time.sleep(0.2)
                fetched = len(re.findall(rb"^Collecting ", log.read_bytes(), re.M))
                now = (fetched + len(list(packages.glob("*.dist-info")))) // 2
                if now > bar.n:
                    bar.update(now - bar.n)
        finally:
            stop(pip)
    if pip.returncode:
        said = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        raise ToolError(f"The environment of {name} could not be made: {data._why(said)}. {MEND}")


def stop(process: subprocess.Popen) -> None:
    """End a process, and all that it has started, if it still runs."""
    if process.poll() is not None:
        return
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
    process.wait()


def for_autotrain(model: Path, copy: Path) -> Path:
    """Copy a model's folder so that transformers 4.48, on which AutoTrain runs, can read it; returns ``copy``.

    transformers 5 calls a tokenizer of our own TokenizersBackend and lists its special tokens under another key: these two change, weights and
    tokenizer.json stay. Raises ValueError where ``model`` is no folder with a config.json and a tokenizer_config.json.
    """
    try:
        settings = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
        if not (model / "config.json").is_file():
            raise FileNotFoundError
    except (OSError, ValueError) as error:
        raise ValueError(f"base_model must be the folder of a model with its tokenizer, and {model} is none") from error
    if settings.get("tokenizer_class") == "TokenizersBackend":
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(settings.get("extra_special_tokens"), list):
        settings["additional_special_tokens"] = settings.pop("extra_special_tokens")
    if model != copy:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(model, copy)
    (copy / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return copy


def _checked(config: dict, folder: Path) -> dict:
    """A run's config, complete, and its base model copied into ``folder``. Raises ValueError where AutoTrain would stop with a riddle."""
    config = {"backend": "local", "log": "none", **config}
    for key in ("task", "base_model", "project_name", "data"):
        if key not in config:
            raise ValueError(f"the config has no {key!r}")
    if not re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", str(config["project_name"])):
        raise ValueError(
            f"project_name is {config['project_name']!r}; AutoTrain takes letters, digits and hyphens between them"
        )
    if "hub" in config or config["backend"] != "local":
        raise ValueError(
            "the course trains on this machine and uploads nothing: no 'hub' in the config, and backend 'local'"
        )
    files = {"train_split": "train", "valid_split": None, "column_mapping": {}, **config["data"]}
    where = Path(folder, files.get("path", ".")).resolve()
    files["path"] = str(where.relative_to(folder) if where.is_relative_to(folder) else where)
    if files["valid_split"] is None:
        raise ValueError("data has no 'valid_split': AutoTrain would quietly take a fifth of the training data for it")
    kinds = [
        {kind for kind in ("csv", "jsonl") if (where / f"{files[key]}.{kind}").is_file()}
        for key in ("train_split", "valid_split")
    ]
    if not kinds[0] & kinds[1]:
        raise ValueError(
            f"{where} holds no pair of {files['train_split']} and {files['valid_split']}, both .csv or both .jsonl"
        )
    for_autotrain(Path(folder, config["base_model"]).resolve(), folder / "base-model")
    order = {key: config[key] for key in ("task", "base_model", "project_name", "log", "backend")}
    return {**order, **config, "project_name": str(config["project_name"]), "base_model": "base-model", "data": files}


def _variables(tool: Path, folder: Path, threads: int) -> dict[str, str]:
    """The environment variables of a run: no network, no token, no report to anybody, and every cache inside ``folder``."""
    left_out = re.compile(
        r"HF_|HUGGING|TRANSFORMERS_|WANDB_|ACCELERATE_|AUTOTRAIN_|PYTHON|MPLBACKEND|VIRTUAL_ENV|SPACE_ID|ENDPOINT_ID"
    )
    kept = {key: value for key, value in os.environ.items() if not left_out.match(key)}
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    torch = importlib.util.find_spec("torch")
    switches = "HF_HUB_OFFLINE TRANSFORMERS_OFFLINE HF_DATASETS_OFFLINE HF_EVALUATE_OFFLINE HF_HUB_DISABLE_TELEMETRY DISABLE_TELEMETRY DO_NOT_TRACK"
    return {
        **kept,
        **dict.fromkeys([*switches.split(), "TQDM_DISABLE", "PYTHONUNBUFFERED", "PYTHONNOUSERSITE", "PYTHONUTF8"], "1"),
        **dict.fromkeys(["HOME", "USERPROFILE", "XDG_CACHE_HOME"], str(home)),
        "HF_HOME": str(home / "huggingface"),
        "PYTHONWARNINGS": "ignore",
        "ALLOW_REMOTE_CODE": "false",  # AutoTrain runs code that comes with a model unless told not to
        "NLTK_DATA": str(ROOT / "data" / "nltk_data"),
        "OMP_NUM_THREADS": str(threads),
        "PATH": str(folder_of(tool, "scripts")) + os.pathsep + kept.get("PATH", ""),
        "TRANSFORMERS_COURSE_TORCH": str(Path(torch.origin).parent.parent) if torch else "",
    }


def run_autotrain(
    config: dict,
    folder: Path,
    log: Callable[[str], None] | None = print,
    timeout: float | None = None,
    threads: int = 1,
) -> Path:
    """Train with AutoTrain's command line, ``autotrain --config conf.yml``, in ``folder``; returns the folder of the trained model.

    ``config`` is what the YAML file will say; base_model and data.path are folders, relative to ``folder`` or absolute. Each line of the log goes
    to ``log`` and to autotrain.log. ``timeout`` is in seconds. Raises ValueError for a config that cannot work, ToolError where the tool cannot be
    had, takes too long or ends without a model (AutoTrain ends with status 0 even then). Ctrl-C ends the training too.
    """
    folder = Path(folder).resolve()
    config = _checked(config, folder)
    tool = environment("autotrain")
    project = folder / config["project_name"]
    if project.exists():  # the model of an earlier run must not pass for this one's
        if not (project / "training_params.json").is_file():
            raise ValueError(f"{project} is there and no earlier run of AutoTrain made it; choose another project_name")
        shutil.rmtree(project)
    (folder / "rouge").mkdir(exist_ok=True)
    (folder / "rouge" / "rouge.py").write_text(ROUGE, encoding="utf-8")
    (folder / "conf.yml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    command = [str(program(tool, "autotrain")), "--config", "conf.yml"]
    lines = _run(command, folder, _variables(tool, folder, threads), log, timeout)
    if not any(project.glob("*.safetensors")):
        raise ToolError(
            f"AutoTrain ended without a model: {_last_error(lines)} (the whole log is in {folder / 'autotrain.log'})"
        )
    return project


def _run(command: list[str], folder: Path, variables: dict[str, str], log, timeout: float | None) -> list[str]:
    """Run a command, its output line by line to ``log``, to autotrain.log and returned; whatever happens, it and its children have ended then."""
    lines, late = [""], threading.Event()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    timer = threading.Timer(timeout or 0, lambda: (late.set(), stop(process)))
    try:
        if timeout is not None:
            timer.start()
        with open(folder / "autotrain.log", "w", encoding="utf-8") as file:
            for line in process.stdout:
                line = line.rstrip()
                if not line or lines[-1].endswith(line):  # the trainer says its losses twice
                    continue
                lines.append(line)
                print(line, file=file, flush=True)
                if log is not None:
                    log(line)
    finally:
        timer.cancel()
        stop(process)
        process.stdout.close()
    if late.is_set():
        raise ToolError(f"AutoTrain was stopped after {timeout:g} s, as timeout says; its last line: {lines[-1]}")
    return lines[1:]


def _last_error(lines: list[str]) -> str:
    """The line of a log that says best why a run failed: the last exception, the last error, or the last line."""
    exception = r"(?!subprocess\.CalledProcessError)[\w.]*(Error|Exception|Interrupt)\b.*"  # accelerate adds that one to any other
    for pattern in (exception, r".*\bERROR\b.*", r".+"):
        for line in reversed(lines):
            if re.fullmatch(pattern, line.strip()):
                return line.strip()[:300]
    return "it said nothing"


def history(folder: Path) -> list[dict[str, float]]:
    """What a run logged, in order: "loss" and "learning_rate" during training, "eval_loss" and so on after each epoch, "epoch" with all.

    ``folder`` is the one given to ``run_autotrain``. Raises FileNotFoundError where nothing ran in it.
    """
    text = (Path(folder) / "autotrain.log").read_text(encoding="utf-8")
    found = re.findall(r"on_log:\d+ - (\{.*\})", text)
    return [
        json.loads(re.sub(r"\binf\b", "Infinity", re.sub(r"\bnan\b", "NaN", entry.replace("'", '"'))))
        for entry in found
    ]
