"""Reference statistics as other tools read them: mean and covariance of an extractor's features in one .npz.

The arrays are `mu` (d,) and `sigma` (d, d), as pytorch-fid and its many users have them; `n` and `protocol` (JSON: the
extractor with weights, preprocessing and dtype) stand beside them and are ignored there.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import aliases, store
from bench.engine import views
from bench.engine.cache import Cache
from bench.engine.extract import make_eye
from bench.engine.options import Options
from bench.engine.resolve import build, fail_on, open_dataset
from bench.engine.shared import image_files
from bench.errors import DataError, TooFew, UsageError
from bench.formats.folders import list_images
from bench.formats.images import decode
from bench.spec import parse


class _Files:
    """Pictures by path."""

    def load_image(self, locator: str) -> np.ndarray:
        return decode(locator)


def export(source: str | Path, extractor: str, out: str | Path, options: Options) -> tuple[int, int]:
    """Write the statistics of a folder of images, a run, or a dataset's reference set; returns (n, d).

    UsageError for an extractor without features of images, DataError for a source without images, TooFew below two.
    """
    from bench.functional import Moments, merge_moments, moments

    if not str(out).endswith(".npz"):
        raise UsageError(f"Statistics are written to a file that ends in .npz; got '{out}'.")
    images, locators = _images(source)
    made = build("extractor", parse(_extractor(extractor)))
    fail_on(made.problems())
    if "features" not in made.image_outputs:
        raise UsageError(f"{extractor} gives no features of images, of which statistics could be made.")
    eye = make_eye(made, options)
    total: Moments | None = None
    with tempfile.TemporaryDirectory() as folder:
        files = image_files(images, locators, "statistics", [eye], Path(folder), Cache(Path(folder)), options)
        for path in files[eye.key]:
            part = moments(views.read(path).outputs["features"])
            total = part if total is None else merge_moments(total, part)
    if total is None or total.n < 2:
        raise TooFew(f"Statistics need 2 or more images and '{source}' has {0 if total is None else total.n}.")
    protocol = json.dumps(views.extractor_protocol(made, options.dtype), sort_keys=True)
    buffer = io.BytesIO()
    np.savez(buffer, mu=total.mean.numpy(), sigma=total.cov.numpy(), n=total.n, protocol=protocol)
    store.write_atomic(Path(out), buffer.getvalue())
    return total.n, len(total.mean)


def _extractor(text: str) -> str:
    """An extractor's text, or that of the metric or alias whose protocol is wanted (fid, clean-fid, fd-dinov2)."""
    name = parse(text).name
    if name in aliases.ALIASES:
        return str(aliases.expand(text).params.get("extractor", ""))
    return text


def _images(source: str | Path) -> tuple[Any, Sequence[str]]:
    """What loads pictures, and their locators in a stable order."""
    path = Path(source).expanduser()
    if store.is_run(path):
        samples = store.samples(path)
        names = [n for row in samples.loc[samples["status"] == "ok", "image"] for n in str(row).split("\n")]
        return _Files(), [str(store.image_path(path, name)) for name in names]
    if path.is_dir():
        listing = list_images(path)
        if not listing.files:
            raise DataError(f"The folder '{path}' holds no images.")
        return _Files(), [str(listing.path(file)) for file in listing.files]
    dataset = open_dataset(str(source)).dataset
    return dataset, list(dataset.references())
