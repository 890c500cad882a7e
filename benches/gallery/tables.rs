//! The figures of all galleries, a row each.

use crate::{
    original::Original,
    report::{Table, mebibytes, milliseconds},
    samples::Sample,
    subject::Subject,
};

/// Prints every table.
pub(crate) fn print(subjects: &[Subject]) {
    print_first_pages(subjects);
    print_pages(subjects);
    print_whole_lists(subjects);
    print_memory(subjects);
}

fn print_first_pages(subjects: &[Subject]) {
    let mut table = Table::new(&[
        "store, images of ours",
        "cold p50 ms",
        "max ms",
        "of",
        "lists",
        "repeated p50 ms",
        "p95 ms",
        "of",
        "spaced p50 ms",
        "p95 ms",
        "of",
        "lists",
        "bytes",
    ]);
    for subject in subjects {
        let figures = &subject.figures;
        let (cold, repeated) = (&figures.first_cold, &figures.first_repeated);
        let spaced = &figures.first_spaced;
        table.row(vec![
            subject.world.name(),
            cold.shown(50),
            cold.shown(100),
            cold.len().to_string(),
            cold.lists(),
            repeated.shown(50),
            repeated.shown(95),
            repeated.len().to_string(),
            spaced.shown(50),
            spaced.shown(95),
            spaced.len().to_string(),
            spaced.lists(),
            spaced.bytes(),
        ]);
    }
    table.print("first page of 50");
    println!("  cold: the first request to a fresh process beside a store that others have used");
    println!("  repeated: without a pause; spaced: behind the seconds for which a page is kept");
    println!("  lists: the list calls of images that the store got during one request");
}

fn print_pages(subjects: &[Subject]) {
    let mut table = Table::new(&[
        "store, images of ours",
        "pages",
        "first ms",
        "middle ms",
        "last ms",
        "slowest ms",
        "lists of the middle",
        "of the last",
        "most lists",
        "bytes of the middle",
    ]);
    for subject in subjects {
        let pages = &subject.figures.pages;
        let shown =
            |page: Option<&Sample>| page.map_or("-".to_owned(), |page| milliseconds(page.elapsed));
        let lists = |page: Option<&Sample>| {
            let lists = page.and_then(|page| page.lists);
            lists.map_or("-".to_owned(), |lists| lists.to_string())
        };
        let (middle, last) = (pages.get(pages.len() / 2), pages.last());
        let so_far = if subject.figures.walk_is_whole {
            ""
        } else {
            ", stopped"
        };
        table.row(vec![
            subject.world.name(),
            format!("{}{so_far}", pages.len()),
            shown(pages.first()),
            shown(middle),
            shown(last),
            shown(pages.iter().max_by_key(|page| page.elapsed)),
            lists(middle),
            lists(last),
            lists(pages.iter().max_by_key(|page| page.lists)),
            middle.map_or("-".to_owned(), |page| page.bytes.to_string()),
        ]);
    }
    table.print("pages of 1000 by their cursors, each image once and newest first");
}

fn print_whole_lists(subjects: &[Subject]) {
    let mut table = Table::new(&[
        "store, images of ours",
        "cold p50 ms",
        "of",
        "lists",
        "repeated p50 ms",
        "of",
        "lists",
        "spaced p50 ms",
        "max ms",
        "of",
        "lists",
        "bytes",
    ]);
    for subject in subjects {
        let (cold, warm) = (&subject.figures.whole_cold, &subject.figures.whole_spaced);
        let repeated = &subject.figures.whole_repeated;
        table.row(vec![
            subject.world.name(),
            cold.shown(50),
            cold.len().to_string(),
            cold.lists(),
            repeated.shown(50),
            repeated.len().to_string(),
            repeated.lists(),
            warm.shown(50),
            warm.shown(100),
            warm.len().to_string(),
            warm.lists(),
            warm.bytes(),
        ]);
    }
    table.print("the whole list without a limit, which ends at 10000 images");
}

fn print_memory(subjects: &[Subject]) {
    let mut table = Table::new(&["store, images of ours", "resident MiB", "peak MiB"]);
    for subject in subjects {
        let (resident, peak) = subject.memory();
        let shown = |kib: Option<u64>| kib.map_or_else(|| "unknown".to_owned(), mebibytes);
        table.row(vec![subject.world.name(), shown(resident), shown(peak)]);
    }
    table.print("memory of the warm process behind all of this");
}

/// Prints what the original's way took over one gallery.
pub(crate) fn print_original(subject: &Subject, original: &Original) {
    let mut table = Table::new(&["", "cold p50 ms", "warm p50 ms", "max ms", "of", "bytes"]);
    let Original { cold, warm } = original;
    let figures = &subject.figures;
    for (name, cold, warm) in [
        ("the original's way, everything", cold, warm),
        (
            "a page of 50, spaced",
            &figures.first_cold,
            &figures.first_spaced,
        ),
        ("everything", &figures.whole_cold, &figures.whole_repeated),
        (
            "everything, spaced",
            &figures.whole_cold,
            &figures.whole_spaced,
        ),
    ] {
        table.row(vec![
            name.to_owned(),
            cold.shown(50),
            warm.shown(50),
            warm.shown(100),
            warm.len().to_string(),
            warm.bytes(),
        ]);
    }
    let world = subject.world.name();
    table.print(&format!("beside the original's way, in Node.js ({world})"));
}
