"""Switches off each check of contrib/recover.py and forms.py in turn, and lists the checks that no vector needs.

A check is a call of `need` with one message. If a call can have several messages, each message is a separate
check. For example, the rule for each field is a check. The checks of libraries (calls of `attempt`) cannot be
switched off. A vector needs a check if its result changes without the check. Each check is only tried with
the vectors that fail at this check: in the other vectors the check never failed, so it makes no difference.

The argument is a directory of vectors, by default tests/vectors. The exit status is 1 if a check is not needed.
"""
import ast
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = {name: HERE.parent.parent / "contrib" / f"{name}.py" for name in ("forms", "recover")}

# The checks that no vector can show.
NO_VECTOR = [
    # This check fails only for another issuer under a root of Yubico, and only Yubico can sign such a certificate.
    "its issuer is not a PIV issuer of Yubico",
    # Each vector would have up to 700 kB. tests/ceremony/vectors.rs makes files at these limits and above them.
    "its header is longer than 512 KiB",
    "its manifest is longer than 256 KiB",
    "its payload is longer than 512 KiB",
]


class Switches:
    """Replaces `need`. Stores the checks that ran, the last check that failed, and the check that is switched off."""

    def __init__(self):
        self.calls, self.made, self.failed, self.off, self.failure = set(), set(), None, None, None

    def need(self, place, holds, message):
        self.made.add((place, message))
        if not holds and (place, message) != self.off:
            self.failed = (place, message)
            raise self.failure(message)


class Mark(ast.NodeTransformer):
    """Adds an argument to each call of `need`: the file and the line of the call."""

    def __init__(self, name, switches):
        self.name, self.switches = name, switches

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "need":
            place = f"{SOURCES[self.name].name}:{node.lineno}"
            self.switches.calls.add((place, ast.unparse(node.args[1])))
            node.func.id = "need_at"
            node.args.insert(0, ast.copy_location(ast.Constant(place), node))
        return node


def load(switches):
    """Returns the two modules, with the place of each check marked."""
    for name, path in SOURCES.items():
        module = sys.modules[name] = types.ModuleType(name)
        module.need_at = switches.need
        exec(compile(Mark(name, switches).visit(ast.parse(path.read_text())), path, "exec"), module.__dict__)
    switches.failure = sys.modules["forms"].Failure
    return sys.modules["forms"], sys.modules["recover"]


def run(recover, switches, path):
    """Returns the result of the reader, and the check that failed."""
    switches.failed = None
    try:
        found = recover.run_vector(path)[1]
    except Exception as error:
        found = type(error).__name__
    return found, switches.failed


def main():
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "vectors"
    switches = Switches()
    forms, recover = load(switches)
    results = {path: run(recover, switches, path) for path in sorted(directory.glob("*.txt"))}
    places = {place for place, _ in switches.made}
    checks = switches.made | {call for call in switches.calls if call[0] not in places}
    not_one = set(NO_VECTOR)
    for kind, members in forms.FORMS.items():
        for name, form in members.items():
            if form.__qualname__.split(".")[0] in ("anything", "of", "part_key", "token"):
                # The form of this field is tested by other checks, so this check never fails.
                not_one.add(f"`{name.rstrip('?')}` of the {kind} is not in the accepted form")
    checks = {check for check in checks if check[1] not in not_one}
    unnoticed = []
    for check in sorted(checks):
        switches.off = check
        tried = [path for path, (_, failed) in results.items() if failed == check]
        if not any(run(recover, switches, path)[0] != results[path][0] for path in tried):
            unnoticed.append((check, len(tried)))
    for (place, message), tried in unnoticed:
        print(f"{place}: {message} (vectors that fail here: {tried})")
    print(f"{len(checks)} checks, {len(unnoticed)} of them needed for no vector")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
