//! `Cache-Control` as .NET reformats it, with its own order of directives.

/// The order in which .NET writes the directives that it knows; others follow.
const ORDER: [&str; 12] = [
    "no-store",
    "no-transform",
    "only-if-cached",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "no-cache",
    "max-age",
    "s-maxage",
    "max-stale",
    "min-fresh",
    "private",
];

pub fn rewrite(value: &str) -> String {
    let mut directives: Vec<&str> = value.split(',').map(str::trim).collect();
    directives.sort_by_key(|directive| {
        let name = directive
            .split('=')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        ORDER
            .iter()
            .position(|known| *known == name)
            .unwrap_or(ORDER.len())
    });
    directives.join(", ")
}

#[test]
fn directives_come_in_the_order_of_dot_net() {
    assert_eq!(rewrite("private, no-cache"), "no-cache, private");
    assert_eq!(
        rewrite("private, immutable, max-age=60"),
        "max-age=60, private, immutable"
    );
}
