//! Shows the time left in the window before the prompt of the operator's shell. The shell also reads the operator's own
//! startup files.
//!
//! The shell computes the time left from the machine's uptime, because no process can set the uptime. The program
//! writes a startup file for the shell. The file contains no secret, and the shell deletes the file after reading the
//! file.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, remove_dir_all, write};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::boot_clock::Instant;
use crate::shell::word;
use crate::vault::random;

/// The directory with the startup files that this module wrote, or `None`. Dropping the value deletes the directory.
pub(crate) struct Prompt(Option<PathBuf>);

impl Drop for Prompt {
    fn drop(&mut self) {
        if let Some(directory) = &self.0 {
            let _ = remove_dir_all(directory);
        }
    }
}

/// The kind of a shell. Each kind of shell reads its startup files in a different way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ShellKind {
    Bash,
    Zsh,
    Fish,
    /// A shell that finds its startup file through the variable `ENV`: dash, ash, or any ksh.
    Posix,
}

impl ShellKind {
    fn of(shell: &OsStr) -> Option<Self> {
        match Path::new(shell).file_name()?.to_str()? {
            "bash" => Some(Self::Bash),
            "zsh" => Some(Self::Zsh),
            "fish" => Some(Self::Fish),
            "sh" | "dash" | "ash" | "ksh" | "ksh93" | "mksh" | "lksh" | "oksh" => Some(Self::Posix),
            _ => None,
        }
    }
}

impl Prompt {
    /// Changes `command`, which starts `shell`, so that the shell's prompt shows the time left until `end`. Does
    /// nothing if the shell is not known.
    ///
    /// # Errors
    /// Fails if the uptime cannot be read, or if a startup file cannot be written.
    pub(crate) fn prepare(command: &mut Command, shell: &OsStr, end: Instant) -> io::Result<Self> {
        Self::prepare_with(command, shell, end, |name| std::env::var_os(name))
    }

    /// Implements [`Self::prepare`]. `given` returns the value of an environment variable that the shell inherits.
    fn prepare_with(
        command: &mut Command,
        shell: &OsStr,
        end: Instant,
        given: impl Fn(&str) -> Option<OsString>,
    ) -> io::Result<Self> {
        let Some(kind) = ShellKind::of(shell) else {
            return Ok(Self(None));
        };
        let end = uptime()?.saturating_add(end.since(Instant::now()).as_secs());
        if kind == ShellKind::Fish {
            command.args([OsStr::new("-C"), &fish(end)]);
            return Ok(Self(None));
        }
        let directory = create_directory()?;
        let prompt = Self(Some(directory.clone()));
        let given = |name| given(name).filter(|value| !value.is_empty());
        match kind {
            ShellKind::Bash => {
                write(directory.join("rc"), bash(&directory, end).as_bytes())?;
                command.args([OsStr::new("--rcfile"), directory.join("rc").as_os_str()]);
            }
            ShellKind::Zsh => {
                write(directory.join(".zshenv"), zshenv(&directory, given("ZDOTDIR").as_deref()).as_bytes())?;
                write(directory.join(".zshrc"), zshrc(&directory, end).as_bytes())?;
                command.env("ZDOTDIR", &directory);
            }
            ShellKind::Posix | ShellKind::Fish => {
                write(directory.join("rc"), posix(&directory, given("ENV").as_deref(), end).as_bytes())?;
                command.env("ENV", directory.join("rc"));
            }
        }
        Ok(prompt)
    }
}

/// Returns the machine's uptime in whole seconds, from `/proc/uptime`. The shells read the same file.
fn uptime() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/uptime")?;
    let seconds = text.split('.').next().and_then(|seconds| seconds.parse().ok());
    seconds.ok_or_else(|| io::Error::other("/proc/uptime is not in the expected format"))
}

/// Creates a private directory in `XDG_RUNTIME_DIR`, which is in memory. If `XDG_RUNTIME_DIR` cannot be used, creates
/// the private directory in the directory for temporary files.
fn create_directory() -> io::Result<PathBuf> {
    let name = format!("breakglass-{}", random::hex::<8>());
    let make = |parent: PathBuf| {
        let directory = parent.join(&name);
        DirBuilder::new().mode(0o700).create(&directory).map(|()| directory)
    };
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|path| Path::new(path).is_absolute());
    match runtime.map(|path| make(path.into())) {
        Some(Ok(directory)) => Ok(directory),
        _ => make(std::env::temp_dir()),
    }
}

/// Replaces each `@NAME@` in `text` with the value of that name.
fn filled(text: &str, values: &[(&str, &OsStr)]) -> OsString {
    let mut out = Vec::with_capacity(text.len() + 256);
    for (number, part) in text.split('@').enumerate() {
        match values.iter().find(|(name, _)| number % 2 == 1 && *name == part) {
            Some((_, value)) => out.extend_from_slice(value.as_bytes()),
            None => out.extend_from_slice(part.as_bytes()),
        }
    }
    OsString::from_vec(out)
}

/// A shell function that prints the time left: `1h05m`, `27m`, or, in the last minute, `40s`.
const LEFT: &str = r#"
__breakglass_left() (
    read -r up rest </proc/uptime || exit 0
    left=$((@END@ - ${up%%.*}))
    if [ "$left" -le 0 ]; then printf over
    elif [ "$left" -lt 60 ]; then printf '%ss' "$left"
    elif [ "$left" -le 3540 ]; then printf '%sm' "$(((left + 59) / 60))"
    else printf '%sh%02dm' "$(((left + 59) / 3600))" "$(((left + 59) / 60 % 60))"
    fi
)
"#;

fn left(end: u64) -> OsString {
    filled(LEFT, &[("END", end.to_string().as_ref())])
}

/// The startup file of bash. The file adds a function to the end of `PROMPT_COMMAND`. The operator's prompt commands
/// set the prompt first, and then the function puts the time left before the prompt.
const BASH: &str = r#"
if [ -f ~/.bashrc ]; then . ~/.bashrc; fi
command rm -rf -- @DIRECTORY@
@LEFT@
__breakglass_shown=
__breakglass_prompt() {
    PS1=${PS1-}
    PS1=${PS1#"$__breakglass_shown"}
    __breakglass_shown="[breakglass $(__breakglass_left)] "
    PS1=$__breakglass_shown$PS1
}
if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == "declare -a"* ]]; then
    PROMPT_COMMAND+=(__breakglass_prompt)
else
    PROMPT_COMMAND=${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}__breakglass_prompt
fi
"#;

fn bash(directory: &Path, end: u64) -> OsString {
    filled(BASH, &[("DIRECTORY", &word(directory.as_os_str())), ("LEFT", &left(end))])
}

/// The file `.zshenv`, which zsh reads first. The written file runs the operator's own `.zshenv`.
const ZSHENV: &str = r#"
@GIVEN@
if [[ -f "${ZDOTDIR:-$HOME}/.zshenv" ]]; then source "${ZDOTDIR:-$HOME}/.zshenv"; fi
if (( ${+ZDOTDIR} )); then __breakglass_zdotdir=$ZDOTDIR; fi
ZDOTDIR=@DIRECTORY@
"#;

fn zshenv(directory: &Path, given: Option<&OsStr>) -> OsString {
    let given = assigned("ZDOTDIR", given);
    filled(ZSHENV, &[("DIRECTORY", &word(directory.as_os_str())), ("GIVEN", &given)])
}

/// The file `.zshrc`, which an interactive zsh reads. The written file runs the operator's own `.zshrc`.
const ZSHRC: &str = r#"
if (( ${+__breakglass_zdotdir} )); then
    ZDOTDIR=$__breakglass_zdotdir
    unset __breakglass_zdotdir
else
    unset ZDOTDIR
fi
if [[ ${HISTFILE-} == @DIRECTORY@/* ]]; then HISTFILE=${ZDOTDIR:-$HOME}/${HISTFILE:t}; fi
if [[ -f "${ZDOTDIR:-$HOME}/.zshrc" ]]; then source "${ZDOTDIR:-$HOME}/.zshrc"; fi
command rm -rf -- @DIRECTORY@
@LEFT@
__breakglass_shown=
__breakglass_prompt() {
    emulate -L zsh
    PS1=${PS1#"$__breakglass_shown"}
    __breakglass_shown="[breakglass $(__breakglass_left)] "
    PS1=$__breakglass_shown$PS1
}
typeset -ga precmd_functions
precmd_functions+=(__breakglass_prompt)
"#;

fn zshrc(directory: &Path, end: u64) -> OsString {
    filled(ZSHRC, &[("DIRECTORY", &word(directory.as_os_str())), ("LEFT", &left(end))])
}

/// The startup file of a POSIX shell. A POSIX shell expands variables in the value of `ENV`, and then uses the value
/// as a path. The shell also expands the prompt each time it shows the prompt.
const POSIX: &str = r#"
@GIVEN@
if [ -n "${ENV-}" ]; then
    eval "__breakglass_env=\"$ENV\""
    case $__breakglass_env in */*) ;; *) __breakglass_env=./$__breakglass_env ;; esac
    if [ -r "$__breakglass_env" ]; then . "$__breakglass_env"; fi
    unset __breakglass_env
fi
command rm -rf -- @DIRECTORY@
@LEFT@
PS1='[breakglass $(__breakglass_left)] '"${PS1-\$ }"
"#;

fn posix(directory: &Path, given: Option<&OsStr>, end: u64) -> OsString {
    let given = assigned("ENV", given);
    filled(POSIX, &[("DIRECTORY", &word(directory.as_os_str())), ("GIVEN", &given), ("LEFT", &left(end))])
}

/// Returns shell code that sets the variable `name` to `given`. If `given` is `None`, the code unsets the variable.
fn assigned(name: &str, given: Option<&OsStr>) -> OsString {
    let mut line = OsString::from(if given.is_some() { format!("{name}=") } else { format!("unset {name}") });
    line.push(given.map(word).unwrap_or_default());
    line
}

/// The startup commands of fish. The commands call the operator's prompt function first, so that this function sees the
/// status of the operator's last command in `$status`.
const FISH: &str = r"
functions -q fish_prompt; and functions -c fish_prompt __breakglass_own_prompt
functions -q __breakglass_own_prompt; or function __breakglass_own_prompt; echo '> '; end
function __breakglass_left
    read -l up rest </proc/uptime; or return
    set -l left (math @END@ - (string split . -- $up)[1])
    set -l minutes (math 'floor(('$left' + 59) / 60)')
    if test $left -le 0
        echo over
    else if test $left -lt 60
        echo {$left}s
    else if test $left -le 3540
        echo {$minutes}m
    else
        printf '%dh%02dm\n' (math 'floor('$minutes' / 60)') (math $minutes % 60)
    end
end
function fish_prompt
    set -l own (__breakglass_own_prompt)
    printf '[breakglass %s] ' (__breakglass_left)
    string join \n -- $own
end
";

fn fish(end: u64) -> OsString {
    filled(FISH, &[("END", end.to_string().as_ref())])
}

#[cfg(test)]
mod tests;
