//! `cargo xtask package`: just what a deployment needs, as a folder and as a zip with Unix modes.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::stage;
use crate::step::Failure;
use crate::workspace;

/// One file of the package.
struct Entry {
    source: PathBuf,
    /// Its path in the package, with `/`.
    name: String,
    /// Its Unix permission bits.
    mode: u32,
}

/// Builds the release binary, makes `target/package`, and returns that folder.
pub fn run() -> Result<PathBuf, Failure> {
    let binary = workspace::build_release()?;
    let package = workspace::target_directory()?.join("package");
    let entries = entries(&workspace::root(), &binary)?;
    let folder = package.join(workspace::BINARY);
    write_folder(&folder, &entries)?;
    let archive = package.join(format!("{}.zip", workspace::BINARY));
    write_zip(&archive, &entries)?;
    report(
        &folder,
        entries.iter().map(|entry| folder.join(&entry.name)),
    )?;
    report(&archive, [archive.clone()].into_iter())?;
    Ok(package)
}

/// host.json, every function folder's function.json, and the binary under the name host.json gives.
fn entries(root: &Path, binary: &Path) -> Result<Vec<Entry>, Failure> {
    let mut entries = vec![
        Entry {
            source: root.join("host.json"),
            name: "host.json".to_owned(),
            mode: 0o644,
        },
        Entry {
            source: binary.to_path_buf(),
            name: executable_name(&root.join("host.json"))?,
            mode: 0o755,
        },
    ];
    let folders = fs::read_dir(root)
        .map_err(|error| Failure::io(format_args!("list {}", root.display()), error))?;
    for folder in folders {
        let folder = folder.map_err(|error| Failure::io("list the function folders", error))?;
        let source = folder.path().join("function.json");
        if source.is_file() {
            entries.push(Entry {
                source,
                name: format!("{}/function.json", folder.file_name().display()),
                mode: 0o644,
            });
        }
    }
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(entries)
}

/// Core Tools mark the entry executable whose name equals this setting byte for byte, so the
/// setting decides the name, not the build.
fn executable_name(host_json: &Path) -> Result<String, Failure> {
    let read = |error: &dyn std::fmt::Display| {
        Failure::io(format_args!("read {}", host_json.display()), error)
    };
    let text = fs::read_to_string(host_json).map_err(|error| read(&error))?;
    let host: serde_json::Value = serde_json::from_str(&text).map_err(|error| read(&error))?;
    host["customHandler"]["description"]["defaultExecutablePath"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::new("host.json names no customHandler defaultExecutablePath"))
}

fn write_folder(folder: &Path, entries: &[Entry]) -> Result<(), Failure> {
    let failure = |error| Failure::io(format_args!("make {}", folder.display()), error);
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failure)?;
    }
    for entry in entries {
        let target = folder.join(&entry.name);
        fs::create_dir_all(target.parent().unwrap_or(folder)).map_err(failure)?;
        stage::copy(&entry.source, &target, entry.mode)?;
    }
    Ok(())
}

/// The same inputs give the same bytes: the entries carry no time of their own.
fn write_zip(archive: &Path, entries: &[Entry]) -> Result<(), Failure> {
    let failure = |error: &dyn std::fmt::Display| {
        Failure::io(format_args!("write {}", archive.display()), error)
    };
    let file = File::create(archive).map_err(|error| failure(&error))?;
    let mut writer = ZipWriter::new(file);
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(entry.mode);
        let contents = fs::read(&entry.source).map_err(|error| failure(&error))?;
        writer
            .start_file(&entry.name, options)
            .map_err(|error| failure(&error))?;
        writer
            .write_all(&contents)
            .map_err(|error| failure(&error))?;
    }
    writer.finish().map_err(|error| failure(&error))?;
    Ok(())
}

fn report(what: &Path, files: impl Iterator<Item = PathBuf>) -> Result<(), Failure> {
    let mut size_bytes = 0;
    for file in files {
        let metadata = fs::metadata(&file)
            .map_err(|error| Failure::io(format_args!("read {}", file.display()), error))?;
        size_bytes += metadata.len();
    }
    println!("{} {size_bytes} bytes", what.display());
    Ok(())
}
