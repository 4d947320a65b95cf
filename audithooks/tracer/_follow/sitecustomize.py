"""Found by every Python that a tracer follows: see audithooks/tracer/following.py.

It may be a Python of any version. What the program would have found without the tracer,
in sys.path and as its own sitecustomize, is found all the same.
"""

import os
import sys


def follow(folder):
    """Trace this process by the audithooks around *folder*, whatever sys.path is."""
    from importlib.util import module_from_spec, spec_from_file_location

    package = os.path.dirname(os.path.dirname(folder))
    spec = spec_from_file_location(
        "audithooks",
        os.path.join(package, "__init__.py"),
        submodule_search_locations=[package],
    )
    sys.modules["audithooks"] = module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        from audithooks.tracer.child import follow
    except ImportError as error:  # such as that the compiled modules are of another
        del sys.modules["audithooks"]
        sys.stderr.write(
            "audithooks: process %d is not traced: %s\n" % (os.getpid(), error)
        )
    else:
        follow()


folder = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != folder]
sys.path_importer_cache.pop(folder, None)
if sys.version_info >= (3, 9):
    follow(folder)

# As site.py would have done without this file.
del sys.modules["sitecustomize"]
import sitecustomize  # noqa: E402,F401
