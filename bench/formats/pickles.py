"""Pickles of the field's data sets, read without executing them: texts, numbers, lists, tuples, dicts, numpy arrays.

A pickle is a program that may call any function. This reader knows the opcodes of plain data only and answers numpy's
few names (a scalar, a dtype, an array) with classes of its own; whatever else a pickle names is refused before anything
is called. Python 2's texts are decoded as latin-1, as the published loaders do. Protocol 0 is a text format: a copy
that turned its line ends into CRLF is mended, since no text inside it can hold a bare line end.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import Any, NoReturn

import numpy as np

_OPCODES = frozenset(
    pickle.MARK + pickle.STOP + pickle.POP + pickle.POP_MARK + pickle.DUP + pickle.FLOAT + pickle.INT + pickle.BININT
    + pickle.BININT1 + pickle.LONG + pickle.BININT2 + pickle.NONE + pickle.REDUCE + pickle.STRING + pickle.BINSTRING
    + pickle.SHORT_BINSTRING + pickle.UNICODE + pickle.BINUNICODE + pickle.APPEND + pickle.BUILD + pickle.GLOBAL
    + pickle.DICT + pickle.EMPTY_DICT + pickle.APPENDS + pickle.GET + pickle.BINGET + pickle.LONG_BINGET + pickle.LIST
    + pickle.EMPTY_LIST + pickle.PUT + pickle.BINPUT + pickle.LONG_BINPUT + pickle.SETITEM + pickle.TUPLE
    + pickle.EMPTY_TUPLE + pickle.SETITEMS + pickle.BINFLOAT + pickle.PROTO + pickle.TUPLE1 + pickle.TUPLE2
    + pickle.TUPLE3 + pickle.NEWTRUE + pickle.NEWFALSE + pickle.LONG1 + pickle.LONG4 + pickle.BINBYTES
    + pickle.SHORT_BINBYTES + pickle.SHORT_BINUNICODE + pickle.BINUNICODE8 + pickle.BINBYTES8 + pickle.STACK_GLOBAL
    + pickle.MEMOIZE + pickle.FRAME
)  # fmt: skip
_NUMBERS = re.compile(r"[|<>=]?[biuf][1248]")
_MOST_DIGITS = 4000


class Hostile(Exception):
    """The pickle names something that data does not need: it would execute it."""


class Damaged(Exception):
    """The bytes are no pickle, or not all of one."""


def read_pickle(data: bytes) -> tuple[Any, bool]:
    """(value, whether CRLF was mended). Raises Hostile or Damaged with the end of a sentence."""
    text = not data.startswith(pickle.PROTO)
    if text and b"\r\n" in data:
        return _read(data.replace(b"\r\n", b"\n")), True
    try:
        return _read(data), False
    except Damaged:
        if b"\r\n" not in data:
            raise
        return _read(data.replace(b"\r\n", b"\n")), True


def _read(data: bytes) -> Any:
    reader = _Reader(io.BytesIO(data))
    try:
        value = reader.load()
        return _plain(value, {}) if reader.arrays else value
    except (Hostile, Damaged):
        raise
    except RecursionError:
        raise Damaged("it is nested too deeply.") from None
    except MemoryError:
        raise Damaged("it asks for more memory than there is.") from None
    except Exception as error:  # whatever bytes that are no pickle make of the stack machine
        raise Damaged(f"{type(error).__name__} at byte {reader.place()} of {len(data)}.") from None


_Machine: Any = pickle._Unpickler


class _Reader(_Machine):
    """The stack machine of the standard library, in Python (its memo is a dict, which no index can blow up), with the
    opcodes of data only."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, fix_imports=False, encoding="latin1")
        self._file, self.arrays = file, False

    def place(self) -> int:
        """Bytes that were read."""
        return self._file.tell()

    def find_class(self, module: str, name: str) -> Any:
        """numpy's names by classes of our own; nothing else."""
        if (module, name) in _KNOWN:
            self.arrays = self.arrays or name == "_reconstruct"
            return _KNOWN[module, name]
        _refuse(f"asks to use {module}.{name}"[:120])

    dispatch = {  # noqa: RUF012  (the base class's own table, less what is not data)
        code: handler for code, handler in _Machine.dispatch.items() if code in _OPCODES
    }

    def load_reduce(self) -> None:
        """Call nothing but our own."""
        given = self.stack.pop()
        target = self.stack[-1]
        if not isinstance(target, _Callable):
            _refuse("asks to call something that is no function of numpy's data")
        self.stack[-1] = target(*given)

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_build(self) -> None:
        """Give a state to our own objects only."""
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _DType | _Array):
            _refuse("asks to change an object that is no data of numpy")
        self.stack[-1].state(state)

    dispatch[pickle.BUILD[0]] = load_build

    def load_long(self) -> None:
        """Python 2's long, of a length that is quickly read."""
        digits = self.readline()[:-1].rstrip(b"L")
        if len(digits) > _MOST_DIGITS:
            raise Damaged("it holds a number of too many digits.")
        self.append(int(digits, 0))

    dispatch[pickle.LONG[0]] = load_long

    def load_unknown(self) -> None:
        """An opcode that data does not need."""
        _refuse("uses an opcode that plain data does not need")

    for _code in set(_Machine.dispatch) - set(_OPCODES):
        dispatch[_code] = load_unknown


def _refuse(why: str) -> NoReturn:
    raise Hostile(why)


# ---- numpy's names, by classes of our own ------------------------------------------------------------------------


class _Callable:
    """What stands for a function of numpy on the stack."""

    def __init__(self, of: Any) -> None:
        self._of = of

    def __call__(self, *given: Any) -> Any:
        return self._of(*given)


class _DType:
    """numpy.dtype of plain numbers."""

    def __init__(self, name: Any, *_: Any) -> None:
        name = name.decode("latin1") if isinstance(name, bytes) else name
        if not isinstance(name, str) or not _NUMBERS.fullmatch(name):
            _refuse(f"holds values of the type {name!r}, which are no plain numbers"[:120])
        self.dtype = np.dtype(name)

    def state(self, given: Any) -> None:
        order = given[1].decode("latin1") if isinstance(given[1], bytes) else given[1]
        self.dtype = self.dtype.newbyteorder(">" if order == ">" else "<" if order == "<" else "=")


class _Array:
    """numpy.ndarray, empty until its state comes."""

    def __init__(self) -> None:
        self.value: Any = np.zeros(0)

    def state(self, given: Any) -> None:
        _, shape, kind, fortran, data = given
        if not isinstance(kind, _DType) or not isinstance(data, bytes | str):
            _refuse("holds an array of objects")
        values = np.frombuffer(_raw(data), kind.dtype)
        self.value = values.reshape(shape, order="F" if fortran else "C").copy()


def _raw(data: Any) -> bytes:
    return data if isinstance(data, bytes) else str(data).encode("latin1")


def _scalar(kind: Any, data: Any) -> Any:
    if not isinstance(kind, _DType):
        _refuse("holds a scalar of no plain type")
    return np.frombuffer(_raw(data), kind.dtype, 1)[0].item()


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "utf8"):
        _refuse("asks to encode something that is no text")
    return text.encode(encoding)


_ROOMS = ("numpy.core.multiarray", "numpy._core.multiarray")
_TYPE = _Callable(lambda *_: _refuse("asks to make an array by hand"))
_KNOWN: dict[tuple[str, str], _Callable] = {
    **{(room, "scalar"): _Callable(_scalar) for room in _ROOMS},
    **{(room, "_reconstruct"): _Callable(lambda *_: _Array()) for room in _ROOMS},
    ("numpy", "dtype"): _Callable(_DType),
    ("numpy", "ndarray"): _TYPE,
    ("_codecs", "encode"): _Callable(_encode),
}


def _plain(value: Any, known: dict[int, Any]) -> Any:
    """Lists, tuples and dicts with arrays in the places of what stood for them; shared parts stay shared."""
    if isinstance(value, _Array):
        return value.value
    if not isinstance(value, list | tuple | dict):
        return value
    if id(value) not in known:
        known[id(value)] = value  # a list that holds itself keeps itself
        if isinstance(value, dict):
            known[id(value)] = {k: _plain(v, known) for k, v in value.items()}
        else:
            known[id(value)] = type(value)(_plain(v, known) for v in value)
    return known[id(value)]
