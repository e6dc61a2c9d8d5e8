"""How one layout after the other is read: pure functions of a listing and samples -> `Found`.

Names are looked up among the samples and never made into paths. Numbers in names compare as numbers. Sources: the
scripts that write or read these files, in the repositories that the cards in datasets/ name.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.errors import DataError
from bench.formats.class_names import COCO, canonical
from bench.formats.folders import Listing, few
from bench.formats.match_rules import stem_of
from bench.formats.prompt_sets import HPS_STYLES
from bench.types import Sample

Claim = tuple[str, int | None, str]
"""(sample id, number of the image as written, file)"""

FORM = "not named as the layout names them"
UNKNOWN = "of no prompt of this data set"
_ELSEWHERE = "in another folder than nearly all"
_NEARLY_ALL = 0.9
_MOST_METADATA = 1 << 16
_SOA_IMAGES = 3


@dataclass(frozen=True)
class Found:
    """What a layout reads out of a folder."""

    claims: Sequence[Claim]
    odd: Mapping[str, str] = field(default_factory=dict)
    """File -> why it belongs to no prompt."""
    beside: Sequence[str] = ()
    """Overview pictures that the published script writes too."""
    notes: Sequence[str] = ()


class Ids:
    """Samples by id, and by the number that an id is."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = set(ids)
        numbered: dict[str, list[str]] = defaultdict(list)
        for one in self.ids:
            if one.isascii() and one.isdecimal():
                numbered[one.lstrip("0")].append(one)
        self.numbers = {number: same[0] for number, same in numbered.items() if len(same) == 1}

    def find(self, name: str) -> str | None:
        """The id that a name is, exactly or as a number."""
        if name in self.ids:
            return name
        return self.numbers.get(name.lstrip("0")) if name.isascii() and name.isdecimal() else None


def strays(places: Mapping[str, str]) -> dict[str, str]:
    """Files outside the folder where nearly all lie, with the reason. DataError where several folders hold many."""
    counts = Counter(places.values())
    if len(counts) < 2:
        return {}
    main, most = counts.most_common(1)[0]
    if most < _NEARLY_ALL * len(places):
        named = few(sorted(place.rstrip("/") or "." for place in counts))
        raise DataError(f"The folder holds several sets of images in this layout ({named}); give one of them as path=.")
    return {file: _ELSEWHERE for file, place in places.items() if place != main}


def _in_one_place(
    claims: Sequence[Claim], places: Mapping[str, str], odd: Mapping[str, str], beside: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Found:  # fmt: skip
    """What was found, without the claims of files elsewhere; places: the folder of each file that claims a sample."""
    apart = strays({file: places[file] for _, _, file in claims})
    return Found([claim for claim in claims if claim[2] not in apart], {**odd, **apart}, beside, notes)


def _parts(files: Sequence[str], form: str) -> tuple[dict[str, re.Match[str]], dict[str, str]]:
    """(file -> what the form finds in its path without ending, file -> why not). The group `place` is a folder."""
    pattern = re.compile(rf"(?P<place>(?:.*/)?){form}", re.DOTALL | re.ASCII)
    found, odd = {}, {}
    for file in files:
        folder, slash, _ = file.rpartition("/")
        got = pattern.fullmatch(f"{folder}{slash}{stem_of(file)}")
        if got is None:
            odd[file] = FORM
        else:
            found[file] = got
    return found, odd


def _by_id(listing: Listing, samples: Sequence[Sample], form: str) -> Found:
    """By the groups `id` and, if there is one, `k`. A name that is the id goes before one that is its number."""
    found, odd = _parts(listing.files, form)
    ids = Ids(s.id for s in samples)
    claims: list[Claim] = []
    for file, got in found.items():
        owner = ids.find(got["id"])
        if owner is None:
            odd[file] = UNKNOWN
        else:
            claims.append((owner, int(got["k"]) if "k" in got.re.groupindex else None, file))
    claims.sort(key=lambda claim: found[claim[2]]["id"] != claim[0])
    return _in_one_place(claims, {file: got["place"] for file, got in found.items()}, odd)


# ---- by number -----------------------------------------------------------------------------------------------------


def visor(listing: Listing, samples: Sequence[Sample]) -> Found:
    """`<id>_<k>.png`."""
    return _by_id(listing, samples, r"(?P<id>\d{1,18})_(?P<k>\d{1,9})")


def genai(listing: Listing, samples: Sequence[Sample]) -> Found:
    """`<model>/<id>.jpeg`; the list of 527 begins at 00001, so that an id is never a place."""
    return _by_id(listing, samples, r"(?P<id>\d{1,18})")


def dpg(listing: Listing, samples: Sequence[Sample]) -> Found:
    """`<prompt file>.png`; as in the published script a name ends at its first dot."""
    return _by_id(listing, samples, r"(?P<id>[^/.]+)(?:\.[^/]*)?")


def hpsv2(listing: Listing, samples: Sequence[Sample]) -> Found:
    """`<style>/<index>.jpg`; DrawBench's lie without a folder, as may those of any data set of one style."""
    owners: dict[str, dict[str, str]] = defaultdict(dict)
    for s in samples:
        style, _, tail = s.id.rpartition("/")
        owners[s.tags.get("style", style)][tail] = s.id
    known = {style: Ids(own) for style, own in owners.items()}
    alone = next(iter(known)) if len(known) == 1 else None
    claims: list[Claim] = []
    odd, places = {}, {}
    for file in listing.files:
        *folders, _ = file.split("/")
        named = folders[-1].replace("_", "-") if folders else ""
        style = (alone or "") if named not in known and named not in HPS_STYLES else named
        number = stem_of(file)
        if not (number.isascii() and number.isdecimal()):
            odd[file] = FORM
        elif style not in known or (found := known[style].find(number)) is None:
            odd[file] = UNKNOWN
        else:
            places[file] = "/".join(folders[:-1] if named == style else folders)
            claims.append((owners[style][found], None, file))
    return _in_one_place(claims, places, odd)


def tise(listing: Listing, samples: Sequence[Sample]) -> Found:
    """`<caption id>.png`; for positional alignment `<word>/<caption id>.png`, where an id may have several words.

    A sample's word is its tag `word`, else what its id has before '/'; its caption id is its tag `caption_id`, else
    what its id has behind the word.
    """
    worded: dict[str, dict[str, str]] = defaultdict(dict)
    for s in samples:
        word = _word(s.tags.get("word") or s.id.rpartition("/")[0])
        tail = s.id[len(word) + 1 :] if word and re.match(rf"{re.escape(word)}[-_/ ]", _word(s.id)) else s.id
        worded[word].setdefault(s.tags.get("caption_id") or tail, s.id)
    ids = {word: Ids(own) for word, own in worded.items()}
    claims: list[Claim] = []
    odd, places = {}, {}
    for file in listing.files:
        *folders, _ = file.split("/")
        word = _word(folders[-1]) if folders and _word(folders[-1]) in ids else ""
        one = ids[word].find(stem_of(file)) if word in ids else None
        if one is None:
            odd[file] = UNKNOWN
        else:
            places[file] = "/".join(folders[:-1] if word else folders)
            claims.append((worded[word][one], None, file))
    return _in_one_place(claims, places, odd)


def _word(text: str) -> str:
    return text.casefold().replace("_", " ").strip()


# ---- GenEval -------------------------------------------------------------------------------------------------------


def geneval(listing: Listing, samples: Sequence[Sample]) -> Found:
    """`<00000>/samples/<0000>.png`. What a folder was made for is in its metadata.jsonl, which the published script
    scores by; its number decides where that file is absent."""
    files = [file for file in listing.files if stem_of(file) != "grid"]
    beside = [file for file in listing.files if stem_of(file) == "grid"]
    found, odd = _parts(files, r"(?P<id>\d{1,18})/samples/(?P<k>\d{1,9})")
    ids, by_id = Ids(s.id for s in samples), {s.id: s for s in samples}
    by_prompt: dict[str, list[str]] = defaultdict(list)
    for s in samples:
        by_prompt[s.prompt].append(s.id)
    owners: dict[str, str | None] = {}
    met: Counter[str] = Counter()
    claims: list[Claim] = []
    for file, got in found.items():
        folder = f"{got['place']}{got['id']}"
        if folder not in owners:
            own = by_id.get(ids.find(got["id"]) or "")
            owners[folder], how = _owner(_metadata(listing.path(f"{folder}/metadata.jsonl")), own, by_prompt)
            met[how] += 1
        owner = owners[folder]
        if owner is None:
            odd[file] = UNKNOWN
        else:
            claims.append((owner, int(got["k"]), file))
    notes = [told.format(met[how]) for how, told in _GENEVAL_NOTES.items() if met[how]]
    return _in_one_place(claims, {file: got["place"] for file, got in found.items()}, odd, beside, notes)


_GENEVAL_NOTES = {
    "bare": "{} folders have no metadata.jsonl that can be read: paired by their number",
    "moved": "{} folders have another number than their prompt has in the data set: their metadata.jsonl decided",
    "reworded": "{} folders were made from another wording (metadata.jsonl) of what the data set asks for",
}


def _owner(told: Mapping[str, Any] | None, own: Sample | None, by_prompt: Mapping[str, list[str]]) -> tuple[Any, str]:
    """(sample id or None, how it was found)."""
    if told is None:
        return (own.id, "bare") if own is not None else (None, "")
    prompt = str(told.get("prompt", "")).strip()
    if own is not None and own.prompt == prompt:
        return own.id, ""
    if own is not None and "include" in own.tags:
        asked = (own.tags.get("kind"), json.loads(own.tags["include"]), json.loads(own.tags.get("exclude", "[]")))
        if asked == (told.get("tag"), told.get("include"), told.get("exclude", [])):
            return own.id, "reworded"
    same = by_prompt.get(prompt, ())
    return (same[0], "moved") if len(same) == 1 else (None, "")


def _metadata(path: str) -> Mapping[str, Any] | None:
    try:
        with open(path, encoding="utf-8-sig") as file:
            value = json.loads(file.read(_MOST_METADATA))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# ---- SOA -----------------------------------------------------------------------------------------------------------


def soa(listing: Listing, samples: Sequence[Sample]) -> Found:
    """`label_<NN>_<name>/<anything>.png`. Names that hold caption ids are paired by them; others are dealt to the
    captions of their label in order, since only the label is known."""
    wanted: dict[int, list[str]] = defaultdict(list)
    for s in samples:
        number, dash, _ = s.id.partition("-")
        if dash and number.isascii() and number.isdecimal():
            wanted[int(number)].append(s.id)
    lying: dict[int, list[str]] = defaultdict(list)
    odd, places = {}, {}
    for file in listing.files:
        got = re.fullmatch(r"((?:.*/)?)label_(\d\d)(?:_([^/]*))?/(.+)", file, re.DOTALL | re.ASCII)
        if got is None:
            odd[file] = FORM
        elif int(got[2]) not in wanted:
            odd[file] = UNKNOWN
        elif (name := canonical(got[3] or "")) in COCO and name != COCO[int(got[2])]:
            odd[file] = f"in a folder whose number is that of {COCO[int(got[2])]} and whose name is another class"
        else:
            places[file] = got[1]
            lying[int(got[2])].append(file)
    odd |= strays(places)
    there = {label: [f for f in files if f not in odd] for label, files in lying.items()}
    each = _images_each({label: (len(files), len(wanted[label])) for label, files in there.items()})
    claims: list[Claim] = []
    dealt = 0
    for label, files in there.items():
        named = _by_caption(files, wanted[label])
        if named is None:
            own = each if len(files) > len(wanted[label]) else 1
            most = own * len(wanted[label])
            claims += [(wanted[label][at // own], at % own, file) for at, file in enumerate(files[:most])]
            dealt += min(len(files), most)
        else:
            claims += named
            used = {claim[2] for claim in named}
            odd |= {file: UNKNOWN for file in files if file not in used}
    return Found(claims, odd, (), _soa_notes(dealt, there, wanted, each))


def _images_each(counts: Mapping[int, tuple[int, int]]) -> int:
    """Images a caption, by most labels; as published where labels are at odds."""
    found = Counter(max(1, -(-images // captions)) for images, captions in counts.values() if images)
    return max(found, key=lambda each: (found[each], each == _SOA_IMAGES), default=1)


def _by_caption(files: Sequence[str], ids: Sequence[str]) -> list[Claim] | None:
    """Claims of the caption ids in names, the number behind an id being the image's; None where names hold none."""
    captions = {one.partition("-")[2].lstrip("0"): one for one in ids}
    claims: list[Claim] = []
    for file in files:
        numbers = re.findall(r"\d+", stem_of(file), re.ASCII)
        at = [place for place, number in enumerate(numbers) if number.lstrip("0") in captions]
        if len(at) == 1:
            behind = numbers[at[0] + 1 : at[0] + 2]
            k = int(behind[0]) if behind and len(behind[0]) < 10 else None
            claims.append((captions[numbers[at[0]].lstrip("0")], k, file))
    return claims if len(claims) >= _NEARLY_ALL * len(files) else None


def _soa_notes(dealt: int, there: Mapping[int, list[str]], wanted: Mapping[int, list[str]], each: int) -> list[str]:
    notes = []
    if dealt:
        notes.append(
            f"the names of {dealt} images say no caption: they were dealt to the captions of their label in the order "
            "of their names, so that only what is asked of the label (SOA) is right, and no score of a caption"
        )
    single = [COCO[n] for n, files in there.items() if each > 1 and 0 < len(files) <= len(wanted[n]) and n < len(COCO)]
    if single:
        notes.append(
            f"{few(single)}: one image a caption at most, as SOA asks it of person; --missing exclude takes the mean "
            "over the images that exist, as the published script does"
        )
    return notes


# ---- AttnGAN and its kin -------------------------------------------------------------------------------------------


def attngan(listing: Listing, samples: Sequence[Sample]) -> Found:
    """`single/<key>_s<k>.png`, and DM-GAN's `<key>_s<k>_<pass>.png`; a key is a photograph, with its class's folder.

    k is -1 in the published scripts: the last stage, not a caption. Which caption of the photograph was read is not
    written anywhere. A k from 0 on is a caption where the samples are captions (`<photo>#<k>`), else the number of the
    image.
    """
    ids = Ids(s.id for s in samples)
    photos: dict[str, list[Sample]] = defaultdict(list)
    for s in samples:
        for name in {s.group, _tail(s.group)}:
            photos[name].append(s)
    claims: list[Claim] = []
    odd, places = {}, {}
    unsaid = several = 0
    for file in listing.files:
        folder, slash, _ = file.rpartition("/")
        got = re.fullmatch(r"(.+?)_s(-1|\d{1,9})(?:_(\d{1,9}))?", f"{folder}{slash}{stem_of(file)}", re.ASCII)
        if got is None:
            odd[file] = FORM
            continue
        place, single, key = got[1].rpartition("single/")
        name = key if single else "/".join(got[1].split("/")[-2:])
        places[file] = place if single else ""
        caption = ids.find(f"{name}#{int(got[2])}")
        own = photos.get(name) or photos.get(_tail(name)) or []
        if caption is None and len(own) != 1:
            odd[file] = "of a photograph whose captions are samples of their own, and names none" if own else UNKNOWN
            several += bool(own)
            continue
        written = got[3] or (got[2] if caption is None and got[2] != "-1" else None)
        unsaid += caption is None and (len(own[0].captions) > 1 or _tail(own[0].id) != _tail(own[0].group))
        claims.append((caption or own[0].id, None if written is None else int(written), file))
    if several and not claims:
        raise DataError(
            "The images name photographs and not captions, and each sample of this data set is a caption; give the "
            "data set with prompts=first."
        )
    notes = [f"{unsaid} names do not say which caption of the photograph was read: the sample's prompt is taken"]
    return _in_one_place(claims, places, odd, (), notes[: unsaid > 0])


def _tail(name: str) -> str:
    """A photograph without its folder, COCO's as its number."""
    last = name.rpartition("/")[2]
    coco = re.fullmatch(r"(?:COCO_[A-Za-z]+\d{4}_)?0*(\d{1,18})", last, re.ASCII)
    return coco[1] if coco else last
