//! Values of the payload outside their accepted form, one field each.

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

/// The MFA device of a target that has one.
fn device(payload: &mut Value) -> &mut Value {
    mfa(target(payload));
    &mut payload["targets"][0]["mfa"]
}

/// A target of the lane `static`.
fn assumed(payload: &mut Value) -> &mut Value {
    role(target(payload));
    target(payload)
}

fn statement(payload: &mut Value) -> &mut Value {
    &mut payload["targets"][0]["grant"][0]
}

fn without(value: &mut Value, field: &str) {
    value.as_object_mut().unwrap().remove(field).expect("the field");
}

pub(super) fn of_the_payload() -> Vec<Entry> {
    let mut all = values! { "open" sealed root;
        ("payload_runbook_null", "runbook", "a runbook of null", "runbook" = Value::Null),
        ("payload_runbook_number", "runbook", "a runbook as a number", "runbook" = 1),
        ("payload_alerts_null", "alerts", "alerts is null: it is left out where there are no channels", "alerts" = Value::Null),
        ("payload_no_targets", "1 to 256 targets", "no target is sealed", "targets" = json!([])),
        ("payload_version_string", "version", "a version as a string", "version" = "1"),
    };
    all.extend(fails! { "open":
        ("payload_target_missing", "do not match the manifest", "a target in the manifest alone", with! {
            credentials: two_targets, sealed: |s| drop(s["targets"].as_array_mut().unwrap().pop()) }),
        ("payload_target_unlisted", "do not match the manifest", "a target that the manifest does not mention", with! {
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
        ("payload_target_unknown_field", "unknown field `note`", "a field of a target that version 1 does not have", "note" = "x"),
        ("payload_target_null_field", "canonical form", "mfa is null: it is left out where the user has none", "mfa" = Value::Null),
        ("payload_repairs_string", "repairs_identity", "repairs_identity as a string", "repairs_identity" = "false"),
        ("payload_boundary_empty", BOUNDARY, "a boundary without a name", "boundary" = "arn:aws:iam::111122223333:policy/"),
        ("payload_boundary_long", BOUNDARY, "a boundary's name of 513 characters", "boundary" = format!("arn:aws:iam::111122223333:policy/{}", "p".repeat(513))),
        ("payload_boundary_space", BOUNDARY, "a space in a boundary", "boundary" = "arn:aws:iam::111122223333:policy/The Ceiling"),
        ("payload_boundary_not_ascii", BOUNDARY, "a letter that is not ASCII in a boundary", "boundary" = "arn:aws:iam::111122223333:policy/Plafond-é"),
        ("payload_boundary_partition", BOUNDARY, "a boundary of another partition", "boundary" = "arn:aws-cn:iam::111122223333:policy/Ceiling"),
        ("payload_boundary_sha256_capitals", "canonical form", "the digest of a boundary in capital hex", "boundary_sha256" = "AB".repeat(32)),
        ("payload_boundary_sha256_short", "boundary_sha256", "the digest of a boundary with 31 bytes", "boundary_sha256" = "00".repeat(31)),
        ("payload_grant_null", "grant", "a grant of null", "grant" = Value::Null),
    };
    all.extend(fails! { "open":
        ("payload_emergency_missing", "missing field `emergency`", "a target without the emergency user's key", with! {
            sealed: |s| without(target(s), "emergency") }),
        ("payload_boundary_missing", "missing field `boundary`", "a gate without a boundary", with! {
            sealed: |s| without(target(s), "boundary") }),
        ("payload_grant_missing", "missing field `grant`", "a target without a grant", with! {
            sealed: |s| without(target(s), "grant") }),
        ("payload_repairs_missing", "canonical form", "a target without repairs_identity", with! {
            sealed: |s| without(target(s), "repairs_identity") }),
        ("payload_may_outlive_missing", "canonical form", "a target without may_outlive", with! {
            credentials: |c| target(c)["may_outlive"] = json!([]), sealed: |s| without(target(s), "may_outlive") }),
        ("payload_key_twice_emergency", "access key", "closer and emergency are the same key", with! {
            sealed: |s| target(s)["closer"] = target(s)["emergency"].clone() }),
    });
    all
}

/// Roles, keys and MFA devices.
pub(super) fn of_credentials() -> Vec<Entry> {
    const ROLE: &str = "the role is not a role of this account";
    const DEVICE: &str = "the MFA device is not a device of this account";
    const SEED: &str = "not base32";
    let mut all = values! { "open" sealed opener;
        ("payload_key_unknown_field", "unknown field `note`", "a field of an access key that version 1 does not have", "note" = "x"),
        ("payload_key_null", "opener", "an access key id of null", "access_key_id" = Value::Null),
        ("payload_key_id_short", "access key ID", "an access key id of 15 characters", "access_key_id" = "A".repeat(15)),
        ("payload_key_id_long", "access key ID", "an access key id of 129 characters", "access_key_id" = "A".repeat(129)),
        ("payload_key_secret_long", "secret access key", "a secret access key of 41 characters", "secret_access_key" = "s".repeat(41)),
        ("payload_key_secret_character", "secret access key", "a dash in a secret access key", "secret_access_key" = "-".repeat(40)),
    };
    all.extend(values! { "open" credentials device;
        ("payload_mfa_unknown_field", "unknown field `note`", "a field of an MFA device that version 1 does not have", "note" = "x"),
        ("payload_mfa_empty", DEVICE, "an MFA device without a name", "serial_number" = "arn:aws:iam::111122223333:mfa/"),
        ("payload_mfa_long", DEVICE, "an MFA device's name of 513 characters", "serial_number" = format!("arn:aws:iam::111122223333:mfa/{}", "m".repeat(513))),
        ("payload_mfa_partition", DEVICE, "an MFA device of another partition", "serial_number" = "arn:aws-cn:iam::111122223333:mfa/emergency"),
        ("payload_seed_null", "mfa", "a TOTP seed of null", "totp_seed" = Value::Null),
        ("payload_seed_short", SEED, "a TOTP seed of 15 characters", "totp_seed" = "A".repeat(15)),
        ("payload_seed_long", SEED, "a TOTP seed of 130 characters", "totp_seed" = "A".repeat(130)),
        ("payload_seed_17", SEED, "a TOTP seed of 17 characters, which encodes no whole number of bytes", "totp_seed" = "A".repeat(17)),
        ("payload_seed_19", SEED, "a TOTP seed of 19 characters, which encodes no whole number of bytes", "totp_seed" = "A".repeat(19)),
        ("payload_seed_22", SEED, "a TOTP seed of 22 characters, which encodes no whole number of bytes", "totp_seed" = "A".repeat(22)),
        ("payload_seed_padded", SEED, "a TOTP seed with padding", "totp_seed" = "EXAMPLESEED234567EXAMPLESE======"),
        ("payload_seed_lower_case", SEED, "a TOTP seed in lower case", "totp_seed" = "exampleseed234567exampleseed2345"),
    });
    all.extend(values! { "open" credentials assumed;
        ("payload_role_empty", ROLE, "a role without a name", "role" = "arn:aws:iam::111122223333:role/"),
        ("payload_role_long", ROLE, "a role's name of 513 characters", "role" = format!("arn:aws:iam::111122223333:role/{}", "r".repeat(513))),
        ("payload_role_account", ROLE, "a role of another account", "role" = "arn:aws:iam::999988887777:role/Emergency"),
        ("payload_role_partition", ROLE, "a role of another partition", "role" = "arn:aws-cn:iam::111122223333:role/Emergency"),
    }.into_iter().map(in_the_lane_static));
    all.extend(fails! { "open":
        ("payload_role_opener", "unknown field `opener`", "a role and an opener in one target", with! {
            credentials: |c| { let key = opener(c).clone(); assumed(c); target(c)["opener"] = key; },
            manifest: |m| m["lane"] = "static".into() }),
        ("payload_static_console", "do not match the manifest", "the lane static, and the manifest does not say that there is a console", with! {
            credentials: |c| role(target(c)),
            manifest: |m| { m["lane"] = "static".into(); m["targets"][0]["console"] = false.into(); } }),
    });
    all
}

fn in_the_lane_static(mut entry: Entry) -> Entry {
    entry.recipe.manifest = |manifest| manifest["lane"] = "static".into();
    entry
}

/// Secrets in public fields.
pub(super) fn exposed() -> Vec<Entry> {
    const EXPOSED: &str = "a secret is in a field that is public";
    const KEY: &str = "EXAMPLESECRET+EXAMPLESECRET+EXAMPLESECRE";
    fails! { "open":
        ("secret_in_boundary", EXPOSED, "the opener's secret access key in the boundary", with! { credentials: |c| {
            opener(c)["secret_access_key"] = KEY.into();
            target(c)["boundary"] = format!("arn:aws:iam::111122223333:policy/x{KEY}x").into();
        } }),
        ("secret_in_role", EXPOSED, "the emergency user's secret access key in the role", with! { credentials: |c| {
            assumed(c)["emergency"]["secret_access_key"] = KEY.into();
            target(c)["role"] = format!("arn:aws:iam::111122223333:role/{KEY}").into();
        }, manifest: |m| m["lane"] = "static".into() }),
        ("secret_in_serial_number", EXPOSED, "a TOTP seed in the MFA device's serial number", with! { credentials: |c| {
            device(c)["serial_number"] = "arn:aws:iam::111122223333:mfa/EXAMPLESEED234567EXAMPLESEED2345".into();
        } }),
        ("secret_in_user", EXPOSED, "the closer's secret access key in the user's name", with! { credentials: |c| {
            target(c)["closer"]["secret_access_key"] = KEY.into();
            target(c)["user"] = format!("u{KEY}").into();
        } }),
        ("secret_in_name", EXPOSED, "a TOTP seed in the target's name", with! { credentials: |c| {
            device(c)["totp_seed"] = "EXAMPLESEED23456".into();
            target(c)["name"] = "prod-EXAMPLESEED23456".into();
        } }),
        ("secret_in_region", EXPOSED, "a TOTP seed in a region", with! { credentials: |c| {
            device(c)["totp_seed"] = "2345672345672344".into();
            target(c)["regions"] = json!(["eu-west-1", "r2345672345672344"]);
        } }),
    }
}

/// Action patterns and conditions.
pub(super) fn of_statements() -> Vec<Entry> {
    const ACTION: &str = "not an IAM action";
    const CONDITION: &str = "not an object of operators with keys";
    let mut all = values! { "open" sealed statement;
        ("payload_action_empty", "needs Action as a string or a list of strings", "an empty action", "Action" = ""),
        ("payload_action_no_name", ACTION, "a service without an action's name", "Action" = "ec2:"),
        ("payload_action_service_empty", ACTION, "an action with an empty service", "Action" = ":RebootInstances"),
        ("payload_action_two_colons", ACTION, "an action with two colons", "Action" = "ec2:Reboot:Instances"),
        ("payload_action_service_character", ACTION, "an underscore in a service", "Action" = "ec_2:RebootInstances"),
        ("payload_action_two_stars", ACTION, "two stars without a colon", "Action" = "**"),
        ("payload_action_object", "needs Action as a string or a list of strings", "actions as an object", "Action" = json!({"ec2": "*"})),
        ("payload_statement_effect_null", "has no Effect of Allow or Deny", "an effect of null", "Effect" = Value::Null),
        ("payload_condition_value", CONDITION, "an operator that is not an object", "Condition" = json!({"Bool": "true"})),
        ("payload_condition_null", CONDITION, "a condition of null", "Condition" = Value::Null),
        ("payload_condition_key_empty", CONDITION, "an empty condition key", "Condition" = json!({"Bool": {"": "true"}})),
        ("payload_condition_key_long", CONDITION, "a condition key of 129 characters", "Condition" = json!({"Bool": {"k".repeat(129): "true"}})),
        ("payload_condition_key_not_ascii", CONDITION, "a letter that is not ASCII in a condition key", "Condition" = json!({"Bool": {"aws:é": "true"}})),
    };
    all.extend(fails! { "open":
        ("payload_not_action_form", ACTION, "an entry of NotAction without a service", with! { credentials: |c| {
            without(statement(c), "Action"); statement(c)["NotAction"] = json!(["iam:*", "sts"]); } }),
        ("payload_deny_action", ACTION, "a Deny of an action without a service", with! {
            sealed: |s| target(s)["grant"][3]["Action"] = "GetPasswordData".into() }),
    });
    all
}
