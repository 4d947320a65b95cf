"""What a launcher takes from the Python that builds it, on Windows."""

from __future__ import annotations

import ctypes
import sys

if sys.platform != "win32":
    raise ImportError("this is for Windows")

_MANIFEST = 24, 1  # the type of the resource, and its number in a program
_AS_DATA = 2  # LOAD_LIBRARY_AS_DATAFILE
_NEUTRAL = 0  # the language
_PROGRAM = "_base_executable"  # of sys, which the stubs do not have

_api = ctypes.WinDLL("kernel32", use_last_error=True)
for _name in (
    "LoadLibraryExW",
    "FindResourceW",
    "LoadResource",
    "LockResource",
    "BeginUpdateResourceW",
):
    getattr(_api, _name).restype = ctypes.c_void_p


def program() -> str:
    """Return the path of python.exe, also in a virtual environment."""
    return str(getattr(sys, _PROGRAM))


def library() -> str:
    """Return the path of the library that this interpreter is."""
    path = ctypes.create_unicode_buffer(32768)
    handle = ctypes.c_void_p(sys.dllhandle)
    if not _api.GetModuleFileNameW(handle, path, len(path)):
        raise ctypes.WinError(ctypes.get_last_error())
    return path.value


def stack() -> int:
    """Return the bytes of stack that python.exe asks for."""
    with open(program(), "rb") as file:
        data = file.read(4096)
    header = int.from_bytes(data[60:64], "little")
    place = header + 24 + 72  # of SizeOfStackReserve
    return int.from_bytes(data[place : place + 4], "little")


def give_manifest(made: str) -> None:
    """Give a program the manifest of python.exe: which Windows it was made for."""
    module = ctypes.c_void_p(_api.LoadLibraryExW(program(), None, _AS_DATA))
    if not module:
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        kind, number = map(ctypes.c_void_p, _MANIFEST)
        found = ctypes.c_void_p(_api.FindResourceW(module, number, kind))
        if not found:
            return
        size = _api.SizeofResource(module, found)
        loaded = ctypes.c_void_p(_api.LoadResource(module, found))
        data = ctypes.c_void_p(_api.LockResource(loaded))
        update = ctypes.c_void_p(_api.BeginUpdateResourceW(made, False))
        if (
            not update
            or not _api.UpdateResourceW(update, kind, number, _NEUTRAL, data, size)
            or not _api.EndUpdateResourceW(update, False)
        ):
            raise ctypes.WinError(ctypes.get_last_error())
    finally:
        _api.FreeLibrary(module)
