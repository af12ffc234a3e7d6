#!/usr/bin/env python3
"""Opens a breakglass vault without breakglass, for recovery if breakglass is not available.

  recover.py inspect production.vault
  recover.py open production.vault --custodian alice bob --pkcs11 /usr/lib/libykcs11.so --answer 20000001
  recover.py open test.vault --custodian alice bob --key 10000010=alice.hex 10000020=bob.hex
  recover.py vectors tests/vectors

`open` asks each custodian for the twelve words, and then uses one of the custodian's tokens. A PIV token
must be plugged in (--pkcs11), and needs its PIN and a touch. For a challenge-response token (--answer), the
custodian types the token's answer.

WARNING: this program prints secrets, and Python cannot wipe memory. Use a machine that is offline, and erase
the machine afterwards. A vault is not signed: compare the words that `inspect` prints with the words that
were read out when the vault was sealed.

This program was written from vault-format.md alone. Its comments name the sections that have the rules. It
needs vault.schema.json in the same directory, Python 3.11 or later, and the packages bech32, cryptography,
jsonschema, mnemonic, pyshamir, rfc8785 and, for --pkcs11, PyKCS11. vault-format.md has the tested versions.
"""
import argparse, base64, collections, contextlib, datetime, fnmatch, functools, getpass, hashlib, hmac
import itertools, json, pathlib, re, sys, warnings, zlib

import bech32, jsonschema, mnemonic, pyshamir, rfc8785
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, hpke, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

class Failure(ValueError):
    """The error for a requirement that is not met. Its text contains no secret."""
    def __str__(self):
        return f"{self.kind} at {self.step}: {self.args[0]}. Next: see \"Failures\" in vault-format.md."
def need(holds, message, kind=None):
    """Fails if a requirement that this program checks itself is not met."""
    if not holds:
        raise Failure(message, kind)
def attempt(message, call, *arguments):
    """Fails if the library fails. The library's error is not shown, because it can quote the input."""
    try:
        return call(*arguments)
    except Exception:
        raise Failure(message, None) from None
@contextlib.contextmanager
def step(kind, at, index=None):
    """Gives each failure inside the block its class and step (see "Failures") and the custodian at fault."""
    try:
        yield
    except Failure as failure:
        failure.kind, failure.step, failure.index = failure.args[1] or kind, at, index
        raise

# Encodings and keys ("Conventions and definitions", "Recipients").
def sha256(data): return hashlib.sha256(data).digest()
def hmac256(key, data): return hmac.digest(key, data, "sha256")
def hkdf(ikm, salt, info): return hmac256(hmac256(salt, ikm), info + b"\1")  # the first block, 32 bytes
def canonical(value): return attempt("a value has no canonical JSON", rfc8785.dumps, value)
def unbase64(text):
    """Decodes base64 without padding. The result is encoded again, to accept only the canonical form."""
    data = attempt("a text is not base64", base64.b64decode, text + b"=" * (-len(text) % 4))
    need(base64.b64encode(data).rstrip(b"=") == text, "base64 is not in canonical form")
    return data
def spki(key):  # in DER; the last bytes are the point of P-256 or the X25519 key
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
def p256(point):
    read = ec.EllipticCurvePublicKey.from_encoded_point
    return attempt("a point is not on P-256", read, ec.SECP256R1(), point)
def x25519(key):
    need(int.from_bytes(key, "little") < 2 ** 255 - 19, "an X25519 key is not below p")
    public, any_key = X25519PublicKey.from_public_bytes(key), X25519PrivateKey.from_private_bytes(bytes(32))
    attempt("an X25519 key is of small order", any_key.exchange, public)  # X25519 with such a key gives zeros
    return key
def recipient(text, prefix, length):
    values = [bech32.CHARSET.find(character) for character in text[len(prefix) + 1:-6]]
    data = bytes(bech32.convertbits(values, 5, 8) or ())[:len(values) * 5 // 8]
    again = bech32.bech32_encode(prefix, bech32.convertbits(data, 8, 5))
    need(again == text, "a recipient does not have its kind, or is not in canonical Bech32")
    need(len(data) == length, "a recipient is too short or too long")
    return data
def part_key(text):
    key, read = recipient(text, "age1pq", 1216), mlkem.MLKEM768PublicKey.from_public_bytes
    attempt("a coefficient of a part's ML-KEM key is not below q", read, key[:1184])
    return key[:1184] + x25519(key[1184:])
def piv_key(text): return spki(p256(recipient(text, "age1tag", 33)))[-65:]
def challenge_key(text): return x25519(recipient(text, "age", 32))
def token_key(token): return {"piv": piv_key, "challenge": challenge_key}[token["kind"]](token["recipient"])
def signing_key(text): return p256(base64.b64decode(text)[-65:])

# Accepted forms. vault.schema.json has the form of each field. The functions in FORMATS check its formats.
SCHEMA = json.loads(pathlib.Path(__file__).with_name("vault.schema.json").read_bytes())
FORMATS = jsonschema.FormatChecker(())
for name, read in {
        "age-recipient": challenge_key, "age1pq-recipient": part_key, "age1tag-recipient": piv_key,
        "at-most-255-bytes": lambda text: need(len(text.encode()) <= 255, "a text is longer than 255 bytes"),
        "date-time": datetime.datetime.fromisoformat, "p256-spki": signing_key}.items():
    FORMATS.checks(name, ValueError)(lambda value, read=read: not isinstance(value, str) or [read(value)])
def check(kind, value):
    """Compares a value with the schema. The message names the field and its form, and quotes no value."""
    schema = SCHEMA | {"$ref": f"#/$defs/{kind}"}
    for error in jsonschema.Draft202012Validator(schema, format_checker=FORMATS).iter_errors(value):
        path = list(error.absolute_schema_path)
        fields = [kind] + [name for key, name in zip(path, path[1:]) if key == "properties"]
        form = f"{error.validator}: {error.schema.get('description', 'see vault.schema.json')}"
        raise Failure(f"`{'.'.join(fields)}` is not in the accepted form ({form})", None)
def read_json(data, kind):
    """Returns canonical JSON of a kind that the schema defines."""
    def number(text): return int(text) if len(text) < 16 else float(text)  # JSON's numbers are doubles
    value = attempt("it is not JSON", lambda: json.loads(data.decode(), parse_int=number))
    need(canonical(value) == data, "its JSON is not in canonical form")
    brackets = re.sub(rb'"([^"\\]|\\.)*"|[^][{}]', b"", data)  # outside strings
    levels = itertools.accumulate(1 if bracket in b"[{" else -1 for bracket in brackets)
    need(max(levels, default=0) <= 127, "its JSON is nested too deep")
    check(kind, value)
    return value
def check_token(token):
    what = "slot" if token["kind"] == "piv" else "challenge"
    need(token[f"decryption_{what}"] != token[f"signing_{what}"], f"a token has the same {what} twice")
def check_order(targets):
    for target in targets:
        for name, values in [("grant", [(entry["service"], entry["access"]) for entry in target["grant"]]),
                             ("may_outlive", target["may_outlive"]),
                             *(("conditions", entry["conditions"]) for entry in target["grant"])]:
            need(values == sorted(set(values)), f"`{name}` is not in order, or has an entry twice")
def check_manifest(manifest):
    """Checks the rules of "Manifest stanza" for several fields together."""
    custodians, targets, threshold = manifest["custodians"], manifest["targets"], manifest["threshold"]
    tokens = [token for custodian in custodians for token in custodian["tokens"]]
    weak = [c for c in custodians if all(token["kind"] == "challenge" for token in c["tokens"])]
    need(manifest["credentials_epoch"] <= manifest["epoch"], "`credentials_epoch` is above `epoch`")
    need(threshold <= len(custodians), "the threshold is above the number of custodians")
    need(manifest.get("drill_of") != manifest["vault_id"], "a drill vault is a drill of itself")
    need([c["index"] for c in custodians] == [*range(1, len(custodians) + 1)], "the indexes are not 1, 2 ...")
    need(len(weak) < threshold, "a quorum can have only challenge-response tokens")
    for kind, things, names in (("custodians", custodians, ("name", "enrolment", "part")),
                                ("targets", targets, ("name",)), ("tokens", tokens, ("serial", "recipient"))):
        for name in names:
            need(len({thing[name] for thing in things}) == len(things), f"two {kind} have the same {name}")
    for token in tokens:
        check_token(token)
    check_order(targets)

# The sealed data ("Payload").
SECRETS = ("password", "routing_key", "secret", "secret_access_key", "totp_seed", "url")
def secrets_in(objects): return [value[name] for value in objects for name in SECRETS if name in value]
def summary(grant):
    """Returns the summary of a grant, and whether its credentials can sign in to the console."""
    conditions, signs_in = {}, False
    for statement in (statement for statement in grant if statement["Effect"] == "Allow"):
        actions = statement.get("Action", statement.get("NotAction"))
        patterns = [pattern.lower() for pattern in (actions if isinstance(actions, list) else [actions])]
        named = any(fnmatch.fnmatchcase("sts:getfederationtoken", pattern) for pattern in patterns)
        signs_in |= named == ("Action" in statement)
        keys = {key.lower() for operator in statement.get("Condition", {}).values() for key in operator}
        for pattern in patterns if "Action" in statement else ["*"]:
            service, _, name = pattern.partition(":")
            pair = service, "read" if name.startswith(("get", "list", "describe")) else "write"
            conditions[pair] = conditions.get(pair, keys) & keys
    return [{"access": access, "conditions": sorted(keys), "service": service}
            for (service, access), keys in sorted(conditions.items())], signs_in
def check_target(target, said, manifest):
    """Checks that a sealed target has the accepted form and agrees with the manifest."""
    check(f"{manifest['lane']}Target", target)
    (grant, signs_in), mfa = summary(target["grant"]), target.get("mfa", {})
    described = target | {"console": manifest["lane"] == "static" or signs_in, "grant": grant,
                          "mfa": "mfa" in target, "grant_sha256": sha256(canonical(target["grant"])).hex()}
    for name, value in said.items():
        need(canonical(described[name]) == canonical(value), f"{name} of a target differs from the manifest")
    keys = [target[name] for name in ("closer", "emergency", "opener") if name in target]
    arns = [(target | mfa)[name] for name in ("boundary", "role", "serial_number") if name in target | mfa]
    account = "arn:{partition}:iam::{account}:".format_map(target)
    need(all(arn.startswith(account) for arn in arns), "an ARN is not in its target's account")
    need(len({key["access_key_id"] for key in keys}) == len(keys), "two access keys of a target are the same")
    shown = [manifest["label"], target["name"], target["user"], *arns, *target["may_outlive"], *target["regions"]]
    lower = [text for entry in grant for text in (entry["service"], *entry["conditions"])]
    for secret in secrets_in([*keys, mfa]):
        need(not any(secret in text for text in shown), "a secret is also in another field")
        need(not any(secret.lower() in text for text in lower), "a secret is in the summary of a grant")
def check_payload(plaintext, manifest):
    text, said = plaintext.rstrip(b" "), manifest["targets"]
    need(len(plaintext) - len(text) < 4096, "its padding is longer than necessary")
    payload = read_json(text, "payload")
    channels, targets = payload.get("alerts", []), payload["targets"]
    names = [channel["name"] for channel in channels]
    need(names == manifest.get("alerts", []), "its alert channels differ from the manifest")
    secrets = secrets_in(channels + [channel.get("key", {}) for channel in channels])
    need(not any(secret in name for secret in secrets for name in names), "a secret is in a channel's name")
    need(len(targets) == len(said), "the manifest has more or fewer targets")
    for target, said_of_it in zip(targets, said):
        check_target(target, said_of_it, manifest)
        need("drill_of" not in manifest or not target["grant"], "a drill vault has a grant that is not empty")
    return payload

# The enrolment file ("Enrolment file", "Attestation").
def check_certificate(kind, certificate, issuer, below=0):
    """Compares a certificate with the schema. Returns the values of the extensions 41482.3.x, by x."""
    attempt("a certificate is not signed by its issuer", certificate.verify_directly_issued_by, issuer)
    found = attempt("a certificate has an extension twice", lambda: list(certificate.extensions))
    values, key = {extension.oid.dotted_string: extension.value for extension in found}, issuer.public_key()
    basic, usage, is_rsa = values.get("2.5.29.19"), values.get("2.5.29.15"), isinstance(key, rsa.RSAPublicKey)
    algorithm = certificate.signature_algorithm_oid.dotted_string
    check(kind, {
        "ca": basic and basic.ca, "key_cert_sign": usage and usage.key_cert_sign,
        "extensions": {extension.oid.dotted_string: extension.critical for extension in found},
        "rsa_bits": is_rsa and key.key_size, "rsa_exponent": is_rsa and key.public_numbers().e,
        "signed": f"{type(getattr(key, 'curve', key)).__name__} {algorithm}"})
    need(not basic or basic.path_length in (None, *range(below, 256)), "a path length is not accepted")
    return {oid[20:]: value.value for oid, value in values.items() if oid.startswith("1.3.6.1.4.1.41482.3.")}
def check_attestation(attestation, token):
    """Checks the certificates of a token. Each slot certificate has one common name, of one of two types."""
    def read(text):
        return attempt("a certificate cannot be read", x509.load_der_x509_certificate, base64.b64decode(text))
    chain = [read(text) for text in attestation["chain"]]
    for below, (certificate, issuer) in enumerate(zip(chain, chain[1:] + chain[-1:])):
        check_certificate("issuerCertificate" if below else "deviceCertificate", certificate, issuer, below)
    for use, key in ("decryption", p256(token_key(token))), ("signing", signing_key(token["signing_key"])):
        certificate, slot = read(attestation[use]), token[f"{use}_slot"]
        subject = f"YubiKey PIV Attestation {slot}".encode()
        said = check_certificate("slotCertificate", certificate, chain[0])
        names = [b"0%1#0!\6\3U\4\3" + bytes([tag, len(subject)]) + subject for tag in (0x0c, 0x13)]
        need(certificate.subject.public_bytes() in names, "a slot certificate is for another slot")
        need(certificate.public_key() == key, "a slot certificate is for another key")
        firmware, serial = bytes(map(int, token["firmware"].split("."))), asn1.encode_der(token["serial"])
        need(said.get("3") == firmware, "a slot certificate has another firmware version")
        need(said.get("7") == serial, "a slot certificate has another serial number")
        need(said.get("8") in (b"\2\2", b"\3\2"), "a key can be used without PIN or without touch")
    root, issuer = chain[-1].fingerprint(hashes.SHA256()), sha256(spki(chain[1].public_key()))
    check("attested", {"attestation": token["attestation"], "chain": f"{root.hex()} {issuer.hex()}"})
def read_envelope(data, kind):
    """Returns the payload and its type, and a function that checks the signature with a key."""
    need(data.endswith(b"\n"), "its last line has no line end")
    envelope = read_json(data.removesuffix(b"\n"), kind)
    payload, signature = map(base64.b64decode, (envelope["payload"], envelope["signatures"][0]["sig"]))
    signed = b"DSSEv1 %d %%b %d %%b" % (len(envelope["payloadType"]), len(payload))
    signed, ecdsa = signed % (envelope["payloadType"].encode(), payload), ec.ECDSA(hashes.SHA256())
    def verify(key): attempt("its signature is not valid", signing_key(key).verify, signature, signed, ecdsa)
    return payload, envelope["payloadType"], verify
def read_enrolment(data):
    with step("invalid", "parse"):
        need(len(data) <= 64 * 1024, "it is longer than 64 KiB")
        payload, _, verify = read_envelope(data, "enrolmentEnvelope")
        enrolment = read_json(payload, "enrolment")
        token = enrolment["token"]
        check_token(token)
        verify(token["signing_key"])
        if enrolment["attestation"]:
            check_attestation(enrolment["attestation"], token)
        return enrolment

# The vault ("Vault file"): step 1 of "Order of checks".
Vault = collections.namedtuple("Vault", "digest manifest custodians halves covered mac nonce chunks")
def read_halves(body, tokens):
    """ "Two halves": returns `enc` and the body of each half, after the checks that need no secret."""
    before, *texts = body.decode("latin-1").split("-> ")
    need(not before and len(texts) == len(tokens) + 1, "a share has too few or too many halves")
    halves = []
    for text, token in zip(texts, [*tokens, {"kind": "part"}]):
        check(f"{token['kind']}Half", text)
        *hint, enc, sealed = [unbase64(field.encode()) for field in text.split()[1:]]
        if hint:
            tagged = enc + sha256(recipient(token["recipient"], "age1tag", 33))[:4]
            tag = hmac256(b"age-encryption.org/p256tag", tagged)[:4]
            need(p256(enc) and hint == [tag], "the half of a token is for another token")
        halves.append((enc, sealed))
    return halves
def read_vault(data, wanted=None):
    with step("damaged", "parse"):
        if data.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----\n"):
            check("armor", data.decode("latin-1"))
            data = unbase64(b"".join(data.split(b"\n")[1:-2]).rstrip(b"="))
        covered = data.partition(b"\n--- ")[0] + b"\n---"
        header, sealed = data[:len(covered) + 45].decode("latin-1"), data[len(covered) + 45:]
        check("header", header)
        stanzas = [text.partition("\n") for text in header.partition("\n---")[0].split("\n-> ")[1:]]
        bodies = [unbase64(body.replace("\n", "").encode()) for _, _, body in stanzas]
        chunks = [sealed[at:at + 64 * 1024 + 16] for at in range(16, len(sealed), 64 * 1024 + 16)] or [b""]
        check("lengths", {"header": len(header), "last_chunk": len(chunks[-1]), "manifest": len(bodies[0]),
                          "payload": sum(map(len, chunks)) - 16 * len(chunks)})
        manifest = read_json(bodies[0], "manifest")
        check_manifest(manifest)
        custodians, lines = manifest["custodians"], [line for line, _, _ in stanzas]
        if len(lines) == len(custodians) + 2 and lines[-1].split()[0].endswith("-grease"):
            lines.pop()
        expected = ["breakglass/manifest v1", *(f"breakglass/share {n + 1}" for n in range(len(custodians)))]
        need(lines == expected, "it does not have one share per custodian, in order")
        halves = [read_halves(body, custodian["tokens"]) for body, custodian in zip(bodies[1:], custodians)]
        need(wanted != ("vault" if "drill_of" in manifest else "drill"),
             "a vault is expected, but it is a drill vault, or the reverse", "wrong kind")
        mac = unbase64(header[-44:-1].encode())
    return Vault(sha256(data), manifest, custodians, halves, covered, mac, sealed[:16], chunks)

# The shares ("Share stanzas"): steps 2 and 3 of "Order of checks".
BIP39 = mnemonic.Mnemonic("english")
CUT = {word[:length]: word for word in BIP39.wordlist for length in (*range(4, len(word)), len(word))}
@ec.EllipticCurvePrivateKey.register
class KeyInToken(collections.namedtuple("KeyInToken", "public_key exchange")):
    """A private key that a token holds, in the form that cryptography's HPKE accepts."""
    curve = ec.SECP256R1()
def decrypt(key, nonce, sealed):
    return attempt("the encrypted data was changed", ChaCha20Poly1305(key).decrypt, nonce, sealed, None)
def open_half(kem, private, half, info):
    """ "PIV half", "Part half": decrypts with HPKE."""
    suite = hpke.Suite(kem, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    return attempt("a half was changed", suite.decrypt, b"".join(half), private, info)
def part_keys(seed, enrolment):
    """ "Part half": returns the X-Wing private key and public key of a part for an enrolment."""
    identity = hkdf(seed, bytes.fromhex(enrolment), b"breakglass/part mlkem768x25519 v1")
    keys = hashlib.shake_256(identity).digest(96)
    ml_kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(keys[:64])
    x = X25519PrivateKey.from_private_bytes(keys[64:])
    public = ml_kem.public_key().public_bytes_raw() + x.public_key().public_bytes_raw()
    return hpke.MLKEM768X25519PrivateKey(ml_kem, x), public
def open_part(vault, custodian, text):
    """Returns `b` of a custodian, given the custodian's words. Only the case of ASCII letters is changed."""
    index, words = custodian["index"], [CUT.get(word.encode().lower().decode()) for word in text.split()]
    with step("invalid words", "words", index):
        need(all(words), "a word is not in the list, or is cut too short")
        need(len(words) == 12, "there are not exactly twelve words")
        need(BIP39.check(" ".join(words)), "the checksum of the words is wrong")
        seed = BIP39.to_seed(" ".join(words))
        keys = {other["index"]: part_keys(seed, other["enrolment"]) for other in vault.custodians}
        owners = [c["index"] for c in vault.custodians if keys[c["index"]][1] == part_key(c["part"])]
        need(owners, "the words belong to no enrolment of this vault", "unknown words")
        need(index in owners, "the words belong to another custodian", "words of another custodian")
    with step("damaged", "share", index):
        private, half = keys[index][0], vault.halves[index - 1][-1]
        return open_half(hpke.KEM.MLKEM768_X25519, private, half, b"age-encryption.org/mlkem768x25519")
def open_share(vault, custodian, b, serial, use):
    """Returns a custodian's share, given `b` and a token: its serial number and the function that uses it."""
    index, enrolment = custodian["index"], bytes.fromhex(custodian["enrolment"])
    with step("wrong token", "token", index):
        serials = [entry["serial"] for entry in custodian["tokens"]]
        need(serial in serials, "this custodian has no such token")
        entry = custodian["tokens"][serials.index(serial)]
        enc, sealed = vault.halves[index - 1][serials.index(serial)]
        if entry["kind"] == "piv":
            private = use(entry)
        else:  # "Challenge-response tokens"
            sent = b"breakglass/challenge v1" + enrolment + bytes.fromhex(entry["decryption_challenge"])
            answer, info = use(entry, hashlib.sha512(sent).digest()), b"breakglass/challenge x25519 v1"
            private = answer and X25519PrivateKey.from_private_bytes(hkdf(answer, enrolment, info))
        need(private and spki(private.public_key()).endswith(token_key(entry)),
             f"the {entry['kind']} token does not have the enrolled key")
    # A failure of the token says nothing about the file.
    dh = private.exchange(ec.ECDH(), p256(enc)) if entry["kind"] == "piv" else None
    with step("damaged", "share", index):
        if entry["kind"] == "piv":
            private = KeyInToken(private.public_key, lambda *_: dh)
            a = open_half(hpke.KEM.P256, private, (enc, sealed), b"age-encryption.org/p256tag")
        else:
            dh = attempt("X25519 gives zero", private.exchange, X25519PublicKey.from_public_bytes(enc))
            a = decrypt(hkdf(dh, enc + token_key(entry), b"age-encryption.org/v1/X25519"), bytes(12), sealed)
        share = bytes(x ^ y for x, y in zip(a, b, strict=True))
        bare = [{name: c[name] for name in c if name != "commitment"} for c in vault.custodians]
        digest = sha256(canonical(vault.manifest | {"custodians": bare}))
        commitment = sha256(b"breakglass/commitment v1" + digest + bytes([index]) + share).hex()
        need(commitment == custodian["commitment"], "a share does not match its commitment")
        return share
def combine(shares):
    """ "Splitting the file key": returns the value at x = 0. The library expects x after each share."""
    return bytes(pyshamir.combine([bytearray(share + bytes([x])) for x, share in shares.items()]))
def open_payload(vault, key):
    """Decrypts with the file key, and returns the plaintext and the payload."""
    with step("damaged", "open"):
        mac = hmac256(hkdf(key, b"", b"header"), vault.covered)
        need(hmac.compare_digest(mac, vault.mac), "the header's MAC does not match")
        key, last = hkdf(key, vault.nonce, b"payload"), len(vault.chunks) - 1
        plaintext = b"".join(decrypt(key, count.to_bytes(11, "big") + bytes([count == last]), chunk)
                             for count, chunk in enumerate(vault.chunks))
        return plaintext, check_payload(plaintext, vault.manifest)

# The tokens. A function that uses a token returns its PIV private key, if any, or its answer to `sent`.
def software_token(text, slots, entry, sent=None):
    """Uses a P-256 key or a challenge-response secret in hex. `slots` has the slot of each, if only one is used."""
    if slots and entry["slot" if sent else "decryption_slot"] not in slots:
        return None
    key = bytes.fromhex(text)
    return hmac.digest(key, sent, "sha1") if sent else ec.derive_private_key(int.from_bytes(key), ec.SECP256R1())
def typed_answer(entry, sent):
    """A challenge-response token on any machine, whose answer a person types."""
    serial, slot = entry["serial"], entry["slot"]
    print(f"On the machine with token {serial}, run: ykchalresp -{slot} -x {sent.hex()}", file=sys.stderr)
    return bytes.fromhex(getpass.getpass("Its answer, 40 hex digits: "))
def plugged_in_tokens(module):
    """Returns a function for each PIV token that is plugged in. In libykcs11, the key id of slot 82 is 5."""
    import PyKCS11 as p11
    library = p11.PyKCS11Lib()
    library.load(module)
    slots = {library.getTokenInfo(slot).serialNumber.strip(): slot for slot in library.getSlotList(True)}
    def use(entry):
        session = library.openSession(slots[str(entry["serial"])])
        session.login(getpass.getpass(f"PIN of token {entry['serial']}: "))
        def read(found, attribute): return bytes(session.getAttributeValue(found, [attribute])[0])
        key_id = (p11.CKA_ID, [int(entry["decryption_slot"], 16) - 0x82 + 5])
        public, private = (session.findObjects([(p11.CKA_CLASS, kind), key_id])
                           for kind in (p11.CKO_PUBLIC_KEY, p11.CKO_PRIVATE_KEY))
        def exchange(_, peer):
            template = [(p11.CKA_CLASS, p11.CKO_SECRET_KEY), (p11.CKA_KEY_TYPE, p11.CKK_GENERIC_SECRET),
                        (p11.CKA_TOKEN, False), (p11.CKA_SENSITIVE, False), (p11.CKA_EXTRACTABLE, True),
                        (p11.CKA_VALUE_LEN, 32)]
            mechanism = p11.ECDH1_DERIVE_Mechanism(spki(peer)[-65:])
            return read(session.deriveKey(private[0], template, mechanism), p11.CKA_VALUE)
        return KeyInToken(lambda: p256(read(public[0], p11.CKA_EC_POINT)[-65:]), exchange) if public else None
    return dict.fromkeys(slots, use)

# The commands.
def read_file(path): return pathlib.Path(path).open("rb").read(1420214)  # "Limits"
def inspect(arguments):
    data = read_file(arguments.file)
    digest, content, *_ = (sha256(data), read_enrolment(data)) if data.startswith(b"{") else read_vault(data)
    words = " ".join(BIP39.to_mnemonic(digest).split()[:6])  # "Digests as words"
    print(f"{json.dumps(content, indent=2)}\nSHA-256 {digest.hex()}, read out: {words}")
def open_vault(arguments):
    vault, shares = read_vault(read_file(arguments.file), "drill" if arguments.drill else "vault"), {}
    people = [custodian for custodian in vault.custodians if custodian["name"] in arguments.custodian]
    if len(people) < max(vault.manifest["threshold"], len(set(arguments.custodian))):
        sys.exit(f"Name {vault.manifest['threshold']} or more custodians of the vault after --custodian.")
    for custodian in people:
        name, b = custodian["name"], None
        while not b:
            try:
                b = open_part(vault, custodian, getpass.getpass(f"The twelve words of {name}: "))
            except Failure as failure:
                if failure.step != "words":
                    raise
                print(failure, file=sys.stderr)
        tokens = {serial: functools.partial(software_token, pathlib.Path(file).read_text(), None)
                  for serial, file in arguments.key} | dict.fromkeys(arguments.answer, typed_answer)
        tokens |= plugged_in_tokens(arguments.pkcs11) if arguments.pkcs11 else {}
        serials = [entry["serial"] for entry in custodian["tokens"] if str(entry["serial"]) in tokens]
        if not serials:
            sys.exit(f"Plug in a token of {name} and pass --pkcs11, or pass --answer.")
        shares[custodian["index"]] = open_share(vault, custodian, b, serials[0], tokens[str(serials[0])])
    print(json.dumps(open_payload(vault, combine(shares))[1], indent=2).replace("\x7f", "\\u007f"))
def read_vector(path):
    """ "Test vectors": returns the lines of a vector, their values by name, and the file."""
    head, _, data = path.read_bytes().partition(b"\n\n")
    facts = dict(line.split(": ", 1) for line in head.decode().split("\n"))
    data = base64.b64decode(data) if facts["form"] == "binary" or "compressed" in facts else data
    return head.decode().split("\n"), facts, zlib.decompress(data) if "compressed" in facts else data
def run_vector(path):
    """Returns the lines of a vector, and the lines that this reader finds."""
    (lines, facts, data), shares, found = read_vector(path), {}, ["expect: success"]
    custodians = "\n".join(lines).split("\ncustodian: ")[1:]
    try:
        if facts["form"] == "enrolment":
            read_enrolment(data)
            return lines, found
        vault = read_vault(data, facts.get("wanted"))
        for index in map(int, facts["shares from"].split()):
            custodian = vault.custodians[index - 1]
            part, *tokens = re.findall("^(?:part|token): (.*)$", custodians[index - 1], re.MULTILINE)
            b = open_part(vault, custodian, part)
            for serial, secret in map(str.split, tokens):  # the slots of every vector
                use = functools.partial(software_token, secret, ("82", 2))
                shares[index] = open_share(vault, custodian, b, int(serial), use)
                found.append(f"share: {shares[index].hex()}")
        key = combine(shares)
        found += [f"file key: {key.hex()}", f"payload: {sha256(open_payload(vault, key)[0]).hex()}"]
    except Failure as failure:
        found = [f"expect: {failure.kind}", f"step: {failure.step}"]
        found += [f"at fault: {failure.index}"] if failure.index else []
    return lines, found
def vectors(arguments):
    """Prints each difference between the results of this reader and the vectors of vaults and enrolments."""
    return compare(pathlib.Path(arguments.file).glob("*.txt"), r"form: (?!statement)", run_vector)
def compare(paths, form, run):
    paths, wrong = sorted(path for path in paths if re.search(form.encode(), path.read_bytes())), 0
    for path in paths:
        lines, found = run(path)
        result = {line for line in lines if line.startswith(("expect: ", "step: ", "at fault: "))}
        if not result <= set(found) <= set(lines):
            wrong += 1
            print(f"{path.name}: this reader finds {found}")
    print(f"{len(paths) - wrong} of {len(paths)} vectors agree")
    return 0 if paths and not wrong else 1
def main():
    warnings.simplefilter("error", getpass.GetPassWarning)  # words are never echoed
    commands = {"inspect": inspect, "open": open_vault, "vectors": vectors}
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = cli.add_argument
    add("command", choices=commands)
    add("file", metavar="FILE")
    add("--custodian", metavar="NAME", nargs="+", default=[], help="as many as the threshold, or more")
    add("--pkcs11", metavar="MODULE", help="the PKCS #11 module of PIV tokens")
    add("--answer", metavar="SERIAL", nargs="+", default=[], help="challenge-response tokens, on any machine")
    add("--key", metavar="SERIAL=FILE", type=lambda text: text.split("=", 1), nargs="+", default=[],
        help="for tests: files with the keys of tokens in hex")
    add("--drill", action="store_true", help="expect a drill vault")
    arguments = cli.parse_args()
    try:
        sys.exit(commands[arguments.command](arguments))
    except Exception as error:  # the texts of other errors can quote secrets
        shown = isinstance(error, (Failure, ImportError, OSError)) or type(error).__name__ == "PyKCS11Error"
        sys.exit(str(error) if shown else f"{type(error).__name__} in this program. The file can be intact.")

if __name__ == "__main__":
    main()
