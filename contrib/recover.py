#!/usr/bin/env python3
"""Opens a breakglass vault without breakglass, for recovery if breakglass is not available.

  recover.py inspect production.vault
  recover.py open production.vault --custodian alice bob --pkcs11 /usr/lib/libykcs11.so --answer 20000001
  recover.py open test.vault --custodian alice bob --key alice=alice.pem --key 10000020=bob.hex
  recover.py vectors tests/vectors

`open` asks each custodian for the twelve words, and then uses one of the custodian's tokens. A PIV token
must be plugged in (--pkcs11), and needs its PIN and a touch. For a challenge-response token (--answer), the
custodian types the token's answer.

WARNING: this program prints secrets, and Python cannot wipe memory. Use a machine that is offline, and erase
the machine afterwards. A vault is not signed: compare the words that `inspect` prints with the words that
were read out when the vault was sealed.

This program was written from vault-format.md alone. Its comments name the sections that have the rules. It
needs forms.py in the same directory, Python 3.11 or later, and these packages from PyPI: bech32,
cryptography, mnemonic (the words of BIP-39), rfc8785 and, for --pkcs11, PyKCS11 (1.5.20). It is tested with
the versions in tests/rig/aws/requirements.txt.
"""
import argparse, base64, contextlib, getpass, hashlib, hmac, json, re, sys, warnings
from pathlib import Path
from types import SimpleNamespace

from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec, mlkem
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from mnemonic import Mnemonic

from forms import (
    Failure, attempt, canonical, check_manifest, check_payload, need, p256, part_key, read_enrolment,
    read_json, recipient, spki, step, token_key, unbase64, unbase64_bare)

# The vault ("Vault file"): step 1 of "Order of checks".

B64, BEGIN = rb"[A-Za-z0-9+/]", b"-----BEGIN AGE ENCRYPTED FILE-----\n"
ARMORED = re.compile(
    BEGIN + rb"((?:%b{64}\n)*[A-Za-z0-9+/=]{4,64}\n)-----END AGE ENCRYPTED FILE-----\n" % B64)
STANZA = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n((?:%b{64}\n)*%b{0,63}\n)" % (B64, B64))
MAC_LINE = re.compile(rb"--- (%b{43})\n" % B64)
HALF = {"piv": re.compile(rb"-> p256tag (%b{6}) (%b{87})\n(%b{43})\n" % (B64, B64, B64)),
        "challenge": re.compile(rb"-> X25519 (%b{43})\n(%b{43})\n" % (B64, B64)),
        "part": re.compile(rb"-> mlkem768x25519 (%b{1494})\n(%b{43})\n" % (B64, B64))}

def read_header(data):
    """Returns the stanzas, the bytes that the MAC covers, the MAC and the header's length, in one pass."""
    version, stanzas = b"age-encryption.org/v1\n", []
    need(data.startswith(version), "it is not an age file of version 1")
    at = len(version)
    while stanza := STANZA.match(data, at):
        stanzas.append((stanza[1], unbase64_bare(stanza[2].replace(b"\n", b""))))
        at = stanza.end()
    mac = MAC_LINE.match(data, at)
    need(mac, "its header is not in the accepted form")
    need(mac.end() <= 512 * 1024, "its header is longer than 512 KiB")
    return stanzas, data[:at + 3], unbase64_bare(mac[1]), mac.end()

def read_halves(body, tokens):
    """ "Two halves": returns the last argument and the body of each half, after the checks without a secret."""
    halves, at = [], 0
    for token in tokens + [{"kind": "part"}]:
        half = HALF[token["kind"]].match(body, at)
        need(half, f"a half does not have the form of the kind {token['kind']}")
        *hint, enc, sealed = map(unbase64_bare, half.groups())
        if hint:
            key = recipient(token["recipient"], "age1tag", 33)
            tag = extract(b"age-encryption.org/p256tag", enc + hashlib.sha256(key).digest()[:4])[:4]
            need(p256(enc) and hint == [tag], "the half of a token is for another token")
        halves.append((enc, sealed))
        at = half.end()
    need(at == len(body), "something follows the halves of a share")
    return halves

def read_vault(data, wanted=None):
    with step("damaged", "parse"):
        if data.startswith(BEGIN):
            armored = ARMORED.fullmatch(data)
            need(armored, "the armor is not in the accepted form")
            data = unbase64(armored[1].replace(b"\n", b"").decode())
        stanzas, covered, mac, end = read_header(data)
        nonce, sealed, size = data[end:end + 16], data[end + 16:], 64 * 1024 + 16
        chunks = [sealed[at:at + size] for at in range(0, len(sealed), size)]
        length = len(sealed) - 16 * len(chunks)
        need(length % 4096 == 0, "its payload was cut short or lengthened")
        need(0 < length, "it has no payload")
        need(length <= 512 * 1024, "its payload is longer than 512 KiB")
        need(len(chunks[-1]) > 16, "the last chunk of its payload is empty")
        (kind, text), *shares = stanzas or [(None, b"")]
        need(kind == b"breakglass/manifest v1", "it is not a vault, or its version is not known")
        need(len(text) <= 256 * 1024, "its manifest is longer than 256 KiB")
        manifest = read_json(text)
        check_manifest(manifest)
        custodians = manifest["custodians"]
        if len(shares) == len(custodians) + 1 and shares[-1][0].split()[0].endswith(b"-grease"):
            shares.pop()
        expected = [b"breakglass/share %d" % index for index in range(1, len(custodians) + 1)]
        need([kind for kind, _ in shares] == expected, "it does not have one share per custodian, in order")
        halves = [read_halves(body, custodian["tokens"]) for (_, body), custodian in zip(shares, custodians)]
    kind = "drill" if "drill_of" in manifest else "vault"
    with step("wrong kind", "parse"):
        need(wanted in (None, kind), "a vault is expected, but it is a drill vault, or the reverse")
    return SimpleNamespace(digest=hashlib.sha256(data).digest(), manifest=manifest, custodians=custodians,
                           halves=halves, covered=covered, mac=mac, nonce=nonce, chunks=chunks)

# The shares ("Share stanzas"): steps 2 and 3 of "Order of checks".

def extract(salt, ikm): return hmac.digest(salt, ikm, "sha256")
def hkdf(ikm, salt, info): return HKDF(hashes.SHA256(), 32, salt, info).derive(ikm)
def decrypt(key, nonce, sealed):
    return attempt("the encrypted data was changed", ChaCha20Poly1305(key).decrypt, nonce, sealed, None)

def open_p256(dh, enc, point, sealed):
    """ "PIV half": HPKE with the result of the token's ECDH."""
    def labeled_extract(suite, salt, label, ikm): return extract(salt, b"HPKE-v1" + suite + label + ikm)
    def labeled_expand(suite, prk, label, info, length):
        info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
        return HKDFExpand(hashes.SHA256(), length, info).derive(prk)
    kem, suite, info = b"KEM\0\x10", b"HPKE\0\x10\0\1\0\3", b"age-encryption.org/p256tag"
    shared = labeled_expand(kem, labeled_extract(kem, b"", b"eae_prk", dh), b"shared_secret", enc + point, 32)
    ids = [labeled_extract(suite, b"", *of_what) for of_what in ((b"psk_id_hash", b""), (b"info_hash", info))]
    context, secret = b"\0" + b"".join(ids), labeled_extract(suite, shared, b"secret", b"")
    key = labeled_expand(suite, secret, b"key", context, 32)
    return decrypt(key, labeled_expand(suite, secret, b"base_nonce", context, 12), sealed)

BIP39 = Mnemonic("english")
CUT = {word[:length]: word for word in BIP39.wordlist for length in (*range(4, len(word)), len(word))}

def read_words(text, index):
    """Returns the twelve words in full and in lower case. Only the case of ASCII letters is changed."""
    words = [CUT.get(word.encode().lower().decode()) for word in text.split()]
    with step("invalid words", "words", index):
        need(all(words), "a word is not in the list, or is cut too short")
        need(len(words) == 12, "there are not exactly twelve words")
        need(BIP39.check(" ".join(words)), "the checksum of the words is wrong")
    return " ".join(words)

def part_keys(words, enrolment):
    """ "Part half": returns the X-Wing private key and public key of these words for an enrolment."""
    seed = hashlib.pbkdf2_hmac("sha512", words.encode(), b"mnemonic", 2048)
    identity = hkdf(seed, bytes.fromhex(enrolment), b"breakglass/part mlkem768x25519 v1")
    keys = hashlib.shake_256(identity).digest(96)
    ml_kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(keys[:64])
    x = X25519PrivateKey.from_private_bytes(keys[64:])
    public = ml_kem.public_key().public_bytes_raw() + x.public_key().public_bytes_raw()
    return hpke.MLKEM768X25519PrivateKey(ml_kem, x), public

def open_part(vault, custodian, text):
    """Returns `b` of a custodian, given the custodian's words."""
    index, words = custodian["index"], read_words(text, custodian["index"])
    private, public = part_keys(words, custodian["enrolment"])
    if public != part_key(custodian["part"]):
        with step("words of another custodian", "words", index):
            for other in vault.custodians:
                theirs = part_keys(words, other["enrolment"])[1]
                need(theirs != part_key(other["part"]), "the words belong to another custodian")
    with step("unknown words", "words", index):
        need(public == part_key(custodian["part"]), "the words belong to no enrolment of this vault")
    with step("damaged", "share", index):
        suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
        sealed, info = b"".join(vault.halves[index - 1][-1]), b"age-encryption.org/mlkem768x25519"
        return attempt("the half of the part was changed", suite.decrypt, sealed, private, info)

def open_share(vault, custodian, b, token):
    """Returns a custodian's share. A PIV token has the functions `point` and `ecdh`, others have `answer`."""
    index, enrolment = custodian["index"], bytes.fromhex(custodian["enrolment"])
    with step("wrong token", "token", index):
        enrolled = [(entry["serial"], entry["kind"]) for entry in custodian["tokens"]]
        need((token.serial, token.kind) in enrolled, "this custodian has no such token")
        place = enrolled.index((token.serial, token.kind))
        entry, (enc, sealed) = custodian["tokens"][place], vault.halves[index - 1][place]
        if token.kind == "piv":
            point, slot = token_key(entry), entry["decryption_slot"]
            need(token.point(slot) == point, "the enrolled key is not in the enrolled slot")
            dh = token.ecdh(slot, enc)
        else:
            challenge = b"breakglass/challenge v1" + enrolment + bytes.fromhex(entry["decryption_challenge"])
            answer = token.answer(entry["slot"], hashlib.sha512(challenge).digest())
            key = hkdf(answer, enrolment, b"breakglass/challenge x25519 v1")
            private = X25519PrivateKey.from_private_bytes(key)
            public = private.public_key().public_bytes_raw()
            need(public == token_key(entry), "the answer is not from the enrolled token")
    with step("damaged", "share", index):
        if token.kind == "piv":
            a = open_p256(dh, enc, point, sealed)
        else:  # "Challenge-response tokens"
            dh = attempt("X25519 gives zero", private.exchange, X25519PublicKey.from_public_bytes(enc))
            a = decrypt(hkdf(dh, enc + public, b"age-encryption.org/v1/X25519"), bytes(12), sealed)
        share = bytes(x ^ y for x, y in zip(a, b, strict=True))
        bare = [{name: c[name] for name in c if name != "commitment"} for c in vault.custodians]
        digest = hashlib.sha256(canonical(vault.manifest | {"custodians": bare})).digest()
        commitment = hashlib.sha256(b"breakglass/commitment v1" + digest + bytes([index]) + share).hexdigest()
        need(commitment == custodian["commitment"], "a share does not match its commitment")
        return share

POWERS = [1]  # the powers of 3 in GF(2^8)
while len(POWERS) < 255:
    POWERS.append(POWERS[-1] << 1 ^ POWERS[-1] ^ (0x11b if POWERS[-1] & 0x80 else 0))

def combine(shares):
    """ "Splitting the file key": returns the value at x = 0. `shares` has the shares by index."""
    log, key = {power: exponent for exponent, power in enumerate(POWERS)}, bytes(16)
    for x, share in shares.items():
        factor = sum(log[other] - log[other ^ x] for other in shares if other != x)
        key = bytes(k ^ (y and POWERS[(log[y] + factor) % 255]) for k, y in zip(key, share))
    return key

def open_payload(vault, key):
    """Decrypts with the file key, and returns the plaintext and the payload."""
    with step("damaged", "open"):
        mac = hmac.digest(hkdf(key, b"", b"header"), vault.covered, "sha256")
        need(hmac.compare_digest(mac, vault.mac), "the header's MAC does not match")
        key, last = hkdf(key, vault.nonce, b"payload"), len(vault.chunks) - 1
        plaintext = b"".join(decrypt(key, count.to_bytes(11, "big") + bytes([count == last]), chunk)
                             for count, chunk in enumerate(vault.chunks))
        return plaintext, check_payload(plaintext, vault.manifest)

# The commands.

def read_file(path):
    with open(path, "rb") as file:
        return file.read(2 * 1024 * 1024 + 1)  # enough to see that a file is too long

def software_token(text, serial, in_slot=None):
    """Reads a P-256 key (PEM, or the scalar in hex) or a challenge-response secret (20 bytes in hex)."""
    if len(text.strip()) == 40:
        return SimpleNamespace(serial=serial, kind="challenge",
                               answer=lambda _, sent: hmac.digest(bytes.fromhex(text), sent, "sha1"))
    private = load_pem_private_key(text.encode(), None) if "-----" in text else ec.derive_private_key(
        int(text, 16), ec.SECP256R1())
    point = spki(private.public_key())[-65:]
    return SimpleNamespace(serial=serial, kind="piv",
                           ecdh=lambda _, enc: private.exchange(ec.ECDH(), p256(enc)),
                           point=lambda slot: point if in_slot in (None, slot) else None)

def typed_token(serial):
    """A challenge-response token on any machine, whose answer a person types."""
    def answer(slot, sent):
        print(f"On the machine with token {serial}, run: ykchalresp -{slot} -x {sent.hex()}", file=sys.stderr)
        return bytes.fromhex(getpass.getpass("Its answer, 40 hex digits: "))
    return SimpleNamespace(serial=serial, kind="challenge", answer=answer)

def plugged_in_token(module, serials):
    """Returns the first of these PIV tokens that is plugged in. In libykcs11, the key id of slot 82 is 5."""
    import PyKCS11 as p11
    library = p11.PyKCS11Lib()
    library.load(module)
    slots = {library.getTokenInfo(slot).serialNumber.strip(): slot
             for slot in library.getSlotList(tokenPresent=True)}
    serial = next((serial for serial in serials if str(serial) in slots), None)
    if serial is None:
        return None
    session = library.openSession(slots[str(serial)])
    session.login(getpass.getpass(f"PIN of token {serial}: "))
    def find(kind, slot):
        return session.findObjects([(p11.CKA_CLASS, kind), (p11.CKA_ID, [int(slot, 16) - 0x82 + 5])])
    def point(slot):
        keys = find(p11.CKO_PUBLIC_KEY, slot)
        return bytes(session.getAttributeValue(keys[0], [p11.CKA_EC_POINT])[0])[-65:] if keys else None
    def ecdh(slot, enc):
        template = [(p11.CKA_CLASS, p11.CKO_SECRET_KEY), (p11.CKA_KEY_TYPE, p11.CKK_GENERIC_SECRET),
                    (p11.CKA_TOKEN, False), (p11.CKA_SENSITIVE, False), (p11.CKA_EXTRACTABLE, True),
                    (p11.CKA_VALUE_LEN, 32)]
        key = session.deriveKey(find(p11.CKO_PRIVATE_KEY, slot)[0], template, p11.ECDH1_DERIVE_Mechanism(enc))
        return bytes(session.getAttributeValue(key, [p11.CKA_VALUE])[0])
    return SimpleNamespace(serial=serial, kind="piv", point=point, ecdh=ecdh)

def token_of(custodian, arguments):
    """Returns the first of the custodian's tokens that is available."""
    serials, keys = [token["serial"] for token in custodian["tokens"]], dict(arguments.key)
    for serial in serials:
        if file := keys.get(str(serial)) or keys.get(custodian["name"]):
            return software_token(Path(file).read_text(), serial)
        if serial in arguments.answer:
            return typed_token(serial)
    found = arguments.pkcs11 and plugged_in_token(arguments.pkcs11, serials)
    return found or sys.exit(f"Plug in a token of {custodian['name']} and pass --pkcs11, or pass --answer.")

def inspect(arguments):
    data = read_file(arguments.file)
    if data.startswith(b"{"):
        content, digest = read_enrolment(data), hashlib.sha256(data).digest()
    else:
        vault = read_vault(data)
        content, digest = vault.manifest, vault.digest
    words = " ".join(BIP39.to_mnemonic(digest).split()[:6])  # "Digests as words"
    print(f"{json.dumps(content, indent=2)}\nSHA-256 {digest.hex()}, read out: {words}")

@contextlib.contextmanager
def failing_as_token(name):
    """Reports a failure of the token, such as a wrong PIN. Such a failure says nothing about the file."""
    try:
        yield
    except (Failure, OSError):
        raise
    except Exception as error:  # the text of other errors can quote a key
        why = error if type(error).__name__ == "PyKCS11Error" else "its key or answer is in a wrong form"
        sys.exit(f"The token of {name}: {why}.")

def share_of(vault, custodian, arguments):
    name = custodian["name"]
    while True:
        try:
            b = open_part(vault, custodian, getpass.getpass(f"The twelve words of {name}: "))
            with failing_as_token(name):
                return open_share(vault, custodian, b, token_of(custodian, arguments))
        except Failure as failure:
            if failure.step != "words":
                raise
            print(failure, file=sys.stderr)

def open_vault(arguments):
    vault = read_vault(read_file(arguments.file), "drill" if arguments.drill else "vault")
    people = [custodian for custodian in vault.custodians if custodian["name"] in arguments.custodian]
    if len(people) < max(vault.manifest["threshold"], len(set(arguments.custodian))):
        names = ", ".join(custodian["name"] for custodian in vault.custodians)
        sys.exit(f"Name at least {vault.manifest['threshold']} of {names} after --custodian.")
    shares = {custodian["index"]: share_of(vault, custodian, arguments) for custodian in people}
    print(json.dumps(open_payload(vault, combine(shares))[1], indent=2).replace("\x7f", "\\u007f"))

def run_vector(path):
    """ "Test vectors": returns the expected result of a vector, and the result of this reader."""
    head, _, data = path.read_bytes().partition(b"\n\n")
    vector, index, shares, found = {}, "", {}, {"expect": "success"}
    for name, value in (line.split(": ", 1) for line in head.decode().split("\n")):
        index = value.split()[0] if name == "custodian" else index
        if name in ("part", "token", "share"):
            name = f"{name} {index}"
        vector[name] = f"{vector[name]}\n{value}" if name in vector else value
    try:
        if vector["form"] == "enrolment":
            read_enrolment(data)
            return vector, found
        data = base64.b64decode(data) if vector["form"] == "binary" else data
        vault = read_vault(data, vector.get("wanted"))
        for index in map(int, vector["shares from"].split()):
            custodian = vault.custodians[index - 1]
            b = open_part(vault, custodian, vector[f"part {index}"])
            for serial, secret in map(str.split, vector[f"token {index}"].split("\n")):
                # A vector does not name the slot of a key. The key is always in slot 82.
                shares[index] = open_share(vault, custodian, b, software_token(secret, int(serial), "82"))
                found[f"share {index}"] = shares[index].hex()
        found["file key"] = combine(shares).hex()
        found["payload"] = hashlib.sha256(open_payload(vault, combine(shares))[0]).hexdigest()
    except Failure as failure:
        found = {"expect": failure.kind, "step": failure.step}
        found |= {"at fault": str(failure.index)} if failure.index else {}
    return vector, found

def vectors(arguments):
    """Prints each difference between the results of this reader and the vectors."""
    paths, wrong = sorted(Path(arguments.file).glob("*.txt")), 0
    for path in paths:
        vector, found = run_vector(path)
        facts = [fact for fact in found.keys() | {"step", "at fault"} if found.get(fact) != vector.get(fact)]
        wrong += bool(facts)
        for fact in facts:
            print(f"{path.name}: {fact} is {found.get(fact)}, not {vector.get(fact)}")
    print(f"{len(paths) - wrong} of {len(paths)} vectors agree")
    return 0 if paths and not wrong else 1

def main():
    warnings.simplefilter("error", getpass.GetPassWarning)  # words are never echoed
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {"inspect": inspect, "open": open_vault, "vectors": vectors}
    parser.add_argument("command", choices=commands)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--custodian", metavar="NAME", nargs="+", default=[],
                        help="at least as many custodians as the threshold")
    parser.add_argument("--pkcs11", metavar="MODULE", help="the PKCS #11 module of PIV tokens")
    parser.add_argument("--answer", metavar="SERIAL", type=int, nargs="+", default=[],
                        help="serial numbers of challenge-response tokens, on any machine")
    parser.add_argument("--key", metavar="NAME=FILE", type=lambda text: text.split("=", 1), action="append",
                        default=[],
                        help="for tests: a key file for a serial number, or for a custodian's first token")
    parser.add_argument("--drill", action="store_true", help="expect a drill vault")
    arguments = parser.parse_args()
    try:
        sys.exit(commands[arguments.command](arguments))
    except (Failure, OSError) as failure:
        sys.exit(str(failure))
    except Exception as error:  # the text of the error can quote secrets
        sys.exit(f"Internal error of this program (the file can be intact): {type(error).__name__}.")

if __name__ == "__main__":
    main()
