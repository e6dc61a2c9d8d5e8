"""Weights that are absent, foreign, damaged or dangerous, statistics that do not fit, and a network that is not there."""

from __future__ import annotations

import contextlib
import pickle
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bad_case import FD, RUN, Case, Ended, case

WITH = f"{RUN.replace(' -m collapse', '')} --reference photos -m"
OWN = f"{WITH} fd(extractor=timm(model=test_resnet,weights=net.pth,size=64))"
SAFE = OWN.replace("net.pth", "net.safetensors")
ATTEMPTS: list[str] = []
"""What the last command with `cut_off` tried to reach."""


@contextlib.contextmanager
def cut_off(_: Path) -> Iterator[None]:
    """No network: every lookup and connection fails as on a machine without one, and is noted."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        ATTEMPTS.append(repr(args[1:] or args))
        raise OSError(101, "Network is unreachable")

    ATTEMPTS.clear()
    names = {"connect": socket.socket, "connect_ex": socket.socket, "getaddrinfo": socket, "create_connection": socket}
    before = {name: getattr(owner, name) for name, owner in names.items()}
    try:
        for name, owner in names.items():
            setattr(owner, name, refuse)
        yield
    finally:
        for name, owner in names.items():
            setattr(owner, name, before[name])


def _nobody_called(ended: Ended) -> None:
    assert not ATTEMPTS and not (ended.folder / "runs").exists()


def _tried(ended: Ended) -> None:
    assert ATTEMPTS and not list((ended.folder / "home").rglob("*.pth"))


def state() -> dict[str, Any]:
    """Weights of the tiny network."""
    import timm
    import torch

    torch.manual_seed(0)
    return timm.create_model("test_resnet", pretrained=False).state_dict()


def saved(change: Callable[[dict[str, Any]], Any] = lambda s: s, name: str = "net.pth") -> Callable[[Path], None]:
    """A file of weights, changed."""

    def make(folder: Path) -> None:
        import torch
        from safetensors.torch import save_file

        content = change(state())
        if name.endswith(".safetensors"):
            save_file(content, folder / name)
        else:
            torch.save(content, folder / name)

    return make


class Trap:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return (open, ("trap-was-sprung", "w"))


def _not_sprung(ended: Ended) -> None:
    assert not list(ended.folder.rglob("trap-was-sprung"))


def _torchscript(folder: Path) -> None:
    import torch

    torch.jit.trace(torch.nn.Linear(3, 2), torch.zeros(1, 3)).save(str(folder / "net.pth"))


def _cut(keep: float, name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        saved(name=name)(folder)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(keep * len(data))])

    return make


def _with(name: str, value: float) -> Callable[[dict[str, Any]], Any]:
    def change(content: dict[str, Any]) -> dict[str, Any]:
        content[name] = content[name].clone()
        content[name].view(-1)[0] = value
        return content

    return change


def _huge(content: dict[str, Any]) -> dict[str, Any]:
    return {k: v * 3e36 if k.startswith("conv1") and v.dim() == 4 else v for k, v in content.items()}


def _impostor(folder: Path) -> None:
    """A file that has the name of published weights and another content."""
    (folder / "home" / "weights").mkdir(parents=True)
    saved(name="home/weights/resnet18-f37072fd.pth")(folder)


def _npz(**arrays: Any) -> Callable[[Path], None]:
    return lambda folder: np.savez(folder / "moments.npz", **arrays)


MOMENTS = FD.replace("--reference photos", "--reference moments.npz")
_ABSENT = r"has no weights on this machine \(looked for .+\): --allow-download fetches them, or give weights=PATH, or ask for the clearly named random network with seed=0\."
_REFUSED = r"net\.pth is refused as weights \(\.\.\.\): only tensors are read, never code \(no TorchScript, no pickled objects\); save its state_dict\(\) as safetensors or with torch\.save, and give that file\."

CASES: list[Case] = [
    *(
        case(f"no network, and no weights of {who}", 2, rf"{who} \(.+\) {_ABSENT}", line=f"{WITH} {metric}", around=cut_off,
             after=_nobody_called)
        for who, metric in (("inception-v3", "fid"), ("open-clip", "clipscore"), ("dinov2", "fd-dinov2"),
                            ("timm", "fd(extractor=timm)"), ("torchvision", "fd(extractor=torchvision)"),
                            ("lpips", "fd(extractor=lpips)"))
    ),
    case("no network, and no files of ImageReward", 2,
         r"The file vocab\.txt of image-reward does not exist; give vocabulary=PATH of the published file\.",
         line=f"{WITH} image-reward", around=cut_off, after=_nobody_called),
    case("no network, and no aesthetic predictor", 2,
         r"The aesthetic predictor's weights sac\+logos\+ava1-l14-linearMSE\.pth do not exist; give head=PATH of the file\.",
         line=f"{WITH} aesthetic-score", around=cut_off, after=_nobody_called),
    case("no network, and a model whose tokenizer is on the hub", 2,
         r"The tokenizer of ViT-B-16-SigLIP \(.+\) is not on this machine \(looked for .+\): --allow-download fetches it, or choose .+",
         line=f"{WITH} clipscore(extractor=open-clip(model=ViT-B-16-SigLIP,seed=0))", around=cut_off, after=_nobody_called),
    case("--allow-download without a network", 2,
         r"https://\S+/weights-inception-2015-12-05-\*\.pth cannot be fetched \(.+\); what came is kept, so try again\.",
         line=f"{WITH} fid --allow-download", around=cut_off, after=_tried),
    case("a file of weights that does not exist", 2,
         r"The weights file net\.pth of timm does not exist; give the path of a file, or ask for the clearly named random network "
         r"with seed=0\.", line=OWN),
    case("another file under the name of published weights", 2,
         r"\.\.\./home/weights/resnet18-\*\.pth is damaged or another file: its sha256 is \*\.\.\. where f37072fd\.\.\. is "
         r"expected; delete it, or give it by path \(weights=.+\) if it is meant\.", _impostor,
         f"{WITH} fd(extractor=torchvision(weights=IMAGENET1K_V1))"),
    case("weights that are pickled code", 2, _REFUSED, saved(lambda s: {"weight": Trap()}), OWN, after=_not_sprung),
    case("a plain pickle named .pth", 2, _REFUSED,
         lambda f: (f / "net.pth").write_bytes(pickle.dumps({"weight": Trap()})) and None, OWN, after=_not_sprung),
    case("pickled code named .safetensors", 2, r"net\.safetensors is no readable safetensors file \(\.\.\.\); fetch it again\.",
         lambda f: (f / "net.safetensors").write_bytes(pickle.dumps({"weight": Trap()})) and None, SAFE, after=_not_sprung),
    case("TorchScript", 2, _REFUSED, _torchscript, OWN),
    case("half a file of weights", 2, _REFUSED, _cut(0.5, "net.pth"), OWN),
    case("half a safetensors file", 2, r"net\.safetensors is no readable safetensors file \(\.\.\.\); fetch it again\.",
         _cut(0.5, "net.safetensors"), SAFE),
    case("an empty file of weights", 2, _REFUSED, _cut(0, "net.pth"), OWN),
    case("a list instead of weights", 2,
         r"net\.pth holds no state dict \(a mapping of names to tensors\); save model\.state_dict\(\) instead\.",
         saved(lambda s: [1, 2]), OWN),
    case("weights of another network", 2,
         r"net\.pth holds no weights of timm \(timm test_resnet\): 'bn1\.bias' is absent from it; give the file that belongs to this "
         r"network\.", saved(lambda s: {"weight": s["fc.weight"]}), OWN),
    case("weights of another shape", 2,
         r"net\.pth holds no weights of timm \(timm test_resnet\): 'fc\.bias' has shape \(7,\) where \(1000,\) is needed; give .+",
         saved(lambda s: {**s, "fc.bias": s["fc.bias"][:7].clone()}), OWN),
    case("NaN in weights", 5,
         r"The weights file net\.pth holds NaN or infinite numbers \('fc\.bias'\); fetch or train it again\.",
         saved(_with("fc.bias", float("nan"))), OWN),
    case("features that are not finite", 5,
         r"The extractor 'timm' gave NaN or infinite features for '.+#0'; check its weights and the image\.", saved(_huge), OWN),
    case("weights and a seed at once", 2,
         r"timm was given weights \(net\.pth\) and seed=0: weights are either read or random; drop one of the two\.",
         line=OWN.replace("size=64", "size=64,seed=0")),
    case("a seed that is no whole number", 2, r"seed=-1 of timm is no whole number from 0 on\.",
         line=FD.replace("seed=0", "seed=-1")),
    case("statistics that do not exist", 2, r"The statistics 'moments\.npz' do not exist\.", line=MOMENTS),
    case("statistics without mu", 2, r"The statistics '\.\.\./moments\.npz' hold sigma; they need mu \(d,\) and sigma \(d, d\)\.",
         _npz(sigma=np.eye(4)), MOMENTS),
    case("statistics that are pickled objects", 2, r"The statistics '\.\.\./moments\.npz' are no \.npz file: .+\.",
         _npz(mu=np.array([Trap()], dtype=object), sigma=np.eye(4)), MOMENTS, after=_not_sprung),
    case("a text file named .npz", 2, r"The statistics '\.\.\./moments\.npz' are no \.npz file: .+\.",
         lambda f: (f / "moments.npz").write_text("mu,sigma\n") and None, MOMENTS),
    case("NaN in statistics", 2, r"The mu of the statistics '\.\.\./moments\.npz' holds something else than finite numbers\.",
         _npz(mu=np.full(512, np.nan), sigma=np.eye(512)), MOMENTS),
    case("statistics of another width than the features", 2, r"Both sides need equally many features; got 96 and 4: make both with one extractor\.", _npz(mu=np.zeros(4), sigma=np.eye(4)),
         MOMENTS),
    case("statistics whose sigma does not fit mu", 2, r"The statistics '\.\.\./moments\.npz' have mu of shape \(4,\) and sigma of shape \(4, 3\); they must be \(d,\) and \(d, d\)\.",
         _npz(mu=np.zeros(4), sigma=np.zeros((4, 3))), MOMENTS),
    case("a reference that is nothing", 2,
         r"The reference 'absent' is neither a folder, nor an \.npz file, nor a dataset\. No dataset is called 'absent'\. .+",
         line=FD.replace("--reference photos", "--reference absent")),
    case("a reference folder without images", 2, r"The reference folder '\.\.\./photos' holds no images\.",
         lambda f: [p.unlink() for p in (f / "photos").iterdir()] and None, FD),
    case("a metric that needs references, and none given", 2,
         r"fid cannot be computed here: it compares with reference images; add --reference DIR, statistics \.npz or a dataset\.",
         line=f"{RUN} -m fid"),
    case("fewer images than a metric needs", 2,
         r"kd\(extractor=inception-v3\(resize=tf-fid,seed=0\)\) cannot be computed here: it needs at least 1000 images and there are 4; give more, or lower subset_size=\.",
         line=f"{WITH} kid --extractor inception-v3(seed=0)"),
]  # fmt: skip
