//! What the figures were measured on: they mean little without it.

use std::{env, fs, path::Path, thread};

use crate::{
    Failure,
    process::{LOGGED, kib_field},
    report::mebibytes,
};

/// Prints the machine, the binary, and what all measurements share.
pub(crate) fn print(binary: &Path) -> Result<(), Failure> {
    let binary_bytes = fs::metadata(binary)
        .map_err(|error| format!("{}: {error}", binary.display()))?
        .len();
    let cores = thread::available_parallelism()?;
    let memory = kib_field(&read("/proc/meminfo"), "MemTotal:").map_or_else(unknown, mebibytes);
    let folder = env::temp_dir();
    println!("machine  {cores} cores, {}", cpu_model());
    println!(
        "         {memory} MiB of memory, Linux {}",
        read("/proc/sys/kernel/osrelease").trim()
    );
    println!("binary   {} ({binary_bytes} bytes)", binary.display());
    println!(
        "folders  in {} ({})",
        folder.display(),
        file_system_of(&folder)
    );
    println!("client   reqwest with kept-alive connections and the doubles, in one process");
    println!("         on the same cores as the service: its work is in every figure; {LOGGED}");
    println!("times    percentiles by nearest rank, of the requests that succeeded");
    Ok(())
}

fn cpu_model() -> String {
    let cpu_info = read("/proc/cpuinfo");
    let line = cpu_info.lines().find(|line| line.starts_with("model name"));
    let model = line.and_then(|line| line.split_once(':'));
    model.map_or_else(unknown, |(_, model)| model.trim().to_owned())
}

/// The type of the file system with the longest mount point above the folder: on tmpfs, for one,
/// fsync costs nothing.
fn file_system_of(folder: &Path) -> String {
    let mounts = read("/proc/mounts");
    let mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1); // the device
        Some((words.next()?, words.next()?))
    });
    let above = mounted.filter(|(mount_point, _)| folder.starts_with(mount_point));
    let nearest = above.max_by_key(|(mount_point, _)| mount_point.len());
    nearest.map_or_else(unknown, |(_, file_system)| file_system.to_owned())
}

/// Files of `/proc`, which other systems do not have.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn unknown() -> String {
    "unknown".to_owned()
}
