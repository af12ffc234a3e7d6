"""Switches off each check of contrib/recover.py and contrib/check_statement.py in turn, and lists the checks that no
vector needs.

A check is one of these:

- A call of `need` with one message. If a call can have several messages, each message is a separate check.
- A keyword at one place of contrib/vault.schema.json, for example the `pattern` of one field. To switch off such a
  check, this program removes the keyword. The keywords `required`, `additionalProperties` and `unevaluatedProperties`
  of an object are one check: the object has exactly its fields. All `type` keywords with the same value are one check.

- A call of `attempt` with one message: a library makes the check, and its error is the failure. To switch it off, this
  program ignores the error, and the reader goes on without a value.

A vector needs a check if its result changes without the check. Each check is only tried with the vectors in which this check failed: in the other vectors it never
failed, so it makes no difference. A keyword that allows fields is tried with all vectors.

The argument is a directory of vectors, by default tests/vectors. The exit status is 1 if there is a check that no
vector needs.
"""
import ast
import pathlib
import sys
import types

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
CONTRIB = HERE.parent.parent / "contrib"

# The checks that no vector needs, with the reason.
NO_VECTOR = [
    # These keywords fail only for a chain under a root of Yubico, and only Yubico can sign such a chain.
    ("attested/then/properties/attestation", "const"),
    ("attested/then/properties/chain", "enum"),
]

# The errors of libraries that the next check would find too: the value that the reader goes on without has no canonical
# form either.
FOUND_AGAIN = {"it is not JSON", "a value has no canonical JSON"}

# The keywords that are not checks: they describe a schema, contain the schemas of fields, or belong to `if`.
NO_CHECK = {"description", "properties", "then", "else"}
OBJECTS_OF_SCHEMAS = {"dependentSchemas", "patternProperties", "properties"}

# The keywords that allow fields which `additionalProperties` or `unevaluatedProperties` would refuse.
ALLOWING = {"$ref", "allOf", "if", "patternProperties"}

# These keywords count together as one check: an object has exactly the fields of its schema.
FIELDS = {"required", "additionalProperties", "unevaluatedProperties"}


def named(place, keyword, value):
    """Returns the name of the check to which a keyword belongs."""
    if keyword == "type":
        return "every type", str(value)
    return place, "exactly its fields" if keyword in FIELDS else keyword


class Switches:
    """Stores the checks that ran, the checks that failed in the current run, and the check that is switched off."""

    def __init__(self):
        self.calls, self.made, self.failed, self.off, self.failure = set(), set(), set(), None, None
        self.schemas, self.places = {}, {}

    def need(self, place, holds, message, kind=None):
        """Replaces the function `need` of contrib/recover.py, and records the check."""
        self.made.add((place, message))
        if not holds and (place, message) != self.off:
            self.failed.add((place, message))
            raise self.failure(message, kind)

    def attempt(self, place, message, call, *arguments):
        """A replacement for `attempt`."""
        self.made.add((place, message))
        try:
            return call(*arguments)
        except Exception:
            if (place, message) == self.off:
                return None
            self.failed.add((place, message))
            raise self.failure(message, None) from None

    def observed(self, keyword, function):
        """Returns a replacement for jsonschema's function for a keyword."""

        def observe(validator, value, instance, schema):
            for error in function(validator, value, instance, schema) or ():
                self.failed.add(named(self.places.get(id(schema)), keyword, value))
                yield error

        return observe

    def find(self, place, schema):
        """Finds the schemas inside a schema."""
        if isinstance(schema, dict):
            self.schemas[place], self.places[id(schema)] = schema, place
            for keyword, value in schema.items():
                if keyword in ("const", "dependentRequired"):
                    continue
                if keyword in OBJECTS_OF_SCHEMAS:
                    for name, inner in value.items():
                        self.find(f"{place}/{keyword}/{name}", inner)
                else:
                    for number, inner in enumerate(value if isinstance(value, list) else [value]):
                        self.find(f"{place}/{keyword}" + f"/{number}" * isinstance(value, list), inner)


class Mark(ast.NodeTransformer):
    """Adds an argument to each call of `need` or `attempt`: the file and the line of the call."""

    # In a call, the place of the argument that is the message.
    MESSAGE = {"need": 1, "attempt": 0}

    def __init__(self, switches, name):
        self.switches, self.name = switches, name

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.MESSAGE:
            place = f"{self.name}:{node.lineno}"
            self.switches.calls.add((place, ast.unparse(node.args[self.MESSAGE[node.func.id]])))
            node.func.id += "_at"
            node.args.insert(0, ast.copy_location(ast.Constant(place), node))
        return node


def module(switches, name):
    """Returns a module of contrib/, with the place of each check marked."""
    found = types.ModuleType(name)
    source = CONTRIB / f"{name}.py"
    found.need_at, found.attempt_at, found.__file__ = switches.need, switches.attempt, str(source)
    sys.modules[name] = found
    exec(compile(Mark(switches, source.name).visit(ast.parse(source.read_text())), source, "exec"), found.__dict__)
    return found


def load(switches):
    """Returns the functions that run a vector, by the form of the vector."""
    recover = module(switches, "recover")
    switches.failure = recover.Failure
    for name, schema in recover.SCHEMA["$defs"].items():
        switches.find(name, schema)
    draft = jsonschema.Draft202012Validator
    observed = {keyword: switches.observed(keyword, function) for keyword, function in draft.VALIDATORS.items()}
    recover.jsonschema = types.SimpleNamespace(
        Draft202012Validator=jsonschema.validators.extend(draft, observed))
    statement = module(switches, "check_statement")
    return lambda path: (statement if b"\nform: statement\n" in path.read_bytes() else recover).run_vector(path)


def run(run_vector, switches, path):
    """Returns the result of the reader, and the checks that failed."""
    switches.failed = set()
    try:
        found = run_vector(path)[1]
    except Exception as error:
        found = type(error).__name__
    return found, switches.failed


def main():
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "vectors"
    switches = Switches()
    run_vector = load(switches)
    results = {path: run(run_vector, switches, path) for path in sorted(directory.glob("*.txt"))}
    places = {place for place, _ in switches.made}
    checks = {check: [] for check in switches.made | {call for call in switches.calls if call[0] not in places}}
    for place, schema in switches.schemas.items():
        for keyword in schema.keys() - NO_CHECK:
            checks.setdefault(named(place, keyword, schema[keyword]), []).append((schema, keyword))
    for check in [*NO_VECTOR, *(check for check in checks if check[1] in FOUND_AGAIN)]:
        del checks[check]
    unnoticed = []
    for check, removed in sorted(checks.items(), key=lambda item: item[0]):
        before = [(schema, dict(schema)) for schema, _ in removed]
        for schema, keyword in removed:
            del schema[keyword]
        switches.off = check
        tried = [path for path, (_, failed) in results.items() if check in failed]
        rest = [path for path in results if check[1] in ALLOWING and path not in tried]
        if not any(run(run_vector, switches, path)[0] != results[path][0] for path in tried + rest):
            unnoticed.append((*check, len(tried)))
        for schema, content in reversed(before):
            schema.clear()
            schema.update(content)
    for place, message, tried in unnoticed:
        print(f"{place}: {message} (vectors in which it failed: {tried})")
    print(f"{len(checks)} checks, {len(unnoticed)} of them needed for no vector")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
