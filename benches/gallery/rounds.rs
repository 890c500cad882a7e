//! The order of the requests: each round asks every gallery once, so that whatever else the
//! machine does meets all of them alike.

use std::path::Path;

use crate::{
    Failure, Plan,
    samples::Samples,
    subject::{Asked, Figures, Subject},
};

/// Takes all figures.
pub(crate) async fn run(plan: &Plan, subjects: &mut [Subject]) -> Result<(), Failure> {
    let binary: &Path = &plan.binary;
    for (asked, starts) in [
        (Asked::FirstPage, plan.cold_starts),
        (Asked::WholeList, plan.whole_starts),
    ] {
        for _ in 0..starts {
            for subject in subjects.iter_mut() {
                if plan.has_time(cold(&subject.figures, asked)) {
                    subject.ask_cold(binary, asked).await?;
                }
            }
        }
    }
    for _ in 0..plan.repeated_rounds {
        for subject in subjects.iter_mut() {
            if plan.has_time(&subject.figures.first_repeated) {
                let count = plan.repeated_in_round;
                subject.ask_repeatedly(count, plan.patience).await?;
            }
        }
    }
    for round in 0..plan.spaced_rounds {
        tokio::time::sleep(plan.spaced_by).await;
        for subject in subjects.iter_mut() {
            if plan.has_time(&subject.figures.first_spaced) {
                subject.ask_warm(Asked::FirstPage).await?;
            }
            let is_turn = round % plan.whole_list_each == 0;
            if is_turn && plan.has_time(&subject.figures.whole_spaced) {
                subject.ask_warm(Asked::WholeList).await?;
                subject.ask_whole_again().await?;
            }
        }
    }
    for subject in subjects.iter_mut() {
        subject.walk(plan.longest_walk).await?;
    }
    Ok(())
}

fn cold(figures: &Figures, asked: Asked) -> &Samples {
    match asked {
        Asked::FirstPage => &figures.first_cold,
        Asked::WholeList => &figures.whole_cold,
    }
}

impl Plan {
    /// Whether one kind of request may take more of the run for one gallery.
    fn has_time(&self, samples: &Samples) -> bool {
        samples.spent() < self.patience
    }
}
