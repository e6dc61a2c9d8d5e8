"""What every test runs in: no network, no hub, no display, a home of its own, and random tests that repeat themselves.

The variables are set at import because hub libraries and matplotlib read them when they are imported, which the
collection of tests does. The network is closed by replacing the methods of socket: a real attempt fails the test even
where the code under test catches every Exception.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
HOME = tempfile.mkdtemp(prefix="bench-tests-")

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", MPLBACKEND="Agg", BENCH_HOME=HOME)

# A shell's background job is born ignoring Ctrl-C, and so would be the commands that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


def is_local(host: Any) -> bool:
    """Whether a host of a socket address is this machine; names other than localhost are not."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse(host: Any) -> None:
    pytest.fail(f"A test tried to reach {host!r}: tests use no network but loopback.")


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Fail whatever connects to, or looks up, anything but this machine."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded(original: Any) -> Any:
        def call(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
                _refuse(address[0])
            return original(self, address)

        return call

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_local(host):
            _refuse(host)
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(connect))
        patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
        patch.setattr(socket, "getaddrinfo", lookup)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data by others; the test is skipped where it is not present."""
    folder = Path(os.environ.get("BENCH_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"real data is not at {folder}; name its folder in BENCH_SHARED_DATA")
    return folder
