//! Checks that the ABNF in `vault-format.md` is complete: every used rule is defined exactly once, in `vault-format.md`
//! or in RFC 5234.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::documentation::root;

/// The core rules of RFC 5234, appendix B.1.
const CORE: [&str; 16] = [
    "alpha", "bit", "char", "cr", "crlf", "ctl", "digit", "dquote", "hexdig", "htab", "lf", "lwsp", "octet",
    "sp", "vchar", "wsp",
];

/// The rules by name, each with the names in its definition. All names are in lower case, because ABNF ignores case.
type Rules = BTreeMap<String, BTreeSet<String>>;

/// Parses rules. A line that starts with a space continues the previous rule.
fn rules(text: &str) -> Result<Rules, String> {
    let mut definitions: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match definitions.last_mut().filter(|_| line.starts_with(' ')) {
            Some(rule) => rule.extend(["\n", line]),
            None => definitions.push(line.to_owned()),
        }
    }
    let mut rules = Rules::new();
    for definition in definitions {
        let (name, elements) =
            definition.split_once('=').ok_or_else(|| format!("not a rule: {definition}"))?;
        let name = name.trim();
        let mut reader = Reader { rest: elements, uses: BTreeSet::new() };
        reader.alternation().and_then(|()| reader.end()).map_err(|why| format!("{name}: {why}"))?;
        if rules.insert(name.to_lowercase(), reader.uses).is_some() {
            return Err(format!("{name} is defined twice"));
        }
    }
    Ok(rules)
}

/// Checks that every used rule is defined, and that no core rule is defined again.
fn complete(rules: &Rules) -> Result<(), String> {
    if let Some(again) = rules.keys().find(|name| CORE.contains(&name.as_str())) {
        return Err(format!("{again} is a core rule"));
    }
    let is_known = |name: &&String| rules.contains_key(*name) || CORE.contains(&name.as_str());
    match rules.values().flatten().find(|name| !is_known(name)) {
        Some(name) => Err(format!("{name} is not defined")),
        None => Ok(()),
    }
}

/// A recursive descent parser for the elements of a rule (RFC 5234 section 4).
struct Reader<'a> {
    rest: &'a str,
    uses: BTreeSet<String>,
}

impl Reader<'_> {
    /// Skips spaces and comments, and returns the next character.
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        while self.rest.starts_with(';') {
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
        }
        self.rest.chars().next()
    }

    /// Removes and returns the leading characters for which `is` returns true.
    fn take(&mut self, is: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !is(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken.to_owned()
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.ok_or_else(|| format!("{wanted} is missing before {:?}", self.rest))?;
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        self.peek().map_or(Ok(()), |_| Err(format!("cannot read {:?}", self.rest)))
    }

    fn alternation(&mut self) -> Result<(), String> {
        self.concatenation()?;
        while self.peek() == Some('/') {
            self.expect('/')?;
            self.concatenation()?;
        }
        Ok(())
    }

    fn concatenation(&mut self) -> Result<(), String> {
        self.repetition()?;
        while self.peek().is_some_and(|c| !"/)]".contains(c)) {
            self.repetition()?;
        }
        Ok(())
    }

    fn repetition(&mut self) -> Result<(), String> {
        self.peek();
        self.take(|c| c.is_ascii_digit());
        if self.rest.starts_with('*') {
            self.expect('*')?;
            self.take(|c| c.is_ascii_digit());
        }
        self.element()
    }

    fn element(&mut self) -> Result<(), String> {
        match self.rest.chars().next() {
            Some('(') => self.group('(', ')'),
            Some('[') => self.group('[', ']'),
            Some('"') => {
                self.expect('"')?;
                self.take(|c| (' '..='~').contains(&c) && c != '"');
                self.expect('"')
            }
            Some('%') => {
                self.expect('%')?;
                self.expect('x')?;
                let value = self.take(|c| c.is_ascii_hexdigit() || "-.".contains(c));
                let is_hex = |digits: &str| !digits.is_empty() && digits.len() == 2;
                if value.split(['-', '.']).all(is_hex) { Ok(()) } else { Err(format!("%x{value}")) }
            }
            Some(c) if c.is_ascii_alphabetic() => {
                let name = self.take(|c| c.is_ascii_alphanumeric() || c == '-');
                self.uses.insert(name.to_lowercase());
                Ok(())
            }
            _ => Err(format!("no element at {:?}", self.rest)),
        }
    }

    fn group(&mut self, open: char, close: char) -> Result<(), String> {
        self.expect(open)?;
        self.alternation()?;
        self.peek();
        self.expect(close)
    }
}

#[test]
fn every_abnf_rule_of_the_format_is_defined_once() {
    let text = fs::read_to_string(root().join("vault-format.md")).unwrap();
    let blocks: Vec<_> =
        text.split("```abnf\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(
        blocks.len(),
        6,
        "vault-format.md should have six ABNF blocks: the header, the halves, the URLs, the armor, the times and the hosts"
    );
    let rules = rules(&blocks.concat()).unwrap();
    assert_eq!(complete(&rules), Ok(()));
    for root in ["vault", "halves", "url", "armored", "time", "endpoint-host"] {
        assert!(rules.contains_key(root), "{root}");
    }
}

#[test]
fn an_incomplete_grammar_is_detected() {
    let check = |text: &str| rules(text).and_then(|rules| complete(&rules));
    assert_eq!(check("a = 1*5DIGIT [\"x\" / %x41-5A] ; a comment\n    *2(b LF)\nb = %x30.31"), Ok(()));
    for wrong in [
        "a = b",
        "a = \"x\"\nA = \"y\"",
        "digit = %x30-39",
        "a = (\"x\"",
        "a = \"x\" /",
        "a = \"x",
        "a = %x4",
        "a = <prose>",
        "a = url-char but not \"/\"",
        "a",
    ] {
        assert!(check(wrong).is_err(), "{wrong}");
    }
}
