"""Switches off each check of contrib/recover.py and contrib/check_statement.py in turn, and lists the checks that no
vector needs.

A check is one of these:

- A call of `need` with one message. If a call can have several messages, each message is a separate check.
- A keyword at one place of contrib/vault.schema.json, for example the `pattern` of one field. To switch off such a
  check, this program removes the keyword. The keywords `required`, `additionalProperties` and `unevaluatedProperties`
  of an object are one check: the object has exactly its fields. All `type` keywords with the same value are one check.
- A call of `attempt` with one message: a library makes the check, and the library's error is the failure. To switch
  off such a check, this program ignores the error, and the reader goes on without a value.

A vector needs a check if its result changes without the check. Each check is only tried with the vectors in which the
check failed, because without a failure the check makes no difference. A keyword that allows fields is tried with all
vectors. One process for each processor tries the checks.

The argument is a directory of vectors, by default tests/vectors. The exit status is 1 if there is a check that no
vector needs.
"""
import ast
import multiprocessing
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
        """Replaces the function `attempt` of contrib/recover.py, and records the check."""
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


class Trials:
    """The results of all vectors with every check, and the trials without one check."""

    def __init__(self, directory):
        self.switches = Switches()
        self.run_vector = load(self.switches)
        self.vectors = sorted(directory.glob("*.txt"))
        self.results, self.checks = {}, {}

    def result(self, path):
        """Returns the result of a vector with every check, the checks that failed, and the checks that ran."""
        self.switches.made = set()
        return *run(self.run_vector, self.switches, path), self.switches.made

    def find_checks(self, made):
        """Finds all checks. `made` are the calls that ran. For a keyword, also stores its places."""
        places = {place for place, _ in made}
        calls = self.switches.calls
        self.checks = {check: [] for check in made | {call for call in calls if call[0] not in places}}
        for place, schema in self.switches.schemas.items():
            for keyword in schema.keys() - NO_CHECK:
                self.checks.setdefault(named(place, keyword, schema[keyword]), []).append((schema, keyword))
        for check in [*NO_VECTOR, *(check for check in self.checks if check[1] in FOUND_AGAIN)]:
            del self.checks[check]

    def failed_in(self, check):
        """Returns the vectors in which the check failed."""
        return [path for path, (_, failed) in self.results.items() if check in failed]

    def is_noticed(self, check):
        """Returns whether the result of a vector changes without the check."""
        removed = self.checks[check]
        before = [(schema, dict(schema)) for schema, _ in removed]
        for schema, keyword in removed:
            del schema[keyword]
        self.switches.off = check
        tried = self.failed_in(check)
        rest = [path for path in self.results if check[1] in ALLOWING and path not in tried]
        noticed = any(
            run(self.run_vector, self.switches, path)[0] != self.results[path][0] for path in tried + rest)
        self.switches.off = None
        for schema, content in reversed(before):
            schema.clear()
            schema.update(content)
        return noticed


def in_parallel(function, arguments):
    """Calls a function with each argument, in forked processes. Returns the results in the order of the arguments."""
    with multiprocessing.get_context("fork").Pool(initializer=set_function, initargs=(function,)) as pool:
        return pool.map(call, arguments, chunksize=4)


def set_function(function):
    """Stores the function that this process calls."""
    global the_function
    the_function = function


def call(argument):
    """Calls the stored function."""
    return the_function(argument)


def main():
    trials = Trials(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "vectors")
    made = set()
    for path, (found, failed, ran) in zip(trials.vectors, in_parallel(trials.result, trials.vectors)):
        trials.results[path] = found, failed
        made |= ran
    trials.find_checks(made)
    checks = sorted(trials.checks)
    unnoticed = [check for check, noticed in zip(checks, in_parallel(trials.is_noticed, checks)) if not noticed]
    for check in unnoticed:
        print(f"{check[0]}: {check[1]} (vectors in which it failed: {len(trials.failed_in(check))})")
    print(f"{len(checks)} checks, {len(unnoticed)} of them needed for no vector")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
