//! Loading a function app as the host does: host.json and every `*/function.json`, with the checks
//! that a real host (or Core Tools) would fail on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::template::Template;

/// A function with one HTTP trigger in and one HTTP response out.
#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    /// Upper case, as on the wire; none are all.
    pub methods: Option<Vec<String>>,
    pub auth_level: AuthLevel,
    /// With the route prefix.
    pub template: Template,
    /// Without it.
    route: String,
}

impl Function {
    pub fn takes(&self, method: &str) -> bool {
        let Some(methods) = &self.methods else {
            return true;
        };
        methods
            .iter()
            .any(|known| known.eq_ignore_ascii_case(method))
    }

    fn shares_a_method_with(&self, other: &Self) -> bool {
        match (&self.methods, &other.methods) {
            (Some(methods), Some(_)) => methods.iter().any(|method| other.takes(method)),
            _ => true,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthLevel {
    Anonymous,
    Function,
    Admin,
}

/// What the host knows of an app after reading its files.
#[derive(Clone, Debug)]
pub struct FunctionApp {
    pub root: PathBuf,
    pub executable: PathBuf,
    pub function_timeout: Duration,
    pub initialization_timeout: Duration,
    pub forwarding_enabled: bool,
    pub proxying_enabled: bool,
    pub functions: Vec<Function>,
}

/// Unpacks a deployment zip with its Unix modes, and checks the mode of what will be executed.
pub fn unpack(archive: &Path, root: &Path) -> Result<(), String> {
    let file = fs::File::open(archive).map_err(|error| {
        let archive = archive.display();
        format!("{archive}: {error}: run `cargo xtask package`")
    })?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| error.to_string())?;
    archive.extract(root).map_err(|error| error.to_string())?;
    let executable = executable_name(&read_json(&root.join("host.json"))?)?;
    let entry = archive
        .by_name(&executable)
        .map_err(|_| format!("no zip entry is named `{executable}` as host.json says"))?;
    match entry.unix_mode() {
        Some(mode) if mode & 0o111 == 0o111 => Ok(()),
        mode => Err(format!("`{executable}` is not executable: {mode:?}")),
    }
}

/// Reads an unpacked app.
pub fn load(root: &Path) -> Result<FunctionApp, String> {
    let host = read_json(&root.join("host.json"))?;
    if host["version"] != "2.0" {
        return Err("host.json: version must be \"2.0\"".to_owned());
    }
    let handler = &host["customHandler"];
    if !handler["description"]["arguments"].is_null() {
        return Err("host.json: arguments are not modelled by this double".to_owned());
    }
    let executable = root.join(executable_name(&host)?);
    let mode = fs::metadata(&executable)
        .map_err(|error| format!("{}: {error}", executable.display()))?
        .permissions()
        .mode();
    if mode & 0o111 == 0 {
        return Err(format!("{} is not executable", executable.display()));
    }
    let route_prefix = host["extensions"]["http"]["routePrefix"]
        .as_str()
        .unwrap_or("api");
    let functions = functions(root, route_prefix)?;
    // The real host throws when routes are given in both places.
    if !handler["http"]["routes"].is_null() && !functions.is_empty() {
        return Err("host.json has http.routes, but there are function folders".to_owned());
    }
    let duration = |value: &Value, default| value.as_str().map_or(Ok(default), time_span);
    Ok(FunctionApp {
        root: root.to_path_buf(),
        executable,
        function_timeout: duration(&host["functionTimeout"], Duration::from_secs(1800))?,
        initialization_timeout: duration(
            &handler["initializationTimeout"],
            Duration::from_secs(30),
        )?,
        forwarding_enabled: handler["enableForwardingHttpRequest"] == true,
        proxying_enabled: handler["enableProxyingHttpRequest"] == true,
        functions,
    })
}

/// A plain file name: `./name` and paths lose the executable bit in Core Tools' zip.
fn executable_name(host: &Value) -> Result<String, String> {
    let name = host["customHandler"]["description"]["defaultExecutablePath"]
        .as_str()
        .ok_or("host.json: customHandler.description.defaultExecutablePath is missing")?;
    if name.is_empty() || name.contains(['/', '\\', '%']) {
        return Err(format!("host.json: `{name}` is not a plain file name"));
    }
    Ok(name.to_owned())
}

fn functions(root: &Path, route_prefix: &str) -> Result<Vec<Function>, String> {
    let mut functions = Vec::new();
    for folder in fs::read_dir(root).map_err(|error| error.to_string())? {
        let folder = folder.map_err(|error| error.to_string())?;
        let file = folder.path().join("function.json");
        if file.is_file() {
            let name = folder.file_name().to_string_lossy().into_owned();
            let function = function(&name, route_prefix, &read_json(&file)?)
                .map_err(|reason| format!("{name}/function.json: {reason}"))?;
            functions.push(function);
        }
    }
    functions.sort_by(|left, right| left.name.cmp(&right.name));
    reject_conflicts(&functions)?;
    match functions.is_empty() {
        // Without a function the host never starts the handler.
        true => Err("the app has no function".to_owned()),
        false => Ok(functions),
    }
}

fn function(name: &str, route_prefix: &str, json: &Value) -> Result<Function, String> {
    let mut characters = name.chars();
    let well_named = characters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && name.len() <= 128;
    if !well_named {
        return Err("the folder's name is not a function name".to_owned());
    }
    let bindings = json["bindings"].as_array().ok_or("no bindings")?;
    let of = |direction: &str| -> Vec<&Value> {
        let matching = |binding: &&Value| binding["direction"] == direction;
        bindings.iter().filter(matching).collect()
    };
    // Anything else makes the real host fall back to its JSON protocol, silently.
    let (inputs, outputs) = (of("in"), of("out"));
    let ([trigger], [response]) = (inputs.as_slice(), outputs.as_slice()) else {
        return Err("wants exactly one binding in and one out".to_owned());
    };
    if trigger["type"] != "httpTrigger" || response["type"] != "http" {
        return Err("wants an httpTrigger in and an http out".to_owned());
    }
    let route = trigger["route"]
        .as_str()
        .filter(|route| !route.is_empty())
        .unwrap_or(name);
    let first_segment = route.split('/').next().unwrap_or_default().to_lowercase();
    if ["admin", "runtime"].contains(&first_segment.as_str()) {
        return Err(format!("the route `{route}` is the host's own"));
    }
    Ok(Function {
        name: name.to_owned(),
        methods: methods(trigger)?,
        auth_level: auth_level(trigger)?,
        template: Template::parse(&format!("{route_prefix}/{route}"))?,
        route: route.to_owned(),
    })
}

fn methods(trigger: &Value) -> Result<Option<Vec<String>>, String> {
    if trigger["methods"].is_null() {
        return Ok(None);
    }
    let methods = trigger["methods"].as_array().ok_or("methods is no list")?;
    let methods = methods
        .iter()
        .map(|method| method.as_str().map(str::to_uppercase));
    let methods = methods
        .collect::<Option<_>>()
        .ok_or("a method is no string")?;
    Ok(Some(methods))
}

fn auth_level(trigger: &Value) -> Result<AuthLevel, String> {
    match trigger["authLevel"].as_str() {
        Some("anonymous") => Ok(AuthLevel::Anonymous),
        Some("function") | None => Ok(AuthLevel::Function),
        Some("admin") => Ok(AuthLevel::Admin),
        Some(other) => Err(format!("there is no authLevel `{other}`")),
    }
}

/// The same route is allowed twice only for methods that do not meet.
fn reject_conflicts(functions: &[Function]) -> Result<(), String> {
    for (index, left) in functions.iter().enumerate() {
        for right in &functions[index + 1..] {
            let same_route = left.route.eq_ignore_ascii_case(&right.route);
            if same_route && left.shares_a_method_with(right) {
                return Err(format!("{} and {} conflict", left.name, right.name));
            }
        }
    }
    Ok(())
}

/// A .NET TimeSpan of the form `hh:mm:ss`.
fn time_span(text: &str) -> Result<Duration, String> {
    let parts: Vec<u64> = text
        .split(':')
        .map(|part| {
            part.parse()
                .map_err(|_| format!("`{text}` is no time span"))
        })
        .collect::<Result<_, _>>()?;
    match parts.as_slice() {
        [hours, minutes, seconds] => Ok(Duration::from_secs(hours * 3600 + minutes * 60 + seconds)),
        _ => Err(format!("`{text}` is no time span")),
    }
}

fn read_json(path: &Path) -> Result<Value, String> {
    let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))
}
