//! IAM action patterns: `service:Action` with `*` and `?`, compared without regard to case, as IAM does.

/// One action pattern of a policy, split where IAM splits it.
#[derive(Debug)]
pub struct ActionPattern {
    service: Vec<char>,
    action: Vec<char>,
}

/// Actions of one service that stand or fall together.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The service's prefix, lower case.
    pub service: &'static str,
    /// The action, lower case; a `*` at its end stands for every ending.
    pub action: &'static str,
}

impl ActionPattern {
    /// Reads `*` or `service:action`; `None` when IAM would not take it.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self {
                service: vec!['*'],
                action: vec!['*'],
            });
        }
        let (service, action) = text.split_once(':')?;
        let wild = |c: char| c == '*' || c == '?';
        let service_ok = service
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || wild(c));
        let action_ok = action.chars().all(|c| c.is_ascii_alphanumeric() || wild(c));
        if service.is_empty() || action.is_empty() || !service_ok || !action_ok {
            return None;
        }
        Some(Self {
            service: lower(service),
            action: lower(action),
        })
    }

    /// At least one action of the family matches the pattern.
    pub fn reaches(&self, family: Family) -> bool {
        matches(&self.service, &lower(family.service)) && meet(&self.action, &lower(family.action))
    }

    /// Every action of the family matches the pattern.
    pub fn covers(&self, family: Family) -> bool {
        if !matches(&self.service, &lower(family.service)) {
            return false;
        }
        let Some(prefix) = family.action.strip_suffix('*') else {
            return matches(&self.action, &lower(family.action));
        };
        // A character that no pattern names stands for "anything": what takes any number of them,
        // up to one more than it has characters of its own, takes every ending.
        (0..=self.action.len() + 1).all(|n| {
            let mut name = lower(prefix);
            name.extend(std::iter::repeat_n('\0', n));
            matches(&self.action, &name)
        })
    }

    /// Every action that the pattern matches in `service` begins with one of `prefixes`.
    pub fn stays_within(&self, prefixes: &[&str]) -> bool {
        prefixes
            .iter()
            .any(|prefix| self.action.starts_with(&lower(prefix)))
    }
}

fn lower(text: &str) -> Vec<char> {
    text.chars().map(|c| c.to_ascii_lowercase()).collect()
}

/// `name`, which has no wildcards, matches `pattern`.
fn matches(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => (0..=name.len()).any(|taken| matches(rest, &name[taken..])),
        Some((first, rest)) => {
            name.first().is_some_and(|c| *first == '?' || first == c) && matches(rest, &name[1..])
        }
    }
}

/// Some string matches both patterns.
fn meet(a: &[char], b: &[char]) -> bool {
    let mut reachable = vec![vec![false; b.len() + 1]; a.len() + 1];
    reachable[0][0] = true;
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if !reachable[i][j] {
                continue;
            }
            let (x, y) = (a.get(i).copied(), b.get(j).copied());
            // A star may match nothing, and may take one character of the other side and stay.
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

    const ASSUME: Family = Family {
        service: "sts",
        action: "assumerole*",
    };
    const PASS: Family = Family {
        service: "iam",
        action: "passrole",
    };

    fn pattern(text: &str) -> ActionPattern {
        ActionPattern::parse(text).expect("a pattern")
    }

    #[test]
    fn patterns_reach_what_iam_would_match() {
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
        for apart in [
            "sts:Get*",
            "s3:*",
            "sns:ListTopics",
            "sts:AssumeRoot",
            "sts:Assume",
            "ts:*",
            "sts?:*",
        ] {
            assert!(!pattern(apart).reaches(ASSUME), "{apart}");
        }
        assert!(pattern("iam:Pass*").reaches(PASS));
        assert!(!pattern("iam:Get*").reaches(PASS) && !pattern("iam:*Policy").reaches(PASS));
    }

    #[test]
    fn patterns_cover_only_what_they_wholly_contain() {
        for covering in [
            "*",
            "sts:*",
            "sts:AssumeRole*",
            "sts:assume*",
            "s*:*",
            "sts:A?sumeRole*",
        ] {
            assert!(pattern(covering).covers(ASSUME), "{covering}");
        }
        for partial in [
            "sts:AssumeRole",
            "sts:AssumeRole?*",
            "sts:AssumeRole?",
            "sts:*Role",
            "sts:*SAML",
        ] {
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
    fn what_iam_would_not_take_is_no_pattern() {
        for bad in [
            "",
            "s3",
            "s3:",
            ":*",
            "**",
            "s3:Get Object",
            "a:b:c",
            "s3:Gét*",
            "s3:Get-*",
        ] {
            assert!(ActionPattern::parse(bad).is_none(), "{bad:?}");
        }
    }
}
