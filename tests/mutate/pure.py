"""Faults of the pure modules, made by cosmic-ray and by two operators of our own.

Of the operators of cosmic-ray that replace one sign by every other, one or two are
enough here. What changes nothing but annotations is no fault.
"""

from __future__ import annotations

import ast
import re
from collections import Counter

import parso
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names
from tree import CORE, Fault, difference, in_folder

IMPLEMENTATION = "python"
LEAST = 0.9
SAMPLE = None  # all

LIST = (
    ("test_domain", "test_event", "test_dispatcher", "test_capture", "test_scopes"),
    ("test_greenlets", "test_rogues", "test_runtime", "test_native", "test_patterns"),
    ("test_trust", "test_faults", "test_tracing", "test_choice", "test_leaks"),
    ("test_shutdown", "test_model", "test_interrupts"),
)

STAGES = {
    "hooklist_py.py": LIST,
    "dispatcher_py.py": (("test_dispatcher", "test_event"), *LIST),
    "runtime_py.py": (("test_runtime", "test_event"), *LIST),
    "open_code_py.py": (("test_open_code",),),
    "frames_py.py": (("test_frames",),),
    "domain.py": LIST,
    "capture.py": (("test_capture",),),
    "patterns.py": (("test_patterns",), *LIST[:3]),
    "../_globs.py": (("test_patterns",), *LIST[:3]),
    "native.py": (("test_native", "test_patterns"), *LIST),
    "unraisable.py": (("test_domain", "test_native"), *LIST[1:]),
}

KEPT = re.compile(
    """core/(
    AddNot | Replace(AndWithOr|OrWithAnd) | Replace(TrueWithFalse|FalseWithTrue)
    | NumberReplacer | ExceptionReplacer | RemoveDecorator | ZeroIterationForLoop
    | Replace(BreakWithContinue|ContinueWithBreak) | ReplaceUnaryOperator_Delete_.*
    | ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is
        |Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Lt_GtE|LtE_Gt|Gt_LtE|GtE_Lt)
    | ReplaceBinaryOperator_(Add_Sub|Sub_Add|BitOr_BitAnd|BitAnd_BitOr|LShift_RShift)
    )""",
    re.VERBOSE,
)


class LeaveOutStatement(Operator):
    """Put pass in the place of a statement of one line in a function."""

    def mutation_positions(self, node):
        if (
            node.type == "simple_stmt"
            and parso.python.tree.search_ancestor(node, "funcdef")
            and node.children[0].type not in ("string", "import_from", "import_name")
        ):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        prefix = node.get_first_leaf().prefix
        statement = parso.parse("pass\n").children[0]
        statement.get_first_leaf().prefix = prefix
        return statement

    @classmethod
    def examples(cls):
        return ()


class TurnMembership(Operator):
    """Replace `in` by `not in`, and the other way round."""

    def mutation_positions(self, node):
        is_not_in = node.type == "comp_op" and node.children[0].value == "not"
        is_in = (node.type, node.get_code().strip()) == ("keyword", "in")
        if is_not_in or (is_in and node.parent.type == "comparison"):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        if node.type == "comp_op":
            leaf = node.children[1]
            leaf.prefix = " "
            return leaf
        node.value = "not in"
        return node

    @classmethod
    def examples(cls):
        return ()


class Bare(ast.NodeTransformer):
    """Leaves out annotations, and what type checkers alone see."""

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_FunctionDef(self, node):
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node):
        if node.value is None:
            return ast.Pass()
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_If(self, node):
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return ast.Pass()
        return self.generic_visit(node)


def meaning(code):
    """Return something that is equal for code that does the same by the syntax."""
    return ast.dump(Bare().visit(ast.parse(code)))


def places(tree):
    """Return the qualified name of what is on each line."""
    found = {}

    def walk(node, names):
        for child in ast.iter_child_nodes(node):
            inner = names
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                inner = (*names, child.name)
                lines = range(child.lineno, child.end_lineno + 1)
                found.update(dict.fromkeys(lines, ".".join(inner)))
            walk(child, inner)

    walk(tree, ())
    return found


def operators():
    yield LeaveOutStatement()
    yield TurnMembership()
    for name in sorted(operator_names()):
        if KEPT.fullmatch(name) and not get_operator(name).arguments():
            yield get_operator(name)()


def faults():
    """Return the faults of every file of the core."""
    return planted({file: in_folder("core", stages) for file, stages in STAGES.items()})


def planted(files):
    """Return the faults of files, each once; with a file go the tests for it."""
    found, seen = [], Counter()
    for file, stages in files.items():
        source = (CORE / file).read_text(encoding="utf-8")
        known = {meaning(source)}
        names = places(ast.parse(source))
        for operator in operators():
            occurrence = 0
            while (code := mutate_code(source, operator, occurrence)) is not None:
                occurrence += 1
                try:
                    means = meaning(code)
                except SyntaxError:  # a return may not become a pass everywhere
                    continue
                if means not in known:
                    known.add(means)
                    line, changed = difference(source, code)
                    title = f"{file}: {names.get(line, 'module')}"
                    seen[title, changed] += 1
                    if seen[title, changed] > 1:  # the same line once more
                        title += f", {seen[title, changed]}"
                    text, kind = f"{title}\n{changed}", type(operator).__name__
                    found.append(Fault(file, text, code, kind, stages))
    return found
