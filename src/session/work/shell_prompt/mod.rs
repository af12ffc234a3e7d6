//! The time left, in the prompt of the operator's shell: after their own files, beside their own prompt.
//!
//! It goes by the machine's uptime, which nobody can set. The files that tell the shell of it remove themselves as
//! they are read; they hold no secret.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, remove_dir_all, write};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::boot_clock::Instant;
use crate::vault::random;

/// What keeps the files until the shell has read them.
pub(crate) struct Prompt(Option<PathBuf>);

impl Drop for Prompt {
    fn drop(&mut self) {
        if let Some(room) = &self.0 {
            let _ = remove_dir_all(room);
        }
    }
}

/// How a shell is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Bash,
    Zsh,
    Fish,
    /// What reads the file that `ENV` names: dash, ash, every ksh.
    Posix,
}

impl Kind {
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
    /// Lets the shell that `command` starts show how long it is until `end`; a shell of another kind is left alone.
    ///
    /// # Errors
    /// When the uptime cannot be read, or there is no room for a file.
    pub(crate) fn give(command: &mut Command, shell: &OsStr, end: Instant) -> io::Result<Self> {
        Self::give_with(command, shell, end, |name| std::env::var_os(name))
    }

    /// `given`: what the shell would have found in its environment.
    fn give_with(
        command: &mut Command,
        shell: &OsStr,
        end: Instant,
        given: impl Fn(&str) -> Option<OsString>,
    ) -> io::Result<Self> {
        let Some(kind) = Kind::of(shell) else {
            return Ok(Self(None));
        };
        let end = uptime()?.saturating_add(end.since(Instant::now()).as_secs());
        if kind == Kind::Fish {
            command.args([OsStr::new("-C"), &fish(end)]);
            return Ok(Self(None));
        }
        let room = make_room()?;
        let prompt = Self(Some(room.clone()));
        let given = |name| given(name).filter(|value| !value.is_empty());
        match kind {
            Kind::Bash => {
                write(room.join("rc"), bash(&room, end).as_bytes())?;
                command.args([OsStr::new("--rcfile"), room.join("rc").as_os_str()]);
            }
            Kind::Zsh => {
                write(room.join(".zshenv"), zshenv(&room, given("ZDOTDIR").as_deref()).as_bytes())?;
                write(room.join(".zshrc"), zshrc(&room, end).as_bytes())?;
                command.env("ZDOTDIR", &room);
            }
            Kind::Posix | Kind::Fish => {
                write(room.join("rc"), posix(&room, given("ENV").as_deref(), end).as_bytes())?;
                command.env("ENV", room.join("rc"));
            }
        }
        Ok(prompt)
    }
}

/// Whole seconds, as the shells will read them.
fn uptime() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/uptime")?;
    let seconds = text.split('.').next().and_then(|seconds| seconds.parse().ok());
    seconds.ok_or_else(|| io::Error::other("/proc/uptime says no time"))
}

/// A directory of one's own: in memory where the system has such a place, else among the temporary files.
fn make_room() -> io::Result<PathBuf> {
    let name = format!("breakglass-{}", random::hex::<8>());
    let make = |parent: PathBuf| {
        let room = parent.join(&name);
        DirBuilder::new().mode(0o700).create(&room).map(|()| room)
    };
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|path| Path::new(path).is_absolute());
    match runtime.map(|path| make(path.into())) {
        Some(Ok(room)) => Ok(room),
        _ => make(std::env::temp_dir()),
    }
}

/// Puts values in place of `@NAME@`.
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

/// As one word of a POSIX shell, whatever is in it.
fn quoted(text: &OsStr) -> OsString {
    let mut out = vec![b'\''];
    for byte in text.as_bytes() {
        match byte {
            b'\'' => out.extend_from_slice(br"'\''"),
            other => out.push(*other),
        }
    }
    out.push(b'\'');
    OsString::from_vec(out)
}

/// `27m`, `1h05m`, `40s` in the last minute.
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

/// Last among what makes a prompt, each time: the time is put before whatever the prompt is by then.
const BASH: &str = r#"
if [ -f ~/.bashrc ]; then . ~/.bashrc; fi
command rm -rf -- @ROOM@
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

fn bash(room: &Path, end: u64) -> OsString {
    filled(BASH, &[("ROOM", &quoted(room.as_os_str())), ("LEFT", &left(end))])
}

/// The first file that zsh reads: the operator's own, from where it would have been.
const ZSHENV: &str = r#"
@GIVEN@
if [[ -f "${ZDOTDIR:-$HOME}/.zshenv" ]]; then source "${ZDOTDIR:-$HOME}/.zshenv"; fi
if (( ${+ZDOTDIR} )); then __breakglass_zdotdir=$ZDOTDIR; fi
ZDOTDIR=@ROOM@
"#;

fn zshenv(room: &Path, given: Option<&OsStr>) -> OsString {
    let given = assigned("ZDOTDIR", given);
    filled(ZSHENV, &[("ROOM", &quoted(room.as_os_str())), ("GIVEN", &given)])
}

const ZSHRC: &str = r#"
if (( ${+__breakglass_zdotdir} )); then
    ZDOTDIR=$__breakglass_zdotdir
    unset __breakglass_zdotdir
else
    unset ZDOTDIR
fi
if [[ ${HISTFILE-} == @ROOM@/* ]]; then HISTFILE=${ZDOTDIR:-$HOME}/${HISTFILE:t}; fi
if [[ -f "${ZDOTDIR:-$HOME}/.zshrc" ]]; then source "${ZDOTDIR:-$HOME}/.zshrc"; fi
command rm -rf -- @ROOM@
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

fn zshrc(room: &Path, end: u64) -> OsString {
    filled(ZSHRC, &[("ROOM", &quoted(room.as_os_str())), ("LEFT", &left(end))])
}

/// `ENV` is expanded before it names a file. Such shells expand the prompt each time that they show it.
const POSIX: &str = r#"
@GIVEN@
if [ -n "${ENV-}" ]; then
    eval "__breakglass_env=\"$ENV\""
    case $__breakglass_env in */*) ;; *) __breakglass_env=./$__breakglass_env ;; esac
    if [ -r "$__breakglass_env" ]; then . "$__breakglass_env"; fi
    unset __breakglass_env
fi
command rm -rf -- @ROOM@
@LEFT@
PS1='[breakglass $(__breakglass_left)] '"${PS1-\$ }"
"#;

fn posix(room: &Path, given: Option<&OsStr>, end: u64) -> OsString {
    let given = assigned("ENV", given);
    filled(POSIX, &[("ROOM", &quoted(room.as_os_str())), ("GIVEN", &given), ("LEFT", &left(end))])
}

/// The variable as it was given, or not at all.
fn assigned(name: &str, given: Option<&OsStr>) -> OsString {
    let mut line = OsString::from(if given.is_some() { format!("{name}=") } else { format!("unset {name}") });
    line.push(given.map(quoted).unwrap_or_default());
    line
}

/// The own prompt comes first, so that it sees the status of the command before it.
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
