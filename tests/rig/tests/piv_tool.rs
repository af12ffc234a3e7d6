//! Tests that Debian's yubico-piv-tool accepts the virtual token as a YubiKey, and that openssl verifies the token's
//! attestation.

use rig::pcscd::Pcscd;
use rig::token::{Authority, Cipher, ManagementKey, PinPolicy, Spec, Token, TouchPolicy};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A token in a reader, and a directory for files.
struct Setup {
    pcscd: Pcscd,
    token: Token,
    directory: PathBuf,
}

impl Setup {
    fn new(spec: Spec) -> Self {
        let token = Token::new(spec);
        let pcscd = Pcscd::with(&[&token]);
        let directory = pcscd.socket().with_file_name("piv-tool");
        std::fs::create_dir(&directory).expect("a directory should be created");
        Self { pcscd, token, directory }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn piv(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("yubico-piv-tool");
        command.args(arguments).env("PCSCLITE_CSOCK_NAME", self.pcscd.socket()).current_dir(&self.directory);
        command.output().expect("yubico-piv-tool should be installed")
    }

    /// Runs yubico-piv-tool and returns the output. Panics if yubico-piv-tool fails.
    #[track_caller]
    fn works(&self, arguments: &[&str]) -> String {
        let output = self.piv(arguments);
        let said = said(&output);
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    /// Runs yubico-piv-tool and returns the output. Panics if yubico-piv-tool succeeds.
    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.piv(arguments);
        let said = said(&output);
        assert!(!output.status.success(), "{arguments:?}: {said}");
        said
    }

    /// Creates a certificate for the public key in `public.pem`. A different key signs the certificate.
    fn certificate(&self) -> PathBuf {
        let certificate = self.file("certificate.pem");
        openssl(
            &self.directory,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=ca",
        );
        openssl(&self.directory, "req -new -key ca.key -out request.pem -subj /CN=key");
        openssl(
            &self.directory,
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -force_pubkey public.pem -out certificate.pem",
        );
        certificate
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[track_caller]
fn openssl(directory: &Path, arguments: &str) -> String {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(directory).output();
    let output = output.expect("openssl should be installed");
    assert!(output.status.success(), "openssl {arguments}: {}", said(&output));
    said(&output)
}

#[test]
fn yubico_piv_tool_reads_the_tokens_status() {
    let setup = Setup::new(Spec::new(40_000_001));
    let status = setup.works(&["-astatus"]);
    for line in ["Version:	5.4.3", "Serial Number:	40000001", "PIN tries left:	3"] {
        assert!(status.contains(line), "{status}");
    }
}

#[test]
fn a_key_is_generated_certified_and_used() {
    let setup = Setup::new(Spec::new(40_000_002));
    let policies = ["--pin-policy=once", "--touch-policy=always"];
    setup.works(&[&["-agenerate", "-s82", "-AECCP256", "-opublic.pem"][..], &policies].concat());
    assert_eq!(setup.token.policies(0x82), Some((PinPolicy::Once, TouchPolicy::Always)));
    setup.certificate();
    setup.works(&["-aimport-certificate", "-s82", "-icertificate.pem"]);
    setup.works(&["-aread-certificate", "-s82", "-oread.pem"]);
    openssl(&setup.directory, "verify -CAfile ca.pem read.pem");
    assert!(setup.token.certificate(0x82).is_some());

    setup.fails(&["-atest-signature", "-s82", "-icertificate.pem"]);
    setup.works(&["-averify-pin", "-P123456", "-atest-signature", "-s82", "-icertificate.pem"]);
    setup.works(&["-averify-pin", "-P123456", "-atest-decipher", "-s82", "-icertificate.pem"]);
    let counters = setup.token.counters();
    assert_eq!((counters.signatures, counters.agreements), (1, 1));
    setup.works(&["-adelete-certificate", "-s82"]);
    assert_eq!(setup.token.certificate(0x82), None);
}

#[test]
fn openssl_follows_an_attestation_to_the_root() {
    for (serial, authority) in [(40_000_003, Authority::Rig), (40_000_004, Authority::Stranger)] {
        let setup = Setup::new(Spec { authority, ..Spec::new(serial) });
        setup.works(&["-agenerate", "-s83", "-AECCP256", "-opublic.pem"]);
        setup.works(&["-aattest", "-s83", "-oleaf.pem"]);
        setup.works(&["-aread-certificate", "-sf9", "-ointermediate.pem"]);
        std::fs::write(setup.file("root.pem"), authority.root_pem()).expect("the root should be written");
        openssl(&setup.directory, "verify -CAfile root.pem -untrusted intermediate.pem leaf.pem");
        let public = openssl(&setup.directory, "x509 -in leaf.pem -noout -pubkey");
        assert_eq!(
            public,
            std::fs::read_to_string(setup.file("public.pem"))
                .expect("the public key should have been written")
        );
    }
}

#[test]
fn pin_and_puk_are_changed_blocked_and_unblocked() {
    let setup = Setup::new(Spec::new(40_000_005));
    setup.works(&["-achange-pin", "-P123456", "-N654321"]);
    setup.works(&["-achange-puk", "-P12345678", "-N87654321"]);
    assert!(setup.token.has_pin("654321") && setup.token.has_puk("87654321"));
    for _ in 0..3 {
        setup.fails(&["-averify-pin", "-P123456"]);
    }
    assert_eq!(setup.token.pin_tries(), 0);
    let refused = setup.fails(&["-averify-pin", "-P654321"]);
    assert!(refused.to_lowercase().contains("block"), "{refused}");
    setup.works(&["-aunblock-pin", "-P87654321", "-N222222"]);
    setup.works(&["-averify-pin", "-P222222"]);
}

#[test]
fn the_management_key_is_changed() {
    const NEW: &str = "0102030405060708010203040506070801020304050607aa";
    let setup = Setup::new(Spec::new(40_000_006));
    setup.works(&["-aset-mgm-key", &format!("-n{NEW}")]);
    let ManagementKey { cipher, key } = setup.token.management_key();
    assert_eq!((cipher, key.last()), (Cipher::TripleDes, Some(&0xaa)));
    setup.fails(&["-aset-chuid"]);
    setup.works(&["-aset-chuid", &format!("-k{NEW}")]);
    assert!(setup.token.object(0x5f_c102).is_some());
}

#[test]
fn a_token_is_reset_only_when_pin_and_puk_are_blocked() {
    let setup = Setup::new(Spec { pin: "654321".into(), ..Spec::new(40_000_007) });
    setup.works(&["-agenerate", "-s9a", "-AECCP256", "-opublic.pem"]);
    setup.fails(&["-areset"]);
    assert!(setup.token.is_occupied(0x9a));
    setup.token.block_pin();
    setup.token.block_puk();
    setup.works(&["-areset"]);
    assert!(!setup.token.is_occupied(0x9a));
    assert!(setup.token.has_pin("123456"));
    setup.works(&["-aattest", "-sf9"]);
}

#[test]
fn a_key_is_imported_and_not_attested() {
    let setup = Setup::new(Spec::new(40_000_008));
    openssl(&setup.directory, "ecparam -name prime256v1 -genkey -noout -out private.pem");
    openssl(&setup.directory, "ec -in private.pem -pubout -out public.pem");
    setup.works(&["-aimport-key", "-s9e", "-iprivate.pem"]);
    setup.certificate();
    setup.works(&["-atest-signature", "-s9e", "-icertificate.pem"]);
    setup.fails(&["-aattest", "-s9e"]);
}
