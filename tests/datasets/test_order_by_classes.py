"""ARO's two orders that move nouns and adjectives, by a small pipeline of spaCy that was saved and loaded again."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter

import pytest

from bench.cli import main
from bench.datasets.pairs import Aro
from bench.errors import DataError, UsageError

CAPTION = "A small brown dog chases the big red ball near a tall old tree."
NOUNS, ADJECTIVES = ["dog", "ball", "tree"], ["small", "brown", "big", "red", "tall", "old"]
OTHERS = ["a", "chases", "the", "near", "a"]
needs_spacy = pytest.mark.skipif(importlib.util.find_spec("spacy") is None, reason="spacy is not installed")


@pytest.fixture
def root(tmp_path):
    rows = [{"image": "val2014/COCO_val2014_000000000042.jpg", "caption": [CAPTION, "Dogs run"]}]
    (tmp_path / "coco_karpathy_test.json").write_text(json.dumps(rows))
    return str(tmp_path)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """A rule in place of a trained tagger."""
    spacy = pytest.importorskip("spacy")
    folder = tmp_path_factory.mktemp("spacy") / "rules"
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("attribute_ruler")
    for words, tag in ((NOUNS, "NN"), (["dogs"], "NNS"), (ADJECTIVES, "JJ")):
        ruler.add(patterns=[[{"LOWER": {"IN": words}}]], attrs={"TAG": tag})
    ruler.add(patterns=[[{"LOWER": {"IN": [*OTHERS, "run", "."]}}]], attrs={"TAG": "XX"})
    nlp.to_disk(folder)
    return str(folder)


def order(root, pipeline, **more):
    return Aro(root, part="coco-order", tagger=pipeline, **more)


@needs_spacy
def test_nouns_move_among_nouns_and_adjectives_among_adjectives(root, pipeline):
    dataset = order(root, pipeline)
    one = dataset.samples[0]
    assert len(one.negatives) == 4 and one.prompt == CAPTION.lower().rstrip(".")
    true, first, second = (text.split() for text in (one.prompt, *one.negatives[:2]))
    places = {word: [i for i, w in enumerate(true) if w in of] for word, of in (("n", NOUNS), ("a", ADJECTIVES))}
    for of, kind in ((NOUNS, "n"), (ADJECTIVES, "a")):
        assert Counter(first[i] for i in places[kind]) == Counter(of), "each kind keeps its places"
    still = [i for i in range(len(true)) if i not in (*places["n"], *places["a"])]
    assert [first[i] for i in still] == [true[i] for i in still] == OTHERS and first != true
    content = [w for w in true if w in (*NOUNS, *ADJECTIVES)]
    assert [w for w in second if w in (*NOUNS, *ADJECTIVES)] == content, "the second kind leaves them in their order"
    assert Counter(second) == Counter(true) and [w for w in second if w in OTHERS] != OTHERS
    assert not any("part-of-speech" in n for n in dataset.notes())
    assert any("en_pipeline" in n and "/" not in n for n in dataset.notes()), "which pipeline, not where it lies"


@needs_spacy
def test_the_other_two_kinds_stay_as_they_are_without_a_tagger(root, pipeline):
    bare = Aro(root, part="coco-order")
    assert order(root, pipeline).samples[0].negatives[2:] == bare.samples[0].negatives
    assert any("tagger=en_core_web_sm" in n for n in bare.notes())
    again, other = order(root, pipeline).samples, order(root, pipeline, seed=1).samples
    assert again[0].negatives == order(root, pipeline).samples[0].negatives != other[0].negatives
    assert order(root, pipeline)._digest != bare._digest, "the false captions are part of the identity"


@needs_spacy
def test_pipelines_that_cannot_be_meant(root, tmp_path):
    import spacy

    for named in ("en_core_web_nothing", str(tmp_path / "absent"), root):
        with pytest.raises(UsageError, match=r"is no pipeline that spaCy can load .*installed one"):
            order(root, named).samples  # noqa: B018
    spacy.blank("en").to_disk(tmp_path / "untagged")
    with pytest.raises(DataError, match="says no class of any word of 'A small brown dog"):
        order(root, str(tmp_path / "untagged")).samples  # noqa: B018
    (tmp_path / "untagged" / "config.cfg").write_text("[nlp]\nlang = 3\n")
    with pytest.raises(UsageError, match="spaCy can load"):
        order(root, str(tmp_path / "untagged")).samples  # noqa: B018


@needs_spacy
def test_the_command_line_takes_a_folder(root, pipeline, capsys):
    assert main(["data", "preview", f'aro(root="{root}",part=coco-order,tagger="{pipeline}")']) == 0
    assert "dog" in capsys.readouterr().out


def test_without_spacy_one_sentence(root, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "spacy" else real(name, *a))
    with pytest.raises(UsageError, match=r"needs the package spacy: pip install 'text-image-bench\[tagger\]'"):
        order(root, "en_core_web_sm").samples  # noqa: B018
    with pytest.raises(UsageError, match="give part=coco-order"):
        Aro(root, part="relation", tagger="en_core_web_sm")


def test_spacy_is_imported_when_it_is_asked_for_and_never_else(root):
    code = (
        "import sys; from bench.datasets.pairs import Aro; "
        f"n = len(Aro({root!r}, part='coco-order').samples); print(n, 'spacy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False"]
