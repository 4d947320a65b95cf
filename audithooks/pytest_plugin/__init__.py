"""The pytest plugin of audithooks: the part that pytest always loads.

It adds no hook unless a test run uses the fixture, a marker or an option. guard.py
guards tests.
"""

from __future__ import annotations

import functools
import inspect
import os
from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from .. import Record
    from ..records.selection import Selection

_EVENTS = pytest.StashKey["list[Record]"]()

MARKERS = (
    "audit_forbid(*rules): fail the test if it raises an audit event of this name, "
    "pattern or group, such as '@network' or '@write(path!=./build)', but not one of "
    "'!RULE'",
    "audit_allow(*rules): allow the test events that are forbidden to others",
    "audit_policy(file): fail the test if it does what the policy in this TOML file "
    "denies, and not that of its folder or of the run; relative to the test's file",
    "audit_events(*patterns): select the events that the fixture audit_events captures",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    help = "fail tests that raise audit events of this name, pattern or @group"
    group = parser.getgroup("audithooks")
    group.addoption(
        "--audit-forbid",
        metavar="RULE",
        action="append",
        default=[],
        help=f"{help}; repeatable; a group needs the =, as in --audit-forbid=@network",
    )
    parser.addini("audit_forbid", help, type="linelist", default=[])
    help = "fail tests that do what the policy in this TOML file denies"
    group.addoption("--audit-policy", metavar="FILE", help=help)
    parser.addini("audit_policy", f"{help}; relative to the configuration file")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if forbidden(config) or policy_file(config):
        _guard(config)


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    markers = "audit_forbid", "audit_policy"
    if folder_policies(config) or any(
        item.get_closest_marker(name) for item in items for name in markers
    ):
        _guard(config)


def forbidden(config: pytest.Config) -> tuple[str, ...]:
    """Return the patterns that are forbidden to every test."""
    return (*config.getini("audit_forbid"), *config.getoption("audit_forbid"))


def policy_file(config: pytest.Config) -> Path | None:
    """Return the path of the policy for every test, or None."""
    given = config.getoption("audit_policy")
    if given:
        return config.invocation_params.dir / str(given)
    configured = config.getini("audit_policy")
    if not configured:
        return None
    folder = config.rootpath if config.inipath is None else config.inipath.parent
    return folder / str(configured)


def folder_policies(config: pytest.Config) -> dict[Path, Path]:
    """Return the policies of folders: the variables audit_policy of conftest.py."""
    found = {}
    for module in config.pluginmanager.get_plugins():
        file = getattr(module, "__file__", None)
        name = getattr(module, "audit_policy", None)
        if not file or os.path.basename(file) != "conftest.py":
            continue
        if isinstance(name, (str, os.PathLike)):  # or it may be a fixture
            folder = Path(file).parent
            found[folder] = folder / name
    return found


def policy_of(item: pytest.Item) -> Path | None:
    """Return the path of the policy for a test: its own, its folder's, or the run's."""
    marker = item.get_closest_marker("audit_policy")
    if marker is not None:
        if marker.kwargs or len(marker.args) != 1:
            raise TypeError("audit_policy takes one path")
        (path,) = marker.args
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"audit_policy takes a path, not {type(path).__name__}")
        return Path(item.path.parent, path)
    folders = folder_policies(item.config)
    for folder in item.path.parents:
        if folder in folders:
            return folders[folder]
    return policy_file(item.config)


def marked(item: pytest.Item, name: str) -> tuple[str, ...]:
    """Return the patterns of the markers *name* on a test and around it.

    Of audit_events it is only the closest marker.
    """
    patterns: list[str] = []
    markers = [*item.iter_markers(name)]
    for marker in markers[:1] if name == "audit_events" else markers:
        if marker.kwargs or not marker.args:
            raise TypeError(f"{name} takes at least one pattern")
        patterns += marker.args
    return tuple(patterns)


def select(
    name: str, patterns: tuple[str, ...], folder: Path | None = None
) -> Selection:
    """Return what *patterns* select. Raises TypeError or ValueError for wrong ones."""
    from ..records.selection import Selection, refuse_doubts

    allows = name == "audit_allow"
    at = None if folder is None else str(folder)
    selection = Selection(name, patterns, folder=at, strict=allows)
    try:
        refuse_doubts(patterns)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return selection


def select_marked(item: pytest.Item, name: str, *others: str) -> Selection:
    """Return what *others* and the markers *name* select, or fail the test."""
    try:
        return select(name, (*others, *marked(item, name)), item.config.rootpath)
    except (TypeError, ValueError) as error:
        message = f"a marker is wrong: {error}"
    pytest.fail(message, pytrace=False)  # here, so that the first is not its context


def _guard(config: pytest.Config) -> None:
    name = "audithooks-guard"
    if not config.pluginmanager.has_plugin(name):
        from .guard import Guard

        guard = Guard(config, forbidden(config), policy_file(config))
        config.pluginmanager.register(guard, name)


@pytest.fixture
def audit_events(request: pytest.FixtureRequest) -> Generator[list[Record]]:
    """The audit events that are raised while the test function runs, in any thread.

    A list of named tuples of event and args, as from audithooks.capture(). The marker
    audit_events(*patterns) selects them; without it, the list has all events. A test
    fails if a pattern is wrong.

        def test_listing(audit_events):
            os.listdir("/")
            assert audit_events == [("os.listdir", ("/",))]

    Added in 0.1.
    """
    from .. import capture

    chosen = select_marked(request.node, "audit_events")
    captured = capture(*chosen.events, exclude=chosen.exclude, scope="process")
    with captured as events:
        request.node.stash[_EVENTS] = events
        yield events


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    events = pyfuncitem.stash.get(_EVENTS, None)
    if events is None:
        return (yield)
    function = pyfuncitem.obj

    @functools.wraps(function)
    def test(*args: object, **kwargs: object) -> object:
        __tracebackhide__ = True
        events.clear()  # events of pytest itself
        return function(*args, **kwargs)

    @functools.wraps(function)
    async def async_test(*args: object, **kwargs: object) -> object:
        __tracebackhide__ = True
        events.clear()
        return await function(*args, **kwargs)

    # Plugins that run asynchronous tests check whether it is a coroutine function.
    pyfuncitem.obj = async_test if inspect.iscoroutinefunction(function) else test
    try:
        return (yield)
    finally:
        pyfuncitem.obj = function
