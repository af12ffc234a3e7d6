#!/usr/bin/env python3
"""Checks a statement that a custodian signed, without breakglass.

  check_statement.py open approval.json --vault production.vault
  check_statement.py review review.json --vault production.vault --packet review-packet.json
  check_statement.py vectors tests/vectors

The first argument is the purpose of the statement: open, close, drill, verify, review or reseal. The vault is the one
that the statement should be about; for a drill, this is the drill vault. The program prints the statement, or the
failure. A statement says what a custodian signed; it does not say that it happened.

This program was written from vault-format.md alone. It needs recover.py and vault.schema.json in the same directory,
and the packages that recover.py needs.
"""
import argparse, json, pathlib, sys

import recover
from recover import Failure, canonical, check_order, need, read_json, sha256, step

PURPOSES = ("open", "close", "drill", "verify", "review", "reseal")

# The fields of a statement that repeat a field of the manifest ("Checks of a statement").
REPEATED = ("credentials_epoch", "drill_of", "epoch", "lane", "replaces", "vault_id")

def check_form(data, purpose):
    """Returns the statement, and the function that checks its signature."""
    payload, payload_type, verify = recover.read_envelope(data, "statementEnvelope")
    expected = f"application/vnd.breakglass.{purpose}.v1+json"
    need(payload_type == expected, "it is a statement for another purpose", "wrong kind")
    need(len(payload) <= 1024 * 1024, "it is longer than 1 MiB")
    statement = read_json(payload, f"{purpose}Statement")
    need(statement["predicateType"] == f"urn:breakglass:{purpose}:v1", "`predicateType` has another purpose")
    request = statement["predicate"].get("request", {})
    check_order(request.get("targets", []))
    for name, key in ("targets", "name"), ("endpoints", "service"):
        values = [entry[key] for entry in request.get(name, [])]
        need(len(values) == len(set(values)), f"two {name} have the same {key}")
    services = [endpoint["service"] for endpoint in request.get("endpoints", [])]
    need(services == sorted(services), "`endpoints` is not in order")
    return statement, verify

def check_signer(predicate, custodians, verify):
    """Checks that an enrolled token of the custodian made the signature."""
    signers = [(custodian["name"], custodian["enrolment"]) for custodian in custodians]
    signer = predicate["custodian"], predicate["enrolment"]
    need(signer in signers, "its signer is not a custodian of this vault")
    tokens = {token["serial"]: token for token in custodians[signers.index(signer)]["tokens"]}
    need(predicate["serial"] in tokens, "its token is not a token of this custodian")
    verify(tokens[predicate["serial"]]["signing_key"])

def check_subject(statement, vault, packet):
    """Checks that the statement is about this vault, or about this packet."""
    predicate, manifest = statement["predicate"], vault.manifest
    request = predicate.get("request", {})
    digest = statement["subject"][0]["digest"]["sha256"]
    need(digest == (packet or vault.digest.hex()), "its subject is another file")
    for fields in predicate, request:
        for name in REPEATED:
            need(name not in fields or fields[name] == manifest.get(name), f"`{name}` differs from the manifest")
    is_opening = "window" in request
    need(not is_opening or ("drill_of" in request) == ("drill_of" in manifest), "it is or is not about a drill")
    known = [canonical(target) for target in manifest["targets"]]
    need(all(canonical(target) in known for target in request.get("targets", [])), "a target is another one")

def read_statement(data, purpose, vault, packet=None):
    """Returns a statement, after all checks. `packet` is the digest of the review packet in hex."""
    with step("invalid", "parse"):
        statement, verify = check_form(data, purpose)
    with step("wrong signer", "signer"):
        check_signer(statement["predicate"], vault.custodians, verify)
    with step("wrong subject", "subject"):
        check_subject(statement, vault, packet)
    return statement

def run_vector(path):
    """Returns the lines of a vector, and the lines that this reader finds."""
    lines, facts, data = recover.read_vector(path)
    vault = recover.read_vault(recover.read_vector(path.with_name(f"{facts['vault']}.txt"))[2])
    try:
        read_statement(data, facts["wanted"], vault, facts.get("packet"))
        return lines, ["expect: success"]
    except Failure as failure:
        return lines, [f"expect: {failure.kind}", f"step: {failure.step}"]

def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("purpose", choices=[*PURPOSES, "vectors"])
    cli.add_argument("file", metavar="FILE", type=pathlib.Path)
    cli.add_argument("--vault", metavar="FILE", type=pathlib.Path, help="the vault that the statement is about")
    cli.add_argument("--packet", metavar="FILE", type=pathlib.Path, help="the review packet")
    arguments = cli.parse_args()
    if arguments.purpose == "vectors":
        sys.exit(recover.compare(arguments.file.glob("*.txt"), "form: statement", run_vector))
    if not arguments.vault or (arguments.purpose == "review") != bool(arguments.packet):
        sys.exit("Name the vault after --vault and, for a review, the packet after --packet.")
    try:
        packet = sha256(arguments.packet.read_bytes()).hex() if arguments.packet else None
        vault = recover.read_vault(recover.read_file(arguments.vault))
        statement = read_statement(arguments.file.read_bytes(), arguments.purpose, vault, packet)
    except (Failure, OSError) as error:
        sys.exit(str(error))
    print(json.dumps(statement, indent=2))

if __name__ == "__main__":
    main()
