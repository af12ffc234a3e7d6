//! Valid statements, and statements with a fault in the envelope, in the signature or in the subject.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use p256::ecdsa::Signature;
use serde_json::{Value, json};

use super::Spec;

/// Returns a statement for `purpose` after a change of its predicate.
fn accepted_with(
    name: &'static str,
    purpose: &'static str,
    comment: &'static str,
    edit: fn(&mut Value),
) -> Spec {
    Spec::of(name, purpose, comment).with(move |statement| edit(&mut statement["predicate"]))
}

/// Valid statements.
pub(super) fn accepted() -> Vec<Spec> {
    let mut all: Vec<_> = [
        ("statement_open", "open", "a custodian approves an opening"),
        ("statement_close", "close", "a custodian gives a share to close"),
        ("statement_drill_evidence", "drill", "the evidence of a drill"),
        ("statement_verify", "verify", "a custodian's share was verified"),
        ("statement_review", "review", "a use was reviewed"),
        ("statement_reseal", "reseal", "a vault was resealed"),
    ]
    .into_iter()
    .map(|(name, purpose, comment)| Spec::of(name, purpose, comment))
    .collect();
    all.extend([
        Spec { vault: "statement_drill", ..Spec::of("statement_open_drill", "open", "a custodian approves an opening of a drill vault") },
        Spec { vault: "statement_drill", ..Spec::of("statement_close_drill", "close", "a custodian gives a share to close a drill") },
        Spec { signer: (0, 1), ..Spec::of("statement_second_token", "open", "the second token of the custodian made the signature") },
        Spec { signer: (1, 2), ..Spec::of("statement_challenge_token", "open", "a challenge-response token made the signature, so the statement is a record and not evidence") },
        accepted_with("statement_open_all_fields", "open", "every optional field is present", |p| {
            let request = &mut p["request"];
            for field in ["again", "extra_key", "no_alert", "older_epoch"] {
                request[field] = format!("the reason for {field}").into();
            }
            request["endpoints"] = json!([
                {"host": "::1", "port": 4566, "scheme": "http", "service": "*"},
                {"host": "iam.example.org", "port": 443, "scheme": "https", "service": "iam"},
                {"host": "192.0.2.7", "port": 65535, "scheme": "https", "service": "sts"},
            ]);
            request["network"] = json!({
                "ca_sha256": "cd".repeat(32), "dual_stack": true, "fips": true,
                "proxy": {"host": "proxy_1.example.org", "port": 3128},
            });
            p["remote"] = true.into();
        }),
        accepted_with("statement_open_edges", "open", "values at the ends of their ranges", |p| {
            p["ledger"] = json!({"seq": 9_007_199_254_740_991_u64, "sha256": "ff".repeat(32)});
            p["signed"] = "9998-12-31T23:59:59.999999999Z".into();
            let request = &mut p["request"];
            request["reason"] = format!("{} 😀", "é".repeat(198)).into();
            request["window"] = 43200.into();
            request["endpoints"] = (0..16)
                .map(|n| json!({"host": format!("{}{}:ffff:1.2.3.4", "1".repeat(30), "::"), "port": 1, "scheme": "http", "service": format!("{:-<62}{n:02}", "s")}))
                .collect();
            request["network"] = json!({"dual_stack": false, "fips": true, "proxy": {"host": "h".repeat(253), "port": 65535}});
        }),
        accepted_with("statement_open_smallest", "open", "the shortest values", |p| {
            p["ledger"] = json!({"seq": 0, "sha256": "00".repeat(32)});
            p["signed"] = "0001-01-01T00:00:00Z".into();
            let request = &mut p["request"];
            (request["reason"], request["window"]) = ("x".into(), 1.into());
            request["endpoints"] = json!([{"host": "::", "port": 1, "scheme": "http", "service": "s"}]);
            request["network"] = json!({"dual_stack": true, "fips": false});
        }),
        accepted_with("statement_close_unknown_session", "close", "the session is not known, and the ledger could not be read", |p| {
            p["ledger"] = json!({"seq": 0, "sha256": "00".repeat(32)});
            p["request"].as_object_mut().unwrap().remove("session");
        }),
        accepted_with("statement_drill_no_quorum", "drill", "the evidence of a drill in which custodians were absent", |p| {
            p["acknowledged"] = json!([]);
            p["custodians"] = json!([]);
            p["injected"] = json!(["absent=alice", "absent=bob"]);
            (p["closed"], p["opened"], p["exit"]) = (false.into(), false.into(), 3.into());
            p["expected"] = "no_quorum".into();
        }),
        accepted_with("statement_drill_edges", "drill", "the longest lists", |p| {
            let names = |count: usize| (0..count).map(|n| format!("{n:n<32}")).collect::<Vec<_>>();
            (p["acknowledged"], p["custodians"]) = (json!(names(32)), json!(names(16)));
            p["injected"] = json!(vec!["~".repeat(64); 32]);
            (p["exit"], p["expected"]) = (255.into(), "refused_unopened".into());
        }),
        accepted_with("statement_review_largest", "review", "the number of findings is 2^53 − 1", |p| {
            p["findings"] = 9_007_199_254_740_991_u64.into();
        }),
        Spec::of("statement_subject_name", "review", "the name of the subject has 255 characters").with(|statement| {
            statement["subject"][0]["name"] = "é".repeat(255).into();
        }),
    ]);
    all
}

/// Statements with a fault in the file, in the envelope or in the JSON.
pub(super) fn files() -> Vec<Spec> {
    let invalid = |name, comment, message| Spec::of(name, "verify", comment).refused("invalid", message);
    let not_valid = |name, comment| invalid(name, comment, "is not");
    vec![
        Spec {
            file: |file| file.truncate(file.len() - 1),
            ..invalid("statement_no_line_end", "the file has no line end", "")
        },
        Spec {
            file: |file| file.insert(0, b' '),
            ..not_valid("statement_space_before", "a space is before the envelope")
        },
        Spec {
            file: |file| file.insert(1, b' '),
            ..not_valid("statement_envelope_space", "the JSON of the envelope has a space")
        },
        Spec {
            envelope: |e| e["keyid"] = "x".into(),
            ..not_valid(
                "statement_envelope_unknown_field",
                "the envelope has a field that this document does not name",
            )
        },
        Spec {
            envelope: |e| e["signatures"] = json!([]),
            ..invalid("statement_unsigned", "the envelope has no signature", "exactly one signature")
        },
        Spec {
            envelope: |e| {
                let one = e["signatures"][0].clone();
                e["signatures"] = json!([one, one]);
            },
            ..invalid("statement_signed_twice", "the envelope has two signatures", "exactly one signature")
        },
        Spec {
            envelope: |e| e["signatures"][0]["keyid"] = "x".into(),
            ..not_valid(
                "statement_signature_unknown_field",
                "the signature has a field that this document does not name",
            )
        },
        Spec {
            envelope: |e| unpad(&mut e["payload"]),
            statement: padded(),
            ..invalid("statement_payload_unpadded", "the base64 of the payload has no padding", "base64")
        },
        Spec {
            envelope: |e| {
                let sig = &mut e["signatures"][0]["sig"];
                *sig = format!("{}\n", sig.as_str().unwrap()).into();
            },
            ..invalid(
                "statement_sig_line_end",
                "a line end follows the base64 of the signature",
                "its field sig",
            )
        },
        Spec {
            text: |text| format!("{text} "),
            ..not_valid("statement_payload_space", "a space follows the JSON of the statement")
        },
        Spec {
            text: |text| text.replacen("\"serial\":", "\"serial\":10000010,\"serial\":", 1),
            ..not_valid("statement_field_twice", "a field is in the predicate twice")
        },
        Spec {
            text: |text| text.replacen("urn:breakglass", "urn\\u003abreakglass", 1),
            ..not_valid("statement_escape", "a character is escaped without need")
        },
        Spec {
            payload_type: |_| "application/vnd.breakglass.verify.v2+json".into(),
            ..invalid(
                "statement_type_v2",
                "the payload type is of version 2",
                "this version of the program does not know",
            )
        },
        Spec {
            payload_type: |_| "application/vnd.breakglass.enrolment.v1+json".into(),
            ..invalid(
                "statement_type_enrolment",
                "the payload type is that of an enrolment",
                "this version of the program does not know",
            )
        },
        Spec {
            payload_type: |_| "application/vnd.breakglass.request.v1+json".into(),
            ..invalid(
                "statement_request",
                "the payload type is reserved for requests",
                "this version of the program does not know",
            )
        },
        Spec {
            payload_type: |_| "application/vnd.breakglass.answer.v1+json".into(),
            ..invalid(
                "statement_answer",
                "the payload type is reserved for answers",
                "this version of the program does not know",
            )
        },
        Spec {
            wanted: "close",
            ..Spec::of(
                "statement_other_purpose",
                "open",
                "the reader expects a statement for another purpose",
            )
            .refused("wrong kind", "another purpose")
        },
        Spec {
            wanted: "open",
            ..Spec::of(
                "statement_close_for_open",
                "close",
                "the reader expects an approval, but the custodian gave a share to close",
            )
            .refused("wrong kind", "another purpose")
        },
        missing(
            "statement_field_missing",
            "verify",
            "the statement has no `predicateType`",
            "",
            "predicateType",
        ),
        missing(
            "statement_serial_missing",
            "verify",
            "the predicate has no `serial`",
            "/predicate",
            "serial",
        ),
        missing(
            "statement_subject_name_missing",
            "verify",
            "the subject has no `name`",
            "/subject/0",
            "name",
        ),
        missing(
            "statement_digest_missing",
            "verify",
            "the subject has no digest",
            "/subject/0/digest",
            "sha256",
        ),
        missing("statement_remote_missing", "open", "the predicate has no `remote`", "/predicate", "remote"),
        missing(
            "statement_reason_missing",
            "open",
            "the request has no reason",
            "/predicate/request",
            "reason",
        ),
        missing(
            "statement_close_targets_missing",
            "close",
            "the request has no targets",
            "/predicate/request",
            "targets",
        ),
        missing(
            "statement_close_remote_missing",
            "close",
            "the predicate has no `remote`",
            "/predicate",
            "remote",
        ),
        missing(
            "statement_ledger_missing",
            "review",
            "the predicate has no `ledger`",
            "/predicate",
            "ledger",
        ),
        missing(
            "statement_ledger_seq_missing",
            "review",
            "`ledger` has no `seq`",
            "/predicate/ledger",
            "seq",
        ),
        missing(
            "statement_drill_exit_missing",
            "drill",
            "the predicate has no exit status",
            "/predicate",
            "exit",
        ),
        missing(
            "statement_replaces_missing",
            "reseal",
            "the predicate has no `replaces`",
            "/predicate",
            "replaces",
        ),
        long("statement_too_long", 1024 * 1024 + 1).refused("invalid", "is longer than 1048576 bytes"),
        long("statement_longest", 1024 * 1024).refused("wrong subject", "another vault"),
    ]
}

fn missing(
    name: &'static str,
    purpose: &'static str,
    comment: &'static str,
    parent: &'static str,
    field: &'static str,
) -> Spec {
    Spec::of(name, purpose, comment).refused("invalid", "its payload is not").with(move |statement| {
        let parent = statement.pointer_mut(parent).expect("the parent should be in the statement");
        parent.as_object_mut().unwrap().remove(field).expect("the field should be in the statement");
    })
}

/// Returns a statement with the given length. The target of its request has so many condition keys.
fn long(name: &'static str, length: usize) -> Spec {
    let comment = if length > 1024 * 1024 {
        "the statement has 1048577 bytes"
    } else {
        "the statement has 1048576 bytes, which is accepted; its target is not a target of the vault"
    };
    Spec::of(name, "open", comment).with(move |statement| {
        let keys = |count: usize| (0..count).map(|n| format!("{n:0>128}")).collect::<Vec<_>>();
        statement["predicate"]["request"]["targets"][0]["grant"] =
            json!([{"access": "read", "conditions": keys(7900), "service": "ec2"}]);
        let rest = length - super::jcs(statement).len();
        let conditions = statement.pointer_mut("/predicate/request/targets/0/grant/0/conditions").unwrap();
        let conditions = conditions.as_array_mut().unwrap();
        // Each key takes 131 bytes, with its quotes and a comma. The last key has the length that is left.
        let (more, last) = (rest / 131 - 1, rest % 131 + 131 - 3);
        conditions.extend((0..more).map(|n| json!(format!("{:0>128}", 7900 + n))));
        let halves = [last / 2, last - last / 2 - 3];
        conditions
            .extend(halves.iter().zip(["y", "z"]).map(|(length, letter)| json!(letter.repeat(*length))));
        assert_eq!(super::jcs(statement).len(), length);
    })
}

/// Makes the statement so long that its base64 has padding.
fn padded() -> Box<dyn Fn(&mut Value)> {
    Box::new(|statement| {
        while super::jcs(statement).len().is_multiple_of(3) {
            let name = &mut statement["subject"][0]["name"];
            *name = format!("{}x", name.as_str().unwrap()).into();
        }
    })
}

fn unpad(text: &mut Value) {
    *text = text.as_str().unwrap().trim_end_matches('=').into();
}

/// Statements whose signer is not the enrolled one.
pub(super) fn signers() -> Vec<Spec> {
    const SIGNATURE: &str = "the signature of";
    let wrong = |name, comment, message| Spec::of(name, "open", comment).refused("wrong signer", message);
    let field = |name: &'static str, value: Value| move |s: &mut Value| s["predicate"][name] = value.clone();
    vec![
        wrong("statement_unknown_custodian", "the custodian is not in the manifest", "is not a custodian")
            .with(field("custodian", json!("mallory"))),
        wrong("statement_other_enrolment", "the enrolment is not in the manifest", "is not a custodian")
            .with(field("enrolment", json!("ab".repeat(16)))),
        wrong(
            "statement_other_custodian",
            "the name is that of another custodian than the enrolment",
            "is not a custodian",
        )
        .with(field("custodian", json!("bob"))),
        wrong("statement_unknown_token", "the token is not in the manifest", "is not a token of alice")
            .with(field("serial", json!(1))),
        wrong(
            "statement_token_of_another",
            "the token belongs to another custodian",
            "is not a token of alice",
        )
        .with(field("serial", json!(10_000_020))),
        wrong("statement_other_token", "another token of the custodian made the signature", SIGNATURE)
            .with(field("serial", json!(10_000_011))),
        Spec {
            signed: |pae| pae[pae.iter().position(|b| *b == b'{').unwrap()..].to_vec(),
            ..wrong(
                "statement_signature_of_payload",
                "the signature is for the statement without the prefix of DSSE",
                SIGNATURE,
            )
        },
        Spec {
            signed: |pae| {
                String::from_utf8(pae)
                    .unwrap()
                    .replacen(
                        "DSSEv1 39 application/vnd.breakglass.open",
                        "DSSEv1 40 application/vnd.breakglass.close",
                        1,
                    )
                    .into_bytes()
            },
            ..wrong(
                "statement_signature_of_other_type",
                "the signature is for another payload type",
                SIGNATURE,
            )
        },
        Spec {
            envelope: |e| {
                let text = String::from_utf8(BASE64_STANDARD.decode(e["payload"].as_str().unwrap()).unwrap())
                    .unwrap();
                e["payload"] =
                    BASE64_STANDARD.encode(text.replacen("\"window\":1800", "\"window\":3600", 1)).into();
            },
            ..wrong("statement_changed", "the statement was changed after it was signed", SIGNATURE)
        },
        Spec {
            signature: |s| Signature::from_der(&s).unwrap().to_bytes().to_vec(),
            ..wrong(
                "statement_signature_raw",
                "the signature is not in DER: it consists of `r` and `s` with 32 bytes each",
                SIGNATURE,
            )
        },
        Spec {
            signature: |s| [s, vec![0]].concat(),
            ..wrong("statement_signature_more", "a byte follows the signature", SIGNATURE)
        },
        Spec {
            signature: |_| vec![0x30, 6, 2, 1, 0, 2, 1, 0],
            ..wrong(
                "statement_signature_zero",
                "the values `r` and `s` of the signature are both zero",
                SIGNATURE,
            )
        },
        Spec {
            signature: |_| Vec::new(),
            ..wrong("statement_signature_empty", "the signature is empty", SIGNATURE)
        },
        Spec {
            signature: |s| {
                let (r, s) = Signature::from_der(&s).unwrap().normalize_s().split_scalars();
                Signature::from_scalars(r, -*s).unwrap().to_der().as_bytes().to_vec()
            },
            ..Spec::of(
                "statement_signature_high_s",
                "open",
                "the value `s` of the signature is in the upper half of its range; real tokens make such signatures",
            )
        },
    ]
}

/// Statements with two faults, which show the order of the checks.
pub(super) fn order() -> Vec<Spec> {
    vec![
        Spec::of(
            "order_statement_form_signer",
            "open",
            "the window is 0, and the custodian is not in the manifest; the form is checked first",
        )
        .refused("invalid", "window")
        .with(|statement| {
            statement["predicate"]["request"]["window"] = 0.into();
            statement["predicate"]["custodian"] = "mallory".into();
        }),
        Spec::of(
            "order_statement_signer_subject",
            "open",
            "the custodian is not in the manifest, and the subject is another file; the signer is checked first",
        )
        .refused("wrong signer", "is not a custodian")
        .with(|statement| {
            statement["predicate"]["custodian"] = "mallory".into();
            statement["subject"][0]["digest"]["sha256"] = "5a".repeat(32).into();
        }),
    ]
}

/// Statements about another vault or packet.
pub(super) fn subjects() -> Vec<Spec> {
    const OTHER: &str = "another vault";
    let at = |name, purpose, comment, place: &'static str, value: Value| {
        Spec::of(name, purpose, comment).refused("wrong subject", OTHER).with(move |statement| {
            let (parent, field) = place.rsplit_once('/').unwrap();
            statement.pointer_mut(parent).unwrap()[field] = value.clone();
        })
    };
    let id = || json!("ab".repeat(16));
    vec![
        at(
            "statement_other_file",
            "open",
            "the digest of the subject is that of another file",
            "/subject/0/digest/sha256",
            json!("5a".repeat(32)),
        ),
        at(
            "statement_other_packet",
            "review",
            "the digest of the subject is that of another packet",
            "/subject/0/digest/sha256",
            json!("a5".repeat(32)),
        ),
        at(
            "statement_open_other_vault",
            "open",
            "`vault_id` is not that of the vault",
            "/predicate/request/vault_id",
            id(),
        ),
        at(
            "statement_open_other_epoch",
            "open",
            "the epoch is not that of the vault",
            "/predicate/request/epoch",
            json!(3),
        ),
        at(
            "statement_open_other_credentials",
            "open",
            "the epoch of the credentials is not that of the vault",
            "/predicate/request/credentials_epoch",
            json!(1),
        ),
        at(
            "statement_open_other_lane",
            "open",
            "the lane is not that of the vault",
            "/predicate/request/lane",
            json!("static"),
        ),
        at(
            "statement_open_of_drill",
            "open",
            "`drill_of` is present, but the vault is not a drill vault",
            "/predicate/request/drill_of",
            id(),
        ),
        at(
            "statement_open_other_target",
            "open",
            "a target differs from the manifest in its account",
            "/predicate/request/targets/0/account",
            json!("999999999999"),
        ),
        at(
            "statement_close_other_vault",
            "close",
            "`vault_id` is not that of the vault",
            "/predicate/request/vault_id",
            id(),
        ),
        at(
            "statement_close_other_epoch",
            "close",
            "the epoch is not that of the vault",
            "/predicate/request/epoch",
            json!(3),
        ),
        at(
            "statement_close_other_target",
            "close",
            "a target differs from the manifest in its user",
            "/predicate/request/targets/0/user",
            json!("operator"),
        ),
        at(
            "statement_drill_other_vault",
            "drill",
            "`vault_id` is not that of the drill vault",
            "/predicate/vault_id",
            id(),
        ),
        at(
            "statement_drill_other_drill_of",
            "drill",
            "`drill_of` is not that of the drill vault",
            "/predicate/drill_of",
            id(),
        ),
        at(
            "statement_verify_other_vault",
            "verify",
            "`vault_id` is not that of the vault",
            "/predicate/vault_id",
            id(),
        ),
        at(
            "statement_verify_other_epoch",
            "verify",
            "the epoch is not that of the vault",
            "/predicate/epoch",
            json!(1),
        ),
        at(
            "statement_review_other_vault",
            "review",
            "`vault_id` is not that of the vault",
            "/predicate/vault_id",
            id(),
        ),
        at(
            "statement_reseal_other_vault",
            "reseal",
            "`vault_id` is not that of the vault",
            "/predicate/vault_id",
            id(),
        ),
        at(
            "statement_reseal_other_epoch",
            "reseal",
            "the epoch is not that of the vault",
            "/predicate/epoch",
            json!(3),
        ),
        at(
            "statement_reseal_other_credentials",
            "reseal",
            "the epoch of the credentials is not that of the vault",
            "/predicate/credentials_epoch",
            json!(1),
        ),
        at(
            "statement_reseal_other_replaces",
            "reseal",
            "`replaces` is not that of the vault",
            "/predicate/replaces",
            json!("5a".repeat(32)),
        ),
        Spec {
            vault: "statement_drill",
            ..Spec::of(
                "statement_open_no_drill",
                "open",
                "the vault is a drill vault, but `drill_of` is absent",
            )
            .refused("wrong subject", OTHER)
            .with(|statement| {
                statement["predicate"]["request"].as_object_mut().unwrap().remove("drill_of");
            })
        },
    ]
}
