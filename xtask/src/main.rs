//! The repository's own commands, run as `cargo xtask <command>`; what each does is in `USAGE`.

mod azurite;
mod bench;
mod certificate;
mod fuzz;
mod npm;
mod package;
mod python;
mod stage;
mod step;
mod supply_chain;
mod test;
mod workspace;

use std::process::ExitCode;

use step::Failure;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [-- <args>]   format, lints, documentation, dependencies, package, then every test (<args> go to cargo test)
  dependencies       check licences, sources, bans, advisories and unused dependencies alone
  stage              build the release binary and put it beside host.json
  package            build the release binary and make target/package/visionary and visionary.zip
  bench [<args>]     run the benchmark of the service against the release binary (<args> go to it)
  bench gallery      run the benchmark of the gallery's list; fails when a promise is missed
  fuzz [<seconds>]   feed the reader of images answers with made-up ones (60 seconds; needs a C++ compiler)
  fuzz http [<seconds>]   send the service made-up requests by its own description (300 seconds)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", [].as_slice()),
    };
    let outcome = match command {
        "test" => test::run(rest),
        "dependencies" => supply_chain::run(),
        "stage" => stage::run(),
        "package" => package::run().map(|_| ()),
        "bench" => bench::run(rest),
        "fuzz" => fuzz::run(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        unknown => Err(Failure::usage(unknown, USAGE)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.message);
            ExitCode::from(failure.exit_code)
        }
    }
}
