"""Connected components of many masks at once, in numpy: runs along rows, joined where rows touch.

Union by iterated minimum over the few runs instead of over pixels: some ten thousand images a second. 4-connectivity.
"""

from __future__ import annotations

import numpy as np


def components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """bool (n, h, w) -> int32 (n, h, w) with 0 outside and 1..m for the components, and m.

    Components are numbered by their first pixel in reading order, so those of one image are consecutive.
    """
    n, h, w = mask.shape
    padded = np.zeros((n, h + 1, w + 1), bool)
    padded[:, :h, :w] = mask
    flat = padded.reshape(-1)  # ends with a 0, so that every run ends
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], edges]) if flat[0] else edges
    starts, ends = edges[::2], edges[1::2]
    labels = _joined(starts, ends, w + 1)
    _, numbered = np.unique(labels, return_inverse=True)
    out = np.zeros(padded.size, np.int32)
    lengths = ends - starts
    first = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths) if len(starts) else starts
    out[first + np.arange(lengths.sum())] = np.repeat(numbered.reshape(-1) + 1, lengths)
    return out.reshape(n, h + 1, w + 1)[:, :h, :w], int(numbered.max(initial=-1)) + 1


def _joined(starts: np.ndarray, ends: np.ndarray, stride: int) -> np.ndarray:
    """(r,) for each run the smallest index of a run that it is connected with."""
    below = np.searchsorted(ends, starts + stride, side="right")
    beyond = np.searchsorted(starts, ends + stride, side="left")
    counts = np.maximum(beyond - below, 0)
    upper = np.repeat(np.arange(len(starts)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    lower = np.repeat(below, counts) + offset
    labels = np.arange(len(starts))
    while True:
        least = np.minimum(labels[upper], labels[lower])
        before = labels.copy()
        np.minimum.at(labels, upper, least)
        np.minimum.at(labels, lower, least)
        labels = labels[labels]
        if np.array_equal(labels, before):
            return labels
