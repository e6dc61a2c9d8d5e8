"""Views that belong to a dataset and not to a system: its reference images and its texts, made once and shared by all
runs.

They lie in `runs/<dataset>/shared/views/<extractor>/`. A distinct text is encoded once. Several processes may want the
same view: the first makes it, the others wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import store
from bench.engine import views
from bench.engine.cache import Cache
from bench.engine.extract import write_batch
from bench.engine.generate import facts_of
from bench.engine.looks import Batch, Eye, Look, ahead, check_finite, forward, look
from bench.engine.options import Options
from bench.engine.plan import SHARD_ROWS
from bench.errors import BadImage
from bench.spec import digest, text_digest
from bench.types import ImageRow, PixelFacts


def shared_folder(dataset_folder: Path) -> Path:
    """Where a dataset's own views lie."""
    return dataset_folder / "shared"


# ---- texts ---------------------------------------------------------------------------------------------------------


def text_view(
    texts: Sequence[str], eye: Eye, folder: Path, cache: Cache, options: Options
) -> dict[str, dict[str, Any]]:
    """Text -> its outputs, for distinct texts; encoded once and stored as one file a list of texts."""
    distinct = list(dict.fromkeys(texts))
    inputs = [text_digest(t) for t in distinct]
    path = shared_folder(folder) / "views" / eye.key / f"texts-{digest(inputs)[:16]}.safetensors"
    with store.waiting_lock(path.with_suffix(".lock")):
        if not views.whole(path):
            views.write(path, _encode(distinct, inputs, eye, cache, options), done_point="texts-written")
            cache.add(path, inputs, eye.key)
    rows = views.read(path)
    return {text: views.take(rows, i) for i, text in enumerate(distinct)}


def _encode(texts: Sequence[str], inputs: Sequence[str], eye: Eye, cache: Cache, options: Options) -> views.Rows:
    found = {i: row for i, d in enumerate(inputs) if (row := cache.find(d, eye.key)) is not None}
    new = [i for i in range(len(texts)) if i not in found]
    if new:
        options.progress.phase("", "texts", len(new))
    for start in range(0, len(new), eye.batch_size):
        some = new[start : start + eye.batch_size]
        eye.load()
        outputs = forward(lambda batch, _: eye.extractor.extract_texts(batch), [texts[i] for i in some], some, eye)
        check_finite(outputs, [texts[i] for i in some], eye)
        for j, i in enumerate(some):
            found[i] = {name: value[j] for name, value in outputs.items()}
        options.progress.advance(len(some))
    keys = tuple(d[:16] for d in inputs)
    return views.Rows(keys, tuple(inputs), views.stack([found[i] for i in range(len(texts))]))


# ---- reference images ----------------------------------------------------------------------------------------------


def image_files(
    dataset: Any,
    locators: Sequence[str],
    name: str,
    eyes: Sequence[Eye],
    folder: Path,
    cache: Cache,
    options: Options,
    most: int | None = None,
) -> dict[str, list[Path]]:
    """Extractor key -> view files of these images of a dataset; made for those extractors that lack them.

    name: begins the files' names and holds a digest of what fixes the images. most: of the first files only.
    """
    cuts = [locators[i : i + SHARD_ROWS] for i in range(0, len(locators), SHARD_ROWS)][:most]
    base = shared_folder(folder) / "views"
    files = {e.key: [base / e.key / f"{name}-{i:05d}.safetensors" for i in range(len(cuts))] for e in eyes}
    with store.waiting_lock(shared_folder(folder) / "reference.lock"):
        todo = [(i, cut, [e for e in eyes if not views.whole(files[e.key][i])]) for i, cut in enumerate(cuts)]
        todo = [(i, cut, lacking) for i, cut, lacking in todo if lacking]
        if todo:
            options.progress.phase("", "reference images", sum(len(cut) for _, cut, _ in todo))
            _look_at(dataset, todo, files, cache, options)
    store.crash_point("reference-written")
    return files


def _look_at(dataset: Any, todo: list[Any], files: dict[str, list[Path]], cache: Cache, options: Options) -> None:
    def see(task: tuple[str, list[Eye]]) -> tuple[str, PixelFacts, list[Look]]:
        locator, eyes = task
        try:
            pixels = dataset.load_image(locator)
        except BadImage as error:
            raise BadImage(f"The reference set cannot be used: {error}") from error
        facts = facts_of(pixels)
        row = ImageRow("", path=locator, digest=facts.digest, size=(facts.width, facts.height))
        return locator, facts, look(eyes, pixels, row, None, cache)

    everyone = [e for _, _, lacking in todo for e in lacking]
    window = 2 * max([e.batch_size for e in everyone], default=16) + 2 * options.threads
    tasks = ((locator, lacking) for _, cut, lacking in todo for locator in cut)
    stream = ahead(tasks, see, options.threads, window)
    for index, cut, lacking in todo:
        batches = [Batch(e) for e in lacking]
        for _ in cut:
            locator, _facts, looks = next(stream)
            for batch, one in zip(batches, looks, strict=True):
                batch.add(locator, one, None)
            options.progress.advance()
        for batch in batches:
            write_batch(files[batch.eye.key][index], batch, cache)
