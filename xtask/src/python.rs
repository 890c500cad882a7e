//! The programs that the tests take from Python's package index, in a virtual environment of
//! their own: what checks dependencies, and what checks the description of the service.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::{self, Failure};
use crate::workspace;

/// The oldest Python that the pinned packages run on.
const OLDEST: (u32, u32) = (3, 11);

/// A virtual environment with the pinned packages.
pub struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// The environment below `target`, made anew when it is missing or the pinned packages are
    /// others by now.
    ///
    /// The inner error is a sentence that says what to install, not a reason to stop: the tests
    /// that need these programs fail with it, and the others still run.
    pub fn prepare() -> Result<Result<Self, String>, Failure> {
        let folder = workspace::target_directory()?.join("python");
        let Some(python) = find_python() else {
            let (major, minor) = OLDEST;
            return Ok(Err(format!(
                "install Python {major}.{minor} or newer (with venv and pip) and run \
                 `cargo xtask test` again: the checks of dependencies and of the API need it"
            )));
        };
        let requirements = requirements();
        let read = |path: &Path| fs::read(path).ok();
        let installed = folder.join("requirements.txt");
        let environment = Self { folder };
        let is_whole = read(&installed).is_some_and(|text| Some(text) == read(&requirements));
        if is_whole && environment.runs() {
            return Ok(Ok(environment));
        }
        let folder = environment.folder;
        Ok(install(python, &folder, &requirements)
            .map(|()| Self { folder })
            .map_err(|failure| {
                format!(
                    "install the packages of tests/python, which did not succeed: {}",
                    failure.message
                )
            }))
    }

    /// It refers to the Python that it was made with, which may be gone.
    fn runs(&self) -> bool {
        let mut python = self.command("python");
        python.args(["-c", "import pip"]);
        python.stdout(Stdio::null()).stderr(Stdio::null());
        python.status().is_ok_and(|status| status.success())
    }

    /// A program of the environment, to be run in the repository's root.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs().join(program));
        command.current_dir(workspace::root());
        command
    }

    /// The folder of its programs.
    pub fn programs(&self) -> PathBuf {
        self.folder
            .join(if cfg!(windows) { "Scripts" } else { "bin" })
    }
}

/// What the tests are told: the folder of the programs, or what is missing for it.
pub fn describe(environment: &Result<Environment, String>) -> String {
    match environment {
        Ok(environment) => environment.programs().display().to_string(),
        Err(sentence) => format!("missing: {sentence}"),
    }
}

fn requirements() -> PathBuf {
    workspace::root().join("tests/python/requirements.txt")
}

/// Every package by its hash; the list is put beside them last, as the sign that all is there.
fn install(python: &str, folder: &Path, requirements: &Path) -> Result<(), Failure> {
    let mut make = Command::new(python);
    make.args(["-m", "venv", "--clear"]).arg(folder);
    step::run("python -m venv", &mut make)?;
    let environment = Environment {
        folder: folder.to_path_buf(),
    };
    let mut install = environment.command("python");
    install
        .args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(["--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary", ":all:", "--require-hashes", "-r"])
        .arg(requirements);
    step::run("pip install", &mut install)?;
    fs::copy(requirements, folder.join("requirements.txt"))
        .map_err(|error| Failure::io("write down what is installed", error))?;
    Ok(())
}

fn find_python() -> Option<&'static str> {
    let (major, minor) = OLDEST;
    let question =
        format!("import sys, venv, ensurepip; sys.exit(sys.version_info < ({major}, {minor}))");
    ["python3", "python"].into_iter().find(|python| {
        Command::new(python)
            .args(["-c", &question])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}
