"""Environments of tools: made once, whole or not at all, again when damaged; AutoTrain's command line, with planted failures and for real."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
import yaml

from tests.wheels import make_wheel
from utils import data, machine, tools

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A tool "fake" of one small package in a local folder that pip takes for its index, and an empty cache."""
    files = {
        "fake_tool.py": "def main():\n    print('works')\n",
        "fake_tool-1.0.dist-info/entry_points.txt": "[console_scripts]\nfake = fake_tool:main\n",
    }
    make_wheel(tmp_path / "shop", "fake-tool", "1.0", files)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "fake.txt").write_text('# a list\nfake-tool==1.0\nnever==2 ; python_version < "3"\n')
    monkeypatch.setattr(tools, "REQUIREMENTS", tmp_path / "requirements")
    monkeypatch.setattr(tools, "PROGRAMS", {"fake": ("fake",)})
    monkeypatch.setattr(data, "CACHE", tmp_path / "cache")
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path / "shop"), "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return tmp_path


@pytest.fixture
def quick(shop, monkeypatch):
    """The shop, where pip's part is done by hand: one module and one command."""

    def install(name, target, *_):
        (tools.folder_of(target, "purelib") / "fake_tool.py").write_text("def main(): pass")
        tools.program(target, "fake").write_text("#!/bin/sh")

    monkeypatch.setattr(tools, "_install", install)
    return shop


def in_environment(folder, code):
    return subprocess.run([tools.program(folder, "python"), "-c", code], capture_output=True, text=True)


def test_an_environment_is_made_once_and_shares_torch_alone(shop, monkeypatch):
    assert "is not there yet. Run `make tools`" in tools.missing("fake")
    folder = tools.environment("fake")
    assert tools.missing("fake") is None
    assert subprocess.run([tools.program(folder, "fake")], capture_output=True, text=True).stdout.strip() == "works"
    code = "import importlib.metadata as m, importlib.util as u; print(u.find_spec('torch').origin, m.version('torch'))"
    found = in_environment(folder, code)  # the real environment imports torch; this one lacks typing_extensions
    assert found.stdout.split() == [torch.__file__, str(torch.__version__)], found.stderr
    assert in_environment(folder, "import mpmath; print(mpmath.sqrt(4))").stdout.strip() == "2.0"
    for stranger in ("transformers", "numpy", "pandas"):
        assert "ModuleNotFoundError" in in_environment(folder, f"import {stranger}").stderr
    monkeypatch.setenv("TRANSFORMERS_COURSE_TORCH", str(shop))  # goes before the place noted in the environment
    assert "ModuleNotFoundError" in in_environment(folder, "import mpmath").stderr
    mark = json.loads((folder / tools.MARK).read_text())
    assert mark["packages"] == {"fake-tool": "1.0"} and mark["python"].startswith("3.")
    monkeypatch.setattr(tools, "_install", lambda *_: pytest.fail("installed again what is there"))
    assert tools.environment("fake") == folder


def test_the_machine_check_tells_of_the_environment(quick):
    """Not made yet is nothing wrong, damaged is."""

    def row():
        return next(row for row in machine.rows() if row[0] == "fake's own environment")

    assert row()[1].startswith("not made yet") and row()[2] == ""
    folder = tools.environment("fake")
    assert row()[1:] == ("there", "")
    (folder / tools.MARK).unlink()
    assert row()[1:] == ("damaged", "make tools")


@pytest.mark.parametrize("damage", ["command gone", "mark gone", "half a file", "python gone", "a file in its place"])
def test_a_damaged_environment_is_made_again(damage, quick, capsys):
    folder = tools.environment("fake")
    if damage == "half a file":
        (tools.folder_of(folder, "purelib") / "fake_tool.py").write_text("def")
    elif damage == "a file in its place":
        folder.rename(quick / "away")
        folder.write_text("")
    else:
        names = {"command gone": tools.program(folder, "fake"), "mark gone": folder / tools.MARK}
        names.get(damage, tools.program(folder, "python")).unlink()
    assert "damaged or half made" in tools.missing("fake")
    assert tools.environment("fake") == folder and tools.whole(folder)
    assert "made again" in capsys.readouterr().out


def test_another_list_makes_another_environment_and_the_old_one_goes(quick):
    first = tools.environment("fake")
    other_python = first.parent / "fake-cpython-27-0123456789"
    other_python.mkdir()
    with open(tools.REQUIREMENTS / "fake.txt", "a") as file:
        file.write("# changed\n")
    second = tools.environment("fake")
    assert second != first and not first.exists() and tools.whole(second) and other_python.exists()


def test_without_network_one_sentence_and_nothing_left(shop, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(tools.ToolError, match=r"environment of fake could not be made: .*no network.*Run `make tools`"):
        tools.environment("fake")
    assert [path.name for path in (data.CACHE / "tools").iterdir()] == ["fake.lock"]


def test_a_broken_off_making_leaves_nothing(shop, monkeypatch):
    def breaks(name, target, *_):
        (target / "half").write_text("")
        raise KeyboardInterrupt

    monkeypatch.setattr(tools, "_install", breaks)
    with pytest.raises(KeyboardInterrupt):
        tools.environment("fake")
    assert not tools.place("fake").exists()


def test_a_full_disk_and_a_missing_right_are_said_in_words(shop, monkeypatch):
    for number, words in ((28, "No space left.*Free 1 GB"), (13, "Permission denied.*cache's owner")):
        monkeypatch.setattr(tools, "_install", lambda *_, n=number: (_ for _ in ()).throw(OSError(n, os.strerror(n))))
        with pytest.raises(tools.ToolError, match=words):
            tools.environment("fake")


def test_a_list_without_the_command_an_unknown_tool_and_no_list(quick, monkeypatch):
    monkeypatch.setattr(tools, "PROGRAMS", {"fake": ("fake", "other")})
    with pytest.raises(tools.ToolError, match="no command other"):
        tools.environment("fake")
    with pytest.raises(ValueError, match="unknown tool 'nonsense'; there is fake"):
        tools.missing("nonsense")
    (tools.REQUIREMENTS / "fake.txt").unlink()
    with pytest.raises(tools.ToolError, match="git checkout requirements/fake.txt"):
        tools.environment("fake")


def test_two_processes_at_once(shop):
    code = "from utils import data, machine, tools; from pathlib import Path; "
    code += f"tools.REQUIREMENTS = Path({str(tools.REQUIREMENTS)!r}); tools.PROGRAMS = {{'fake': ('fake',)}}; print(tools.environment('fake'))"
    variables = {**os.environ, "TRANSFORMERS_COURSE_CACHE": str(data.CACHE)}
    command = [sys.executable, "-c", code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=ROOT, env=variables, **pipes) for _ in range(2)]
    results = [process.communicate(timeout=200) for process in both]
    assert all(process.returncode == 0 for process in both), results
    assert results[0][0] == results[1][0] and "made again" not in results[0][0] + results[1][0]


def test_the_list_is_pinned_and_leaves_out_what_breaks():
    lines = (ROOT / "requirements" / "autotrain.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all("==" in line for line in pins) and "autotrain-advanced==0.8.36" in pins
    names = {line.split("==")[0].lower() for line in pins}
    assert not names & {"torch", "torchvision", "timm", "bitsandbytes"} and len(names) == len(pins)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """``run(code, **changes)``: run_autotrain with a stand-in for the command ``autotrain`` that executes ``code`` in the run's folder."""
    tool, folder = tmp_path / "tool", tmp_path / "run"
    tools.folder_of(tool, "scripts").mkdir(parents=True)
    for place, content in {
        "data/train.jsonl": "{}\n",
        "data/validation.jsonl": "{}\n",
        "model/config.json": "{}",
        "model/tokenizer_config.json": '{"tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["<a>"]}',
    }.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(content)
    monkeypatch.setattr(tools, "environment", lambda name: tool)

    def start(code, log=None, timeout=60, **changes):
        command = tools.program(tool, "autotrain")
        command.write_text(f"#!{sys.executable}\n{code}\n")
        command.chmod(0o755)
        config = {
            "task": "seq2seq",
            "base_model": "model",
            "project_name": "my-model",
            "data": {"path": "data", "valid_split": "validation", "column_mapping": {"text_column": "text"}},
            "params": {"lr": 1e-5},
        }
        return tools.run_autotrain({**config, **changes}, folder, log=log, timeout=timeout)

    start.folder = folder
    return start


MODEL = "import pathlib; p = pathlib.Path('my-model'); p.mkdir(); (p / 'model.safetensors').touch(); (p / 'training_params.json').touch()"


def test_a_run_writes_its_config_streams_its_log_and_keeps_to_its_folder(run, monkeypatch):
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "PYTHONPATH", "SPACE_ID"):
        monkeypatch.setenv(name, "secret")
    said = []
    show = "import os, json, sys; print(json.dumps(dict(os.environ))); print(os.getcwd(), sys.argv[1:]); print('to stderr', file=sys.stderr)"
    project = run(f"{show}\n{MODEL}", log=said.append)
    assert project == run.folder / "my-model"
    variables = json.loads(said[0])
    assert "secret" not in variables.values() and variables["OMP_NUM_THREADS"] == "1"
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "DO_NOT_TRACK"):
        assert variables[name] == "1"
    for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME"):
        assert Path(variables[name]).is_relative_to(run.folder)
    assert said[1] == f"{run.folder} ['--config', 'conf.yml']" and "to stderr" in said
    assert (run.folder / "autotrain.log").read_text().splitlines() == said
    written = yaml.safe_load((run.folder / "conf.yml").read_text())
    assert list(written)[:5] == ["task", "base_model", "project_name", "log", "backend"]
    assert written["base_model"] == "base-model" and written["params"] == {"lr": 1e-5}
    assert written["data"]["path"] == "data" and written["data"]["train_split"] == "train"
    assert (run.folder / "rouge" / "rouge.py").exists()
    readable = json.loads((run.folder / "base-model" / "tokenizer_config.json").read_text())
    assert readable == {"tokenizer_class": "PreTrainedTokenizerFast", "additional_special_tokens": ["<a>"]}
    assert "TokenizersBackend" in (run.folder / "model" / "tokenizer_config.json").read_text()


def test_status_0_without_a_model_is_a_failure(run):
    run(MODEL)  # an earlier run's model does not pass for this one's
    traceback = (
        "print('INFO | fine'); print('Traceback'); print('KeyError: text'); print('subprocess.CalledProcessError: 1')"
    )
    with pytest.raises(tools.ToolError, match=r"ended without a model: KeyError: text \(.*autotrain.log"):
        run(traceback)
    with pytest.raises(tools.ToolError, match="ERROR | it broke"):
        run("print('ERROR | it broke'); print('INFO | Job ID: 3')")
    with pytest.raises(tools.ToolError, match="it said nothing"):
        run("")


def test_a_folder_of_somebody_else_is_not_removed(run):
    (run.folder / "my-model").mkdir()
    (run.folder / "my-model" / "thesis.txt").write_text("three years")
    with pytest.raises(ValueError, match="no earlier run of AutoTrain made it"):
        run(MODEL)
    assert (run.folder / "my-model" / "thesis.txt").exists()


FAMILY = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)']); "
)
FAMILY += "print('child', child.pid, flush=True); time.sleep(100)"


def gone(pid):
    for _ in range(50):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


def test_a_run_that_takes_too_long_ends_with_all_its_children(run):
    said = []
    with pytest.raises(tools.ToolError, match="stopped after 3 s, as timeout says; its last line: child"):
        run(FAMILY, log=said.append, timeout=3)
    assert gone(int(said[0].split()[1]))


def test_an_interrupt_ends_the_children_too(run):
    said = []

    def interrupted(line):
        said.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(FAMILY, log=interrupted)
    assert gone(int(said[0].split()[1]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        *[({"project_name": name}, "project_name is") for name in ("my_model", "a b", "../up", "-a", "a--b", "", "é")],
        ({"hub": {"token": "x"}}, "uploads nothing"),
        ({"backend": "spaces-a10g-large"}, "uploads nothing"),
        ({"data": {"path": "data"}}, "no 'valid_split'"),
        ({"data": {"path": "data", "valid_split": "dev"}}, "no pair of train and dev"),
        ({"base_model": "google/flan-t5-base"}, "must be the folder of a model"),
    ],
)
def test_a_config_that_cannot_work_is_refused_before_anything_runs(changes, words, run):
    with pytest.raises(ValueError, match=words):
        run("raise SystemExit('ran')", **changes)
    assert not (run.folder / "conf.yml").exists()


def test_a_config_without_a_task(tmp_path):
    with pytest.raises(ValueError, match="no 'task'"):
        tools.run_autotrain({"base_model": "x"}, tmp_path)


def test_history_reads_losses_once_and_odd_numbers(run):
    info = "INFO | autotrain.trainers.common:on_log:367 - "
    lines = [
        f"{info}{{'loss': 2.5, 'epoch': 0.5}}",
        "{'loss': 2.5, 'epoch': 0.5}",
        f"{info}{{'eval_loss': nan, 'epoch': 1.0}}",
    ]
    said = []
    run(f"{MODEL}\nprint({chr(10).join(lines)!r})", log=said.append)
    assert said == [lines[0], lines[2]]  # what the trainer says twice is passed on once
    first, second = tools.history(run.folder)
    assert first == {"loss": 2.5, "epoch": 0.5} and second["eval_loss"] != second["eval_loss"]


def tokenizer_of(texts, **tokens):
    """A byte-level BPE of 600 tokens, as transformers 5 saves it."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast

    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    special = ["<pad>", "</s>", "<unk>", "<extra_id_0>", "<extra_id_1>"]
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.post_processor = tokenizers.processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=special[3:],
        model_input_names=["input_ids", "attention_mask"],
    )


def write_rows(folder, rows):
    (folder / "data").mkdir(parents=True)
    for split, part in (("train", rows), ("validation", rows[:4])):
        (folder / "data" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))


def in_autotrains_transformers(folder, code):
    """Run code with AutoTrain's own transformers; it prints JSON."""
    variables = tools._variables(tools.environment("autotrain"), folder, 1)
    command = [tools.program(tools.environment("autotrain"), "python"), "-c", code]
    result = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


GENERATE = """
import json, sys, transformers
tokenizer = transformers.AutoTokenizer.from_pretrained("{model}")
model = transformers.AutoModelForSeq2SeqLM.from_pretrained("{model}").eval()
batch = tokenizer({texts!r}, padding=True, return_tensors="pt")
written = model.generate(**batch, max_new_tokens=12, do_sample=False, num_beams=1)
print(json.dumps([transformers.__version__, batch.input_ids.tolist(), tokenizer.batch_decode(written)]))
"""


@pytest.mark.slow
def test_autotrain_trains_a_t5_that_transformers_5_reads(tmp_path):
    """The real tool: a tiny T5 saved by transformers 5 learns for a few steps, and both versions read it alike, word for word."""
    from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

    words = "red blue green house river mountain walks sleeps sings".split()
    rows = [{"question": f"<extra_id_0> {words[i % 9]} {words[i % 7]}", "answer": words[i % 9]} for i in range(32)]
    write_rows(tmp_path, rows)
    torch.manual_seed(0)
    sizes = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2, "dropout_rate": 0.0}
    tied = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": True, "decoder_start_token_id": 0}
    model = T5ForConditionalGeneration(T5Config(vocab_size=600, **sizes, **tied))
    model.generation_config.max_length = 8
    model.save_pretrained(tmp_path / "model")
    tokenizer_of([f"{row['question']} {row['answer']}" for row in rows]).save_pretrained(tmp_path / "model")
    config = {
        "task": "seq2seq",
        "base_model": "model",
        "project_name": "tiny-t5",
        "data": {
            "path": "data",
            "train_split": "train",
            "valid_split": "validation",
            "column_mapping": {"text_column": "question", "target_column": "answer"},
        },
        "params": {"epochs": 6, "batch_size": 8, "lr": 0.01, "max_seq_length": 16, "max_target_length": 8},
    }
    trained = tools.run_autotrain(config, tmp_path, log=None, timeout=900)
    losses = [entry["loss"] for entry in tools.history(tmp_path) if "loss" in entry]
    assert len(losses) == 24 and losses[-1] < losses[0] / 2
    assert "eval_rougeL" in tools.history(tmp_path)[-1]
    tokenizer, model = (kind.from_pretrained(trained) for kind in (AutoTokenizer, T5ForConditionalGeneration))
    texts = [row["question"] for row in rows[:9]]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    here = tokenizer.batch_decode(model.eval().generate(**batch, max_new_tokens=12, do_sample=False, num_beams=1))
    version, ids, there = in_autotrains_transformers(tmp_path, GENERATE.format(model=trained, texts=texts))
    assert version == "4.48.0" and ids == batch.input_ids.tolist() and here == there
    assert len(set(here)) > 1, "all answers are alike, so that equality says little"
    with pytest.raises(tools.ToolError, match="ended without a model: .*no_such_column"):
        config["data"]["column_mapping"]["text_column"] = "no_such_column"
        tools.run_autotrain(config, tmp_path, log=None, timeout=900)


CLASSIFY = """
import json, torch, transformers
model = transformers.AutoModelForTokenClassification.from_pretrained("{model}").eval()
print(json.dumps([model.config.id2label, model(torch.tensor({ids})).logits.tolist()]))
"""


@pytest.mark.slow
def test_autotrain_trains_a_token_classifier(tmp_path):
    """The other task of notebook 16, with a tiny BERT: the labels' names and the same logits arrive."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer, BertConfig, BertModel

    words = "Anna met Bela near the old river Danube yesterday".split()
    tags = ["B-PER", "O", "B-PER", "O", "O", "O", "O", "B-LOC", "O"]
    rows = [{"words": words[i % 5 :], "labels": tags[i % 5 :]} for i in range(32)]
    write_rows(tmp_path, rows)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=600, **sizes)).save_pretrained(tmp_path / "model")
    tokenizer_of([" ".join(words)]).save_pretrained(tmp_path / "model")
    config = {
        "task": "token-classification",
        "base_model": "model",
        "project_name": "tiny-bert",
        "data": {
            "path": "data",
            "train_split": "train",
            "valid_split": "validation",
            "column_mapping": {"tokens_column": "words", "tags_column": "labels"},
        },
        "params": {"epochs": 6, "batch_size": 8, "lr": 0.01, "max_seq_length": 16},
    }
    trained = tools.run_autotrain(config, tmp_path, log=None, timeout=900)
    assert tools.history(tmp_path)[-1]["eval_f1"] > 0.5
    tokenizer, model = (kind.from_pretrained(trained) for kind in (AutoTokenizer, AutoModelForTokenClassification))
    batch = tokenizer([words], is_split_into_words=True, return_tensors="pt")
    names, logits = in_autotrains_transformers(tmp_path, CLASSIFY.format(model=trained, ids=batch.input_ids.tolist()))
    assert {int(i): name for i, name in names.items()} == model.config.id2label == {0: "B-LOC", 1: "B-PER", 2: "O"}
    torch.testing.assert_close(model.eval()(batch.input_ids).logits, torch.tensor(logits))
