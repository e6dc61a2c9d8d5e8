"""README is run, not read: marked blocks are carried out, and every `bench` line of every block is one that parses.

`<!-- run -->` before a block means: in an empty folder, as it stands. `<!-- run: images -->` means: in one folder for
all such blocks, in their order, with the images that the block names. Since no weights are on a test machine, these ask
for metrics on a small seeded network; nothing else is changed.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from bench.cli import main
from bench.cli.group import cli

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- run(?:: (?P<what>\w+))? -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
METRICS = ("fd:extractor=timm(model=test_resnet,seed=0,size=32)", "collapse")
SETUP = [
    "python3 -m pip install tox && python3 -m tox run -e quickstart",
    "python3 -m pip install tox && python3 -m tox run -e tests",
]


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    runnable: bool
    images: bool

    @property
    def commands(self) -> list[list[str]]:
        joined = self.text.replace("\\\n", " ")
        return [shlex.split(line)[1:] for line in joined.splitlines() if line.startswith("bench ")]


BLOCKS = [
    Block(m["language"], m["text"], m[0].startswith("<!-- run"), m["what"] == "images") for m in BLOCK.finditer(README)
]


def test_all_set_up_is_two_commands() -> None:
    installs = [line for b in BLOCKS for line in b.text.splitlines() if "pip install" in line]
    assert installs == SETUP


def test_blocks_are_found_and_some_are_run() -> None:
    assert len(BLOCKS) == README.count("\n```") // 2
    assert sum(b.runnable for b in BLOCKS) == README.count("<!-- run") >= 4


@pytest.mark.parametrize(
    "line", [c for b in BLOCKS if b.language in ("bash", "text") for c in b.commands], ids=lambda line: " ".join(line)
)
def test_every_bench_line_parses(line: list[str]) -> None:
    command = cli.get_command(None, line[0])  # type: ignore[arg-type]
    assert command is not None
    command.make_context(line[0], line[1:]).close()


def test_every_bench_line_within_the_text_names_real_options() -> None:
    """`bench run STUDY.toml --shard 0/8` and the like, in backquotes."""
    inline = [shlex.split(m)[1:] for m in re.findall(r"`(bench [^`]+)`", README)]
    assert len(inline) > 8
    for words in inline:
        command = cli.get_command(None, words[0])  # type: ignore[arg-type]
        assert command is not None, words
        if isinstance(command, click.Group):
            command = command.commands[words[1]]
        known = {name for p in command.params for name in p.opts}
        assert {w for w in words if w.startswith("-")} <= known | {"--help"}, words


def test_files_that_are_linked_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """images/ours, images/sdxl, photos, captions.txt: twelve of each."""
    import numpy as np
    from PIL import Image

    base = tmp_path_factory.mktemp("readme")
    random = np.random.default_rng(0)
    for name in ("images/ours", "images/sdxl", "photos"):
        (base / name).mkdir(parents=True)
        for i in range(1, 13):
            pixels = random.integers(0, 256, (40 + i, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(base / name / f"{i}.png")
    (base / "captions.txt").write_text("".join(f"a photo of thing number {i}\n" for i in range(1, 13)))
    return base


def seeded(words: list[str]) -> list[str]:
    """The command with metrics that need no weights where it would need some."""
    return [*words, *(w for text in METRICS for w in ("-m", text))] if words[0] == "run" else words


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.runnable and b.language == "bash"], ids=lambda b: b.text.splitlines()[0][:60]
)
def test_marked_commands_run(block: Block, folder: Path, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(folder if block.images else tmp_path)
    for words in block.commands:
        assert main(seeded(words)) == 0, (words, capsys.readouterr().err)
        assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.runnable and b.language == "python"], ids=lambda b: b.text.splitlines()[0]
)
def test_marked_python_runs(block: Block, folder: Path, tmp_path, monkeypatch, capsys) -> None:
    import bench
    from bench import aliases, api, registry

    def evaluate(**given):
        assert set(given.pop("metrics")) <= {*aliases.ALIASES, *registry.entries("metric")}
        return api.evaluate(**given, metrics=METRICS)

    monkeypatch.chdir(folder if block.images else tmp_path)
    monkeypatch.setattr(bench, "evaluate", evaluate, raising=False)
    exec(compile(block.text, "README.md", "exec"), {})
    numbers = [float(w) for w in re.findall(r"-?\d+\.\d+", capsys.readouterr().out)]
    assert numbers and all(abs(n) < 1e9 for n in numbers)
