//! Checks that `contrib/recover.py` and `contrib/check_statement.py` read every vector with the expected result. Their
//! author used only `vault-format.md`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::soft::{figure, vector};

/// Returns the command that runs a Python program of this repository with the test rig's Python.
fn python(program: &str) -> Command {
    let mut command = Command::new(rig::aws::python());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(program)).env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(Stdio::null());
    command
}

#[test]
#[cfg_attr(feature = "cloud", ignore = "takes minutes, so only the offline build runs it")]
fn each_check_of_recover_py_is_needed_for_at_least_one_vector() {
    let output = python("tests/peers/switched_off.py").output().expect("Python should start");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().for_each(|line| figure(&format!("contrib/: {line}")));

    // The control: the directory has only one vector, which is valid. The only vector passes without most of the checks
    // in `contrib/recover.py`, so `switched_off.py` must report most checks as not needed.
    let directory = tempfile::TempDir::new().unwrap();
    std::fs::copy(vector::directory().join("two_of_two.txt"), directory.path().join("two_of_two.txt"))
        .unwrap();
    let output = python("tests/peers/switched_off.py").arg(directory.path()).output().unwrap();
    assert!(!output.status.success(), "the program should report checks that no vector needs");
}

#[test]
fn a_reader_written_from_the_specification_agrees_on_every_vector() {
    for (program, name) in
        [("contrib/recover.py", "two_of_two.txt"), ("contrib/check_statement.py", "statement_open.txt")]
    {
        let run = |vectors: &Path| {
            python(program).arg("vectors").arg(vectors).output().expect("Python should start")
        };
        let output = run(&vector::directory());
        let (said, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}{errors}");
        figure(&format!("{program}: {}", said.trim()));

        // The control: the program must fail for a vector whose expected result is wrong.
        let directory = tempfile::TempDir::new().unwrap();
        let vector = std::fs::read_to_string(vector::directory().join(name)).unwrap();
        let wrong = vector.replacen("expect: success", "expect: damaged\nstep: parse", 1);
        assert_ne!(vector, wrong);
        std::fs::write(directory.path().join(name), wrong).unwrap();
        let vault = "statement_vault.txt";
        std::fs::copy(vector::directory().join(vault), directory.path().join(vault)).unwrap();
        assert!(
            !run(directory.path()).status.success(),
            "{program} should report a vector with a wrong expected result"
        );
    }
}

#[test]
fn the_grammar_of_the_format_matches_the_vectors() {
    let run =
        |vectors: &Path| python("tests/peers/grammar.py").arg(vectors).output().expect("Python should start");
    let output = python("tests/peers/grammar.py").output().expect("Python should start");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    figure(said.trim());

    // The control: a vector with a header outside the grammar, which is marked as valid.
    let directory = tempfile::TempDir::new().unwrap();
    let vector = std::fs::read_to_string(vector::directory().join("mac_two_spaces.txt")).unwrap();
    let wrong = vector.replacen("expect: damaged", "expect: success", 1);
    assert_ne!(vector, wrong);
    std::fs::write(directory.path().join("mac_two_spaces.txt"), wrong).unwrap();
    assert!(!run(directory.path()).status.success(), "the program should report the header");
}
