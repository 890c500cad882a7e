//! One step of a command: a child process that is announced, timed, and whose failure ends the run
//! with its own exit code.

use std::fmt::Display;
use std::io::ErrorKind;
use std::process::Command;
use std::time::Instant;

/// Why a command stopped, and what the shell gets.
pub struct Failure {
    /// What is printed, one or more whole lines.
    pub message: String,
    /// The exit code of xtask.
    pub exit_code: u8,
}

impl Failure {
    /// A failure of xtask itself.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: format!("xtask: {}", message.into()),
            exit_code: 1,
        }
    }

    /// A failure to read or write, with what was being done.
    pub fn io(action: impl Display, error: impl Display) -> Self {
        Self::new(format!("could not {action}: {error}"))
    }

    /// A command that does not exist: exit code 2, as other tools answer it.
    pub fn usage(command: &str, usage: &str) -> Self {
        let reason = if command.is_empty() {
            "no command given".to_owned()
        } else {
            format!("there is no command `{command}`")
        };
        Self {
            message: format!("xtask: {reason}\n\n{usage}"),
            exit_code: 2,
        }
    }

    fn of_step(name: &str, exit_code: Option<i32>) -> Self {
        let exit_code = exit_code.and_then(|code| u8::try_from(code).ok());
        let reason = match exit_code {
            Some(code) => format!("exit code {code}"),
            None => "ended by a signal".to_owned(),
        };
        Self {
            message: format!("xtask: step `{name}` failed ({reason})"),
            exit_code: exit_code.unwrap_or(1).max(1),
        }
    }
}

/// Announces the step, runs it to its end, and prints how long it took.
pub fn run(name: &str, command: &mut Command) -> Result<(), Failure> {
    let started = Instant::now();
    run_untimed(name, command)?;
    println!("    {name}: {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Like [`run`], but prints nothing after the step: its own last line ends the output.
pub fn run_untimed(name: &str, command: &mut Command) -> Result<(), Failure> {
    println!("==> {name}");
    let status = command.status().map_err(|error| {
        let program = command.get_program().display();
        match error.kind() {
            ErrorKind::NotFound => Failure::new(format!("`{program}` is not on the PATH")),
            _ => Failure::io(format_args!("start `{program}`"), error),
        }
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::of_step(name, status.code()))
    }
}
