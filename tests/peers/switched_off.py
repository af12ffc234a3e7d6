"""Switches off each check of contrib/recover.py in turn, and lists the checks that no vector needs.

A check is one of these:

- A call of `need` with one message. If a call can have several messages, each message is a separate check.
- A keyword at one place of contrib/vault.schema.json, for example the `pattern` of one field. To switch off such a
  check, this program removes the keyword. The keywords `required`, `additionalProperties` and `unevaluatedProperties`
  of an object are one check: the object has exactly its fields. All `type` keywords with the same value are one check.

The checks of libraries (calls of `attempt`) cannot be switched off. A vector needs a check if the vector's result
changes without the check. Each check is tried only with the vectors in which the check failed, because it makes no
difference to the other vectors. A keyword that allows additional fields is tried with all vectors.

The argument is a directory of vectors, by default tests/vectors. The exit status is 1 if there is a check that no
vector needs.
"""
import ast
import pathlib
import sys
import types

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent / "contrib" / "recover.py"

# The checks that no vector needs, with the reason.
NO_VECTOR = [
    # These keywords fail only for a chain under a root of Yubico, and only Yubico can sign such a chain.
    ("attested/then/properties/attestation", "const"),
    ("attested/then/properties/chain", "enum"),
    # A vector at one of these limits would have up to 700 kB. tests/ceremony/vectors.rs tests these limits instead.
    ("lengths/properties/header", "maximum"),
    ("lengths/properties/manifest", "maximum"),
    ("lengths/properties/payload", "maximum"),
]

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
                if keyword == "dependentRequired":
                    continue
                if keyword in OBJECTS_OF_SCHEMAS:
                    for name, inner in value.items():
                        self.find(f"{place}/{keyword}/{name}", inner)
                else:
                    for number, inner in enumerate(value if isinstance(value, list) else [value]):
                        self.find(f"{place}/{keyword}" + f"/{number}" * isinstance(value, list), inner)


class Mark(ast.NodeTransformer):
    """Adds an argument to each call of `need`: the file and the line of the call."""

    def __init__(self, switches):
        self.switches = switches

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "need":
            place = f"{SOURCE.name}:{node.lineno}"
            self.switches.calls.add((place, ast.unparse(node.args[1])))
            node.func.id = "need_at"
            node.args.insert(0, ast.copy_location(ast.Constant(place), node))
        return node


def load(switches):
    """Returns the module contrib/recover.py, with the place of each check marked."""
    recover = types.ModuleType("recover")
    recover.need_at, recover.__file__ = switches.need, str(SOURCE)
    exec(compile(Mark(switches).visit(ast.parse(SOURCE.read_text())), SOURCE, "exec"), recover.__dict__)
    switches.failure = recover.Failure
    for name, schema in recover.SCHEMA["$defs"].items():
        switches.find(name, schema)
    draft = jsonschema.Draft202012Validator
    observed = {keyword: switches.observed(keyword, function) for keyword, function in draft.VALIDATORS.items()}
    recover.jsonschema = types.SimpleNamespace(
        Draft202012Validator=jsonschema.validators.extend(draft, observed))
    return recover


def run(recover, switches, path):
    """Returns the result of contrib/recover.py for one vector, and the checks that failed."""
    switches.failed = set()
    try:
        found = recover.run_vector(path)[1]
    except Exception as error:
        found = type(error).__name__
    return found, switches.failed


def main():
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "vectors"
    switches = Switches()
    recover = load(switches)
    results = {path: run(recover, switches, path) for path in sorted(directory.glob("*.txt"))}
    places = {place for place, _ in switches.made}
    checks = {check: [] for check in switches.made | {call for call in switches.calls if call[0] not in places}}
    for place, schema in switches.schemas.items():
        for keyword in schema.keys() - NO_CHECK:
            checks.setdefault(named(place, keyword, schema[keyword]), []).append((schema, keyword))
    for check in NO_VECTOR:
        del checks[check]
    unnoticed = []
    for check, removed in sorted(checks.items(), key=lambda item: item[0]):
        before = [(schema, dict(schema)) for schema, _ in removed]
        for schema, keyword in removed:
            del schema[keyword]
        switches.off = check
        tried = [path for path, (_, failed) in results.items() if check in failed]
        rest = [path for path in results if check[1] in ALLOWING and path not in tried]
        if not any(run(recover, switches, path)[0] != results[path][0] for path in tried + rest):
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
