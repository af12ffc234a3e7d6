//! IAM action patterns: `service:Action` with `*` and `?`, case-insensitive (IAM User Guide, policy element Action).

/// The maximum length of a pattern in characters.
const MAX_LENGTH: usize = 128;

/// One action pattern, split at the colon and in lower case.
#[derive(Debug)]
pub struct ActionPattern {
    text: String,
    service: Vec<char>,
    action: Vec<char>,
}

/// A group of actions of one service. The program checks whether a grant allows an action of the group.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The service prefix in lower case, such as `sts`.
    pub service: &'static str,
    /// The name of the action in lower case. A final `*` stands for every ending.
    pub action: &'static str,
}

impl ActionPattern {
    /// Reads a pattern: `*`, or `service:action`, with at most 128 characters. Returns `None` if IAM would reject the
    /// pattern.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        if text == "*" {
            return Some(Self { text: text.to_owned(), service: vec!['*'], action: vec!['*'] });
        }
        let (service, action) = text.split_once(':')?;
        let wild = |c: char| c == '*' || c == '?';
        let service_ok = service.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || wild(c));
        let action_ok = action.chars().all(|c| c.is_ascii_alphanumeric() || wild(c));
        if service.is_empty() || action.is_empty() || !service_ok || !action_ok {
            return None;
        }
        Some(Self { text: text.to_owned(), service: lower(service), action: lower(action) })
    }

    /// Returns the pattern in its original spelling.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the service prefix in lower case, with its wildcards.
    pub fn service(&self) -> String {
        self.service.iter().collect()
    }

    /// Returns whether this pattern matches every action that `other` matches. If both patterns have wildcards, the
    /// function sometimes cannot decide the question, and returns false.
    pub fn contains(&self, other: &Self) -> bool {
        let has_wildcard = |text: &[char]| text.contains(&'*') || text.contains(&'?');
        let part = |own: &[char], other: &[char]| {
            let prefix = own.strip_suffix(&['*']).filter(|prefix| !has_wildcard(prefix));
            own == other
                || prefix.is_some_and(|prefix| other.starts_with(prefix))
                || !has_wildcard(other) && matches(own, other)
        };
        part(&self.service, &other.service) && part(&self.action, &other.action)
    }

    /// Returns whether at least one action matches both patterns.
    pub fn meets(&self, other: &Self) -> bool {
        meet(&self.service, &other.service) && meet(&self.action, &other.action)
    }

    /// Returns whether the pattern matches at least one action of the family.
    pub fn reaches(&self, family: Family) -> bool {
        matches(&self.service, &lower(family.service)) && meet(&self.action, &lower(family.action))
    }

    /// Returns whether the pattern matches every action of the family.
    pub fn covers(&self, family: Family) -> bool {
        if !matches(&self.service, &lower(family.service)) {
            return false;
        }
        let Some(prefix) = family.action.strip_suffix('*') else {
            return matches(&self.action, &lower(family.action));
        };
        // No pattern contains NUL, so only a wildcard can match NUL. For each `n` from 0 to the pattern's length plus
        // 1, the code tries the prefix followed by `n` NULs. If the pattern matches all these names, the pattern has a
        // star after the prefix, so it matches every ending.
        (0..=self.action.len() + 1).all(|n| {
            let mut name = lower(prefix);
            name.extend(std::iter::repeat_n('\0', n));
            matches(&self.action, &name)
        })
    }

    /// Returns whether every action that the pattern matches begins with one of `prefixes`.
    pub fn stays_within(&self, prefixes: &[&str]) -> bool {
        prefixes.iter().any(|prefix| self.action.starts_with(&lower(prefix)))
    }
}

fn lower(text: &str) -> Vec<char> {
    text.chars().map(|c| c.to_ascii_lowercase()).collect()
}

/// Returns whether `name`, which has no wildcards, matches `pattern`.
fn matches(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => (0..=name.len()).any(|taken| matches(rest, &name[taken..])),
        Some((first, rest)) => {
            name.first().is_some_and(|c| *first == '?' || first == c) && matches(rest, &name[1..])
        }
    }
}

/// Returns whether at least one string matches both patterns.
fn meet(a: &[char], b: &[char]) -> bool {
    let mut reachable = vec![vec![false; b.len() + 1]; a.len() + 1];
    reachable[0][0] = true;
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if !reachable[i][j] {
                continue;
            }
            let (x, y) = (a.get(i).copied(), b.get(j).copied());
            // A star can match nothing. A star can also match one character of the other pattern, and then more
            // characters.
            if x == Some('*') {
                reachable[i + 1][j] = true;
            }
            if y == Some('*') {
                reachable[i][j + 1] = true;
            }
            if let (Some(x), Some(y)) = (x, y) {
                if x == '*' && y != '*' {
                    reachable[i][j + 1] = true;
                }
                if y == '*' && x != '*' {
                    reachable[i + 1][j] = true;
                }
                if x != '*' && y != '*' && (x == y || x == '?' || y == '?') {
                    reachable[i + 1][j + 1] = true;
                }
            }
        }
    }
    reachable[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSUME: Family = Family { service: "sts", action: "assumerole*" };
    const PASS: Family = Family { service: "iam", action: "passrole" };

    fn pattern(text: &str) -> ActionPattern {
        ActionPattern::parse(text).expect("the test's pattern should be valid")
    }

    #[test]
    fn a_pattern_reaches_a_family_if_it_matches_at_least_one_action() {
        for reaching in [
            "*",
            "sts:*",
            "STS:assumeROLE",
            "s*:*",
            "st?:A*",
            "sts:*Role",
            "sts:??sumeRole",
            "sts:AssumeRoleWith*",
            "*:*",
            "sts:*SAML",
            "sts:A*e",
            "s*s:Assume*l*",
        ] {
            assert!(pattern(reaching).reaches(ASSUME), "{reaching}");
        }
        for apart in ["sts:Get*", "s3:*", "sns:ListTopics", "sts:AssumeRoot", "sts:Assume", "ts:*", "sts?:*"]
        {
            assert!(!pattern(apart).reaches(ASSUME), "{apart}");
        }
        assert!(pattern("iam:Pass*").reaches(PASS));
        assert!(!pattern("iam:Get*").reaches(PASS) && !pattern("iam:*Policy").reaches(PASS));
    }

    #[test]
    fn a_pattern_covers_only_families_that_it_matches_completely() {
        for covering in ["*", "sts:*", "sts:AssumeRole*", "sts:assume*", "s*:*", "sts:A?sumeRole*"] {
            assert!(pattern(covering).covers(ASSUME), "{covering}");
        }
        for partial in ["sts:AssumeRole", "sts:AssumeRole?*", "sts:AssumeRole?", "sts:*Role", "sts:*SAML"] {
            assert!(!pattern(partial).covers(ASSUME), "{partial}");
        }
    }

    #[test]
    fn a_read_pattern_stays_within_its_prefix() {
        assert!(pattern("iam:GetUser").stays_within(&["get", "list"]));
        assert!(pattern("iam:Get*").stays_within(&["get", "list"]));
        assert!(!pattern("iam:G*").stays_within(&["get", "list"]));
        assert!(!pattern("iam:?etUser").stays_within(&["get", "list"]));
    }

    #[test]
    fn a_wide_pattern_contains_a_narrow_pattern() {
        for (wide, narrow) in [
            ("ssm:GetParameter*", "ssm:getparameters"),
            ("ssm:GetParameter*", "SSM:GetParameter*"),
            ("ssm:*", "ssm:Get*"),
            ("*", "ssm:Get*"),
            ("ssm:G?tX", "ssm:GetX"),
        ] {
            assert!(pattern(wide).contains(&pattern(narrow)), "{wide} {narrow}");
        }
        for (narrow, wide) in
            [("ssm:GetParameter", "ssm:GetParameter*"), ("ssm:Get*", "ssm:*"), ("ssm:*", "s*:*")]
        {
            assert!(!pattern(narrow).contains(&pattern(wide)), "{narrow} {wide}");
        }
    }

    #[test]
    fn a_pattern_that_iam_would_reject_is_refused() {
        for bad in ["", "s3", "s3:", ":*", "**", "s3:Get Object", "a:b:c", "s3:Gét*", "s3:Get-*"] {
            assert!(ActionPattern::parse(bad).is_none(), "{bad:?}");
        }
    }
}
