"""The names that this process looked up, and the addresses that it was given for them.

An event comes before its look-up, so nobody is told the answer. And a second look-up
may have another. So the functions of the socket module that look up names are replaced
by ones that remember the answer: once, by the first rule with the name of a host.
"""

from __future__ import annotations

import _socket
import functools
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MOST = 4096  # addresses

_names: dict[tuple[int, int], tuple[str, ...]] = {}
_is_watching = False


def names_of(number: tuple[int, int]) -> tuple[str, ...]:
    """Return the names whose look-up gave a numeric address, as (4 or 6, its bits)."""
    return _names.get(number, ())


def remember(name: Any, addresses: list[str]) -> None:
    """Remember that the look-up of *name* gave *addresses*."""
    from .hosts import normal, number_of

    try:
        name = normal(name)
    except (TypeError, ValueError):  # there was none, as with None
        return
    if number_of(name) is not None:
        return
    for address in addresses:
        number = number_of(address)
        if number is not None and name not in _names.get(number, ()):
            if len(_names) >= _MOST:
                del _names[next(iter(_names))]
            _names[number] = (*_names.get(number, ()), name)


def watch() -> None:
    """Begin to remember look-ups."""
    global _is_watching
    if _is_watching:
        return
    _is_watching = True
    answers: dict[str, Callable[[Any], list[str]]] = {
        "getaddrinfo": lambda answer: [
            entry[4][0] for entry in answer if isinstance(entry[4][0], str)
        ],
        "gethostbyname": lambda answer: [answer],
        "gethostbyname_ex": lambda answer: answer[2],
    }
    for name, addresses in answers.items():
        original = getattr(_socket, name, None)
        if original is None:
            continue
        watched = _watched(original, addresses)
        setattr(_socket, name, watched)
        module = sys.modules.get("socket")  # which has all names of _socket
        if module is not None and getattr(module, name, None) is original:
            setattr(module, name, watched)


def _watched(
    original: Callable[..., Any], addresses: Callable[[Any], list[str]]
) -> Callable[..., Any]:
    @functools.wraps(original)
    def look_up(*args: Any, **kwargs: Any) -> Any:
        answer = original(*args, **kwargs)
        host = args[0] if args else kwargs.get("host")
        remember(host, addresses(answer))
        return answer

    return look_up
