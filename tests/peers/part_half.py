"""Decrypts, for each custodian in a test vector, the half of the share that the twelve words decrypt.

This program was written from vault-format.md. Its arguments are files of tests/vectors that contain custodians' words.
For each custodian, the program prints the file, the custodian's index, and the decrypted half `b` in hex. The program
uses other libraries than breakglass: ML-KEM from kyber-py, X25519, HKDF and ChaCha20Poly1305 from cryptography, and
SHA-3 and PBKDF2 from hashlib.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from kyber_py.ml_kem import ML_KEM_768

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def unbase64(text):
    """Decodes base64 without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def stanzas(text):
    """Returns the arguments and the body of each stanza in an age header or in the body of a share."""
    found = []
    for line in text.splitlines():
        if line.startswith("-> "):
            found.append((line[3:].split(" "), []))
        elif line.startswith("--- "):
            break
        elif found:
            found[-1][1].append(line)
    return [(arguments, unbase64("".join(lines))) for arguments, lines in found]


def bech32(prefix, data):
    """Encodes data as Bech32 (BIP-173), without Bech32's limit on the length."""
    bits, values = int.from_bytes(data, "big"), []
    spare = -(8 * len(data)) % 5
    for place in range((8 * len(data) + spare) // 5 - 1, -1, -1):
        values.append((bits << spare) >> (5 * place) & 31)
    checksum = 1
    for value in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + values + [0] * 6:
        top, checksum = checksum >> 25, (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate([0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]):
            checksum ^= term if top >> bit & 1 else 0
    checksum ^= 1
    values += [checksum >> 5 * (5 - place) & 31 for place in range(6)]
    return prefix + "1" + "".join(ALPHABET[value] for value in values)


def identity(words, enrolment):
    """Returns the X-Wing seed that belongs to the twelve words and an enrolment."""
    seed = hashlib.pbkdf2_hmac("sha512", words.encode(), b"mnemonic", 2048, 64)
    return HKDF(hashes.SHA256(), 32, enrolment, b"breakglass/part mlkem768x25519 v1").derive(seed)


def expand(seed):
    """Returns the two private keys and the public key of an X-Wing seed."""
    expanded = hashlib.shake_256(seed).digest(96)
    encapsulation_key, decapsulation_key = ML_KEM_768.key_derive(expanded[:64])
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return decapsulation_key, x25519, encapsulation_key + x25519.public_key().public_bytes(*raw)


def decapsulate(seed, enc):
    """Returns X-Wing's shared secret. The library cryptography refuses an X25519 result of zero."""
    decapsulation_key, x25519, public = expand(seed)
    shared_m = ML_KEM_768.decaps(decapsulation_key, enc[:1088])
    shared_x = x25519.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
    return hashlib.sha3_256(shared_m + shared_x + enc[1088:] + public[1184:] + rb"\.//^" + b"\\").digest()


def open_base(shared, info, sealed):
    """Decrypts with HPKE in base mode, KEM 0x647a (RFC 9180 sections 5.1 and 5.2)."""
    suite = b"HPKE" + bytes.fromhex("647a00010003")

    def extract(salt, label, ikm):
        return hmac.digest(salt, b"HPKE-v1" + suite + label + ikm, "sha256")

    def expand_to(prk, label, context, length):
        info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return HKDFExpand(hashes.SHA256(), length, info).derive(prk)

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    key, nonce = expand_to(secret, b"key", context, 32), expand_to(secret, b"base_nonce", context, 12)
    return ChaCha20Poly1305(key).decrypt(nonce, sealed, b"")


def read(vector):
    """Returns the words in a vector, as a dictionary by custodian index, and the bytes of the vault."""
    head, body = vector.split("\n\n", 1)
    words, index, form = {}, None, "binary"
    for line in head.splitlines():
        name, value = line.split(": ", 1)
        if name == "custodian":
            index = int(value.split(" ")[0])
        elif name == "part":
            words[index] = value
        elif name == "form":
            form = value
    lines = body.splitlines()
    return words, base64.b64decode("".join(lines[1:-1] if form == "armored" else lines))


def main():
    for path in map(pathlib.Path, sys.argv[1:]):
        words, vault = read(path.read_text())
        manifest, *shares = stanzas(vault.split(b"\n--- ", 1)[0].decode())
        for custodian, (_, share) in zip(json.loads(manifest[1])["custodians"], shares):
            if custodian["index"] not in words:
                continue
            seed = identity(words[custodian["index"]], bytes.fromhex(custodian["enrolment"]))
            assert bech32("age1pq", expand(seed)[2]) == custodian["part"], "the words should match the manifest"
            arguments, sealed = stanzas(share.decode())[-1]
            assert arguments[0] == "mlkem768x25519" and len(arguments) == 2
            enc = unbase64(arguments[1])
            assert len(enc) == 1120 and len(sealed) == 32
            half = open_base(decapsulate(seed, enc), b"age-encryption.org/mlkem768x25519", sealed)
            print(path.stem, custodian["index"], half.hex())


if __name__ == "__main__":
    main()
