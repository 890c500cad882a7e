//! ASP.NET's route templates: which paths they match, and which one is more specific.

use super::alphabet::Alphabet;

/// A function's route, including the app's prefix.
#[derive(Clone, Debug)]
pub struct Template {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
enum Segment {
    Literal(String),
    Parameter {
        presence: Presence,
        constraints: Vec<Constraint>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
    CatchAll,
}

#[derive(Clone, Debug)]
enum Constraint {
    Regex(Alphabet),
    MaxLength(usize),
}

impl Template {
    pub fn parse(route: &str) -> Result<Self, String> {
        let segments = split(route)?.into_iter().map(Segment::parse);
        Ok(Self {
            segments: segments.collect::<Result<_, _>>()?,
        })
    }

    /// Matches a decoded path. One trailing slash is ignored.
    pub fn matches(&self, path: &str) -> bool {
        let mut rest = path.strip_prefix('/');
        for segment in &self.segments {
            let value = segment.take(&mut rest).unwrap_or_default();
            let is_empty_within = value.starts_with('/') || (value.is_empty() && rest.is_some());
            let value = Some(value).filter(|value| !value.is_empty());
            if is_empty_within || !segment.accepts(value) {
                return false;
            }
        }
        rest.is_none_or(str::is_empty)
    }

    /// One number per segment; the lower list is more specific.
    pub fn precedence(&self) -> Vec<u8> {
        self.segments.iter().map(Segment::precedence).collect()
    }
}

/// Splits at slashes outside of braces: constraints may contain slashes.
fn split(route: &str) -> Result<Vec<&str>, String> {
    if route.contains("{{") || route.contains("}}") {
        return Err(format!("doubled braces in `{route}` are not modelled"));
    }
    let mut depth = 0;
    let at_slash = |character: char| {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        character == '/' && depth == 0
    };
    Ok(route
        .split(at_slash)
        .filter(|segment| !segment.is_empty())
        .collect())
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let inner = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        let Some(inner) = inner else {
            return match text.contains(['{', '}']) {
                true => Err(format!("the segment `{text}` is not modelled")),
                false => Ok(Self::Literal(text.to_owned())),
            };
        };
        let (inner, presence) = match (inner.strip_prefix('*'), inner.strip_suffix('?')) {
            (Some(inner), _) => (inner, Presence::CatchAll),
            (None, Some(inner)) => (inner, Presence::Optional),
            (None, None) => (inner, Presence::Required),
        };
        let constraints = match inner.split_once(':') {
            Some((_, constraints)) => parse_constraints(constraints)?,
            None => Vec::new(),
        };
        Ok(Self::Parameter {
            presence,
            constraints,
        })
    }

    /// Takes the text before the next slash, or all of it for a catch-all.
    fn take<'path>(&self, rest: &mut Option<&'path str>) -> Option<&'path str> {
        let text = rest.take()?;
        let is_catch_all = matches!(self, Self::Parameter { presence, .. }
            if *presence == Presence::CatchAll);
        match text.split_once('/').filter(|_| !is_catch_all) {
            Some((segment, after)) => {
                *rest = Some(after);
                Some(segment)
            }
            None => Some(text),
        }
    }

    fn accepts(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (Self::Literal(text), Some(value)) => text.to_lowercase() == value.to_lowercase(),
            (Self::Literal(_), None) => false,
            (Self::Parameter { constraints, .. }, Some(value)) => constraints
                .iter()
                .all(|constraint| constraint.accepts(value)),
            (
                Self::Parameter {
                    presence,
                    constraints,
                },
                None,
            ) => match presence {
                Presence::Required => false,
                Presence::Optional => true,
                // A constraint never matches an empty catch-all.
                Presence::CatchAll => constraints.is_empty(),
            },
        }
    }

    fn precedence(&self) -> u8 {
        match self {
            Self::Literal(_) => 1,
            Self::Parameter {
                presence,
                constraints,
            } => {
                let base = if *presence == Presence::CatchAll {
                    4
                } else {
                    2
                };
                base + u8::from(constraints.is_empty())
            }
        }
    }
}

/// `regex(…):maxlength(…)`.
fn parse_constraints(text: &str) -> Result<Vec<Constraint>, String> {
    let mut constraints = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let unknown = || format!("the constraint `{rest}` is not modelled");
        let end = rest.find("):").unwrap_or(rest.len() - 1);
        let (constraint, after) = rest.split_at(end);
        let after = after.strip_prefix(')').ok_or_else(unknown)?;
        let (name, argument) = constraint.split_once('(').ok_or_else(unknown)?;
        constraints.push(match name {
            "regex" => Constraint::Regex(Alphabet::parse(argument)?),
            "maxlength" => Constraint::MaxLength(argument.parse().map_err(|_| unknown())?),
            _ => return Err(unknown()),
        });
        rest = after.strip_prefix(':').unwrap_or(after);
    }
    Ok(constraints)
}

impl Constraint {
    fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Regex(alphabet) => alphabet.matches(value),
            // .NET counts UTF-16 units.
            Self::MaxLength(most) => value.encode_utf16().count() <= *most,
        }
    }
}

#[test]
fn routes_match_in_any_case_and_with_one_trailing_slash() {
    let cases = [
        ("api/getImages", "/api/getImages", true),
        ("api/getImages", "/API/GETIMAGES/", true),
        ("api/getImages", "/api/getImages//", false),
        ("api/getImages", "/getImages", false),
        ("api/getImages", "/api/getImages/more", false),
        ("api/getImages", "//api/getImages", false),
        ("files/{*path}", "/files/a/b.png", true),
        ("files/{*path}", "/files/a//b/", true),
        ("files/{*path}", "/files", true),
        ("files/{*path}", "/files/", true),
        ("files/{*path}", "/files//a", false),
        (r"files/{*path:regex(^[^\\%]*\z)}", "/files/", false),
        (r"files/{*path:regex(^[^\\%]*\z)}", "/files/a\\b", false),
        (r"v1/{*path:regex(^[A-Za-z0-9._:/-]*\z)}", "/v1/a/b:c", true),
        (r"v1/{*path:regex(^[A-Za-z0-9._:/-]*\z)}", "/v1/a b", false),
        ("operations/{id}", "/operations/7", true),
        ("operations/{id}", "/operations", false),
        ("operations/{id}", "/operations/", false),
        ("operations/{id}", "/operations/7/8", false),
        ("{root:maxlength(0)?}", "/", true),
        ("{root:maxlength(0)?}", "/x", false),
        ("{root:maxlength(0)?}", "//", false),
        (r"x/{a:regex(^[ab]+\z):maxlength(2)}", "/x/ab", true),
        (r"x/{a:regex(^[ab]+\z):maxlength(2)}", "/x/aba", false),
    ];
    for (route, path, expected) in cases {
        let template = Template::parse(route).unwrap();
        assert_eq!(template.matches(path), expected, "{route} {path}");
    }
    for route in ["x/{a:int}", "x/a{b}", "x/{a:regex(^\\d{{3}}$)}"] {
        assert!(Template::parse(route).is_err(), "{route}");
    }
}

#[test]
fn routes_are_ordered_by_how_specific_they_are() {
    let routes = [
        "api/images",
        r"api/{id:regex(^[a-z]+\z)}",
        "api/{id}",
        r"api/{*path:regex(^[a-z]*\z)}",
        "api/{*path}",
        r"{root:maxlength(0)?}",
        "{*path}",
    ];
    let precedences = routes.map(|route| Template::parse(route).unwrap().precedence());
    assert!(precedences.is_sorted(), "{precedences:?}");
}
