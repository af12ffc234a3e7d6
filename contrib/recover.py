#!/usr/bin/env python3
"""Opens a breakglass vault without breakglass: the recovery path when the program is not at hand.

  recover.py inspect production.vault
  recover.py open production.vault --custodian alice bob --pkcs11 /usr/lib/libykcs11.so
  recover.py open test.vault --custodian alice bob --key alice=alice.pem --key bob=bob.hex
  recover.py vectors tests/vectors

`open` asks each custodian for their twelve words on the terminal, and with --pkcs11 for their PIN and a touch.

WARNING: it prints secrets, and Python cannot wipe memory. Use a machine that is offline and is erased afterwards.
A vault is not signed: compare the words that `inspect` prints with those that were read out when it was sealed.

Written from vault-format.md alone, as a second reader of the format; comments name the section that a rule is from.
Needs Python 3.11 or later and, from PyPI, cryptography, kyber-py, mnemonic (the English word list of BIP-39), rfc8785
and for --pkcs11 PyKCS11 (1.5.20). It is tested with the versions in tests/rig/aws/requirements.txt.
"""
import argparse, base64, contextlib, datetime, getpass, hashlib, hmac, json, re, sys, warnings
from pathlib import Path
from types import SimpleNamespace

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from kyber_py.ml_kem import ML_KEM_768
from mnemonic import Mnemonic

KIB, CHUNK = 1024, 64 * 1024 + 16
BIP39 = Mnemonic("english")
NEXT = {  # "Failures"
    "damaged": "take another copy of the file", "another kind": "take the other file",
    "invalid": "ask its custodian for the file again", "no part": "look for the word that was misread",
    "words of another": "take the right person's sheet", "words of nobody": "take this enrolment's sheet",
    "another token": "take the enrolled token"}

class Failure(Exception):
    """A class of "Failures", the step where it happened, and the index of whose it is. No secret is in its text."""
    def __init__(self, kind, at, text, who=None):
        super().__init__(f"{kind}, at {at}: {text}. What to do next: {NEXT[kind]}.")
        self.kind, self.at, self.who = kind, at, who

class Refused(Exception):
    """A rule that does not hold, in our words. Those of libraries may quote what they read, and are not shown."""

def need(holds, text):
    if not holds:
        raise Refused(text)

@contextlib.contextmanager
def failing_as(kind, at, what, who=None):
    """Whatever is refused within, by us or a library, is a failure of this class."""
    try:
        yield
    except Exception as error:
        why = error if isinstance(error, Refused) else "it is not as specified, or was changed"
        raise Failure(kind, at, f"{what}: {why}", who) from None

# Encodings ("Conventions"). Only the canonical form is accepted: what was decoded is encoded again and compared.

def unbase64(text):
    data = base64.b64decode(text)
    need(base64.b64encode(data) == text.encode(), "base64 is not in canonical form")
    return data

def unbase64_bare(raw): return unbase64((raw + b"=" * (-len(raw) % 4)).decode())  # without padding

def depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)

def read_json(data):
    def number(text):  # JSON's numbers are doubles; below 2^53 they are exact
        return int(text) if abs(int(text)) < 2 ** 53 else float(text)
    value = json.loads(data.decode(), parse_int=number)
    version = value.get("version", 1)
    need(type(version) is not int or version == 1, "it is of a version that this program does not know")  # "Versions"
    need(rfc8785.dumps(value) == data, "its JSON is not in canonical form")
    need(depth(value) <= 127, "its JSON is nested too deep")
    return value

def bech32(text, prefix):
    need(text.startswith(prefix + "1"), f"a recipient is not of the kind {prefix}")
    values, check = ["qpzry9x8gf2tvdw0s3jn54khce6mua7l".find(c) for c in text[len(prefix) + 1:]], 1
    for value in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + values:
        top, check = check >> 25, (check & 0x1ffffff) << 5 ^ value
        for bit, generator in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            check ^= generator if top >> bit & 1 else 0
    need(len(values) > 6 and -1 not in values and check == 1, "a recipient is not Bech32, or its checksum is wrong")
    bits = "".join(f"{value:05b}" for value in values[:-6])
    data, spare = bits[:len(bits) // 8 * 8], bits[len(bits) // 8 * 8:]
    need(len(spare) < 5 and "1" not in spare, "a recipient has bits that are no part of it")
    return int(data, 2).to_bytes(len(data) // 8, "big")

# Keys ("The manifest").

X25519_P = 2 ** 255 - 19
SMALL_ORDER = {0, 1, X25519_P - 1} | {int.from_bytes(bytes.fromhex(point), "little") for point in (
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")}

def p256(point): return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)  # refuses one off the curve
def spki(key): return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # P-256: its end is the point

def token_point(recipient):
    point = bech32(recipient, "age1tag")
    need(len(point) == 33 and p256(point), "a token's recipient is not a compressed point")
    return point

def part_key(recipient):
    key = bech32(recipient, "age1pq")
    need(len(key) == 1216, "a part's recipient is not 1216 bytes long")
    pairs = [int.from_bytes(key[at:at + 3], "little") for at in range(0, 1152, 3)]
    need(all(max(pair & 0xfff, pair >> 12) < 3329 for pair in pairs), "a part's ML-KEM coefficient is not below q")
    x25519 = int.from_bytes(key[1184:], "little")
    need(x25519 < X25519_P and x25519 not in SMALL_ORDER, "a part's X25519 key is not below p, or of small order")
    return key

# Forms of members ("The manifest", "The payload"). A form refuses a value with a false result or any exception, as
# when a string's form is asked about a number.

def matches(pattern): return lambda value: re.fullmatch(pattern, value)
def integer(low, high): return lambda value: type(value) is int and low <= value <= high
def array(low, high, form):
    return lambda value: type(value) is list and low <= len(value) <= high and all(map(form, value))
def object_of(what, names, optional="", **others): return lambda value: fields(value, what, names, optional, **others)

def fields(value, what, names, optional="", **others):
    """An object with exactly these members, each of its form in FORMS or `others`."""
    names, optional = set(names.split()), set(optional.split())
    need(type(value) is dict and names <= value.keys() <= names | optional, f"{what} does not have exactly its members")
    for name, member in value.items():
        need((FORMS | others)[name](member), f"{what}: {name} is not of its form")
    return True

def distinct(values, what):
    need(len(set(values)) == len(values), f"{what} is there twice")
    return True

def duration(low, high):
    """ "Lengths of time"."""
    def form(value):
        parts = re.fullmatch("(?:([1-9][0-9]?)h)?(?:([1-9]|[1-5][0-9])m)?(?:([1-9]|[1-5][0-9])s)?", value).groups()
        hours, minutes, seconds = (int(part or 0) for part in parts)
        return low <= hours * 3600 + minutes * 60 + seconds <= high
    return form

def created(value):
    form = "[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
    return re.fullmatch(form, value) and datetime.datetime.fromisoformat(value).year < 9999

def signing_key(text): return unbase64(text) == spki(p256(unbase64(text)[-65:]))

def token_form(token):
    names = "attestation decryption_slot firmware kind recipient serial signing_key signing_slot"
    return fields(token, "a token", names) and token["decryption_slot"] != token["signing_slot"]

def channel_form(channel):
    kind = channel["kind"]
    fields(channel, "an alert channel", "name kind " + CHANNELS[kind], CHANNELS_MAY.get(kind, "") + " timeout",
           kind=matches(kind))
    loopback = channel.get("host") in ("127.0.0.1", "::1", "localhost")
    need(channel.get("tls") != "none" or loopback, "a mail channel without TLS is not on loopback")
    return ("username" in channel) == ("password" in channel)

def url(value):
    found = URL.fullmatch(value)
    return found and len(value) <= 2048 and 1 <= int(found["port"] or 443) <= 65535

def totp_seed(value):  # b32decode refuses lengths of 1, 3 and 6 modulo 8
    again = base64.b32encode(base64.b32decode(value + "=" * (-len(value) % 8))).decode().rstrip("=")
    return 16 <= len(value) <= 128 and again == value

ACCESS_KEY = object_of("an access key", "access_key_id secret_access_key")
CUSTODIAN = "commitment enrolment enrolment_sha256 fingerprint_checked index name part tokens"
TARGET = "account max_window name partition regions user"
TEXT, BOOLEAN = lambda value: isinstance(value, str), lambda value: isinstance(value, bool)
LOGIN = lambda value: re.fullmatch(r"[^\0-\x1f\x7f-\x9f]+", value) and len(value.encode()) <= 255
NAME, HEX16, HEX32 = matches("[A-Za-z0-9][A-Za-z0-9._-]{0,31}"), matches("[0-9a-f]{32}"), matches("[0-9a-f]{64}")
COUNT32, SLOT = integer(1, 2 ** 32 - 1), matches("8[2-9a-f]|9[0-5]")
BYTE, REGION, PARTITION = "([1-9]?[0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])", "[a-z0-9-]{1,32}", "(aws|aws-cn|aws-us-gov)"
URL = re.compile(r"(https://([!$-.0-9;=A-Z_a-z~]+|\[[0-9A-Fa-f:.]+\])|http://(127\.0\.0\.1|\[::1\]|localhost))"
                 r"(:(?P<port>[0-9]{1,5}))?([/?#][!#-;=?-\[\]_a-z~]*)?")
MAIL_ADDRESS = matches(r"(?=.{1,254}\Z)[!#-'*+\--:=?A-\[\]-~]+@[A-Za-z0-9.:-]+")
CHANNELS = {"sns": "topic_arn key", "pagerduty": "routing_key", "slack": "url", "webhook": "url secret",
            "smtp": "host port tls from to"}
CHANNELS_MAY = {"pagerduty": "url", "smtp": "username password"}
FORMS = {  # of members that have one form wherever they stand
    "access_key_id": matches("[A-Z0-9]{16,128}"), "account": matches("[0-9]{12}"),
    "attestation": matches("yubico|other|none"), "boundary_sha256": HEX32, "chain": array(2, 6, TEXT),
    "closer": ACCESS_KEY, "commitment": HEX32, "created": created, "credentials_epoch": COUNT32,
    "decryption": TEXT, "decryption_slot": SLOT, "drill_of": HEX16,
    "custodians": array(2, 16, object_of("a custodian", CUSTODIAN)), "emergency": ACCESS_KEY, "enrolment": HEX16,
    "enrolment_sha256": HEX32, "epoch": COUNT32, "fingerprint_checked": BOOLEAN,
    "firmware": matches(rf"{BYTE}\.{BYTE}\.{BYTE}"), "from": MAIL_ADDRESS,
    "grant": lambda value: type(value) is list and all(type(statement) is dict for statement in value),
    "grant_sha256": HEX32, "host": matches("[A-Za-z0-9.:-]{1,253}"), "index": integer(1, 16), "key": ACCESS_KEY,
    "kind": matches("piv"), "label": matches("[ -~]{1,64}"), "lane": matches("gate|static"),
    "max_window": duration(1, 12 * 3600), "name": NAME, "opener": ACCESS_KEY, "part": part_key,
    "partition": matches(PARTITION), "password": LOGIN, "payload": TEXT, "payloadType": TEXT,
    "port": integer(1, 65535), "recipient": token_point,
    "regions": lambda value: array(1, 32, matches(REGION))(value) and distinct(value, "a region"),
    "repairs_identity": BOOLEAN, "replaces": lambda value: value is None or HEX32(value),
    "routing_key": matches("[A-Za-z0-9]{32}"), "runbook": TEXT,
    "secret": lambda value: value.startswith("whsec_") and 24 <= len(unbase64(value[6:])) <= 64,
    "secret_access_key": matches("[A-Za-z0-9/+=]{40}"), "serial": integer(0, 2 ** 32 - 1), "signing_key": signing_key,
    "sig": TEXT, "signatures": array(1, 1, object_of("a signature", "sig")), "signing": TEXT, "signing_slot": SLOT,
    "threshold": integer(2, 16), "timeout": duration(1, 60), "tls": matches("implicit|starttls|none"),
    "to": array(1, 16, MAIL_ADDRESS), "token": token_form, "tokens": array(1, 8, token_form),
    "topic_arn": matches(f"arn:{PARTITION}:sns:{REGION}:[0-9]{{12}}:[A-Za-z0-9_-]{{1,256}}"), "totp_seed": totp_seed,
    "url": url, "user": matches("[A-Za-z0-9+=,.@_-]{1,64}"), "username": LOGIN, "vault_id": HEX16,
    "version": integer(1, 1)}

def check_manifest(manifest):
    names = "created credentials_epoch custodians epoch label lane replaces targets threshold vault_id version"
    target = object_of("a target", TARGET + " grant_sha256", "mfa", mfa=lambda mfa: mfa is True)
    fields(manifest, "the manifest", names, "alerts drill_of", alerts=array(1, 16, NAME), targets=array(1, 256, target))
    custodians, targets, drill = manifest["custodians"], manifest["targets"], "drill_of" in manifest
    tokens = [token for custodian in custodians for token in custodian["tokens"]]
    need(manifest["credentials_epoch"] <= manifest["epoch"], "the credentials' epoch is ahead of the epoch")
    need(manifest["threshold"] <= len(custodians), "the threshold is above the number of custodians")
    need(not drill or manifest["drill_of"] != manifest["vault_id"], "it is a drill of itself")
    need(not drill or len(targets) == 1, "a drill vault has several targets")
    need(manifest["replaces"] is None or manifest["epoch"] > 1 and not drill, "it cannot replace another vault")
    need([c["index"] for c in custodians] == list(range(1, len(custodians) + 1)), "the indexes are not 1, 2, 3 ...")
    need(manifest["lane"] == "gate" or all("mfa" in t for t in targets), "a target of the lane static is without mfa")
    for members, name in ((custodians, "name"), (custodians, "enrolment"), (custodians, "part"), (tokens, "serial"),
                          (tokens, "recipient"), (targets, "name")):
        distinct([member[name] for member in members], f"a {name}")
    distinct(manifest.get("alerts", []), "an alert channel")

# The vault ("Armor", "The header", "The shares", "The payload"): step 1 of "Opening and sealing", without a secret.

BEGIN, END = b"-----BEGIN AGE ENCRYPTED FILE-----\n", b"-----END AGE ENCRYPTED FILE-----\n"
STANZA = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n((?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n)")
MAC_LINE = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")
TOKEN_HALF = re.compile(rb"-> p256tag ([A-Za-z0-9+/]{6}) ([A-Za-z0-9+/]{87})\n([A-Za-z0-9+/]{43})\n")
PART_HALF = re.compile(rb"-> mlkem768x25519 ([A-Za-z0-9+/]{1494})\n([A-Za-z0-9+/]{43})\n")

ARMORED = re.compile(BEGIN + rb"((?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/=]{4,64}\n)" + END)

def unarmor(data):
    if not data.startswith(BEGIN):
        return data
    armored = ARMORED.fullmatch(data)
    need(armored, "the armor is not in its form")
    return unbase64(armored[1].replace(b"\n", b"").decode())

def read_header(data):
    """Its stanzas, what the MAC is over, the MAC and the header's length, in one pass."""
    header, stanzas, version = data[:512 * KIB], [], b"age-encryption.org/v1\n"
    need(header.startswith(version), "it is not an age file of version 1")
    at = len(version)
    while stanza := STANZA.match(header, at):
        stanzas.append((stanza[1], unbase64_bare(stanza[2].replace(b"\n", b""))))
        at = stanza.end()
    mac = MAC_LINE.match(header, at)
    need(mac, "its header is not in its form, or too long")
    return stanzas, header[:at + 3], unbase64_bare(mac[1]), mac.end()

def read_halves(body, tokens):
    """ "The two halves", "The token's half"."""
    token_halves, at = [], 0
    for token in tokens:
        half = TOKEN_HALF.match(body, at)
        need(half, "a token's half is not a p256tag stanza")
        hint, enc, sealed = map(unbase64_bare, half.groups())
        need(enc[0] == 4 and p256(enc), "an ephemeral key is not an uncompressed point")
        tag = hashlib.sha256(token_point(token["recipient"])).digest()[:4]
        need(hint == extract(b"age-encryption.org/p256tag", enc + tag)[:4], "a token's half is not that token's")
        token_halves.append((enc, sealed))
        at = half.end()
    half = PART_HALF.fullmatch(body, at)
    need(half, "what follows the tokens' halves is not one mlkem768x25519 stanza")
    return token_halves, tuple(map(unbase64_bare, half.groups()))

def read_vault(data, meant=None):
    with failing_as("damaged", "parse", "the vault"):
        need(len(data) <= 2048 * KIB, "it is longer than 2 MiB")
        data = unarmor(data)
        stanzas, covered, mac, end = read_header(data)
        nonce, sealed = data[end:end + 16], data[end + 16:]
        chunks = [sealed[at:at + CHUNK] for at in range(0, len(sealed), CHUNK)]
        length = len(sealed) - 16 * len(chunks)
        need(chunks and len(chunks[-1]) > 16 and length % 4096 == 0, "its payload was cut short or lengthened")
        need(4 * KIB <= length <= 512 * KIB, "its payload is too short or too long")
        need(stanzas and stanzas[0][0].startswith(b"breakglass/manifest "), "it is not a breakglass vault")
        (kind, text), *shares = stanzas
        need(kind == b"breakglass/manifest v1", "it is of a version that this program does not know")
        need(len(text) <= 256 * KIB, "its manifest is longer than 256 KiB")
        manifest = read_json(text)
        check_manifest(manifest)
        custodians = manifest["custodians"]
        if len(shares) == len(custodians) + 1 and shares[-1][0].split()[0].endswith(b"-grease"):
            shares.pop()
        expected = [b"breakglass/share %d" % custodian["index"] for custodian in custodians]
        need([kind for kind, _ in shares] == expected, "it does not have one share for each custodian in order")
        halves = [read_halves(body, custodian["tokens"]) for (_, body), custodian in zip(shares, custodians)]
    kind = "drill" if "drill_of" in manifest else "vault"
    if meant not in (None, kind):
        raise Failure("another kind", "parse", f"this is a {kind}, and a {meant} is meant")
    return SimpleNamespace(digest=hashlib.sha256(data).digest(), manifest=manifest, custodians=custodians,
                           halves=halves, covered=covered, mac=mac, nonce=nonce, chunks=chunks)

# What is sealed ("The payload").

def sealed_target(target, lane):
    # What a partition or an account may be has its own form.
    def arn(kind): return matches("arn:{partition}:iam::{account}:".format_map(target) + kind + "/[!-~]{1,512}")
    of_lane = "mfa role" if lane == "static" else "boundary boundary_sha256 closer opener"
    fields(target, "a target", f"{TARGET} emergency grant repairs_identity {of_lane}", "mfa",
           boundary=arn("policy"), role=arn("role"), mfa=object_of(
               "an MFA device", "serial_number totp_seed", serial_number=arn("mfa")))
    keys = [target[name] for name in ("closer", "emergency", "opener") if name in target]
    distinct([key["access_key_id"] for key in keys], "an access key of a target")
    device = target.get("mfa", {})
    secrets = [key["secret_access_key"] for key in keys] + [device[name] for name in device if name == "totp_seed"]
    shown = [target[name] for name in ("account", "boundary", "name", "role", "user") if name in target]
    shown += [*target["regions"], *(device[name] for name in device if name == "serial_number")]
    need(not any(secret in text for secret in secrets for text in shown), "a secret is in another member of its target")
    return True

def said_of(target):
    """What the manifest must say of a target."""
    said = {name: target[name] for name in TARGET.split()}
    said["grant_sha256"] = hashlib.sha256(rfc8785.dumps(target["grant"])).hexdigest()
    return said | {"mfa": True} if "mfa" in target else said

def check_payload(plaintext, manifest):
    text = plaintext.rstrip(b" ")
    need(len(plaintext) - len(text) < 4096, "its padding is longer than it takes")
    payload = read_json(text)
    fields(payload, "the payload", "runbook targets version", "alerts", alerts=array(1, 16, channel_form),
           targets=array(1, 256, lambda target: sealed_target(target, manifest["lane"])))
    channels, targets = payload.get("alerts", []), payload["targets"]
    secrets = [channel[name] for channel in channels for name in ("routing_key", "url", "secret", "password")
               if name in channel] + [channel["key"]["secret_access_key"] for channel in channels if "key" in channel]
    need(not any(secret in channel["name"] for secret in secrets for channel in channels), "a secret is in a name")
    need([c["name"] for c in channels] == manifest.get("alerts", []), "its channels are not what the manifest says")
    need([said_of(target) for target in targets] == manifest["targets"], "its targets are not what the manifest says")
    need("drill_of" not in manifest or all(t["grant"] == [] for t in targets), "a drill vault grants something")
    return payload

# Shares ("The shares") and steps 2 and 3 of "Opening and sealing".

def extract(salt, ikm): return hmac.digest(salt, ikm, "sha256")
def expand(prk, info, length=32): return hmac.digest(prk, info + b"\x01", "sha256")[:length]  # one block is enough here
def hkdf(ikm, salt, info): return expand(extract(salt, ikm), info)
def labeled_extract(suite, salt, label, ikm): return extract(salt, b"HPKE-v1" + suite + label + ikm)
def labeled_expand(suite, prk, label, info, length):
    return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)

def hpke_open(kem, shared, info, sealed):
    """ "The token's half", from `secret` on."""
    suite = b"HPKE" + kem + bytes.fromhex("00010003")
    context = b"\0" + labeled_extract(suite, b"", b"psk_id_hash", b"") + labeled_extract(suite, b"", b"info_hash", info)
    secret = labeled_extract(suite, shared, b"secret", b"")
    key = labeled_expand(suite, secret, b"key", context, 32)
    return ChaCha20Poly1305(key).decrypt(labeled_expand(suite, secret, b"base_nonce", context, 12), sealed, None)

def read_words(text, who):
    """The twelve words in full and in lower case. Each may be cut, to no fewer than its first four letters."""
    typed = [word.lower() if word.isascii() else "" for word in text.split()]
    words = " ".join(full for word in typed for full in BIP39.wordlist
                     if full == word or len(word) >= 4 and full.startswith(word))
    if not len(typed) == len(words.split()) == 12 or not BIP39.check(words):
        raise Failure("no part", "words", "they are not twelve words of the list, or their checksum does not hold", who)
    return words

def part_keys(words, enrolment):
    """ "The part's half": public key, ML-KEM private key and X25519 private key of these words for an enrolment."""
    seed = hashlib.pbkdf2_hmac("sha512", words.encode(), b"mnemonic", 2048)
    identity = hkdf(seed, bytes.fromhex(enrolment), b"breakglass/part mlkem768x25519 v1")
    keys = hashlib.shake_256(identity).digest(96)
    ek, dk = ML_KEM_768.key_derive(keys[:64])
    x = X25519PrivateKey.from_private_bytes(keys[64:])
    return ek + x.public_key().public_bytes_raw(), dk, x

def open_part(vault, custodian, text):
    """`b` of a custodian, with their words."""
    name, index = custodian["name"], custodian["index"]
    words = read_words(text, index)
    public, dk, x = part_keys(words, custodian["enrolment"])
    if part_key(custodian["part"]) != public:
        for other in vault.custodians:
            if part_key(other["part"]) == part_keys(words, other["enrolment"])[0]:
                raise Failure("words of another", "words", f"the words are {other['name']}'s", index)
        raise Failure("words of nobody", "words", "the words are of no enrolment in this vault", index)
    with failing_as("damaged", "share", f"the share of {name}", index):
        enc, sealed = vault.halves[index - 1][1]
        ciphertext, e = enc[:1088], enc[1088:]
        dh = x.exchange(X25519PublicKey.from_public_bytes(e))  # refuses a result of zeros
        shared = hashlib.sha3_256(ML_KEM_768.decaps(dk, ciphertext) + dh + e + public[1184:] + b"\\.//^\\").digest()
        return hpke_open(bytes.fromhex("647a"), shared, b"age-encryption.org/mlkem768x25519", sealed)

def open_share(vault, custodian, b, token):
    """Their share, with a token: its serial number and slot (None for a key in a file), its point and its ECDH."""
    name, index, (serial, slot, point, ecdh) = custodian["name"], custodian["index"], token
    for enrolled, (enc, sealed) in zip(custodian["tokens"], vault.halves[index - 1][0]):
        here = serial is None or (serial, slot) == (enrolled["serial"], enrolled["decryption_slot"])
        if here and spki(p256(token_point(enrolled["recipient"])))[-65:] == point:
            break
    else:
        raise Failure("another token", "token", f"this is no token of {name} with the enrolled key", index)
    dh = ecdh(enc)
    with failing_as("damaged", "share", f"the share of {name}", index):
        kem = b"KEM" + bytes.fromhex("0010")
        shared = labeled_expand(kem, labeled_extract(kem, b"", b"eae_prk", dh), b"shared_secret", enc + point, 32)
        a = hpke_open(bytes.fromhex("0010"), shared, b"age-encryption.org/p256tag", sealed)
        share = bytes(x ^ y for x, y in zip(a, b, strict=True))
        bare = [{name: c[name] for name in c if name != "commitment"} for c in vault.custodians]
        digest = hashlib.sha256(rfc8785.dumps(vault.manifest | {"custodians": bare})).digest()
        commitment = hashlib.sha256(b"breakglass/commitment v1" + digest + bytes([index]) + share).hexdigest()
        need(commitment == custodian["commitment"], "its commitment does not hold")
        return share

def multiply(x, y):
    product = 0
    while y:
        product ^= x if y & 1 else 0
        x, y = x << 1 ^ (0x11b if x & 0x80 else 0), y >> 1
    return product

def combine(shares):
    """ "Splitting the file key": the value at 0, from shares by index."""
    key = bytes(16)
    for x, share in shares.items():
        factor = 1
        for other in shares.keys() - {x}:
            inverse = next(y for y in range(1, 256) if multiply(y, other ^ x) == 1)
            factor = multiply(factor, multiply(other, inverse))
        key = bytes(byte ^ multiply(factor, y) for byte, y in zip(key, share))
    return key

def open_payload(vault, key):
    """The plaintext and the payload, with the file key."""
    with failing_as("damaged", "open", "what is sealed"):
        mac = hmac.digest(hkdf(key, b"", b"header"), vault.covered, "sha256")
        need(hmac.compare_digest(mac, vault.mac), "the header's MAC does not match")
        cipher, last = ChaCha20Poly1305(hkdf(key, vault.nonce, b"payload")), len(vault.chunks) - 1
        plaintext = b"".join(cipher.decrypt(count.to_bytes(11, "big") + bytes([count == last]), chunk, None)
                             for count, chunk in enumerate(vault.chunks))
        return plaintext, check_payload(plaintext, vault.manifest)

# The enrolment file ("The enrolment file", "Attestation").

TYPE = b"application/vnd.breakglass.enrolment.v1+json"
YUBICO = {  # SHA-256 of a root: of the keys of the PIV issuers below it
    "63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546": (
        "4b185b7783d792f902cd960cd1c9417977d88d3077b16bc9ebdcef7313f2e29e",),
    "62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8": (
        "1cc0b75bbdd4c555fc51af739a1b2a78f89737916e3dd9d8a0dbd194ccf04742",
        "55f17a4e9bc54bee96076f516f81c4d85db16a82105b8d4823ce081040c31a0a",
        "0b137f610ba31167797962eeae04607101df53220aa1d2aa59dc054b92e1ea53")}
ARC, BASIC, USAGE = "1.3.6.1.4.1.41482.", "2.5.29.19", "2.5.29.15"
SIGNATURES = {  # with SHA-256, SHA-384 and SHA-512
    "RSA": ("1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13"),
    "secp256r1": ("1.2.840.10045.4.3.2",), "secp384r1": ("1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3")}

def read_certificate(certificate, issuer, allowed):
    """ "Order", "Signatures", "Extensions": its extensions by OID, of Yubico's arc those that are allowed."""
    key = issuer.public_key()
    sound = isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 4096 and key.public_numbers().e == 65537
    kind = "RSA" if sound else getattr(getattr(key, "curve", None), "name", None)
    algorithm = certificate.signature_algorithm_oid.dotted_string
    need(algorithm in SIGNATURES.get(kind, ()), "a certificate is signed in a way that is not accepted")
    certificate.verify_directly_issued_by(issuer)  # compares names and both algorithms as well
    extensions = {found.oid.dotted_string: found for found in certificate.extensions}  # refuses one that is there twice
    for oid, found in extensions.items():
        need(re.fullmatch(allowed, oid) or not f"{oid}.".startswith(ARC), "an extension is of another use")
        need(not found.critical or oid in (BASIC, USAGE) or oid.startswith(ARC + "3."), "a critical extension")
    return {oid: found.value for oid, found in extensions.items()}

def check_slot(certificate, device, slot, key, token):
    """ "Authority", "Slot", "Key", "Device", "Policy" of a slot's certificate."""
    found = read_certificate(certificate, device, re.escape(ARC) + "3[.].+")
    need(BASIC not in found or not found[BASIC].ca, "a slot's certificate is a CA's")
    subject = f"YubiKey PIV Attestation {slot}".encode()  # one common name, as UTF8String or PrintableString
    names = [bytes.fromhex("3025312330210603550403") + bytes([tag, len(subject)]) + subject for tag in (0x0c, 0x13)]
    need(certificate.subject.public_bytes() in names, "a slot's certificate is of another slot")
    need(spki(certificate.public_key()) == key, "a slot's certificate is of another key")
    version, serial, policy = (getattr(found.get(f"{ARC}3.{number}"), "value", None) for number in (3, 7, 8))
    length = token["serial"].bit_length() // 8 + 1  # as a DER INTEGER
    need(version == bytes(map(int, token["firmware"].split("."))), "a slot's certificate has another firmware version")
    need(serial == bytes([2, length]) + token["serial"].to_bytes(length, "big"), "it has another serial number")
    need(policy in (b"\x02\x02", b"\x03\x02"), "a key is used without PIN or without touch")

def attested_by(attestation, token):
    """What `token.attestation` must say."""
    if attestation is None:
        return "none"
    fields(attestation, "the attestation", "chain decryption signing")
    decryption, signing, *chain = [x509.load_der_x509_certificate(unbase64(text)) for text in (
        attestation["decryption"], attestation["signing"], *attestation["chain"])]
    for below, (certificate, issuer) in enumerate(zip(chain, chain[1:] + chain[-1:])):
        found = read_certificate(certificate, issuer, "none" if below else re.escape(ARC) + "3[.](3|10|11)")
        need(found[BASIC].ca if BASIC in found else below == 0, "a certificate of the chain is not a CA's")
        path = found[BASIC].path_length if BASIC in found else None
        need(path is None or path >= below, "a path length does not allow as many certificates below")
        need(USAGE not in found or found[USAGE].key_cert_sign, "a certificate of the chain may not sign certificates")
    key = spki(p256(token_point(token["recipient"])))
    check_slot(decryption, chain[0], token["decryption_slot"], key, token)
    check_slot(signing, chain[0], token["signing_slot"], unbase64(token["signing_key"]), token)
    issuers = YUBICO.get(chain[-1].fingerprint(hashes.SHA256()).hex())
    need(not issuers or hashlib.sha256(spki(chain[1].public_key())).hexdigest() in issuers, "its issuer is not for PIV")
    return "yubico" if issuers else "other"

def read_enrolment(data):
    with failing_as("invalid", "parse", "the enrolment file"):
        need(len(data) <= 64 * KIB and data.endswith(b"\n"), "it is too long, or its last line is cut off")
        envelope = read_json(data[:-1])
        fields(envelope, "its envelope", "payload payloadType signatures")
        need(envelope["payloadType"].encode() == TYPE, "it is of a type or version that this program does not know")
        payload, signature = map(unbase64, (envelope["payload"], envelope["signatures"][0]["sig"]))
        enrolment = read_json(payload)
        fields(enrolment, "its payload", "attestation created enrolment name part token version",
               attestation=lambda value: True)  # see attested_by
        token = enrolment["token"]
        signed = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE, len(payload), payload)
        p256(unbase64(token["signing_key"])[-65:]).verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        need(attested_by(enrolment["attestation"], token) == token["attestation"], "its attestation is not as it says")
        return enrolment

# The commands.

def read_file(path):
    with open(path, "rb") as file:
        return file.read(2048 * KIB + 1)  # never more than a vault may have

def key_token(text):
    """A token in software, of a key as PEM or as a scalar in hex."""
    private = load_pem_private_key(text.encode(), None) if "-----" in text else ec.derive_private_key(
        int(text, 16), ec.SECP256R1())
    return None, None, spki(private.public_key())[-65:], lambda enc: private.exchange(ec.ECDH(), p256(enc))

def pkcs11_token(module, custodian):
    """The custodian's token that is plugged in, with the key ids of libykcs11: slot 82 is 5. Tried with SoftHSM."""
    import PyKCS11 as p11
    library = p11.PyKCS11Lib()
    library.load(module)
    slots = {library.getTokenInfo(slot).serialNumber.strip(): slot for slot in library.getSlotList(tokenPresent=True)}
    for token in (token for token in custodian["tokens"] if str(token["serial"]) in slots):
        session = library.openSession(slots[str(token["serial"])])
        session.login(getpass.getpass(f"PIN of token {token['serial']}: "))
        this = (p11.CKA_ID, [int(token["decryption_slot"], 16) - 0x82 + 5])
        public, private = (session.findObjects([(p11.CKA_CLASS, kind), this]) for kind in (
            p11.CKO_PUBLIC_KEY, p11.CKO_PRIVATE_KEY))
        point = bytes(session.getAttributeValue(public[0], [p11.CKA_EC_POINT])[0])[-65:] if public and private else None
        template = [(p11.CKA_CLASS, p11.CKO_SECRET_KEY), (p11.CKA_KEY_TYPE, p11.CKK_GENERIC_SECRET),
                    (p11.CKA_TOKEN, False), (p11.CKA_SENSITIVE, False), (p11.CKA_EXTRACTABLE, True),
                    (p11.CKA_VALUE_LEN, 32)]
        def ecdh(enc):
            derived = session.deriveKey(private[0], template, p11.ECDH1_DERIVE_Mechanism(enc))
            return bytes(session.getAttributeValue(derived, [p11.CKA_VALUE])[0])
        return token["serial"], token["decryption_slot"], point, ecdh
    raise Failure("another token", "token", f"no token of {custodian['name']} is plugged in", custodian["index"])

def inspect(arguments):
    data = read_file(arguments.file)
    if data.startswith(b"{"):
        content, digest = read_enrolment(data), hashlib.sha256(data).digest()
    else:
        vault = read_vault(data)
        content, digest = vault.manifest, vault.digest
    bits = int.from_bytes(digest, "big") >> 256 - 66  # "Digests as words"
    words = " ".join(BIP39.wordlist[bits >> 11 * place & 2047] for place in reversed(range(6)))
    print(f"{json.dumps(content, indent=2)}\nSHA-256 {digest.hex()}, read out: {words}")

def ask_part(vault, custodian):
    while True:
        try:
            return open_part(vault, custodian, getpass.getpass(f"The twelve words of {custodian['name']}: "))
        except Failure as failure:
            print(failure, file=sys.stderr)
            if failure.at != "words":
                raise

def open_vault(arguments):
    vault, shares = read_vault(read_file(arguments.file), "drill" if arguments.drill else "vault"), {}
    people, keys = {c["name"]: c for c in vault.custodians}, dict(key.split("=", 1) for key in arguments.key)
    if not set(arguments.custodian) <= people.keys() or len(set(arguments.custodian)) < vault.manifest["threshold"]:
        sys.exit(f"Name at least {vault.manifest['threshold']} of {', '.join(people)}.")
    if not set(arguments.custodian) <= keys.keys() and not arguments.pkcs11:
        sys.exit("Say --pkcs11 for the tokens.")
    for name in dict.fromkeys(arguments.custodian):
        custodian = people[name]
        b = ask_part(vault, custodian)
        try:
            key = keys.get(name)
            token = key_token(Path(key).read_text()) if key else pkcs11_token(arguments.pkcs11, custodian)
            shares[custodian["index"]] = open_share(vault, custodian, b, token)
        except (Failure, OSError):
            raise
        except Exception as error:  # a token's own failures say nothing of the file; a key's text may quote it
            sys.exit(f"The token of {name}: {'neither PEM nor a scalar in hex' if key else error}")
    print(json.dumps(open_payload(vault, combine(shares))[1], indent=2).replace("\x7f", "\\u007f"))

def run_vector(vector, data, found):
    if vector["form"] == "enrolment":
        return read_enrolment(data)
    vault, shares = read_vault(base64.b64decode(data) if vector["form"] == "binary" else data, vector.get("meant")), {}
    for index in map(int, vector["gives"].split()):
        custodian = vault.custodians[index - 1]
        b = open_part(vault, custodian, vector[f"part {index}"])
        for serial, scalar in map(str.split, vector[f"token {index}"]):
            # The document does not say in which slot the key is. It is the one that every sound vector names.
            shares[index] = open_share(vault, custodian, b, (int(serial), "82", *key_token(scalar)[2:]))
            found[f"share {index}"] = shares[index].hex()
    key = combine(shares)
    found["file key"] = key.hex()
    found["payload"] = hashlib.sha256(open_payload(vault, key)[0]).hexdigest()

def check_vector(path):
    """ "Test vectors": runs one and says where this reader disagrees."""
    head, _, data = path.read_bytes().partition(b"\n\n")
    vector, found, index = {}, {"expect": "success", "at": None, "who": None}, None
    for name, value in (line.split(": ", 1) for line in head.decode().split("\n")):
        if name == "custodian":
            index = value.split()[0]
        elif name == "token":
            vector.setdefault(f"token {index}", []).append(value)
        else:
            vector[f"{name} {index}" if name in ("part", "share") else name] = value
    try:
        run_vector(vector, data, found)
    except Failure as failure:
        found |= {"expect": failure.kind, "at": failure.at, "who": failure.who and str(failure.who)}
    facts = found.keys() if vector["expect"] == "success" else {"expect", "at", "who"} | found.keys() & vector.keys()
    return [f"{path.name}: {fact} is {found[fact]}, not {vector.get(fact)}"
            for fact in sorted(facts) if found[fact] != vector.get(fact)]

def vectors(arguments):
    wrong = [check_vector(path) for path in sorted(Path(arguments.file).glob("*.txt"))]
    print(*sum(wrong, []), f"{wrong.count([])} of {len(wrong)} vectors agree", sep="\n")
    return 0 if wrong.count([]) == len(wrong) > 0 else 1

def main():
    warnings.simplefilter("error", getpass.GetPassWarning)  # words are never echoed
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, run, file, text in (("inspect", inspect, "FILE", "check a vault or an enrolment file, and show it"),
                                  ("open", open_vault, "VAULT", "open a vault and print what is sealed"),
                                  ("vectors", vectors, "DIRECTORY", "run every test vector")):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("file", metavar=file)
        command.set_defaults(run=run)
    command = commands.choices["open"]
    command.add_argument("--custodian", metavar="NAME", nargs="+", required=True, help="at least the threshold")
    command.add_argument("--key", metavar="NAME=FILE", action="append", default=[], help="a key, PEM or hex, for tests")
    command.add_argument("--pkcs11", metavar="MODULE", help="the PKCS #11 module of the tokens")
    command.add_argument("--drill", action="store_true", help="it is a drill vault, and meant to be one")
    arguments = parser.parse_args()
    try:
        sys.exit(arguments.run(arguments))
    except (Failure, OSError) as failure:
        sys.exit(str(failure))

if __name__ == "__main__":
    main()
