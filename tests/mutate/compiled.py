"""Faults of the compiled modules, each in another mechanism.

A fault is a file, a piece of it that occurs there once, what is planted in its place,
and what breaks by that. What a build with the global interpreter lock cannot show is
not here: make matrix has ThreadSanitizer for that.
"""

from __future__ import annotations

from tree import CORE, Fault, difference, in_folder

HOOK_LIST = [
    (
        "if length < 1:",
        "if length < 0:",
        "audit() without a name reads what is not there",
    ),
    (
        "elif not PyUnicode_Check(args[0]):",
        "elif False:",
        "audit() takes any object for a name",
    ),
    # Greenlets.
    ("        if module is None:\n", "        if True:\n", "greenlets are not noticed"),
    (
        "    PyErr_Restore(kind, value, traceback)\n    return greenlet",
        "    PyErr_Clear()\n    return greenlet",
        "the exception of a hook is lost where greenlet is asked",
    ),
    (
        "return parent == <PyObject *> None",
        "return False",
        "a hook that ran before greenlet was imported is called again",
    ),
    (
        "        size = -1  # it is asked again",
        "        pass",
        "what is known of greenlets while that is imported is never looked up again",
    ),
    # What is kept, and let go.
    ("PyMem_Free(self.inside)", "pass", "where a hook runs is never freed"),
    (
        "            open_ranks.pop(self.key, None)\n\n",
        "            pass\n\n",
        "the rank of a hook that is gone is kept",
    ),
    ("Py_XDECREF(self.known[i].event)", "pass", "names that are known are never freed"),
    (
        "@cython.no_gc_clear\ncdef class HookList",
        "cdef class HookList",
        "the collector clears a list that is asked for an event",
    ),
    (
        "@cython.no_gc_clear\n@cython.final\ncdef class Route",
        "@cython.final\ncdef class Route",
        "the collector clears a route that an Event has found",
    ),
    (
        "@cython.no_gc_clear\n@cython.final\ncdef class Hook:",
        "@cython.final\ncdef class Hook:",
        "the collector clears a hook that is called",
    ),
    # Subscriptions.
    (
        "if not load_int(&self.hook.is_closed):",
        "if True:",
        "close() is announced twice",
    ),
    (
        "if not load_int(&self.hook.is_paused):",
        "if True:",
        "pause() is announced twice",
    ),
    (
        "self.hooks.announce_end(self.hook)\n            self.hooks.pause(",
        "self.hooks.pause(self.hook, True)\n"
        "            self.hooks.announce_end(self.hook)\n            self.hooks.pause(",
        "a veto does not keep a hook from being paused",
    ),
    (
        "if load_int(&subscription.hook.is_closed):",
        "if False:",
        "a closed one can be paused",
    ),
    (
        "found = None if hook.handle is None else hook.handle()",
        "found = None",
        "subscriptions are others than those that subscribe() returned",
    ),
    (
        "            if hook.events is not None\n        ]",
        "            if True\n        ]",
        "hooks of addaudithook() are listed as subscriptions",
    ),
    ("handles.sort()", "pass", "subscriptions are not in the order of calls"),
    (
        "(<PyTypeObject *> kind).tp_new = refuse",
        "pass",
        "a Subscription without a hook can be made",
    ),
    ("tp_vectorcall = NULL", "tp_flags |= 0", "a Subscription can be made by a call"),
    # Captures.
    (
        "if self.addition is not None:\n                raise",
        "if False:\n                raise",
        "a capture can be entered twice",
    ),
    (
        "            self.addition = None\n            raise",
        "            raise",
        "a capture that was refused is in use for ever",
    ),
    ("*arguments, is_asked=False)", "*arguments)", "a capture has its own end"),
    (
        "if addition.closed:",
        "if True:",
        "an end that was refused cannot be repeated",
    ),
    (
        "addition.undo_without(self)",
        "pass",
        "a capture that is dropped in its block goes on",
    ),
    (
        "PyWeakref_NewRef(capture, twin.undo)",
        "PyWeakref_NewRef(capture, self.undo)",
        "a capture leaves a cycle",
    ),
    # Conditions of a new hook.
    ('hook.in_context = scope == "context"', "pass", "a context is the process"),
    ("hook.conditions |= NOT_NESTED", "pass", "every hook is reentrant"),
    ("hook.conditions |= REPORTED", "pass", "an exception is never only reported"),
    ("hook.is_asked = is_asked", "hook.is_asked = True", "no hook may leave"),
    # Changes.
    ("hook.rank |= IN_PYTHON", "pass", "native hooks do not come first"),
    ("open_ranks[hook.key] = None", "pass", "hooks of a context are taken for closed"),
    (
        "set_ranks(ranks_here() + (hook.key,))",
        "set_ranks((hook.key,))",
        "a hook of a context replaces the others",
    ),
    (
        "                del self.in_context[hook.key]\n",
        "",
        "a hook whose addition failed is listed",
    ),
    (
        "after = with_hook(() if before is None else before, hook)",
        "after = with_hook((), hook)",
        "a hook of a thread replaces the others",
    ),
    (
        "if self.hooks is before and is_next(self, newest):\n"
        "                    break  # else",
        "if True:\n                    break  # else",
        "a hook that a finalizer added is lost when another is added",
    ),
    (
        "after = without_hook(before, hook)\n"
        "                    if self.hooks is before and is_next(self, newest):",
        "after = without_hook(before, hook)\n                    if True:",
        "a hook that a finalizer added is lost when another is closed",
    ),
    (
        "if self.in_context.pop(hook.key, None) is hook:\n"
        "                    self.count(-1)",
        "self.in_context.pop(hook.key, None)",
        "hooks of contexts are counted when they come, but not when they go",
    ),
    (
        "            open_ranks.pop(hook.key, None)\n"
        "            set_ranks_if_possible()",
        "            set_ranks_if_possible()",
        "a context grows with every hook that was closed in it",
    ),
    (
        "if after:\n                        self.in_thread[hook.thread] = after\n"
        "                    else:\n                        del",
        "if True:\n                        self.in_thread[hook.thread] = after\n"
        "                    else:\n                        del",
        "something is kept of each thread that had a hook",
    ),
    (
        "load_int(&hook.conditions) | REMOVED",
        "load_int(&hook.conditions)",
        "a native hook is called although its data may be gone",
    ),
    (
        "if hook.thread is None and not hook.in_context:",
        "if False:",
        "a paused hook is called for names that have a route",
    ),
    (
        "store_int(&hook.is_paused, paused)\n                self.found = None\n"
        "                self.changes += 1",
        "store_int(&hook.is_paused, paused)",
        "a paused hook of a thread is called again",
    ),
    # The end of a subscription is announced.
    (
        "load_int(&hook.conditions) | LEAVING",
        "load_int(&hook.conditions)",
        "a hook that refuses everything cannot leave",
    ),
    (
        "                leaving[me] = outer",
        "                leaving.pop(me, None)",
        "a hook that is asked and closes another forgets what is under way",
    ),
    (
        "                leaving.pop(me, None)",
        "                pass",
        "after a veto a hook is not asked about others",
    ),
    (
        "and leaving.get(thread) is hook",
        "and True",
        "while a hook leaves it is not asked about others",
    ),
    # The routes of a list, and what was resolved.
    (
        'come and go."""\n        self.found = None\n        self.changes += 1',
        'come and go."""',
        "a hook of a thread or context that comes or goes is not noticed",
    ),
    (
        "if add_size(&self.scoped, number) == number:",
        "if add_size(&self.scoped, number) == 7000:",
        "the first hook of a context is not called by an Event",
    ),
    (
        "old = self.changed({}, None)\n        release(old)\n        in_thread.clear()",
        "old = None\n        in_thread.clear()",
        "hooks are called after the interpreter let go of them",
    ),
    (
        "store_int(&emitter.enabled, load_size(&self.listening) > 0)",
        "store_int(&emitter.enabled, False)",
        "an Event that is made when there are hooks does not call them",
    ),
    ("emitter.link[0] = emitter.next", "pass", "an Event that is gone is enabled"),
    (
        "emitter.next.link = emitter.link",
        "pass",
        "an Event that is gone writes to one before",
    ),
    ("self.version += 1", "pass", "a change leaves the routes that are known"),
    (
        "self.newest = newest\n        self.enable()",
        "self.newest = newest",
        "an Event that nobody wanted does not notice a new hook",
    ),
    ("if hook in route.hooks:", "if False:", "a closed hook stays in known routes"),
    (
        "and wanted_quietly(hook, event):\n            other",
        "and True:\n            other",
        "a new hook gets every event that has a route",
    ),
    (
        "other.hooks = with_hook(route.hooks, hook)",
        "other.hooks = route.hooks + (hook,)",
        "a new native hook is called after the others",
    ),
    (
        "(<Hook> hooks[place - 1]).rank > hook.rank:",
        "False:",
        "the order is lost among native hooks or those of a scope",
    ),
    ("if rank in open_ranks", "if True", "a context keeps hooks that are gone"),
    ("if event in <frozenset> unwanted:", "if False:", "exclude takes no names"),
    (
        "if len(known) < max_decided and",
        "if",
        "a hook of a scope remembers endless names",
    ),
    (
        "found = wanted_quietly(hook, event)\n        if",
        "found = wanted(hook, event)\n        if",
        "tracers see how patterns are matched",
    ),
    ('if "\\0" in event:', "if False:", "names are cut at a null character"),
    (
        "if len(routes) < MAX_ROUTES and size <= MAX_LENGTH:",
        "if True:",
        "endless names are kept",
    ),
    (
        "elif version == hooks.version:",
        "else:",
        "a route of before a change that came in the middle is kept",
    ),
    (
        "Py_TYPE(route) == <PyTypeObject *> Route",
        "True",
        "what anybody wrote among the routes is taken for one",
    ),
    (
        "and (<Route> route).hash == PyObject_Hash(event)",
        "and True",
        "the route of one name is taken for that of another",
    ),
    (
        "FREE_THREADED or (<Route> route).version == hooks.version",
        "True",
        "a route of before a change is taken for one of now",
    ),
    (
        "        and (<Route> route).is_kept\n",
        "",
        "a route that nobody owns is known",
    ),
    # Calls.
    (
        "    if traced:\n        AuditHooks_LeaveTracing(thread)",
        "    if False:\n        AuditHooks_LeaveTracing(thread)",
        "a hook with __cantrace__ is not traced",
    ),
    (
        "return &(<PyFunctionObject *> hook).func_dict",
        "return &NO_ATTRIBUTES",
        "the __cantrace__ of functions is not seen",
    ),
    ("                Py_INCREF(item)\n", "", "arguments are freed too early"),
    (
        "if hook.inside[i].thread != thread:",
        "if False:",
        "a hook that runs in one thread is not called in another",
    ),
    ("if hook.insiders == hook.room:", "if False:", "many threads in a hook: no room"),
    (
        "hook.inside[found] = hook.inside[hook.insiders]",
        "pass",
        "where a hook runs is forgotten for the wrong thread",
    ),
    (
        "if conditions & REMOVED:",
        "if False:",
        "a hook without data is called in a loop",
    ),
    (
        "PyErr_ExceptionMatches(Exception)",
        "PyErr_ExceptionMatches(BaseException)",
        "Ctrl-C in a hook is only reported",
    ),
    (
        "    if conditions & NOT_NESTED:\n        leave(hook, me)",
        "    if False:\n        leave(hook, me)",
        "a hook is called once and never again",
    ),
    ("        if status < 0:\n            break", "", "a refusal stops no later hook"),
    (
        "    if quiet:\n        AuditHooks_LeaveTracing(thread)\n    Py_Leave",
        "    Py_Leave",
        "tracing stays off after an event",
    ),
    (
        "    Py_LeaveRecursiveCall()\n    return",
        "    return",
        "the stack seems to grow",
    ),
    # Threads and contexts.
    (
        "and <PyObject *> hooks.found_here == <PyObject *> held",
        "and True",
        "a context is called the hooks of another",
    ),
    ("and hooks.found_thread == me", "and True", "a thread calls hooks of another"),
    (
        "and hooks.changes == changes and route.is_kept",
        "and route.is_kept",
        "what a hook of a context changed while it was looked for is lost",
    ),
    (
        "return not load_int(&hook.is_paused) and decided",
        "return decided",
        "a paused hook of a context is called",
    ),
]

HOOK_LIST_HEADER = [
    (
        "        and hook.alone_among == PyDict_GET_SIZE(hook.modules)\n",
        "",
        "a hook is not told apart in greenlets",
    ),
    (
        "        and hook.insiders == 0\n",
        "",
        "a hook sees what it raises itself",
    ),
    (
        "if not FREE_THREADED and hook.insiders == 1:",
        "if not FREE_THREADED:",
        "a hook that leaves one thread is not running in others",
    ),
    ("if PyErr_Occurred() != NULL:", "if False:", "a careless native hook is not seen"),
    (
        "    if status < 0:\n        PyErr",
        "    if status:\n        PyErr",
        "7 is an error",
    ),
    (
        "                leave(<Hook> hook, me)\n",
        "",
        "a native hook is called once and never again",
    ),
    ("while i < size and status == 0:", "while i < size:", "a native refusal is lost"),
    ("if status == 0 and i < size:", "if False:", "no Python hook beside native ones"),
    (
        "if load_size(&hooks.scoped):",
        "if False:",
        "hooks of threads and contexts are never called",
    ),
    (
        "return call_quietly_from(i, hooks, event, arguments)",
        "return call_from(i, hooks, event, arguments)",
        "hooks of the runtime domain are traced behind native ones",
    ),
    (
        "if guarded and Py_EnterRecursiveCall",
        "if False and Py_EnterRecursiveCall",
        "endless recursion of native hooks is a crash",
    ),
]

DISPATCHER = [
    (
        "if known.event == event and known.version == hooks.version:",
        "if known.event == event:",
        "a change is not noticed where the route is known",
    ),
    (
        "if known.event == event and known.version == hooks.version:",
        "if known.version == hooks.version:",
        "names that share a place are taken for each other",
    ),
    (
        "if not hooks.scoped and is_empty(route):",
        "if is_empty(route):",
        "an event is not raised for hooks of a context alone",
    ),
    (
        "        Py_INCREF(route)  # a hook may change the list, and with it drop the"
        " route\n        status = deliver(hooks, route, event, args, length)\n"
        "        Py_DECREF(route)\n",
        "        status = deliver(hooks, route, event, args, length)\n",
        "a route is freed while it is run",
    ),
    ("        Py_XDECREF(known.event)\n", "", "names that were known are never freed"),
    (
        "    if kept:\n        Py_INCREF(event)",
        "    if True:\n        Py_INCREF(event)",
        "a route that nobody owns is known",
    ),
    (
        "status = dispatch(hooks, <Route> route, event, &arguments, False)\n"
        "    Py_XDECREF(arguments.packed)",
        "status = dispatch(hooks, <Route> route, event, &arguments, False)",
        "the arguments of audit() are never freed",
    ),
    (
        "        event = PyUnicode_FromObject(args[0])\n",
        "        event = args[0]\n        Py_INCREF(event)\n",
        "hooks get a subclass of str",
    ),
    (
        "elif not has_event(args, length):\n        return NULL",
        "elif False:\n        return NULL",
        "audit() does not look at its arguments",
    ),
    ("self.hooks.link(&self.emitter)", "pass", "an Event is never enabled"),
    ("self.hooks.unlink(&self.emitter)", "pass", "an Event that is gone is written to"),
    (
        "@cython.no_gc_clear  # as of a HookList\n",
        "",
        "the collector clears an Event that is called",
    ),
    (
        "return self.utf8 != NULL and others_listen()",
        "return False",
        "an Event does not count hooks of sys",
    ),
    (
        "if event.route != NULL and event.version == event.hooks.version:",
        "if event.route != NULL:",
        "an Event does not notice a change",
    ),
    (
        "event.emitter.enabled = event.hooks.scoped > 0 or not is_empty(route)",
        "event.emitter.enabled = not is_empty(route)",
        "an Event that was raised elsewhere is disabled for a context",
    ),
    (
        "event.emitter.enabled = event.hooks.scoped > 0 or not is_empty(route)",
        "pass",
        "an Event that nobody wants is never disabled",
    ),
    (
        "some = calls_scoped(event.hooks, <Route> route, <PyObject *> event._name)",
        "some = True",
        "an Event is true for hooks of other contexts",
    ),
    (
        "arguments, False\n    )\n    Py_XDECREF(arguments.packed)",
        "arguments, False\n    )",
        "the arguments of an Event are never freed",
    ),
    (
        'PyErr_Format(TypeError, b"an Event takes no keyword arguments")\n'
        "    return NULL",
        "return (<Event> event).vectorcall(event, args, flags, NULL)",
        "keywords are dropped without a word",
    ),
    (
        "if PyTuple_GET_SIZE(keywords) == 0:",
        "if False:",
        "an Event cannot be called with **{}",
    ),
    (
        'raise TypeError("cannot copy or pickle an Event")',
        "return str, (self._name,)",
        "an Event that is copied is none",
    ),
]

RUNTIME = [
    (
        "if PyInterpreterState_Get() != load_pointer(<void **> &owner):\n        if",
        "if False:\n        if",
        "events of other interpreters reach the hooks",
    ),
    (
        "        and strcmp(entry.name, name) == 0\n",
        "",
        "names that share an address are taken for each other",
    ),
    (
        "        and entry.version == runtime_hooks.version\n",
        "",
        "a change is not noticed where the name was met",
    ),
    (
        "if not runtime_hooks.scoped and is_empty(entry.route):",
        "if is_empty(entry.route):",
        "an event that was met is not raised for hooks of a context alone",
    ),
    (
        "        Py_INCREF(route)\n        Py_INCREF(event)\n    arguments.name",
        "        Py_INCREF(<PyObject *> None)\n        Py_INCREF(event)\n"
        "    arguments.name",
        "a route is freed while it is run in the runtime domain",
    ),
    ("if PyTuple_CheckExact(args):", "if True:", "hooks get a subclass of tuple"),
    (
        "if not addition and strcmp(name, LAST) != 0:",
        "if True:",
        "an addition that was met is not noted",
    ),
    ("        Py_DECREF(entry.event)\n", "        pass\n", "names met are never freed"),
    ("        Py_XDECREF(entry[1].event)\n", "", "names that go are never freed"),
    (
        "        entry[1] = entry[0]\n",
        "",
        "of two names that share a place one is lost",
    ),
    (
        "        store_int(&others, True)\n    else:",
        "        pass\n    else:",
        "an Event does not count hooks of sys that come later",
    ),
    (
        "PyEval_GetFrame() == NULL or Py_IsFinalizing()",
        "True",
        "a program that raises the last event is without hooks",
    ),
    (
        "PyEval_GetFrame() == NULL or Py_IsFinalizing()",
        "False",
        "hooks are called after the last event",
    ),
    (
        "        and strcmp(name, PROBE) == 0\n",
        "",
        "an event of others is taken for the probe",
    ),
    (
        "PyErr_SetNone(InterruptedError)  # so that",
        "reached = NULL  # so that",
        "the native hook is never in charge",
    ),
    (
        "if load_pointer(&connection) != NULL:\n        return False\n    if",
        "if",
        "every subscription adds a native hook",
    ),
    (
        "store_int(&others, anyone_listens() or",
        "store_int(&others, False or",
        "an Event does not count hooks of sys that were there",
    ),
    (
        'raise HookRejected("a hook of sys refused the native hook of audithooks")',
        "return False",
        "a native hook that was refused is not noticed",
    ),
    (
        "if <Py_ssize_t> strlen(event.name) != event.size:",
        "if False:",
        "sys.audit() of ours cuts a name at a null character",
    ),
    (
        "event.arguments.items = args + 1",
        "event.arguments.items = args",
        "sys.audit() of ours passes the name as an argument",
    ),
    (
        "            announcing = True\n",
        "            pass\n",
        "an addition of ours counts as one of others",
    ),
]

OPEN_CODE = [
    (
        "if PyInterpreterState_Get() != handler_owner:",
        "if False:",
        "the handler is called in another interpreter",
    ),
    (
        "    path = PyUnicode_FromObject(path)  #",
        "    Py_INCREF(path)  #",
        "the handler gets a subclass of str",
    ),
    (
        'if found != NULL and not PyObject_HasAttrString(found, b"read"):',
        "if False:",
        "what is no file is imported",
    ),
    (
        'if not callable(hook):\n        raise TypeError(f"hook must be callable,',
        'if False:\n        raise TypeError(f"hook must be callable,',
        "anything is taken for a handler",
    ),
    (
        'raise HookRejected(f"a hook refused the open code hook: {error}") from error',
        "raise",
        "a refusal is not told",
    ),
    (
        'if str(error) != "failed to change existing open_code hook":',
        "if False:",
        "the error of a hook is taken for a handler that is there",
    ),
    (
        'raise RuntimeError(f"the open code hook cannot be set: {error}") from error',
        "raise",
        "a second handler is an error of the interpreter",
    ),
    (
        "    store_pointer(<void **> &handler, NULL)\n\n",
        "    pass\n\n",
        "a handler is called in the next interpreter",
    ),
    ("    Py_INCREF(<PyObject *> hook)\n", "", "the handler is freed"),
]

FRAMES = [
    (
        "return None if frame == NULL else <object> frame",
        "return None",
        "the frame that runs is not found",
    ),
    ("    Py_DECREF(<PyObject *> code)\n", "", "the code of each frame is never freed"),
]

C_API = [
    (
        "    if status >= 0:\n        PyErr_Restore",
        "    if False:\n        PyErr_Restore",
        "an exception that was set is lost",
    ),
    (
        "    elif pending.kind != NULL:\n        chain(pending)",
        "",
        "a failure has not the exception that was set as its context",
    ),
    (
        "if last != NULL and other != NULL and last != other:",
        "if last != NULL and other != NULL:",
        "contexts of exceptions go round",
    ),
    (
        "        PyException_SetTraceback(pending.value, pending.traceback)\n",
        "        pass\n",
        "a context has no traceback",
    ),
    (
        "if dispatcher == NULL or dispatcher == <PyObject *> None:\n"
        "        return runtime",
        "if dispatcher == NULL:\n        return runtime",
        "None is not the runtime domain",
    ),
    (
        "if isinstance(<object> dispatcher, Dispatcher):",
        "if True:",
        "anything is taken for a Dispatcher where hooks are added",
    ),
    (
        'if hook == NULL:\n        raise ValueError("hook must not be NULL")',
        "if False:\n        pass",
        "the pointer of a hook may be NULL",
    ),
    (
        "    PyCapsule_SetContext(capsule, data)\n",
        "",
        "native hooks get no data",
    ),
    ("exclude=strings_of(exclude),", "exclude=(),", "exclude is dropped"),
    (
        "if flags & ~known or scopes ==",
        "if scopes ==",
        "flags that are not known are taken",
    ),
    (
        "or scopes == AUDITHOOKS_THREAD | AUDITHOOKS_CONTEXT:",
        "or False:",
        "two scopes are taken",
    ),
    (
        "reentrant=bool(flags & AUDITHOOKS_REENTRANT),",
        "reentrant=False,",
        "AUDITHOOKS_REENTRANT does nothing",
    ),
    (
        'on_error="unraisable" if flags & AUDITHOOKS_UNRAISABLE else "raise",',
        'on_error="raise",',
        "AUDITHOOKS_UNRAISABLE does nothing",
    ),
    (
        "    if not isinstance(<object> given, Subscription):\n        kind",
        "    if False:\n        kind",
        "AuditHooks_Close() takes anything with the method close()",
    ),
    (
        "        and pending.kind != NULL\n",
        "",
        "no hook may refuse AuditHooks_Close()",
    ),
    (
        "            PyErr_WriteUnraisable(subscription)\n",
        "            pass\n",
        "a refusal of AuditHooks_Close() is not reported",
    ),
    (
        "        end_native(subscription.hook)\n",
        "",
        "without memory a hook is called whose data are freed",
    ),
    (
        "    if events != NULL and events[0] == NULL:",
        "    if False:",
        "an empty array of events is every event",
    ),
    (
        "        if subscription == NULL and free != NULL:",
        "        if False:",
        "data are kept by the traceback of a call that fails",
    ),
    (
        "    if not add_size(&mine.is_over, 0):",
        "    if True:",
        "a hook is entered after its data were freed",
    ),
    (
        "    if add_size(&mine.inside, -1) == 0 and add_size(&mine.is_over, 0):",
        "    if add_size(&mine.inside, -1) < 0:",
        "data are not freed by who leaves the hook last",
    ),
    (
        "    if add_size(&mine.inside, 0) == 0:",
        "    if True:",
        "data are freed while a thread is in the hook",
    ),
    (
        "        call_free(free, data)\n        raise",
        "        raise",
        "data are not freed if there is no hook",
    ),
    (
        "    while owned != NULL:\n        end(owned)",
        "    pass",
        "data are not freed at the end of the interpreter if somebody refers to them",
    ),
    (
        'if name == NULL:\n        raise ValueError("name must not be NULL")',
        "if False:\n        pass",
        "the name of an Event may be NULL",
    ),
    ("if count == 1:", "if False:", "one value is not a tuple of one"),
    (
        "copy = <char *> PyMem_Malloc(length + 1)",
        "copy = <char *> PyMem_Malloc(length)",
        "a format is copied to a buffer that is too small",
    ),
    ("    PyMem_Free(copy)\n", "", "the copy of a format is never freed"),
    ('if letter == c"N":', "if False:", "a format may consume references"),
    ("if depth < 0:", "if False:", "a format may close what it did not open"),
    (
        '            elif letter not in (c"#", c"&"):',
        "            else:",
        "the length of a string counts as a value",
    ),
    (
        "&arguments, False)\n            Py_DECREF(arguments.packed)",
        "&arguments, False)",
        "arguments from C are never freed",
    ),
    (
        "if name == NULL:\n        hold(&pending)\n",
        "if False:\n        hold(&pending)\n",
        "the name of an event may be NULL",
    ),
    (
        "if not isinstance(<object> dispatcher, HookList):",
        "if False:",
        "anything is taken for a Dispatcher where events are raised",
    ),
    (
        "if not load_size(&(<HookList> dispatcher).listening):\n        return 0",
        "",
        "a name is looked at without hooks",
    ),
    (
        "if event == NULL or Py_TYPE(event) != <PyTypeObject *> ResolvedEvent:",
        "if event == NULL:",
        "anything is taken for an Event",
    ),
    (
        "    Py_INCREF(event)  # a hook may make its owner drop it\n"
        "    if (<ResolvedEvent> event).utf8 != NULL:\n"
        "        status = raise_in_sys((<ResolvedEvent> event).utf8, given)\n"
        "        Py_DECREF(event)\n        return status\n",
        "    if (<ResolvedEvent> event).utf8 != NULL:\n"
        "        return raise_in_sys((<ResolvedEvent> event).utf8, given)\n"
        "    Py_INCREF(event)\n",
        "an Event of the runtime domain is freed while it is raised",
    ),
    (
        "    hold(&pending)\n    route = find(<ResolvedEvent> event)\n",
        "    hold(&pending)\n    Py_DECREF(event)\n"
        "    route = find(<ResolvedEvent> event)\n    Py_INCREF(event)\n",
        "an Event is not kept while its route is looked for",
    ),
    (
        "if args == NULL or PyTuple_Check(args):",
        "if True:",
        "anything is taken for a tuple of arguments",
    ),
    (
        "return PyTuple_GetSlice(given.args, 0, PyTuple_GET_SIZE(given.args))",
        "Py_INCREF(given.args)\n        return given.args",
        "hooks get a subclass of tuple from C",
    ),
]

FAULTS = [
    (file, *fault)
    for file, faults in [
        ("hooklist_c.pxi", HOOK_LIST),
        ("core_c.pxd", HOOK_LIST_HEADER),
        ("dispatcher_c.pxi", DISPATCHER),
        ("runtime_c.pxi", RUNTIME),
        ("open_code_c.pxi", OPEN_CODE),
        ("frames_c.pxi", FRAMES),
        ("capi_c.pyx", C_API),
    ]
    for fault in faults
]
"""(file, what is there, what is planted, what breaks)"""

IMPLEMENTATION = "cython"
LEAST = 0.9
SAMPLE = None  # all

# What notices most in the least time comes first. Each line is one run of pytest.
STAGES = (
    ("test_domain", "test_event", "test_dispatcher", "test_capture", "test_scopes"),
    (
        "test_greenlets",
        "test_rogues",
        "test_runtime",
        "test_trust",
        "test_tracing",
        "test_drop_in",
    ),
    ("test_faults", "test_native", "test_leaks", "test_allocations", "test_parity"),
    ("test_capi", "test_frames", "test_choice", "test_open_code"),
    ("test_shutdown", "test_subinterpreters", "test_model", "test_threads"),
)
FIRST = {
    "capi_c.pyx": ("test_capi",),
    "frames_c.pxi": ("test_frames",),
    "open_code_c.pxi": ("test_open_code",),
    "runtime_c.pxi": ("test_runtime", "test_event"),
}


def faults():
    """Return the faults; one that cannot be planted is an error."""
    found = []
    for file, there, planted, breaks in FAULTS:
        source = (CORE / file).read_text(encoding="utf-8")
        if source.count(there) != 1:
            raise SystemExit(
                f"{file} has {source.count(there)} times, not once: {there}"
            )
        code = source.replace(there, planted)
        stages = tuple(dict.fromkeys([FIRST.get(file, STAGES[0]), *STAGES]))
        text = f"{file}: {breaks}\n{difference(source, code)[1]}"
        found.append(Fault(file, text, code, breaks, in_folder("core", stages)))
    return found
