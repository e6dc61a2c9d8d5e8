"""Bundles: all that a spec needs in one folder or archive, for a machine without a network.

BUNDLE/bundle.json lists every file with sha256, licence, source and its place: datasets/ and weights/ as below
BENCH_HOME, hub/ as the Hugging Face cache, files/ for the user's own. `collect` copies what is here and downloads the
rest where that is allowed; what came stays when something is lacking, and the next call goes on. `install` checks every
digest before it puts a file where it is looked for, and writes the study with the places of this machine.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.engine.needs import check_licences, needs, study_of
from bench.errors import BenchError, DataError, UsageError
from bench.formats import fetching, places, transfers
from bench.formats.archives import is_archive, room, unpack, unsafe
from bench.formats.large_files import hashed, hub_folder, may_download, remember
from bench.formats.needs import Need, card_licence
from bench.spec import Spec, parse
from bench.store import disk_errors, home, write_atomic
from bench.study import Study

MANIFEST, FORMAT = "bundle.json", 1
Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Carried:
    """One file of a bundle, or what is lacking."""

    kind: str
    name: str
    of: str
    how: str
    """copied, there (from an earlier call), downloaded, installed, present, or absent."""
    file: str = ""
    sha256: str = ""
    size: int = 0
    licence: str = ""
    source: str = ""
    note: str = ""


# ---- collecting ------------------------------------------------------------------------------------------------------


def collect(
    spec: str, target: Path, search: Sequence[Path] = (), optional: bool = True, report: Report = lambda *_: None
) -> list[Carried]:
    """Bring all that a spec needs into a bundle: a folder, or an archive by its ending (.tar, .tar.gz, .tgz).

    UsageError when licences or a download are not allowed (nothing is written then), DataError for a file of another
    digest, DiskError without room. What nobody can fetch is `absent` in what comes back, with how to get it.
    """
    study = study_of(spec)
    if study is not None:
        check_licences(study)
    if target.suffix == ".zip":
        raise UsageError(f"A bundle is a folder, or a .tar, .tar.gz or .tgz; '{target}' is none.")
    folder = target.with_name(f"{target.name}.parts") if is_archive(target) else target
    every = [n for n in needs(study or spec) if n.place and (optional or not n.optional)]
    every = list(_searched(every, search))
    _refuse(every, folder)
    room(folder, sum(_size(n) for n in every), "collect the bundle")
    carried = [one for need in every for one in _carry(need, folder, report)]
    names = {n.name: n.place for n in every if n.place.startswith("files/") and n.path is not None}
    _manifest(folder, spec, study, names, carried)
    if is_archive(target):
        _pack(folder, target)
    return carried


def _searched(every: Sequence[Need], search: Sequence[Path]) -> Iterator[Need]:
    """Missing files that lie below other folders under any name, by their digest."""
    there = fetching.Here([*search, places.home() / "datasets"])
    for need in every:
        if need.status == "missing" and need.sha256:
            found = there.find(need.name, need.sha256, need.size)
            if found is not None:
                yield dataclasses.replace(need, status="present", path=found)
                continue
        yield need


def _refuse(every: Sequence[Need], folder: Path) -> None:
    """Nothing begins that cannot be had: a wrong file, or a download that is not allowed."""
    wrong = [n for n in every if n.status == "wrong"]
    if wrong:
        raise DataError(*(f"{n.name} of {n.of}: {n.where()}; {n.help()}." for n in wrong))
    open_ = [n for n in every if n.status == "missing" and not (folder / n.place).exists()]
    loads = [n for n in open_ if n.url or n.hub]
    if loads and not may_download():
        raise UsageError(
            f"{len(loads)} things that the spec needs are not here (the first: {loads[0].name}, "
            f"{loads[0].url or loads[0].hub}): --allow-download fetches them, --search DIR looks for them there, "
            "--list names all."
        )


def _size(need: Need) -> int:
    if need.path is None:
        return need.size
    if need.path.is_file():
        return need.path.stat().st_size
    return sum(p.stat().st_size for p in need.path.rglob("*") if p.is_file())


def _carry(need: Need, folder: Path, report: Report) -> Iterator[Carried]:
    """The files of one need, or that it is absent."""
    told: dict[str, Any] = {"kind": need.kind, "name": need.name, "of": need.of, "licence": need.licence,
            "source": need.url or need.manual or need.hub}  # fmt: skip
    try:
        if need.path is None:
            if not (need.url or need.hub):
                yield Carried(**told, how="absent", note=need.help())
                return
            yield from _downloaded(need, folder, told, report)
            return
        for source, place in _files(need):
            how = "there" if _same(source, folder / place) else "copied"
            if how == "copied":
                _copy(source, folder / place)
            digest = hashed(folder / place)
            yield Carried(**told, how=how, file=place, sha256=digest, size=(folder / place).stat().st_size)
    except BenchError as error:
        if error.exit_code == 74:
            raise
        yield Carried(**told, how="absent", note=error.messages[0])


def _files(need: Need) -> Iterator[tuple[Path, str]]:
    """(file here, place in the bundle) of a need; a repository of the hub keeps the name of its revision."""
    path = need.path
    assert path is not None
    if need.hub and path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            yield file, f"{need.place}/snapshots/{path.name}/{file.relative_to(path).as_posix()}"
    elif path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            yield file, f"{need.place}/{file.relative_to(path).as_posix()}"
    else:
        yield path, f"{need.place[:-1]}{path.name}" if need.place.endswith("/*") else need.place


def _downloaded(need: Need, folder: Path, told: dict[str, Any], report: Report) -> Iterator[Carried]:
    if need.hub:
        yield from _from_hub(need, folder, told)
        return
    target = folder / need.place
    if need.kind == "data":  # an archive is unpacked, a digest of the first use noted
        name = parse(need.of.split(" and ")[0]).name
        root = folder / "datasets" / need.place.split("/")[1]
        found = fetching.fetch_one(name, need.name, root, report)
        for file in found:
            place = file.relative_to(folder).as_posix()
            yield Carried(**told, how="downloaded", file=place, sha256=hashed(file), size=file.stat().st_size)
        return
    digest = transfers.download(need.url, target, need.sha256, lambda a, b: report(need.name, a, b))
    yield Carried(**told, how="downloaded", file=need.place, sha256=digest, size=target.stat().st_size)


def _from_hub(need: Need, folder: Path, told: dict[str, Any]) -> Iterator[Carried]:
    import huggingface_hub

    repository, _, revision = need.hub.partition("@")
    try:
        place = huggingface_hub.snapshot_download(
            repository, revision=revision or None, cache_dir=folder.absolute() / "hub"
        )
    except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        yield Carried(**told, how="absent", note=f"'{repository}' could not be fetched from the hub: {first[:300]}")
        return
    told["licence"] = card_licence(Path(place))
    for file in sorted(p for p in Path(place).rglob("*") if p.is_file()):
        real = file.resolve()
        if file.is_symlink():  # links of the cache do not survive every archive and disk
            file.unlink()
            shutil.copyfile(real, file)
        where = file.relative_to(folder.absolute()).as_posix()
        yield Carried(**told, how="downloaded", file=where, sha256=hashed(file), size=file.stat().st_size)


def _same(source: Path, target: Path) -> bool:
    return target.is_file() and target.stat().st_size == source.stat().st_size and hashed(target) == hashed(source)


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        os.replace(part, target)


def _manifest(folder: Path, spec: str, study: Study | None, own: Mapping[str, str], carried: Sequence[Carried]) -> None:
    told = dataclasses.asdict(study) if study is not None else None
    if told:
        told |= {key: _absolute(told[key]) for key in ("prompts", "reference", "only")}
        told["dataset"] = _rootless(told["dataset"]) if told["dataset"] else ""
    content = {
        "format": FORMAT, "spec": spec, "study": told, "own": dict(own),
        "pins": {n: places.pins(n) for n in sorted({c.file.split("/")[1] for c in carried if _of_data(c.file)})},
        "files": [{k: v for k, v in dataclasses.asdict(c).items() if k not in ("how", "note")}
                  for c in carried if c.file],
        "absent": [{"name": c.name, "of": c.of, "note": c.note} for c in carried if not c.file],
    }  # fmt: skip
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / MANIFEST, f"{json.dumps(content, indent=1, ensure_ascii=False)}\n".encode())


def _absolute(given: str) -> str:
    """A path as the needs name it; any other text as it is."""
    path = os.path.abspath(os.path.expanduser(given))
    return path if given and os.path.exists(path) else given


def _rootless(dataset: str) -> str:
    """Its files lie in the bundle."""
    spec = parse(dataset)
    return str(Spec(spec.name, {k: v for k, v in spec.params.items() if k != "root"}))


def _of_data(file: str) -> bool:
    return file.startswith("datasets/") and file.count("/") > 1


def _pack(folder: Path, target: Path) -> None:
    """The folder as one archive; it is removed when the archive is whole."""
    part = target.with_name(f"{target.name}.part")
    mode = "w" if target.suffix == ".tar" else "w:gz"
    with disk_errors(target):
        with tarfile.open(part, mode) as tar:  # type: ignore[call-overload]
            for file in sorted(p for p in folder.rglob("*") if p.is_file()):
                if not file.name.endswith((".part", ".part.json", ".lock")):
                    tar.add(file, file.relative_to(folder).as_posix(), recursive=False)
        os.replace(part, target)
        shutil.rmtree(folder)


# ---- installing ------------------------------------------------------------------------------------------------------


def install(bundle: Path) -> tuple[list[Carried], Path | None]:
    """Put a bundle's files where they are looked for; (files, the study with this machine's places where there is one).

    Every digest is checked before the first file is put anywhere. DataError for a damaged bundle, or for a file that is
    here already and is another.
    """
    folder = _opened(bundle)
    manifest = _read(folder)
    files = [(Carried(how="installed", **entry), _target(str(entry["file"]))) for entry in manifest["files"]]
    for one, _ in files:
        source = folder / one.file
        if not source.is_file():
            raise DataError(f"The bundle '{bundle}' lacks {one.file}; collect it again.")
        if hashed(source) != one.sha256:
            raise DataError(f"{one.file} of the bundle '{bundle}' is damaged: its sha256 is not the noted one.")
    other = [t for one, t in files if t is not None and t.is_file() and hashed(t) != one.sha256]
    if other:
        raise DataError(f"{other[0]} is here already and is another file than the bundle's; move it away first.")
    room(home(), sum(one.size for one, t in files if t is not None and not t.is_file()), "install the bundle")
    done = [_installed(one, folder, target) for one, target in files]
    for name, pins in manifest["pins"].items():
        for file, digest in pins.items():
            places.pin(str(name), str(file), str(digest))
    return done, _study(manifest, folder) if manifest["study"] else None


def _opened(bundle: Path) -> Path:
    if bundle.is_dir():
        return bundle
    if not bundle.is_file():
        raise UsageError(f"There is no bundle '{bundle}'.")
    folder = home() / "bundles" / bundle.name.split(".")[0]
    if not (folder / MANIFEST).is_file():
        unpack(bundle, folder)
    return folder


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise DataError(f"{path} has format {found['format']!r}; this version reads {FORMAT}.")
        wanted = {f.name for f in dataclasses.fields(Carried)} - {"how", "note"}
        if not all(set(one) == wanted and isinstance(one["file"], str) for one in found["files"]):
            raise ValueError("its files have other fields")
        found["own"], found["pins"] = dict(found["own"]), {k: dict(v) for k, v in dict(found["pins"]).items()}
    except FileNotFoundError:
        raise DataError(
            f"'{folder}' is no bundle: it lacks {MANIFEST}, which `bench fetch SPEC --to` writes."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}); collect the bundle again.") from None
    for one in found["files"]:
        if why := unsafe(one["file"]):
            raise DataError(f"{path} names '{one['file'][:80]}', which is refused: {why}.")
    return dict(found)


def _target(file: str) -> Path | None:
    """Where a file is looked for here; None for the user's own, which stay in the bundle."""
    kind, _, rest = file.partition("/")
    if kind in ("datasets", "weights") and rest:
        return home() / kind / rest
    if kind == "hub" and rest.startswith("models--") and "/snapshots/" in rest and rest.count("/") > 2:
        repository, _, inner = rest.partition("/")
        return hub_folder(repository.removeprefix("models--").replace("--", "/", 1)) / inner
    if kind == "files" and rest:
        return None
    raise DataError(f"The bundle names '{file[:80]}', which is in none of datasets/, weights/, hub/ and files/.")


def _installed(one: Carried, folder: Path, target: Path | None) -> Carried:
    if target is None:
        return dataclasses.replace(one, how="present", note=f"stays in {folder}")
    if target.is_file():
        return dataclasses.replace(one, how="present", note=str(target))
    _copy(folder / one.file, target)
    remember(target, one.sha256)
    if one.file.startswith("hub/"):
        _, repository, _, revision, *_ = one.file.split("/")
        ref = hub_folder(repository.removeprefix("models--").replace("--", "/", 1)) / "refs" / "main"
        if not ref.is_file():
            with disk_errors(ref):
                ref.parent.mkdir(parents=True, exist_ok=True)
                ref.write_text(revision)
    return dataclasses.replace(one, note=str(target))


def _study(manifest: Mapping[str, Any], folder: Path) -> Path:
    """The study as a file, with the user's own files where they are here and the data sets' roots left out."""
    text = json.dumps(manifest["study"])
    for given, place in manifest["own"].items():
        there = str((folder / place).absolute())
        text = text.replace(json.dumps(given)[1:-1], json.dumps(there)[1:-1])
        text = text.replace(json.dumps(os.path.abspath(os.path.expanduser(given)))[1:-1], json.dumps(there)[1:-1])
    values = {k: v for k, v in json.loads(text).items() if v not in (None, "", [], {})}
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    path = folder / "study.toml"
    if not os.access(folder, os.W_OK):
        path = home() / "bundles" / f"{folder.name}.toml"
    with disk_errors(path):
        write_atomic(path, ("\n".join(lines) + "\n").encode())
    return path


def _toml(value: Any) -> str:
    """JSON's texts, numbers and lists are TOML's; a table is not."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
