"""The compiled modules and their mirrors: the same names, signatures and docstrings.

test_model.py tests that they do the same.
"""

import inspect

import pytest

ROOMS = ["hooklist", "dispatcher", "runtime"]
COMPILED_ALONE = {"Route"}  # in pure Python a tuple is enough of one


@pytest.fixture
def pair(compiled):
    from conftest import load

    return compiled, load("python")


def public(thing):
    return {name for name in vars(thing) if not name.startswith("_")}


class Class:
    __slots__ = ("__weakref__",)


# What every class has, or has where it needs to be made in another way.
OF_THE_LANGUAGE = {
    *vars(Class),
    *(
        "__annotations__",
        "__init__",
        "__init_subclass__",
        "__new__",
        "__annotate_func__",
    ),
    *("__pyx_vtable__", "__reduce__", "__reduce_cython__"),
    *("__setstate__", "__setstate_cython__"),
}


def special(thing):
    """The names of the methods by which the language calls a class or its objects."""
    return {name for name in vars(thing) if name.startswith("__")} - OF_THE_LANGUAGE


def special_shape(function):
    """Return a signature without what differs if C code calls the method."""
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in parameters]


def shape(function):
    """Return a signature without its annotations, which only the mirror has.

    The self of a method in C can only be given by its position.
    """
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.name == "self" or p.kind, p.default) for p in parameters]


def doc(thing):
    return inspect.cleandoc(thing.__doc__ or "")


def classes_of(module):
    return {
        name
        for name, thing in vars(module).items()
        if isinstance(thing, type)
        and thing.__module__ == module.__name__
        and not name.startswith("_")
    }


def test_classes_are_the_same(pair):
    ours, *mirrors = [
        {
            name
            for room in ROOMS
            for name in classes_of(getattr(names, f"{room}_module"))
        }
        for names in pair
    ]
    assert [ours - COMPILED_ALONE] == mirrors


@pytest.mark.parametrize("room", ROOMS)
def test_classes_have_the_same_members_signatures_and_docstrings(pair, room):
    modules = [getattr(names, f"{room}_module") for names in pair]
    classes = classes_of(modules[1])
    assert classes
    for name in classes:
        ours, mirror = (getattr(module, name) for module in modules)
        assert doc(ours) == doc(mirror)
        # In one of the two, the runtime domain has these functions from sys.
        of_sys = {"addaudithook", "audit"} if name == "Runtime" else set()
        assert public(ours) - of_sys == public(mirror) - of_sys
        ours_alone = {name for name in vars(ours) if not name.startswith("__")}
        for method in ours_alone - of_sys:
            one, two = getattr(ours, method), getattr(mirror, method)
            if callable(one) and one is not two:
                assert shape(one) == shape(two), method
                assert doc(one) == doc(two), method
        assert special(ours) == special(mirror)
        for method in special(mirror) | {"__init__"} & vars(ours).keys():
            if method == "__call__":  # which C code calls without a signature
                assert doc(mirror.__call__) == doc(ours.__call__)
            else:
                one, two = getattr(ours, method), getattr(mirror, method)
                assert special_shape(one) == special_shape(two), method


def test_functions_are_described_alike(pair):
    modules = [names.open_code_module for names in pair]
    functions = [[module.set_open_code_hook for module in modules]]
    modules = [names.frames_module for names in pair]
    functions.append([module.current_frame for module in modules])
    functions.append([module.code_of for module in modules])
    writers = [names.Writer for names in pair]
    functions += [writers, [writer._go_on for writer in writers]]
    for name in ("addaudithook", "subscribe", "capture"):
        functions.append([getattr(names, name) for names in pair])
    for one, two in functions:
        assert isinstance(one, type) or shape(one) == shape(two)
        assert doc(one) == doc(two)
