//! Checks that `contrib/recover.py`, which was written from `vault-format.md` alone, agrees with every vector.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::soft::vector;

#[test]
fn a_reader_written_from_the_specification_agrees_on_every_vector() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/recover.py");
    let run = |vectors: &Path| {
        let mut command = Command::new(rig::aws::python());
        command.arg(&program).arg("vectors").arg(vectors).env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::null()).output().expect("Python should start")
    };
    let output = run(&vector::directory());
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    println!("{said}");

    // The control: a vector that expects a wrong result.
    let directory = tempfile::TempDir::new().unwrap();
    let vector = std::fs::read_to_string(vector::directory().join("two_of_two.txt")).unwrap();
    let wrong = vector.replacen("expect: success", "expect: damaged\nat: parse", 1);
    assert_ne!(vector, wrong);
    std::fs::write(directory.path().join("two_of_two.txt"), wrong).unwrap();
    assert!(!run(directory.path()).status.success(), "a wrong vector should be reported");
}
