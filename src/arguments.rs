//! What the command line asks for.

use crate::gallery::{MigrationMode, Originals};
use std::{ffi::OsString, fmt};

/// Printed for `--help`, and behind what is wrong.
pub const USAGE: &str = "\
usage: visionary
           serve (what the Functions host starts, too)
       visionary migrate [--dry-run] [--delete-originals]
           copy the original's images, and all others that are not below gallery/, to where
           this program's lie; --dry-run only lists them, --delete-originals deletes each one
           whose copy is there
       visionary --help | --version

All else is told by settings: the environment or local.settings.json, see the README.";

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Serve.
    Serve,
    /// Copy old images to where ours lie.
    Migrate {
        /// Whether anything is done.
        mode: MigrationMode,
        /// What becomes of an image that has a copy.
        originals: Originals,
    },
    /// Print how it is used.
    Help,
    /// Print the version.
    Version,
}

/// An argument that means nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownArgument(String);

impl fmt::Display for UnknownArgument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} is no argument here\n{USAGE}", self.0)
    }
}

impl Command {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// [`UnknownArgument`], the first one.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, UnknownArgument> {
        let arguments = arguments.into_iter();
        let arguments: Vec<String> = arguments
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        let unknown = |argument: &String| Err(UnknownArgument(argument.clone()));
        match arguments.as_slice() {
            [] => Ok(Self::Serve),
            [first, ..] if matches!(first.as_str(), "--help" | "-h") => Ok(Self::Help),
            [first] if matches!(first.as_str(), "--version" | "-V") => Ok(Self::Version),
            [first, flags @ ..] if first == "migrate" => Self::parse_migrate(flags),
            [first, second, ..] if matches!(first.as_str(), "--version" | "-V") => unknown(second),
            [first, ..] => unknown(first),
        }
    }

    fn parse_migrate(flags: &[String]) -> Result<Self, UnknownArgument> {
        let (mut mode, mut originals) = (MigrationMode::Copy, Originals::Keep);
        for flag in flags {
            match flag.as_str() {
                "--dry-run" => mode = MigrationMode::DryRun,
                "--delete-originals" => originals = Originals::Delete,
                "--help" | "-h" => return Ok(Self::Help),
                _ => return Err(UnknownArgument(flag.clone())),
            }
        }
        Ok(Self::Migrate { mode, originals })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Command, UnknownArgument> {
        Command::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn each_command_is_known_by_its_name() {
        let migrate = |mode, originals| Command::Migrate { mode, originals };
        use MigrationMode::{Copy, DryRun};
        for (arguments, command) in [
            (&[][..], Command::Serve),
            (&["--help"], Command::Help),
            (&["-h", "x"], Command::Help),
            (&["migrate", "--help"], Command::Help),
            (&["--version"], Command::Version),
            (&["migrate"], migrate(Copy, Originals::Keep)),
            (&["migrate", "--dry-run"], migrate(DryRun, Originals::Keep)),
            (
                &["migrate", "--delete-originals", "--dry-run"],
                migrate(DryRun, Originals::Delete),
            ),
        ] {
            assert_eq!(parse(arguments), Ok(command), "{arguments:?}");
        }
    }

    #[test]
    fn what_is_misspelt_is_named_with_the_usage() {
        for (arguments, wrong) in [
            (&["migrat"][..], "migrat"),
            (&["--dry-run"], "--dry-run"),
            (&["migrate", "--dryrun"], "--dryrun"),
            (&["migrate", "--dry-run", ""], ""),
            (&["--version", "x"], "x"),
            (&["Migrate"], "Migrate"),
        ] {
            let error = parse(arguments).unwrap_err();
            assert_eq!(error, UnknownArgument(wrong.to_owned()), "{arguments:?}");
            assert!(error.to_string().ends_with(USAGE));
        }
    }
}
