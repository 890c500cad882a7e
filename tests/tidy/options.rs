//! The options' document is the options' table.

use crate::read;
use visionary::images::{
    CONFLICTS,
    rules::{DEMO, ModelRules, Rule, TABLE, UNKNOWN},
};

/// The cells of the first table behind a line that starts so.
fn table_behind(text: &str, start: &str) -> Vec<Vec<String>> {
    let rows = text.lines().skip_while(|line| !line.starts_with(start));
    rows.skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .filter(|line| !line.starts_with("|---"))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// How the document writes a rule.
fn cell(rule: Rule) -> String {
    match rule {
        Rule::Unused => "–".to_owned(),
        Rule::Any => "any".to_owned(),
        Rule::Only(words) => format!("`{}`", words.join("` `")),
        Rule::Within(_) => "`auto`, [free](#free-sizes)".to_owned(),
    }
}

/// A family's column, top to bottom.
fn column(family: &ModelRules) -> Vec<String> {
    let options = family.options().into_iter().flat_map(|(name, rule)| {
        let at_azure = (name == "output_format").then(|| cell(family.azure_output_format));
        [Some(cell(rule)), at_azure].into_iter().flatten()
    });
    let names = match family.names {
        [] => "–".to_owned(),
        names => format!("`{}`", names.join("` `")),
    };
    let asks_for_base64 = if family.sends_response_format {
        "yes"
    } else {
        "–"
    };
    [format!("**{}**", family.family), names]
        .into_iter()
        .chain(options)
        .chain([
            asks_for_base64.to_owned(),
            family.longest_prompt.to_string(),
            family.images_per_call.to_string(),
            format!("{} s", family.default_timeout.as_secs()),
        ])
        .collect()
}

fn heads() -> Vec<String> {
    let options = UNKNOWN.options().into_iter().flat_map(|(name, _)| {
        let at_azure = (name == "output_format").then(|| "`output_format` at Azure".to_owned());
        [Some(format!("`{name}`")), at_azure].into_iter().flatten()
    });
    let facts = [
        "asked for base64",
        "longest prompt",
        "images in one call",
        "default time",
    ];
    ["family", "names begin with"]
        .map(str::to_owned)
        .into_iter()
        .chain(options)
        .chain(facts.map(str::to_owned))
        .collect()
}

#[test]
fn the_documents_columns_are_the_codes_rows() {
    let families: Vec<&ModelRules> = TABLE.iter().chain([&UNKNOWN, &DEMO]).collect();
    let columns: Vec<Vec<String>> = families.into_iter().map(column).collect();
    let expected: Vec<Vec<String>> = heads()
        .into_iter()
        .enumerate()
        .map(|(row, head)| {
            let cells = columns.iter().map(|column| column[row].clone());
            [head].into_iter().chain(cells).collect()
        })
        .collect();
    let written = table_behind(&read("docs/OPTIONS.md"), "## What each family takes");
    for (written, expected) in written.iter().zip(&expected) {
        assert_eq!(written, expected);
    }
    assert_eq!(written.len(), expected.len());
}

#[test]
fn the_document_names_every_conflict_and_the_bounds_of_free_sizes() {
    let text = read("docs/OPTIONS.md");
    let written = table_behind(&text, "## What excludes what");
    let expected: Vec<Vec<String>> = CONFLICTS
        .iter()
        .map(|(one, other)| vec![format!("`{one}`"), format!("`{other}`")])
        .collect();
    assert_eq!(written[1..], expected);
    for family in TABLE {
        if let Rule::Within(bounds) = family.size {
            assert!(text.contains(&bounds.to_string()), "{bounds}");
        }
    }
}
