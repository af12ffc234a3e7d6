"""The accepted forms of vault-format.md: encodings, keys, manifests, payloads, enrolment files.

This file is a part of recover.py. `need` or `attempt` checks each requirement; `attempt` calls a library.
"""
import base64, contextlib, datetime, hashlib, json, re
from fnmatch import fnmatchcase

import rfc8785
from bech32 import CHARSET, bech32_encode, convertbits
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NEXT = {  # "Failures"
    "damaged": "take another copy of the file", "invalid": "ask its custodian for the file again",
    "invalid words": "look for the word that was misread", "unknown words": "take this enrolment's sheet",
    "words of another custodian": "take the right person's sheet", "wrong kind": "take the other file",
    "wrong token": "take the enrolled token"}

class Failure(Exception):
    """The error for a requirement that is not met. Its text contains no secret."""
    def __str__(self):
        return f"{self.kind} at {self.step}: {self.args[0]}. What to do next: {NEXT[self.kind]}."

def need(holds, message):
    """Fails if a requirement that this program checks itself is not met."""
    if not holds:
        raise Failure(message)

def attempt(message, call, *arguments):
    """Fails if the library fails. The library's error is not shown, because it can quote the input."""
    try:
        return call(*arguments)
    except Exception:
        raise Failure(message) from None

@contextlib.contextmanager
def step(kind, at, index=None):
    """Gives each failure inside the block its class and step (see "Failures") and the custodian at fault."""
    try:
        yield
    except Failure as failure:
        failure.kind, failure.step, failure.index = kind, at, index
        raise

# Encodings ("Conventions and definitions"). To accept only the canonical form, decoded data is encoded again.

def unbase64(text):
    data = attempt("a text is not base64", base64.b64decode, text)
    need(base64.b64encode(data).decode() == text, "base64 is not in canonical form")
    return data

def unbase64_bare(raw): return unbase64((raw + b"=" * (-len(raw) % 4)).decode())  # without padding
def canonical(value): return attempt("a value has no canonical JSON", rfc8785.dumps, value)

def depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)

def read_json(data):
    def number(text): return int(text) if len(text) < 16 else float(text)  # JSON's numbers are doubles
    value = attempt("it is not JSON", lambda: json.loads(data.decode(), parse_int=number))
    version = value.get("version", 1) if isinstance(value, dict) else 1
    need(canonical(version) == b"1", "it is of a version that this program does not know")
    need(attempt("its JSON is nested far too deep", depth, value) <= 127, "its JSON is nested too deep")
    need(canonical(value) == data, "its JSON is not in canonical form")
    return value

# Keys ("Recipients").

def spki(key):
    """Returns a public key in DER. For P-256, its last 65 bytes are the point."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

def p256(point):
    read = ec.EllipticCurvePublicKey.from_encoded_point
    return attempt("a point is not on P-256", read, ec.SECP256R1(), point)

def x25519(key):
    need(int.from_bytes(key, "little") < 2 ** 255 - 19, "an X25519 key is not below p")
    public, any_key = X25519PublicKey.from_public_bytes(key), X25519PrivateKey.from_private_bytes(bytes(32))
    attempt("an X25519 key is of small order", any_key.exchange, public)  # X25519 with such a key gives zeros
    return key

def recipient(text, prefix, length):
    values = [CHARSET.find(character) for character in str(text)[len(prefix) + 1:-6]]
    data = bytes(convertbits(values, 5, 8) or ())[:len(values) * 5 // 8]
    again = bech32_encode(prefix, convertbits(data, 8, 5))
    need(again == text, "a recipient does not have its kind, or is not in canonical Bech32")
    need(len(data) == length, "a recipient is too short or too long")
    return data

def part_key(text):
    key = recipient(text, "age1pq", 1216)
    read = mlkem.MLKEM768PublicKey.from_public_bytes
    attempt("a coefficient of a part's ML-KEM key is not below q", read, key[:1184])
    return key[:1184] + x25519(key[1184:])

def token_key(token):
    """Returns the key of a token: an uncompressed point of P-256, or an X25519 key."""
    if token["kind"] == "challenge":
        return x25519(recipient(token["recipient"], "age", 32))
    return spki(p256(recipient(token["recipient"], "age1tag", 33)))[-65:]

# Accepted forms of fields ("Manifest stanza", "Payload", "Enrolment file").

def anything(_): return True  # another check has the form of this field
def boolean(value): return isinstance(value, bool)
def like(pattern): return lambda value: isinstance(value, str) and re.fullmatch(pattern, value)
def digits(count): return like(f"[0-9a-f]{{{count}}}")
def integer(low, high): return lambda value: type(value) is int and low <= value <= high
def different(values): return len(set(values)) == len(values)
def ascending(values): return values == sorted(set(values))

def array(low, high, form, rule=anything):
    return lambda value: (isinstance(value, list) and low <= len(value) <= high and all(map(form, value))
                          and rule(value))

def created(value):
    found = like("([0-9]{4}-[0-9]{2}-[0-9]{2})T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z")(value)
    return found and attempt("a day does not exist", datetime.date.fromisoformat, found[1]).year < 9999

def signing_key(value): return unbase64(value) == spki(p256(unbase64(value)[-65:]))

def token(value):
    kind = isinstance(value, dict) and value.get("kind")
    need(kind in ("piv", "challenge"), "a token is not of a known kind")
    check(kind, value)
    what = "slot" if kind == "piv" else "challenge"
    need(value[f"decryption_{what}"] != value[f"signing_{what}"], f"both keys of a token have the same {what}")
    return token_key(value)

def statement(value):
    need(isinstance(value, dict) and value.get("Effect") in ("Allow", "Deny"), "a statement has no effect")
    need(("Action" in value) != ("NotAction" in value), "a statement does not have one of Action and NotAction")
    need(patterns(value) and all(map(ACTION, patterns(value))), "an action pattern is not in the accepted form")
    operators = value.get("Condition", {})
    need(isinstance(operators, dict), "a condition is not an object")
    for keys in operators.values():
        need(isinstance(keys, dict) and keys, "an operator of a condition has no keys")
        need(all(map(CONDITION, keys)), "a condition key is not in the accepted form")
    return True

def patterns(statement):
    actions = statement.get("Action", statement.get("NotAction"))
    return actions if isinstance(actions, list) else [actions]

def url(value):
    found = like(r"(https://([!$-.0-9;=A-Z_a-z~]+|\[[0-9A-Fa-f:.]+])|http://(127\.0\.0\.1|\[::1]|localhost))"
                 r"(:(?P<port>[0-9]{1,5}))?([/?#][!#-;=?-\[\]_a-z~]*)?")(value)
    return found and len(value) <= 2048 and 1 <= int(found["port"] or 443) <= 65535

def totp_seed(value):
    data = attempt("a seed is not base32", lambda: base64.b32decode(value + "=" * (-len(value) % 8)))
    return 16 <= len(value) <= 128 and base64.b32encode(data).decode().rstrip("=") == value

def channel(value):
    kind = isinstance(value, dict) and value.get("kind")
    need(kind in ("sns", "pagerduty", "slack", "webhook", "smtp"), "an alert channel is not of a known kind")
    check(kind, value)
    loopback = value.get("host") in ("127.0.0.1", "localhost", "::1")
    need(loopback or value.get("tls") != "none", "a mail server has no TLS and is not on loopback")
    need(("username" in value) == ("password" in value), "only one of username and password is present")
    return True

def of(kind): return lambda value: check(kind, value)

def check(kind, value):
    """An object has exactly the fields that FORMS lists for its kind. Fields with `?` are optional."""
    need(isinstance(value, dict), "a value that must be an object is not an object")
    forms = {name.rstrip("?"): form for name, form in FORMS[kind].items()}
    required = FORMS[kind].keys() & forms.keys()
    need(required <= value.keys() <= forms.keys(), f"the {kind} does not have exactly its fields")
    for name in forms.keys() & value.keys():
        need(forms[name](value[name]), f"`{name}` of the {kind} is not in the accepted form")
    return True

REGION, PARTITION, UNIT = "[a-z0-9-]{1,32}", "(aws|aws-cn|aws-us-gov)", "([1-9]|[1-5][0-9])"
UINT32, MANY = 2 ** 32 - 1, 2 ** 20
NAME, SLOT = like("[A-Za-z0-9][A-Za-z0-9._-]{0,31}"), like("8[2-9a-f]|9[0-5]")
CONDITION = like("[!-~]{1,128}")
FIRMWARE = like(r"\.".join(["([1-9]?[0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"] * 3))
ACTION = like(r"(?=.{1,128}\Z)(\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+)")
MAIL = like(r"(?=.{1,254}\Z)[!#-'*+\--:=?A-\[\]-~]+@[A-Za-z0-9.:-]+")
def login(value): return like(r"[^\0-\x1f\x7f-\x9f]+")(value) and len(value.encode()) <= 255
WINDOW = like(f"12h|(?=.)((1[01]|[1-9])h)?({UNIT}m)?({UNIT}s)?")
TOKEN = {
    "attestation": like("yubico|other|none"), "firmware": FIRMWARE, "kind": anything, "recipient": anything,
    "serial": integer(0, UINT32), "signing_key": signing_key}
CHANNEL = {"kind": anything, "name": anything, "timeout?": like(f"1m|{UNIT}s")}
SEALED = {
    "account": anything, "emergency": of("access key"), "grant": array(0, MANY, statement),
    "max_window": anything, "may_outlive": anything, "mfa?": of("MFA device"), "name": anything,
    "partition": anything, "regions": anything, "repairs_identity": anything, "user": anything}
FORMS = {
    "manifest": {
        "alerts?": array(1, 16, NAME, different), "created": created, "credentials_epoch": integer(1, UINT32),
        "custodians": array(2, 16, of("custodian")), "drill_of?": digits(32), "epoch": integer(1, UINT32),
        "label": like("[ -~]{1,64}"), "lane": like("gate|static"),
        "replaces": lambda value: value is None or digits(64)(value), "targets": array(1, 256, of("target")),
        "threshold": integer(2, 16), "vault_id": digits(32), "version": anything},
    "custodian": {
        "commitment": digits(64), "enrolment": digits(32), "enrolment_sha256": digits(64),
        "fingerprint_checked": boolean, "index": anything, "name": NAME, "part": part_key,
        "tokens": array(1, 8, token)},
    "piv": TOKEN | {"decryption_slot": SLOT, "signing_slot": SLOT},
    "challenge": TOKEN | {"attestation": like("none"), "decryption_challenge": digits(64),
                          "signing_challenge": digits(64), "slot": integer(1, 2)},
    "target": {
        "account": like("[0-9]{12}"), "console": boolean, "grant": array(0, 256, of("entry of a grant")),
        "grant_sha256": digits(64), "max_window": WINDOW, "mfa": boolean, "name": NAME,
        "may_outlive": array(0, 64, like(r"(?=.{1,128}\Z)[a-z0-9-]+:[A-Za-z0-9*?]+"), ascending),
        "partition": like(PARTITION), "regions": array(1, 32, like(REGION), different),
        "repairs_identity": boolean, "user": like("[A-Za-z0-9+=,.@_-]{1,64}")},
    "entry of a grant": {
        "access": like("read|write"), "conditions": array(0, MANY, like(r"[!-@\[-~]{1,128}"), ascending),
        "service": like("[a-z0-9*?-]{1,126}")},
    "payload": {"alerts?": array(1, 16, channel), "runbook": like("(?s:.*)"),
                "targets": array(1, 256, anything), "version": anything},
    "target of the lane gate": SEALED | {
        "boundary": anything, "boundary_sha256": digits(64), "closer": of("access key"),
        "opener": of("access key")},
    "target of the lane static": SEALED | {"role": anything},
    "access key": {
        "access_key_id": like("[A-Z0-9]{16,128}"), "secret_access_key": like("[A-Za-z0-9/+=]{40}")},
    "MFA device": {"serial_number": anything, "totp_seed": totp_seed},
    "sns": CHANNEL | {"key": of("access key"), "topic_arn": like(
        f"arn:{PARTITION}:sns:{REGION}:[0-9]{{12}}:[A-Za-z0-9_-]{{1,256}}")},
    "pagerduty": CHANNEL | {"routing_key": like("[A-Za-z0-9]{32}"), "url?": url},
    "slack": CHANNEL | {"url": url},
    "webhook": CHANNEL | {
        "secret": lambda value: like("whsec_.*")(value) and 24 <= len(unbase64(value[6:])) <= 64, "url": url},
    "smtp": CHANNEL | {
        "from": MAIL, "host": like("[A-Za-z0-9.:-]{1,253}"), "password?": login, "port": integer(1, 65535),
        "tls": like("implicit|starttls|none"), "to": array(1, 16, MAIL), "username?": login},
    "envelope": {"payload": anything, "payloadType": anything, "signatures": array(1, 1, of("signature"))},
    "signature": {"sig": anything},
    "enrolment": {"attestation": anything, "created": created, "enrolment": digits(32), "name": NAME,
                  "part": part_key, "token": token, "version": anything},
    "attestation": {"chain": array(2, 6, anything), "decryption": anything, "signing": anything}}

def check_manifest(manifest):
    check("manifest", manifest)
    custodians, targets, drill = manifest["custodians"], manifest["targets"], "drill_of" in manifest
    tokens = [token for custodian in custodians for token in custodian["tokens"]]
    indexes = [custodian["index"] for custodian in custodians]
    weak = [c for c in custodians if all(token["kind"] == "challenge" for token in c["tokens"])]
    need(manifest["credentials_epoch"] <= manifest["epoch"], "`credentials_epoch` is above `epoch`")
    need(manifest["threshold"] <= len(custodians), "the threshold is above the number of custodians")
    need(manifest["replaces"] is None or manifest["epoch"] > 1, "a vault of epoch 1 replaces a vault")
    need(manifest["replaces"] is None or not drill, "a drill vault replaces a vault")
    need(not drill or manifest["drill_of"] != manifest["vault_id"], "a drill vault is a drill of itself")
    need(not drill or len(targets) == 1, "a drill vault has more than one target")
    need(canonical(indexes) == canonical([*range(1, len(indexes) + 1)]), "the indexes are not 1, 2, 3 ...")
    for kind, things, names in (
            ("custodians", custodians, ("name", "enrolment", "part")), ("targets", targets, ("name",)),
            ("tokens", tokens, ("serial", "recipient"))):
        for name in names:
            need(different([thing[name] for thing in things]), f"two {kind} have the same {name}")
    need(len(weak) < manifest["threshold"], "a quorum can have only challenge-response tokens")
    for target in targets:
        need(target["mfa"] or manifest["lane"] != "static", "a target of the lane static has no MFA")
        need(target["mfa"] or not target["repairs_identity"], "a target repairs identities but has no MFA")
        entries = [(entry["service"], entry["access"]) for entry in target["grant"]]
        need(ascending(entries), "the summary of a grant is not in order, or has an entry twice")

# The sealed data ("Payload", "Summary of a grant").

def secrets_in(objects):
    names = ("password", "routing_key", "secret", "secret_access_key", "totp_seed", "url")
    return [value[name] for value in objects for name in names if name in value]

def check_target(target, said, lane):
    """Checks that a sealed target has the accepted form and agrees with the manifest."""
    check(f"target of the lane {lane}", target)
    keys = [target[name] for name in ("closer", "emergency", "opener") if name in target]
    mfa = target.get("mfa", {})
    described = target | {
        "console": lane == "static" or any(map(signs_in, target["grant"])), "grant": summary(target["grant"]),
        "grant_sha256": hashlib.sha256(canonical(target["grant"])).hexdigest(), "mfa": "mfa" in target}
    for name, value in said.items():
        need(canonical(described[name]) == canonical(value), f"{name} of a target differs from the manifest")
    arns = {"policy": target.get("boundary"), "role": target.get("role"), "mfa": mfa.get("serial_number")}
    for kind, arn in arns.items():
        form = "arn:{partition}:iam::{account}:".format_map(target) + kind + "/[!-~]{1,512}"
        need(arn is None or like(form)(arn), f"the ARN of a {kind} is not in its target's account")
    need(different([key["access_key_id"] for key in keys]), "two access keys of a target have the same ID")
    shown = [*arns.values(), *target["regions"], target["account"], target["name"], target["user"]]
    need(not any(secret in text for secret in secrets_in([*keys, mfa]) for text in shown if text),
         "a secret is also in another field of its target")

def signs_in(statement):
    """Whether a statement allows sts:GetFederationToken, whose credentials can sign in to the console."""
    named = any(fnmatchcase("sts:getfederationtoken", pattern.lower()) for pattern in patterns(statement))
    return statement["Effect"] == "Allow" and named == ("Action" in statement)

def summary(grant):
    conditions = {}  # by service and access
    for statement in (statement for statement in grant if statement["Effect"] == "Allow"):
        keys = {key.lower() for operator in statement.get("Condition", {}).values() for key in operator}
        for pattern in patterns(statement) if "Action" in statement else ["*"]:
            service, _, name = pattern.lower().partition(":")
            pair = service, "read" if name.startswith(("get", "list", "describe")) else "write"
            conditions[pair] = conditions.get(pair, keys) & keys
    return [{"access": access, "conditions": sorted(keys), "service": service}
            for (service, access), keys in sorted(conditions.items())]

def check_payload(plaintext, manifest):
    text, said = plaintext.rstrip(b" "), manifest["targets"]
    need(len(plaintext) - len(text) < 4096, "its padding is longer than necessary")
    payload = read_json(text)
    check("payload", payload)
    channels, targets = payload.get("alerts", []), payload["targets"]
    names = [channel["name"] for channel in channels]
    need(names == manifest.get("alerts", []), "its alert channels differ from the manifest")
    secrets = secrets_in(channels + [channel["key"] for channel in channels if "key" in channel])
    need(not any(secret in name for secret in secrets for name in names), "a secret is in a channel's name")
    need(len(targets) == len(said), "the manifest has more or fewer targets")
    for target, said_of_it in zip(targets, said):
        check_target(target, said_of_it, manifest["lane"])
        need("drill_of" not in manifest or target["grant"] == [], "a drill vault has a grant that is not empty")
    return payload

# The enrolment file ("Enrolment file", "Attestation").

YUBICO = {  # the SHA-256 of each root, and of the keys of the PIV issuers below this root
    "63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546": (
        "4b185b7783d792f902cd960cd1c9417977d88d3077b16bc9ebdcef7313f2e29e",),
    "62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8": (
        "1cc0b75bbdd4c555fc51af739a1b2a78f89737916e3dd9d8a0dbd194ccf04742",
        "55f17a4e9bc54bee96076f516f81c4d85db16a82105b8d4823ce081040c31a0a",
        "0b137f610ba31167797962eeae04607101df53220aa1d2aa59dc054b92e1ea53")}
ARC, BASIC, USAGE = "1.3.6.1.4.1.41482.", "2.5.29.19", "2.5.29.15"
PKCS1, ECDSA = "1.2.840.113549.1.1.", "1.2.840.10045.4.3."
SIGNATURES = {"RSA": (PKCS1 + "11", PKCS1 + "12", PKCS1 + "13"), "secp256r1": (ECDSA + "2",),
              "secp384r1": (ECDSA + "2", ECDSA + "3")}  # with SHA-256, SHA-384 and SHA-512

def read_certificate(certificate, issuer, allowed):
    """ "Order", "Signatures", "Extensions": returns the extensions by OID. `allowed` is for Yubico's arc."""
    key, algorithm = issuer.public_key(), certificate.signature_algorithm_oid.dotted_string
    is_rsa = isinstance(key, rsa.RSAPublicKey)
    need(not is_rsa or 2048 <= key.key_size <= 4096, "an RSA key does not have 2048 to 4096 bits")
    need(not is_rsa or key.public_numbers().e == 65537, "the exponent of an RSA key is not 65537")
    kind = "RSA" if is_rsa else key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else None
    need(algorithm in SIGNATURES.get(kind, ()), "a certificate has a signature algorithm that is not accepted")
    attempt("a certificate is not signed by its issuer", certificate.verify_directly_issued_by, issuer)
    extensions = attempt("a certificate has an extension twice", lambda: list(certificate.extensions))
    for found in extensions:
        oid = found.oid.dotted_string
        is_yubico = f"{oid}.".startswith(ARC)
        need(re.fullmatch(allowed, oid) or not is_yubico, "an extension of Yubico is not allowed here")
        known = oid in (BASIC, USAGE) or oid.startswith(ARC + "3.")
        need(known or not found.critical, "an unknown extension is critical")
    return {found.oid.dotted_string: found.value for found in extensions}

def check_slot(certificate, device, slot, key, token):
    """ "Authority", "Slot", "Key", "Device", "Policy": checks a slot certificate."""
    found = read_certificate(certificate, device, re.escape(ARC) + "3[.].+")
    need(BASIC not in found or not found[BASIC].ca, "a slot certificate is a CA certificate")
    subject = f"YubiKey PIV Attestation {slot}".encode()  # one common name, as UTF8String or PrintableString
    names = [b"0%1#0!\6\3U\4\3" + bytes([tag, len(subject)]) + subject for tag in (0x0c, 0x13)]
    need(certificate.subject.public_bytes() in names, "a slot certificate is for another slot")
    need(spki(certificate.public_key()) == key, "a slot certificate is for another key")
    version, serial, policy = (getattr(found.get(f"{ARC}3.{number}"), "value", None) for number in (3, 7, 8))
    length = token["serial"].bit_length() // 8 + 1  # as a DER INTEGER
    number = bytes([2, length]) + token["serial"].to_bytes(length, "big")
    need(serial == number, "a slot certificate has another serial number")
    firmware = bytes(map(int, token["firmware"].split(".")))
    need(version == firmware, "a slot certificate has another firmware version")
    need(policy in (b"\2\2", b"\3\2"), "a key can be used without PIN or without touch")

def attested_by(attestation, token):
    """Returns the value that `token.attestation` must have."""
    if attestation is None:
        return "none"
    need(token["kind"] == "piv", "a challenge-response token cannot be attested")
    check("attestation", attestation)
    decryption, signing, *chain = [
        attempt("a certificate cannot be read", x509.load_der_x509_certificate, unbase64(text))
        for text in (attestation["decryption"], attestation["signing"], *attestation["chain"])]
    for below, (certificate, issuer) in enumerate(zip(chain, chain[1:] + chain[-1:])):
        found = read_certificate(certificate, issuer, "none" if below else re.escape(ARC) + "3[.](3|10|11)")
        basic = found.get(BASIC)
        need(basic.ca if basic else below == 0, "a certificate of the chain is not a CA certificate")
        need(not basic or basic.path_length in (None, *range(below, 256)), "a path length is not accepted")
        need(USAGE not in found or found[USAGE].key_cert_sign, "a certificate is not allowed to sign others")
    check_slot(decryption, chain[0], token["decryption_slot"], spki(p256(token_key(token))), token)
    check_slot(signing, chain[0], token["signing_slot"], unbase64(token["signing_key"]), token)
    issuers = YUBICO.get(chain[-1].fingerprint(hashes.SHA256()).hex())
    issuer = hashlib.sha256(spki(chain[1].public_key())).hexdigest()
    need(not issuers or issuer in issuers, "its issuer is not a PIV issuer of Yubico")
    return "yubico" if issuers else "other"

def read_enrolment(data):
    with step("invalid", "parse"):
        need(len(data) <= 64 * 1024, "it is longer than 64 KiB")
        need(data.endswith(b"\n"), "its last line has no line end")
        envelope = read_json(data.removesuffix(b"\n"))
        check("envelope", envelope)
        kind = "application/vnd.breakglass.enrolment.v1+json"
        need(envelope["payloadType"] == kind, "its payload has an unknown type or version")
        payload, signature = map(unbase64, (envelope["payload"], envelope["signatures"][0]["sig"]))
        enrolment = read_json(payload)
        check("enrolment", enrolment)
        token, signed = enrolment["token"], f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
        key = p256(unbase64(token["signing_key"])[-65:])
        attempt("its signature is not valid", key.verify, signature, signed, ec.ECDSA(hashes.SHA256()))
        attested = attested_by(enrolment["attestation"], token)
        need(attested == token["attestation"], "`token.attestation` differs from the result of the checks")
        return enrolment
