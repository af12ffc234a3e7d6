"""Matches the ABNF of vault-format.md against the vectors.

The package abnf parses the grammar. This program turns each rule into a regular expression, and matches the texts of the
vectors: the files of vaults, the halves of shares, the URLs of alert channels, and the times and hosts of statements.
contrib/recover.py and contrib/check_statement.py find these texts.

- A text in a vector with the result `success` must match its rule.
- A text that vault.schema.json refuses must not match its rule, except for the rules in prose (see PROSE).

The argument is a directory of vectors, by default tests/vectors. The exit status is 1 if a text does not meet these rules.
"""
import pathlib
import re
import sys

from abnf.parser import ABNFGrammarRule

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "contrib"))
import check_statement  # noqa: E402
import recover  # noqa: E402

# The core rules of RFC 5234 that the grammar uses. LF, SP and VCHAR match one character each.
CORE = {
    "ALPHA": "[A-Za-z]", "BIT": "[01]", "CR": "\r", "DIGIT": "[0-9]", "DQUOTE": '"', "HEXDIG": "[0-9A-Fa-f]",
    "LF": "\n", "OCTET": "[\0-\xff]", "SP": " ", "VCHAR": "[!-~]",
}

# For each schema that checks a whole text, the rule, and the text before it that the schema does not check.
TEXTS = {
    "armor": ("armored", ""), "pivHalf": ("piv-half", "-> "), "challengeHalf": ("challenge-half", "-> "),
    "partHalf": ("part-half", "-> "),
}

# For each field with a grammar, the rule and the schema.
FIELDS = {
    "url": ("url", "url"), "signed": ("time", "time"), "started": ("time", "time"), "ended": ("time", "time"),
    "host": ("endpoint-host", "host"),
}

# The vectors whose text matches the grammar, but is refused by a rule in prose: numbers, lengths, and days that do not
# exist.
PROSE = {
    "payload_alert_port", "payload_url_port_zero", "payload_url_long", "statement_signed_no_day",
    "statement_signed_year_zero", "statement_signed_year_9999", "statement_drill_ended", "statement_host_long",
    "statement_host_address_long",
}


def expression(node):
    """Returns the regular expression for a node of a parsed rule."""
    parts = [child for child in node.children if child.name not in ("c-wsp", "c-nl", "WSP", "comment")]
    inner = [child for child in parts if child.children or child.name == "rulename"]
    match node.name:
        case "alternation":
            return "(?:" + "|".join(map(expression, inner)) + ")"
        case "concatenation" | "elements" | "group" | "element":
            return "".join(map(expression, inner))
        case "option":
            return "(?:" + "".join(map(expression, inner)) + ")?"
        case "repetition":
            count = next((part.value for part in parts if part.name == "repeat"), "1")
            least, star, most = count.partition("*")
            return f"(?:{expression(inner[-1])}){{{least or 0},{most}}}" if star else f"(?:{expression(inner[-1])}){{{least}}}"
        case "rulename":
            name = node.value
            return CORE[name] if name in CORE else "(?:" + expression(RULES[name]) + ")"
        case "char-val":
            return re.escape(node.value[1:-1])
        case "num-val":
            value = node.value[2:]
            if "-" in value:
                first, last = (re.escape(chr(int(digits, 16))) for digits in value.split("-"))
                return f"[{first}-{last}]"
            return "".join(re.escape(chr(int(digits, 16))) for digits in value.split("."))
    raise ValueError(f"this program does not know the node {node.name}")


def rules():
    """Returns the parsed elements of each rule in vault-format.md."""
    blocks = re.findall("```abnf\n(.*?)```", (ROOT / "vault-format.md").read_text(), re.DOTALL)
    lines = [line for line in "".join(blocks).splitlines() if line.strip()]
    text = "".join(f"{line}\r\n" for line in lines)
    found = {}
    for node in ABNFGrammarRule("rulelist").parse_all(text).children:
        if node.name == "rule":
            name, elements = (next(c for c in node.children if c.name == kind) for kind in ("rulename", "elements"))
            found[name.value] = elements
    return found


RULES = rules()
MATCHERS = {name: re.compile(expression(RULES[name])) for name in
            ("vault", "armored", "piv-half", "challenge-half", "part-half", "url", "time", "endpoint-host")}


def matches(rule, text):
    return MATCHERS[rule].fullmatch(text) is not None


class Texts:
    """Collects the texts in the values that the reader checks, and whether vault.schema.json accepts them."""

    def __init__(self):
        self.check, self.found, self.header = recover.check, [], True
        recover.check = self.checked

    def accepts(self, kind, value):
        try:
            self.check(kind, value)
        except recover.Failure:
            return False
        return True

    def checked(self, kind, value):
        if kind == "header":
            self.header = self.accepts(kind, value)
        elif kind in TEXTS:
            rule, before = TEXTS[kind]
            self.found.append((rule, before + value, self.accepts(kind, value)))
        elif kind == "payload" or kind.endswith("Statement"):
            self.walk(value, kind.endswith("Statement"))
        self.check(kind, value)

    def walk(self, value, is_statement):
        for name, inner in value.items() if isinstance(value, dict) else ():
            if name in FIELDS and isinstance(inner, str) and (name == "url") != is_statement:
                rule, schema = FIELDS[name]
                self.found.append((rule, inner, self.accepts(schema, inner)))
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self.walk(inner, is_statement)


def main():
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "vectors"
    texts, wrong, matched, unmatched, prose = Texts(), [], 0, 0, set()
    for path in sorted(directory.glob("*.txt")):
        texts.found, texts.header = [], True
        lines, facts, data = recover.read_vector(path)
        is_statement = facts["form"] == "statement"
        (check_statement if is_statement else recover).run_vector(path)
        is_success = facts["expect"] == "success"
        if facts["form"] == "binary" and (is_success or not texts.header):
            texts.found.append(("vault", data.decode("latin-1"), is_success))
        for rule, text, is_accepted in texts.found:
            is_match = matches(rule, text)
            matched, unmatched = matched + is_match, unmatched + (not is_match)
            if is_match and not is_accepted and path.stem in PROSE:
                prose.add(path.stem)
            elif is_match != is_accepted:
                wrong.append(f"{path.stem}: {rule}: the grammar {'accepts' if is_match else 'refuses'} the text")
    print("\n".join(wrong) or f"ABNF: {matched} texts of vectors match their rule, {unmatched} refused texts do not")
    unused = PROSE - prose if len(sys.argv) == 1 else set()
    if unused:
        print(f"these vectors need no rule in prose: {sorted(unused)}")
    return 1 if wrong or unused or not matched or not unmatched else 0


if __name__ == "__main__":
    sys.exit(main())
