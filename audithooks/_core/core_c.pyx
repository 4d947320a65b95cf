# cython: language_level=3, freethreading_compatible=True
"""What an event passes through, compiled: all in one module, as each takes its time.

A part has a file, and a mirror in pure Python: hooklist_c.pxi and hooklist_py.py. The
names of all parts are in this module.
"""

include "hooklist_c.pxi"
include "runtime_c.pxi"
include "dispatcher_c.pxi"
include "open_code_c.pxi"
include "frames_c.pxi"
