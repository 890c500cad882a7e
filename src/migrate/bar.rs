//! The progress bar.

/// Its width in characters, without the brackets.
const WIDTH: u64 = 20;

/// How much of a whole is done: `[########            ]  40 %`. What came after the whole was
/// counted makes it no fuller than full.
pub(super) fn bar(done: u64, whole: u64) -> String {
    let whole = whole.max(1);
    let done = done.min(whole);
    let share = |of: u64| u128::from(done) * u128::from(of) / u128::from(whole);
    let filled = usize::try_from(share(WIDTH)).unwrap_or(0);
    let empty = usize::try_from(WIDTH).unwrap_or(0).saturating_sub(filled);
    let percent = share(100);
    format!(
        "[{}{}] {percent:>3} %",
        "#".repeat(filled),
        " ".repeat(empty)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_work_is_done() {
        assert_eq!(bar(0, 10), "[                    ]   0 %");
        assert_eq!(bar(4, 10), "[########            ]  40 %");
        assert_eq!(bar(999, 1000), "[################### ]  99 %");
        for done in [10, 11] {
            assert_eq!(bar(done, 10), "[####################] 100 %");
        }
        assert_eq!(bar(0, 0), "[                    ]   0 %");
    }
}
