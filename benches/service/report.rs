//! Plain tables: a header with the units, numbers to the right.

use std::time::Duration;

/// A table that is printed when all its rows are known.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column titles.
    pub(crate) fn new(titles: &[&str]) -> Table {
        let titles = titles.iter().map(|title| (*title).to_owned()).collect();
        Table { rows: vec![titles] }
    }

    /// Adds a row of as many cells as there are titles.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Prints the table under a title of its own.
    pub(crate) fn print(&self, title: &str) {
        println!("\n{title}");
        for row in &self.rows {
            let cells = row.iter().enumerate().map(|(column, cell)| {
                let width = self.width(column);
                match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                }
            });
            println!("  {}", cells.collect::<Vec<_>>().join("  "));
        }
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

/// A duration as a number of milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1000.0)
}

/// A number of KiB as a number of MiB.
pub(crate) fn mebibytes(kib: u64) -> String {
    format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024)
}

/// How many of something there were in a second.
pub(crate) fn per_second(count: usize, elapsed: Duration) -> String {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let rate = f64::from(count) / elapsed.as_secs_f64().max(f64::EPSILON);
    match rate {
        rate if rate < 100.0 => format!("{rate:.1}"),
        rate => format!("{rate:.0}"),
    }
}

/// Whether what was measured is as promised.
pub(crate) fn verdict(is_kept: bool) -> &'static str {
    match is_kept {
        true => "PASS",
        false => "over the promise",
    }
}
