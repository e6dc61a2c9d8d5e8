"""Study files and options that cannot be meant."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bad_case import FD, RUN, Case, Ended, captions, case

from bench.cli import main

FINE = 'systems = ["./ours"]\nprompts = "./captions.txt"\nmetrics = ["collapse"]\n'
STUDY = "run study.toml -q"


def study(text: str | bytes) -> Any:
    """study.toml with this text."""
    return lambda folder: (
        (folder / "study.toml").write_bytes(text if isinstance(text, bytes) else text.encode()) and None
    )


def refused(given: str, text: str | bytes, says: str) -> Case:
    """A study file that is refused before any work."""
    return case(given, 2, says, study(text), STUDY, after=_nothing_made)


def option(given: str, options: str, says: str, line: str = RUN) -> Case:
    """Options that are refused before any work."""
    return case(given, 2, says, line=f"{line} {options}", after=_nothing_made)


def _nothing_made(ended: Ended) -> None:
    assert not (ended.folder / "runs").exists()


def _is_finished(ended: Ended) -> None:
    assert len(ended.rows()) == 4


@contextlib.contextmanager
def _two_runs(folder: Path) -> Iterator[None]:
    """The same images under two lists of prompts."""
    captions(folder, "a", "b", "c", "d", name="others.txt")
    for label, prompts in (("ours", "captions.txt"), ("theirs", "others.txt")):
        assert main(["run", f"{label}=./ours", "--prompts", prompts, "-m", "collapse", "-q"]) == 0
    yield


CASES: list[Case] = [
    case("a study file with a byte-order mark and CR LF", 0, "", study(b"\xef\xbb\xbf" + FINE.replace("\n", "\r\n").encode()),
         STUDY, after=_is_finished, legal="read"),
    refused("a study file that is no TOML", "systems = [\n", r"study\.toml is no valid TOML: .+\."),
    refused("a study file in Latin-1", b'report = "caf\xe9"\n', r"study\.toml is no valid TOML: .+\."),
    refused("a misspelt key of a study", 'sytems = ["./ours"]\n', r"study\.toml: 'sytems' is no key of a study\. Did you mean systems\?"),
    refused("a text where a list should be", 'systems = "./ours"\n',
            r"study\.toml: 'systems' must be a list of texts, e\.g\. systems = \[\"\.\.\.\"\]; got '\./ours'\."),
    refused("a number where a list should be", "systems = 3\n",
            r"study\.toml: 'systems' must be a list of texts, e\.g\. systems = \[\"\.\.\.\"\]; got 3\."),
    refused("a table where a list should be", "[systems]\na = 1\n",
            r"study\.toml: 'systems' must be a list of texts, e\.g\. systems = \[\"\.\.\.\"\]; got \{'a': 1\}\."),
    refused("a text where a seed should be", f'{FINE}seed = "one"\n', r"study\.toml: 'seed' must be a whole number; got 'one'\."),
    refused("no images at all asked for", f"{FINE}repeats = 0\n", r"study\.toml: 'repeats' must be a whole number from 1; got 0\."),
    refused("a size of one and a half pixels", f"{FINE}size = 1.5\n", r"study\.toml: 'size' must be \[width, height\] in pixels; got 1\.5\."),
    refused("a size of no pixels", f"{FINE}size = [0, 8]\n", r"study\.toml: 'size' must be \[width, height\] in pixels; got \[0, 8\]\."),
    refused("factors that are no table", f"{FINE}factors = 3\n", r"study\.toml: 'factors' must be a table of texts; got 3\."),
    refused("a policy for missing images that does not exist", f'{FINE}missing = "ignore"\n',
            r"study\.toml: 'missing' must be worst or exclude; got 'ignore'\."),
    refused("a study that names no system", 'prompts = "./captions.txt"\n', r"No system is given; name at least one folder .+"),
    case("a study file that is a folder", 2, r"study\.toml cannot be read: Is a directory\.", lambda f: (f / "study.toml").mkdir(), STUDY),
    option("a metric that does not exist", "-m fdi", r"No metric is called 'fdi'\. Did you mean .+\?"),
    option("a parameter that does not exist", "-m kid:subset=5", r"The metric 'kd' has no parameter 'subset'\. Did you mean subsets or subset_size\?"),
    option("a parameter twice", "-m kid(subsets=5,subsets=6)", r"'kid\(subsets=5,subsets=6\)' gives 'subsets' twice\."),
    option("a parenthesis that is never closed", "-m kid(subsets=5", r"'kid\(subsets=5' is not a plug-in text: .+"),
    option("a word where a metric reckons with a number", "-m kid(subsets=many) --extractor inception-v3(seed=0) --reference photos",
           r".*subsets.*many.*"),
    option("an extractor that does not exist", "--extractor inceptoin-v3:seed=0", r"No extractor is called 'inceptoin-v3'\. Did you mean inception-v3\?"),
    option("a model that does not exist", "-m fd(extractor=timm(model=resnet5,seed=0)) --reference photos",
           r"timm knows no model 'resnet5'\. Did you mean .+\?"),
    option("an input size that no network takes", "-m fd(extractor=timm(model=test_resnet,seed=0,size=100000)) --reference photos",
           r"size=100000 of timm is no sensible side; give 16 to 4096 pixels\."),
    option("a rule of matching that does not exist", "--match nearest", r"match=nearest is no rule of matching; give auto, index, .+\."),
    option("a slice of no images", "--only first:0", r"--only first:N takes a whole number above 0; got 'first:0'\."),
    option("a part that is none of the parts", "--shard 5/3", r"--shard takes i/n with 0 <= i < n, e\.g\. 0/8; got '5/3'\."),
    option("no workers", "--workers 0", r"Invalid value for '--workers': 0 is not in the range x>=1\. See `bench run --help`\."),
    option("a device that does not exist", "--device gpu", r"There is no device 'gpu'.*", FD),
    option("a graphics card that this machine does not have", "--device cuda:99", r"There is no device 'cuda:99'.*", FD),
    option("a dataset and prompts at once", "--dataset scenes", r"Give --dataset or --prompts, not both: a prompts file is a dataset of its own\."),
    case("no prompts for a folder of images", 2, r"The images' prompts are not given: add --prompts FILE .+", line="run ours -m collapse"),
    case("a generator that does not exist", 2, r"No generator is called 'oracl'\. Did you mean oracle or real\?", line="run oracl --prompts captions.txt"),
    case("a command that does not exist", 2, r"'lisst' is no command\. Did you mean list\? See `bench --help`\.", line="lisst"),
    case("two runs of different prompts compared", 4, r"The runs ours, theirs cannot stand side by side: dataset: .+", line="compare ours theirs", around=_two_runs),
]  # fmt: skip
