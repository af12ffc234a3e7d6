//! Vaults with one field of the payload that does not have the accepted form.

use super::*;

fn root(payload: &mut Value) -> &mut Value {
    payload
}

fn target(payload: &mut Value) -> &mut Value {
    &mut payload["targets"][0]
}

fn opener(payload: &mut Value) -> &mut Value {
    &mut payload["targets"][0]["opener"]
}

/// Adds an MFA device to the target, and returns the device.
fn device(payload: &mut Value) -> &mut Value {
    mfa(target(payload));
    &mut payload["targets"][0]["mfa"]
}

/// Changes the target to the lane `static`, and returns the target.
fn assumed(payload: &mut Value) -> &mut Value {
    role(target(payload));
    target(payload)
}

fn statement(payload: &mut Value) -> &mut Value {
    &mut payload["targets"][0]["grant"][0]
}

fn without(value: &mut Value, field: &str) {
    value.as_object_mut().unwrap().remove(field).expect("the field should exist");
}

pub(super) fn of_the_payload() -> Vec<Entry> {
    let mut all = values! { "open" sealed root;
        ("payload_runbook_null", "runbook", "the runbook in the payload is null", "runbook" = Value::Null),
        ("payload_runbook_number", "runbook", "the runbook in the payload is a number", "runbook" = 1),
        ("payload_alerts_null", "alerts",
            "the field `alerts` in the payload is null; without channels, the field must be left out",
            "alerts" = Value::Null),
        ("payload_no_targets", "1 to 256 targets", "the payload has no target", "targets" = json!([])),
        ("payload_version_string", "version",
            "the payload's version is a string instead of a number", "version" = "1"),
    };
    all.extend(fails! { "open":
        ("payload_target_missing", "do not match the manifest",
            "the manifest has a target that the payload does not have", with! {
            credentials: two_targets, sealed: |s| drop(s["targets"].as_array_mut().unwrap().pop()) }),
        ("payload_target_unlisted", "do not match the manifest",
            "the payload has a target that the manifest does not have", with! {
            sealed: two_targets }),
    });
    all
}

fn two_targets(payload: &mut Value) {
    let mut other = payload["targets"][0].clone();
    other["name"] = "other".into();
    payload["targets"].as_array_mut().unwrap().push(other);
}

pub(super) fn of_a_target() -> Vec<Entry> {
    const BOUNDARY: &str = "the boundary is not a policy of this account";
    let mut all = values! { "open" sealed target;
        ("payload_target_unknown_field", "unknown field `note`",
            "a target in the payload has a field that version 1 does not define", "note" = "x"),
        ("payload_target_null_field", "canonical form",
            "the field `mfa` in the payload is null; without an MFA device, the field must be left out",
            "mfa" = Value::Null),
        ("payload_repairs_string", "repairs_identity",
            "the field `repairs_identity` in the payload is a string instead of a boolean",
            "repairs_identity" = "false"),
        ("payload_boundary_empty", BOUNDARY,
            "the ARN of the permissions boundary has no policy name", "boundary" = "arn:aws:iam::111122223333:policy/"),
        ("payload_boundary_long", BOUNDARY,
            "the policy name of the permissions boundary has 513 characters, one too many", "boundary" = format!("arn:aws:iam::111122223333:policy/{}", "p".repeat(513))),
        ("payload_boundary_space", BOUNDARY,
            "the ARN of the permissions boundary contains a space", "boundary" = "arn:aws:iam::111122223333:policy/The Ceiling"),
        ("payload_boundary_not_ascii", BOUNDARY,
            "the ARN of the permissions boundary contains a letter that is not ASCII", "boundary" = "arn:aws:iam::111122223333:policy/Plafond-é"),
        ("payload_boundary_partition", BOUNDARY,
            "the permissions boundary belongs to a partition that is not the target's partition", "boundary" = "arn:aws-cn:iam::111122223333:policy/Ceiling"),
        ("payload_boundary_sha256_capitals", "canonical form",
            "the digest of the permissions boundary is in capital hex", "boundary_sha256" = "AB".repeat(32)),
        ("payload_boundary_sha256_short", "boundary_sha256",
            "the digest of the permissions boundary has 31 bytes instead of 32", "boundary_sha256" = "00".repeat(31)),
        ("payload_grant_null", "grant", "the grant in the payload is null", "grant" = Value::Null),
    };
    all.extend(fails! { "open":
        ("payload_emergency_missing", "missing field `emergency`",
            "a target in the payload has no key of the emergency user", with! {
            sealed: |s| without(target(s), "emergency") }),
        ("payload_boundary_missing", "missing field `boundary`",
            "a target of the lane `gate` has no permissions boundary", with! {
            sealed: |s| without(target(s), "boundary") }),
        ("payload_grant_missing", "missing field `grant`", "a target in the payload has no grant", with! {
            sealed: |s| without(target(s), "grant") }),
        ("payload_repairs_missing", "canonical form",
            "a target in the payload has no field `repairs_identity`", with! {
            sealed: |s| without(target(s), "repairs_identity") }),
        ("payload_may_outlive_missing", "canonical form",
            "a target in the payload has no field `may_outlive`", with! {
            credentials: |c| target(c)["may_outlive"] = json!([]), sealed: |s| without(target(s), "may_outlive") }),
        ("payload_key_twice_emergency", "access key",
            "the closer and the emergency user have the same access key", with! {
            sealed: |s| target(s)["closer"] = target(s)["emergency"].clone() }),
    });
    all
}

/// Vaults with a fault in a role, an access key or an MFA device.
pub(super) fn of_credentials() -> Vec<Entry> {
    const ROLE: &str = "the role is not a role of this account";
    const DEVICE: &str = "the MFA device is not a device of this account";
    const SEED: &str = "not base32";
    let mut all = values! { "open" sealed opener;
        ("payload_key_unknown_field", "unknown field `note`",
            "an access key has a field that version 1 does not define", "note" = "x"),
        ("payload_key_null", "opener", "the id of an access key is null", "access_key_id" = Value::Null),
        ("payload_key_id_short", "access key ID",
            "an access key id has 15 characters, one too few", "access_key_id" = "A".repeat(15)),
        ("payload_key_id_long", "access key ID",
            "an access key id has 129 characters, one too many", "access_key_id" = "A".repeat(129)),
        ("payload_key_secret_long", "secret access key",
            "a secret access key has 41 characters instead of 40", "secret_access_key" = "s".repeat(41)),
        ("payload_key_secret_character", "secret access key",
            "a secret access key contains a dash", "secret_access_key" = "-".repeat(40)),
    };
    all.extend(values! { "open" credentials device;
        ("payload_mfa_unknown_field", "unknown field `note`",
            "an MFA device has a field that version 1 does not define", "note" = "x"),
        ("payload_mfa_empty", DEVICE,
            "the ARN of an MFA device has no device name", "serial_number" = "arn:aws:iam::111122223333:mfa/"),
        ("payload_mfa_long", DEVICE,
            "the name of an MFA device has 513 characters, one too many", "serial_number" = format!("arn:aws:iam::111122223333:mfa/{}", "m".repeat(513))),
        ("payload_mfa_partition", DEVICE,
            "the MFA device belongs to a partition that is not the target's partition", "serial_number" = "arn:aws-cn:iam::111122223333:mfa/emergency"),
        ("payload_seed_null", "mfa", "the TOTP seed of an MFA device is null", "totp_seed" = Value::Null),
        ("payload_seed_short", SEED, "a TOTP seed has 15 characters, one too few", "totp_seed" = "A".repeat(15)),
        ("payload_seed_long", SEED,
            "a TOTP seed has 130 characters, more than the limit", "totp_seed" = "A".repeat(130)),
        ("payload_seed_17", SEED,
            "a TOTP seed has 17 characters, which do not encode a whole number of bytes", "totp_seed" = "A".repeat(17)),
        ("payload_seed_19", SEED,
            "a TOTP seed has 19 characters, which do not encode a whole number of bytes", "totp_seed" = "A".repeat(19)),
        ("payload_seed_22", SEED,
            "a TOTP seed has 22 characters, which do not encode a whole number of bytes", "totp_seed" = "A".repeat(22)),
        ("payload_seed_padded", SEED,
            "a TOTP seed has base32 padding", "totp_seed" = "EXAMPLESEED234567EXAMPLESE======"),
        ("payload_seed_lower_case", SEED,
            "a TOTP seed is in lower case", "totp_seed" = "exampleseed234567exampleseed2345"),
    });
    all.extend(values! { "open" credentials assumed;
        ("payload_role_empty", ROLE,
            "the ARN of a role has no role name", "role" = "arn:aws:iam::111122223333:role/"),
        ("payload_role_long", ROLE,
            "the name of a role has 513 characters, one too many", "role" = format!("arn:aws:iam::111122223333:role/{}", "r".repeat(513))),
        ("payload_role_account", ROLE,
            "the role belongs to an account that is not the target's account", "role" = "arn:aws:iam::999988887777:role/Emergency"),
        ("payload_role_partition", ROLE,
            "the role belongs to a partition that is not the target's partition", "role" = "arn:aws-cn:iam::111122223333:role/Emergency"),
    }.into_iter().map(in_the_lane_static));
    all.extend(fails! { "open":
        ("payload_role_opener", "unknown field `opener`", "a target has both a role and an opener", with! {
            credentials: |c| { let key = opener(c).clone(); assumed(c); target(c)["opener"] = key; },
            manifest: |m| m["lane"] = "static".into() }),
        ("payload_static_console", "do not match the manifest",
            "the vault has the lane `static`, but the manifest says that there is no console", with! {
            credentials: |c| role(target(c)),
            manifest: |m| { m["lane"] = "static".into(); m["targets"][0]["console"] = false.into(); } }),
    });
    all
}

fn in_the_lane_static(mut entry: Entry) -> Entry {
    entry.recipe.manifest = |manifest| manifest["lane"] = "static".into();
    entry
}

/// Vaults with a secret in a public field.
pub(super) fn exposed() -> Vec<Entry> {
    const EXPOSED: &str = "a secret is in a field that is public";
    const KEY: &str = "EXAMPLESECRET+EXAMPLESECRET+EXAMPLESECRE";
    fails! { "open":
        ("secret_in_boundary", EXPOSED,
            "the ARN of the permissions boundary contains the opener's secret access key", with! { credentials: |c| {
            opener(c)["secret_access_key"] = KEY.into();
            target(c)["boundary"] = format!("arn:aws:iam::111122223333:policy/x{KEY}x").into();
        } }),
        ("secret_in_role", EXPOSED,
            "the ARN of the role contains the emergency user's secret access key", with! { credentials: |c| {
            assumed(c)["emergency"]["secret_access_key"] = KEY.into();
            target(c)["role"] = format!("arn:aws:iam::111122223333:role/{KEY}").into();
        }, manifest: |m| m["lane"] = "static".into() }),
        ("secret_in_serial_number", EXPOSED,
            "the serial number of the MFA device contains its TOTP seed", with! { credentials: |c| {
            device(c)["serial_number"] = "arn:aws:iam::111122223333:mfa/EXAMPLESEED234567EXAMPLESEED2345".into();
        } }),
        ("secret_in_user", EXPOSED,
            "the name of the user contains the closer's secret access key", with! { credentials: |c| {
            target(c)["closer"]["secret_access_key"] = KEY.into();
            target(c)["user"] = format!("u{KEY}").into();
        } }),
        ("secret_in_name", EXPOSED, "the name of the target contains a TOTP seed", with! { credentials: |c| {
            device(c)["totp_seed"] = "EXAMPLESEED23456".into();
            target(c)["name"] = "prod-EXAMPLESEED23456".into();
        } }),
        ("secret_in_may_outlive", EXPOSED,
            "an action in `may_outlive` contains a TOTP seed", with! { credentials: |c| {
            device(c)["totp_seed"] = "EXAMPLESEED23456".into();
            target(c)["may_outlive"] = json!(["ec2:EXAMPLESEED23456"]);
        } }),
        ("secret_in_condition_key", EXPOSED,
            "a condition key contains a secret access key; in the manifest the key is in lower case",
            with! { credentials: |c| {
            opener(c)["secret_access_key"] = KEY.into();
            target(c)["grant"] = json!([{"Effect": "Allow", "Action": "ec2:*", "Resource": "*",
                "Condition": {"StringEquals": {format!("aws:{KEY}"): "x"}}}]);
        } }),
        ("secret_in_action", EXPOSED,
            "the service of an action contains a TOTP seed; in the manifest the service is in lower case",
            with! { credentials: |c| {
            device(c)["totp_seed"] = "EXAMPLESEED23456".into();
            target(c)["grant"] = json!([{"Effect": "Allow", "Action": "xEXAMPLESEED23456:*", "Resource": "*"}]);
        } }),
        ("secret_in_label", "the label of the vault contains a secret",
            "the label of the vault contains the opener's secret access key", with! {
            credentials: |c| opener(c)["secret_access_key"] = KEY.into(),
            manifest: |m| m["label"] = format!("prod {KEY}").into(),
        }),
        ("secret_in_region", EXPOSED, "a region of the target contains a TOTP seed", with! { credentials: |c| {
            device(c)["totp_seed"] = "2345672345672344".into();
            target(c)["regions"] = json!(["eu-west-1", "r2345672345672344"]);
        } }),
    }
}

/// Vaults with a fault in an action pattern or a condition.
pub(super) fn of_statements() -> Vec<Entry> {
    const ACTION: &str = "not an IAM action";
    const CONDITION: &str = "is not in the form {condition operator: {condition key: value}}";
    let mut all = values! { "open" sealed statement;
        ("payload_action_empty", "needs Action as a string or a list of strings",
            "an action in the grant is an empty string", "Action" = ""),
        ("payload_action_no_name", ACTION, "an action in the grant has a service but no name", "Action" = "ec2:"),
        ("payload_action_service_empty", ACTION,
            "an action in the grant has an empty service", "Action" = ":RebootInstances"),
        ("payload_action_two_colons", ACTION,
            "an action in the grant has two colons", "Action" = "ec2:Reboot:Instances"),
        ("payload_action_service_character", ACTION,
            "the service of an action in the grant contains an underscore", "Action" = "ec_2:RebootInstances"),
        ("payload_action_two_stars", ACTION,
            "an action in the grant is two asterisks without a colon", "Action" = "**"),
        ("payload_action_object", "needs Action as a string or a list of strings",
            "the `Action` of a statement is an object", "Action" = json!({"ec2": "*"})),
        ("payload_statement_effect_null", "has no Effect of Allow or Deny",
            "the `Effect` of a statement is null", "Effect" = Value::Null),
        ("payload_condition_value", CONDITION,
            "the value of an operator in a `Condition` is not an object", "Condition" = json!({"Bool": "true"})),
        ("payload_condition_null", CONDITION, "the `Condition` of a statement is null", "Condition" = Value::Null),
        ("payload_condition_key_empty", CONDITION,
            "a condition key in the grant is empty", "Condition" = json!({"Bool": {"": "true"}})),
        ("payload_condition_key_long", CONDITION,
            "a condition key in the grant has 129 characters, one too many", "Condition" = json!({"Bool": {"k".repeat(129): "true"}})),
        ("payload_condition_key_not_ascii", CONDITION,
            "a condition key in the grant contains a letter that is not ASCII", "Condition" = json!({"Bool": {"aws:é": "true"}})),
    };
    all.extend(fails! { "open":
        ("payload_not_action_form", ACTION, "an action in a `NotAction` has no service", with! { credentials: |c| {
            without(statement(c), "Action"); statement(c)["NotAction"] = json!(["iam:*", "sts"]); } }),
        ("payload_deny_action", ACTION, "an action in a `Deny` statement has no service", with! {
            sealed: |s| target(s)["grant"][3]["Action"] = "GetPasswordData".into() }),
    });
    all
}
