//! Sets the text that `--version` prints: the version, the build and its commit.

use std::env;
use std::process::Command;

fn main() {
    let is_full = env::var_os("CARGO_FEATURE_CLOUD").is_some();
    let (program, build) =
        if is_full { ("breakglass", "full build") } else { ("breakglass-offline", "offline build") };
    let version = variable("CARGO_PKG_VERSION");
    println!("cargo:rustc-env=BREAKGLASS_PROGRAM={program}");
    println!("cargo:rustc-env=BREAKGLASS_VERSION={version} ({build}, {}, {})", source(), variable("TARGET"));
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=BREAKGLASS_COMMIT");
}

/// Returns a text about the source: its commit, `commit unknown`, or `debug` for a debug build. A debug build does
/// not contain the commit. If it contained the commit, each new commit would cause a complete rebuild.
fn source() -> String {
    if variable("PROFILE") == "debug" {
        return "debug".into();
    }
    // An archive of the source has no git history. The person who builds the archive passes the commit in
    // BREAKGLASS_COMMIT.
    if let Some(commit) = env::var("BREAKGLASS_COMMIT").ok().filter(|commit| is_commit(commit)) {
        return format!("commit {commit}");
    }
    for path in ["HEAD", "index"].iter().filter_map(|name| git(&["rev-parse", "--git-path", name])) {
        println!("cargo:rerun-if-changed={path}");
    }
    // If an archive is unpacked inside the git checkout of another project, the commit of that project must not be
    // used.
    let is_ours = git(&["ls-files", "--error-unmatch", "build.rs"]).is_some();
    match git(&["rev-parse", "--short=12", "HEAD"]).filter(|commit| is_ours && is_commit(commit)) {
        Some(commit) if has_changes() => format!("commit {commit} with local changes"),
        Some(commit) => format!("commit {commit}"),
        None => "commit unknown".into(),
    }
}

fn has_changes() -> bool {
    println!("cargo:rerun-if-changed=src");
    git(&[
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        "src",
        "Cargo.toml",
        "Cargo.lock",
        "build.rs",
    ])
    .is_none_or(|changes| !changes.is_empty())
}

fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn git(arguments: &[&str]) -> Option<String> {
    // Without `--no-optional-locks`, `git status` can write git's index. Cargo watches git's index, so it would run
    // this build script again at the next build.
    let output = Command::new("git").arg("--no-optional-locks").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
