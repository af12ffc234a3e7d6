//! Tests that `--version` shows whether the program is the full build or the offline build.

use std::path::Path;
use std::process::Command;

use super::PROGRAM;

#[test]
fn version_names_the_build_and_its_source() {
    let output = Command::new(PROGRAM).arg("--version").output().expect("the program should run");
    let text = String::from_utf8(output.stdout).expect("the output should be text");
    let build = if cfg!(feature = "cloud") { "full build" } else { "offline build" };
    let program = Path::new(PROGRAM)
        .file_stem()
        .and_then(|name| name.to_str())
        .expect("the program should have a file name");
    let start = format!("{program} {} ({build}, ", env!("CARGO_PKG_VERSION"));
    assert!(text.starts_with(&start), "{text}");
    assert!(text.contains("commit ") || text.contains("debug"), "{text}");
}

#[cfg(not(feature = "cloud"))]
#[test]
fn the_offline_build_refuses_commands_that_need_a_network_and_names_itself() {
    for command in ["open", "unseal", "close", "drill", "status"] {
        let output =
            Command::new(PROGRAM).args([command, "prod.age"]).output().expect("the program should run");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {text}");
        assert!(text.contains("this is the offline build"), "{command}: {text}");
    }
}
