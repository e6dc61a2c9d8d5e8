"""The card of a submitted system: what must be said, what may be said, and what it says of judges."""

from __future__ import annotations

import dataclasses
import tomllib

import pytest

from bench import store, systemcard
from bench.errors import StoreError, UsageError
from bench.systemcard import checked, load_card, not_independent, read_card
from bench.types import MetricCard, Provenance, Run, RunSpec, Score, View

CARD = tomllib.loads(systemcard.TEMPLATE)


def test_the_template_is_a_card_as_it_stands(tmp_path):
    path = tmp_path / "card.toml"
    path.write_text(systemcard.TEMPLATE)
    assert read_card(path) == {"format": 1, **CARD} and set(CARD) == set(systemcard.REQUIRED)
    open_ = (
        systemcard.TEMPLATE.replace("\n# authors", "\nauthors")
        .replace("\n# contact", "\ncontact")
        .replace("\n# notes", "\nnotes")
    )
    assert set(tomllib.loads(open_)) == {*systemcard.REQUIRED, *systemcard.OPTIONAL}
    checked(tomllib.loads(open_), "card")


def test_all_that_is_absent_is_named_at_once():
    with pytest.raises(UsageError) as caught:
        checked({k: v for k, v in CARD.items() if k not in ("licence", "judges")}, "card.toml")
    assert str(caught.value) == "card.toml lacks licence, judges; `bench submit --template` says what each key means."


WRONG = {
    "licence": ("", "must be a text of 1 to 200 signs on one line"),
    "name": ("a\nb", "on one line"), "version": (1.0, "must be a text"), "hardware": ("x" * 201, "1 to 200 signs"),
    "parameters": (-1, 'must be a whole number of weights, or "unknown"'),
    "training_data": ("x\x1b[2J", "must be a text of at most 2000 signs"),
    "url": ("javascript:alert(1)", "must be an address that begins with https://"),
    "prompts_in_training": ("maybe", 'must be "no", "yes" or "unknown"'),
    "judges": ([{"extractor": "open-clip"}], "must be a list of"),
    "authors": ("A. Author", "must be a list of names"),
    "contact": ("\u202egro.elpmaxe@a", "on one line"),
    "licnce": ("MIT", "is no key of a card. Did you mean licence?"),
}  # fmt: skip


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_value_is_one_sentence(key):
    value, sentence = WRONG[key]
    with pytest.raises(UsageError) as caught:
        checked({**CARD, key: value}, "card.toml")
    assert str(caught.value).startswith(f"card.toml: '{key}' ") and sentence in str(caught.value)


@pytest.mark.parametrize("value", [True, 10**15, 0, 1.5, "many", None, []])
def test_sizes(value):
    with pytest.raises(UsageError, match="'parameters'"):
        checked({**CARD, "parameters": value}, "card.toml")


@pytest.mark.parametrize(
    "url", ["https://x.org/a b", 'https://x.org/"onload=', "//x.org", "ftp://x.org", "https://", " ", "https://x\\y"]
)
def test_addresses(url):
    with pytest.raises(UsageError, match="'url'"):
        checked({**CARD, "url": url}, "card.toml")
    assert checked({**CARD, "url": "https://example.org/a?b=c#d"}, "card.toml")["url"]


def test_files_that_are_no_cards(tmp_path):
    with pytest.raises(UsageError, match=r"bench submit --template > card.toml"):
        read_card(tmp_path / "none.toml")
    for content in (b"name = ", b"\xff\xfe", b"a = " + b"[" * 100_000):
        (tmp_path / "card.toml").write_bytes(content)
        with pytest.raises(UsageError, match="is no valid TOML"):
            read_card(tmp_path / "card.toml")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_card(tmp_path)


def test_the_card_of_a_run(tmp_path):
    assert load_card(tmp_path) == {}
    made = checked(CARD, "card")
    store.write_json(tmp_path / "card.json", made)
    assert load_card(tmp_path) == made
    for text in ("[]", '{"name": 1}', "{", '{"a":' * 5000):
        (tmp_path / "card.json").write_text(text)
        with pytest.raises(StoreError):
            load_card(tmp_path)


# ---- judges --------------------------------------------------------------------------------------------------------


def run(**extractors: str) -> Run:
    """A run whose metrics look through these extractors."""
    cards, protocols, scores = {}, {}, []
    for metric, text in extractors.items():
        name = text.partition("(")[0]
        cards[metric] = MetricCard(
            metric, metric, 1, "sample", (), views={"image": View("generated", "features", text)}
        )
        protocols[metric] = {"extractors": [{"name": name, "weights": f"sha256:{'c0ffee' * 10}{len(text):04d}"}]}
        scores.append(Score(metric, "value", 1.0, protocol=metric))
    spec = RunSpec("x", "y")
    return Run("", spec, "", "x", tuple(scores), cards, protocols, Provenance("1"))


RUN = run(a="open-clip", b="open-clip(model=ViT-L-14)", c="inception-v3", d="open-clip(model=ViT-B-32)")


def marked(*judges: tuple[str, str]) -> dict[str, str]:
    card = checked({**CARD, "judges": [{"extractor": e, "use": u} for e, u in judges]}, "card")
    return not_independent(card, RUN)


def test_no_judge_no_mark():
    assert marked() == {} and not_independent({}, RUN) == {}


def test_a_judge_marks_all_that_looks_through_it_and_nothing_else():
    assert marked(("open-clip", "trained")) == dict.fromkeys(
        "abd", "not independent: the system was trained on open-clip"
    )
    assert marked(("inception-v3", "selected")) == {"c": "not independent: the system was chosen by inception-v3"}
    assert marked(("clip", "trained")) == {}


def test_parameters_tell_judges_apart_where_both_are_stated():
    found = marked(("open-clip(model=ViT-L-14)", "trained"))
    assert set(found) == {"a", "b"}  # a leaves its model at the default, which may be that one


def test_weights_by_their_sha256():
    weights = RUN.protocols["c"]["extractors"][0]["weights"]
    assert set(marked((weights, "trained"))) == {"c"}
    assert marked(("sha256:" + "ab" * 20, "trained")) == {}


def test_two_uses_are_both_said():
    found = marked(("inception-v3", "trained"), ("inception-v3", "selected"), ("inception-v3", "trained"))
    assert found == {"c": "not independent: the system was trained on inception-v3 and chosen by inception-v3"}


def test_what_is_no_extractor():
    for text in ("", "a b", "open-clip(", "x" * 300, "../weights"):
        with pytest.raises(UsageError, match="'judges'"):
            marked((text, "trained"))


def test_a_protocol_of_any_kind_breaks_nothing():
    bare = dataclasses.replace(RUN, protocols={}, cards={})
    assert (
        not_independent(checked({**CARD, "judges": [{"extractor": "open-clip", "use": "trained"}]}, "card"), bare) == {}
    )
