"""Write docs/parity.md: `python tools/parity.py > docs/parity.md`. Runs every case of tests/parity/."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "parity")]

from parity_case import Measured, measure  # noqa: E402
from parity_tables import TABLES  # noqa: E402

HEAD = """# Parity with reference implementations

This page is written by `python tools/parity.py > docs/parity.md` from real runs of the peers; the tests run every row
again and hold it to its tolerance. Differences are relative to the larger of 1 and the peer's value; those of Fréchet
distances are relative to the traces of the covariances. "From the truth" is the difference from a float64 computation
that squares nothing (singular values of the centred features), or from the closed form: where peers disagree with it,
ours is held to the truth.

Images through networks are compared in `tests/extractors/` and `tests/parity/test_real_images_parity.py`: one seeded
Inception file on both sides gives torch-fidelity's features at many sizes and shapes, its FID, KID and IS on images of
real systems (own and odd sizes, PNG and JPEG, grey, with an alpha channel), and the resizings are held to those of
their tools.

Parity that cannot be had here: the TensorFlow graph of ADM's evaluator and the TorchScript weights of clean-fid are not
downloadable from a package registry, so that `adm` and clean-fid's own weights are not compared.
"""


def _row(found: Measured) -> str:
    case = found.case
    truth = "" if found.from_truth is None else f"{found.from_truth:.1e} (theirs {found.theirs_from_truth:.1e})"
    lost = found.theirs_from_truth is not None and found.theirs_from_truth > 1e-9
    why = case.note or ("theirs squares the covariances, which loses half the digits" if lost else "")
    cells = (case.metric, case.peer, case.on, f"{found.difference:.1e}", f"{case.tolerance:g}", truth, why)
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Print the page; 1 when a row does not hold."""
    measured = {title: [measure(case) for case in cases] for title, cases in TABLES.items()}
    peers = sorted({c.peer for cases in TABLES.values() for c in cases if not c.peer.startswith("(")})
    print(HEAD)
    print("Versions: " + ", ".join(f"{peer} {version(peer).partition('+')[0]}" for peer in peers) + ".")
    for title, rows in measured.items():
        print(f"\n## {title}\n\n| metric | peer | on | difference | tolerance | from the truth | why |")
        print("|---|---|---|---:|---:|---:|---|")
        print("\n".join(_row(found) for found in rows))
    broken = [found for rows in measured.values() for found in rows if not found.holds]
    for found in broken:
        print(f"{found.case.metric}, {found.case.peer}, {found.case.on}: {found.difference:g}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
