//! Tests with real shells at a pseudo-terminal. Each shell has a startup file of the operator. `scripts/setup`
//! installs the shells.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::Duration;

use rig::pty::{End, Person};
use tempfile::TempDir;

use super::*;

/// A shell and the operator's startup file for the shell. The file sets the prompt to `MINE> ` and the variable `OWN`
/// to `yes`.
struct Case {
    shell: &'static str,
    file: &'static str,
    text: &'static str,
    env: &'static [(&'static str, &'static str)],
}

const ENV: &[(&str, &str)] = &[("ENV", "$HOME/own")];

const CASES: &[Case] = &[
    Case { shell: "/bin/bash", file: ".bashrc", text: "PS1='MINE> '; OWN=yes; set -u", env: &[] },
    Case {
        shell: "/bin/bash",
        file: ".bashrc",
        text: "PROMPT_COMMAND='PS1=\"MINE> \";'; OWN=yes; alias rm='rm -i'; IFS=:",
        env: &[],
    },
    Case {
        shell: "/bin/bash",
        file: ".bashrc",
        text: "PROMPT_COMMAND=('PS1=\"MINE> \"' :); OWN=yes; set -e",
        env: &[],
    },
    Case { shell: "/bin/zsh", file: ".zshrc", text: "PROMPT='MINE> '; OWN=yes; setopt nounset", env: &[] },
    Case {
        shell: "/bin/zsh",
        file: "it's mine/.zshrc",
        text: "precmd() { PROMPT='MINE> ' }; OWN=$(basename $ZDOTDIR); OWN=${OWN/it\\'s mine/yes}",
        env: &[("ZDOTDIR", "it's mine")],
    },
    Case {
        shell: "/usr/bin/fish",
        file: ".config/fish/config.fish",
        text: "function fish_prompt; echo 'MINE> '; end; set -g OWN yes",
        env: &[],
    },
    Case { shell: "/bin/dash", file: "own", text: "PS1='MINE> '; OWN=yes; set -u", env: ENV },
    Case { shell: "/bin/mksh", file: "own", text: "PS1='MINE> '; OWN=yes; set -u", env: ENV },
    Case { shell: "/bin/busybox", file: "own", text: "PS1='MINE> '; OWN=yes", env: ENV },
];

#[test]
fn the_operators_shell_shows_the_time_left_before_its_prompt() {
    thread::scope(|scope| CASES.iter().for_each(|case| drop(scope.spawn(|| shows_the_time(case)))));
}

fn shows_the_time(case: &Case) {
    let Case { shell, file, text, env } = case;
    assert!(Path::new(shell).exists(), "{shell} is missing: run scripts/setup");
    let home = TempDir::new().expect("a home");
    let file = home.path().join(file);
    fs::create_dir_all(file.parent().expect("in the home")).expect("a file");
    fs::write(file, text).expect("a file");
    // If busybox is started under the name `ash`, busybox behaves as the shell ash.
    let ash = home.path().join("ash");
    symlink(shell, &ash).expect("a file");
    let shell = if shell.ends_with("busybox") { &ash } else { Path::new(shell) };
    let mut command = Command::new(shell);
    command.env_clear().current_dir(home.path()).env("HOME", home.path());
    command.env("TERM", "dumb").env("PATH", "/usr/bin:/bin").envs(env.iter().copied());

    let given = |name: &str| {
        let value = env.iter().find(|(of, _)| *of == name)?.1;
        Some(OsString::from(if name == "ZDOTDIR" { home.path().join(value) } else { value.into() }))
    };
    // The first prompt must show `2m`. The shell therefore has 20 s to start, which is enough even on a busy machine.
    let began = std::time::Instant::now();
    let end = Instant::now() + Duration::from_secs(80);
    let prompt = Prompt::prepare_with(&mut command, shell.as_os_str(), end, given).expect("a prompt");
    let mut person = Person::run(command);
    person.expect("[breakglass 2m] MINE> ");
    if let Some(directory) = &prompt.0 {
        assert!(!directory.exists(), "{} was not deleted", directory.display());
    }
    let status = if shell.ends_with("fish") { "$status" } else { "$?" };
    person.type_line(&format!("sh -c 'exit 7' || echo status={status} own=$OWN"));
    person.expect("status=7 own=yes");
    person.expect("] MINE> ");
    // Each prompt must show the time left exactly once.
    assert!(!person.transcript().contains("m] [breakglass"), "{}", person.transcript());
    thread::sleep(Duration::from_secs(21).saturating_sub(began.elapsed()));
    person.type_line("");
    person.expect("[breakglass 5");
    person.expect("s] MINE> ");
    person.type_line("echo left=$(env | grep -c breakglass-).");
    person.expect("left=0.");
    person.type_line("exit");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let own = |name: &str| home.path().join(name);
    for history in [".bash_history", ".zsh_history", ".local/share/fish/fish_history"].map(own) {
        let text = fs::read_to_string(history).unwrap_or_default();
        assert!(!text.contains("__breakglass"), "{text}");
    }
}

#[test]
fn the_time_left_is_shown_in_hours_and_minutes_and_in_seconds_in_the_last_minute() {
    for (seconds, shown) in [
        (0, "over"),
        (1, "1s"),
        (59, "59s"),
        (60, "1m"),
        (61, "2m"),
        (1621, "28m"),
        (3540, "59m"),
        (3541, "1h00m"),
        (3601, "1h01m"),
        (7200, "2h00m"),
    ] {
        // The test replaces /proc/uptime with a file that it writes.
        let directory = TempDir::new().expect("a file");
        fs::write(directory.path().join("uptime"), "1000.99 1.00\n").expect("a file");
        let text = left(1000 + seconds).into_string().expect("text");
        let text = text.replace("/proc/uptime", &directory.path().join("uptime").display().to_string());
        for shell in ["/bin/dash", "/bin/bash", "/bin/zsh"] {
            let out = Command::new(shell).args(["-euc", &format!("{text}\n__breakglass_left")]).output();
            assert_eq!(String::from_utf8_lossy(&out.expect("runs").stdout), shown, "{shell}: {seconds}");
        }
        let text = fish(1000 + seconds).into_string().expect("text");
        let text = text.replace("/proc/uptime", &directory.path().join("uptime").display().to_string());
        let out = Command::new("/usr/bin/fish").args(["-c", &format!("{text}\n__breakglass_left")]).output();
        assert_eq!(String::from_utf8_lossy(&out.expect("runs").stdout).trim(), shown, "fish: {seconds}");
    }
}

#[test]
fn an_unknown_shell_is_not_changed() {
    for shell in ["/bin/nu", "/opt/my shell", ""] {
        let mut command = Command::new("x");
        assert!(
            Prompt::prepare(&mut command, shell.as_ref(), Instant::now())
                .expect("an unknown shell should not be an error")
                .0
                .is_none()
        );
        assert_eq!((command.get_args().count(), command.get_envs().count()), (0, 0));
    }
}

#[test]
fn the_startup_files_are_deleted_even_if_the_shell_does_not_read_them() {
    let mut command = Command::new("x");
    let prompt = Prompt::prepare(&mut command, "/bin/zsh".as_ref(), Instant::now()).expect("a prompt");
    let directory = prompt.0.clone().expect("a directory");
    assert!(directory.join(".zshrc").exists());
    drop(prompt);
    assert!(!directory.exists());
}
