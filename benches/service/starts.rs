//! How soon a start answers, and how much memory the service takes while it has nothing to do.

use crate::{
    Failure, Plan,
    endpoints::settings,
    process::Service,
    report::{Table, mebibytes, milliseconds},
    store::StoreKind,
    upstream::Upstream,
};

/// Starts the service time and again on the same empty store. Blocks: a runtime that had other work
/// to do would disturb the times.
pub(crate) fn measure(plan: &Plan, store: &StoreKind, upstream: &Upstream) -> Result<(), Failure> {
    let store = store.fresh()?;
    let settings = settings(store.settings(), upstream);
    // The first start of all reads the binary from the disk.
    drop(Service::start(&plan.binary, &settings)?);
    let mut started_in = Vec::with_capacity(plan.starts);
    let mut resident_kib = Vec::with_capacity(plan.starts);
    for _ in 0..plan.starts {
        let service = Service::start(&plan.binary, &settings)?;
        started_in.push(service.started_in);
        resident_kib.extend(service.resident_kib());
    }
    let mut table = Table::new(&["", "min", "median", "max"]);
    table.row(row(
        "exec to first 200 of GET /, ms",
        started_in,
        milliseconds,
    ));
    table.row(row("resident after that, MiB", resident_kib, mebibytes));
    table.print(&format!(
        "start ({} starts, binary in the page cache)",
        plan.starts
    ));
    println!("  promised: under 20 ms, under 20 MB");
    Ok(())
}

fn row<T: Ord + Copy>(name: &str, mut values: Vec<T>, show: fn(T) -> String) -> Vec<String> {
    values.sort_unstable();
    let at = |value: Option<&T>| value.copied().map_or_else(|| "unknown".to_owned(), show);
    vec![
        name.to_owned(),
        at(values.first()),
        at(values.get(values.len() / 2)),
        at(values.last()),
    ]
}
