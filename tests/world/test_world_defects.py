"""Each planted defect breaks exactly its aspect, in the truth and in what the detector reads, and grows with p."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.errors import UsageError
from bench.world.curve import exact
from bench.world.defects import DEFECTS, MOST_OBJECTS, applies, plant, span_iou
from bench.world.detect import detect
from bench.world.grammar import meaning
from bench.world.render import render, render_frames
from bench.world.scene import Scene, holds, problems
from bench.world.split import split

STILL = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side")


@pytest.fixture(scope="module")
def stills():
    return [entry.scene for entry in split("test", 400)]


@pytest.fixture(scope="module")
def stories():
    return [entry.scene for entry in split("stories-test", 150)]


def aspects(scene: Scene) -> dict[str, object]:
    """Each aspect of a scene apart from the others."""
    things = scene.objects
    return {
        "colours": Counter(o.colour for o in things),
        "shapes": Counter(o.shape for o in things),
        "sizes": Counter(o.size for o in things),
        "centres": Counter((o.x, o.y) for o in things),
        "count": len(things),
    }


CHANGES = {"wrong-colour": {"colours"}, "wrong-shape": {"shapes"}, "wrong-side": {"centres"}}


@pytest.mark.parametrize("kind", CHANGES)
def test_exactly_one_aspect_changes(stills, stories, kind):
    for at, scene in enumerate(stills + stories):
        wrong = plant(scene, kind, 1.0, at)
        before, after = aspects(scene), aspects(wrong)
        expected = CHANGES[kind] if applies(scene, kind) else set()
        assert {name for name in before if before[name] != after[name]} == expected
        assert (wrong.spans, wrong.stated) == (scene.spans, scene.stated)
        assert len(wrong.relations) == len(scene.relations)
        assert problems(wrong) == []
        assert (meaning(wrong) != meaning(scene)) == applies(scene, kind)


def test_wrong_colour_and_shape_are_new_to_the_scene(stills):
    for at, scene in enumerate(stills):
        old = {o.colour for o in scene.objects} | {o.shape for o in scene.objects}
        for kind in ("wrong-colour", "wrong-shape"):
            wrong = plant(scene, kind, 1.0, at)
            pairs = list(zip(scene.objects, wrong.objects, strict=True))
            new = {(b.colour if kind == "wrong-colour" else b.shape) for a, b in pairs if a != b}
            assert len(new) == 1 and not new & old
            assert len({(a.shape, a.colour) for a, b in pairs if a != b}) == 1, "all of one group and no other"


def test_wrong_count_adds_or_drops_one_and_leaves_the_rest(stills, stories):
    steps = Counter()
    for at, scene in enumerate(stills + stories):
        wrong = plant(scene, "wrong-count", 1.0, at)
        steps[len(wrong.objects) - len(scene.objects)] += 1
        kinds, were = (Counter((o.shape, o.colour) for o in s.objects) for s in (wrong, scene))
        assert set(kinds) == set(were) and len(wrong.objects) <= MOST_OBJECTS
        assert sum(((kinds - were) + (were - kinds)).values()) == 1
        assert set(wrong.objects) <= set(scene.objects) or set(scene.objects) <= set(wrong.objects)
        assert problems(wrong) == [] and meaning(wrong) != meaning(scene)
    assert set(steps) == {-1, 1} and steps[-1] > 10


def test_wrong_count_keeps_relations_true_of_every_copy(stills):
    for at, scene in enumerate(s for s in stills if s.relations):
        wrong = plant(scene, "wrong-count", 1.0, at)
        i, word, j = scene.relations[0]
        of = {k: [o for o in wrong.objects if (o.shape, o.colour) == _name(scene.objects[k])] for k in (i, j)}
        assert wrong.relations == scene.relations
        assert all(holds(a, word, b, 4 - 1e-9) for a in of[i] for b in of[j])


def _name(thing):
    return thing.shape, thing.colour


def test_wrong_side_breaks_the_relation_or_every_cell(stills):
    for at, scene in enumerate(s for s in stills if applies(s, "wrong-side")):
        wrong = plant(scene, "wrong-side", 1.0, at)
        for i, word, j in scene.relations:
            assert not holds(wrong.objects[i], word, wrong.objects[j])
        if "cell" in scene.stated:
            said = {_name(o): o.cell for o in scene.objects}
            assert all(said[_name(o)] != o.cell for o in wrong.objects)


@pytest.mark.parametrize("kind", STILL)
def test_the_detector_reads_what_was_planted(stills, kind):
    planted = [plant(scene, kind, 1.0, at) for at, scene in enumerate(stills)]
    found = detect(render(planted, range(len(planted))))
    clean = detect(render(stills, range(len(stills))))
    assert sum(map(exact, planted, found)) >= 0.99 * len(planted)
    taken = [at for at, scene in enumerate(stills) if applies(scene, kind)]
    assert not any(exact(stills[at], found[at]) for at in taken)
    unchanged = {"wrong-colour": "shapes", "wrong-shape": "colours", "wrong-side": "shapes"}.get(kind)
    if unchanged:
        for at in taken:
            assert Counter(getattr(found[at], unchanged)) == Counter(getattr(clean[at], unchanged))


def seen_spans(scene: Scene, seed: int) -> dict[tuple[str, str], tuple[int, int]]:
    """(shape, colour) -> first and last frame in which the detector sees it."""
    seen: dict[tuple[str, str], list[int]] = {}
    for frame, found in enumerate(detect(render_frames(scene, seed))):
        for name in zip(found.shapes, found.colours, strict=True):
            seen.setdefault(name, []).append(frame)
    return {name: (frames[0], frames[-1]) for name, frames in seen.items()}


def order(spans):
    return sorted(spans, key=lambda name: spans[name])


def test_wrong_order_reverses_what_is_seen(stories):
    for at, scene in enumerate(stories[:60]):
        wrong = plant(scene, "wrong-order", 1.0, at)
        right, read = (seen_spans(s, at) for s in (scene, wrong))
        assert order(read) == order(right)[::-1]
        assert sorted(read.values()) == sorted(right.values()) and wrong.objects == scene.objects


def test_wrong_span_keeps_the_order(stories):
    for at, scene in enumerate(stories):
        wrong = plant(scene, "wrong-span", 1.0, at)
        assert (wrong != scene) == applies(scene, "wrong-span") == ("span" in scene.stated)
        if wrong != scene:
            assert all(span_iou(a, b) <= 0.5 for a, b in zip(wrong.spans, scene.spans, strict=True))
            assert order(seen_spans(wrong, at)) == order(seen_spans(scene, at))
            assert wrong.objects == scene.objects


def test_every_timed_story_has_a_wrong_span():
    every = [(a, b) for a in range(6) for b in range(a + 1, 6)]
    story = next(e.scene for e in split("stories-test") if "span" in e.scene.stated)
    for first in every:
        for second in (s for s in every if s[0] > first[0]):
            scene = Scene(story.objects, frames=6, spans=(first, second), stated=("span",))
            assert plant(scene, "wrong-span", 1.0, 0) != scene


@pytest.mark.parametrize("kind", DEFECTS)
def test_defects_are_nested_in_p(stills, stories, kind):
    rows = stories if kind in ("wrong-order", "wrong-span") else stills
    planted = {p: {at: plant(s, kind, p, at) for at, s in enumerate(rows)} for p in (0.0, 0.2, 0.5, 1.0)}
    wrong = {p: {at for at, s in enumerate(rows) if found[at] != s} for p, found in planted.items()}
    assert wrong[0.0] == set() and wrong[0.2] < wrong[0.5] < wrong[1.0]
    assert all(planted[0.2][at] == planted[0.5][at] == planted[1.0][at] for at in wrong[0.2])
    assert len(wrong[0.5]) == pytest.approx(0.5 * len(wrong[1.0]), abs=3 * (0.25 * len(wrong[1.0])) ** 0.5)


def test_kinds_choose_different_scenes(stills):
    hit = [{at for at, s in enumerate(stills) if plant(s, kind, 0.3, at) != s} for kind in STILL[:3]]
    assert hit[0] != hit[1] != hit[2]


def test_seeds_choose_how(stills):
    assert len({plant(stills[0], "wrong-colour", 1.0, seed) for seed in range(30)}) > 3


def test_what_does_not_apply_is_unchanged(stills, stories):
    for scene in stills:
        assert not applies(scene, "wrong-order") and plant(scene, "wrong-span", 1.0, 0) is scene
        assert applies(scene, "wrong-side") == bool(scene.relations or "cell" in scene.stated)
    assert all(applies(s, "wrong-order") and not applies(s, "wrong-side") for s in stories)


def test_unknown_kinds_and_probabilities_are_refused(stills):
    with pytest.raises(UsageError, match="wrong-colour"):
        plant(stills[0], "wrong-color", 0.5, 0)
    with pytest.raises(UsageError, match="from 0 to 1"):
        plant(stills[0], "wrong-colour", 1.5, 0)
