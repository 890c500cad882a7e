//! What was promised of the list: its cost does not grow, and it is faster than the original's.

use std::{env, path::PathBuf};

use crate::{
    Failure, LARGE, MIDDLE, NPM, OLD, Plan, SMALL,
    list_account::Generated,
    original::{self, Original},
    promise::Promises,
    samples::Samples,
    subject::{Figures, Subject},
    tables,
};

fn of_double(subjects: &[Subject], ours: u64, old: u64) -> Option<&Figures> {
    let wanted = Generated { ours, old };
    let is_it =
        |subject: &&Subject| !subject.world.is_azurite() && subject.world.generated == wanted;
    subjects.iter().find(is_it).map(|subject| &subject.figures)
}

/// Of one kind of request.
type Pick = fn(&Figures) -> &Samples;

/// A first page costs the same in every gallery: at most half more where there is a thousand
/// times as much. Whether that is so.
pub(crate) fn sizes(subjects: &[Subject]) -> bool {
    const AT_MOST: f64 = 1.5;
    let mut promises = Promises::default();
    let kinds: [(&str, Pick); 3] = [
        ("cold", |figures| &figures.first_cold),
        ("repeated", |figures| &figures.first_repeated),
        ("spaced", |figures| &figures.first_spaced),
    ];
    for old in [0, OLD] {
        let large = of_double(subjects, LARGE, old);
        let small = of_double(subjects, SMALL, old);
        for (name, samples) in kinds {
            let median = |figures| samples(figures).percentile(50);
            let what = format!("{name}, {old} old ones beside");
            promises.at_most(
                AT_MOST,
                what,
                large.and_then(median),
                small.and_then(median),
            );
        }
    }
    promises.print(&format!(
        "a first page at {LARGE} images beside one at {SMALL}"
    ))
}

/// Over the same 10 000 images; without npm's packages nothing is promised.
pub(crate) async fn with_original(plan: &Plan, subjects: &[Subject]) -> Result<bool, Failure> {
    let npm = env::var_os(NPM).map(PathBuf::from);
    let Some(npm) = npm.filter(|npm| npm.join("node_modules").is_dir()) else {
        println!("\nthe original's way: not measured, {NPM} names no installed packages");
        return Ok(true);
    };
    let wanted = Generated {
        ours: MIDDLE,
        old: 0,
    };
    let mut all_kept = true;
    for subject in subjects
        .iter()
        .filter(|subject| subject.world.generated == wanted)
    {
        let (starts, warm) = (plan.original_starts, plan.original_warm);
        let original = original::measure(&npm, &subject.world, starts, warm).await?;
        tables::print_original(subject, &original);
        if subject.world.is_azurite() {
            println!("  not judged: Azurite's own work is most of each figure, page or no page");
            continue;
        }
        all_kept &= is_faster(subject, &original);
    }
    Ok(all_kept)
}

/// A page in a tenth of the original's time, everything in a fifth, and a fresh start not slower.
/// The page is held to this also behind the seconds for which it is remembered. Everything is not:
/// then most of it is listing, and so the double's own work on the same cores.
fn is_faster(subject: &Subject, original: &Original) -> bool {
    let mut promises = Promises::default();
    let (figures, Original { cold, warm }) = (&subject.figures, original);
    for (at_most, what, ours, theirs) in [
        (0.1, "a page of 50, warm", &figures.first_spaced, warm),
        (0.2, "everything, warm", &figures.whole_repeated, warm),
        (1.0, "a page of 50, cold", &figures.first_cold, cold),
        (1.0, "everything, cold", &figures.whole_cold, cold),
    ] {
        let (ours, theirs) = (ours.percentile(50), theirs.percentile(50));
        promises.at_most(at_most, what.to_owned(), ours, theirs);
    }
    let world = subject.world.name();
    promises.print(&format!("beside the original's way ({world})"))
}
