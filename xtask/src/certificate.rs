//! A certificate for a server on this machine, made then and there: nothing secret is committed,
//! and nothing runs out.

use std::fs;
use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::step::Failure;

/// A certificate for 127.0.0.1 and its key, in files that go with this value.
pub struct Certificate {
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes one in `folder`; `name` is its own among those that are in use.
    pub fn create(folder: &Path, name: &str) -> Result<Self, Failure> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])
            .map_err(|error| Failure::io("make a certificate", error))?;
        let files = Self {
            certificate: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
        };
        let write = |path: &Path, text: String| {
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(path, text))
                .map_err(|error| Failure::io(format_args!("write {}", path.display()), error))
        };
        write(&files.certificate, pem("CERTIFICATE", made.cert.der()))?;
        let key = made.signing_key.serialize_der();
        write(&files.key, pem("PRIVATE KEY", &key))?;
        Ok(files)
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // What is left behind opens nothing once its server has ended.
        let _ = fs::remove_file(&self.certificate);
        let _ = fs::remove_file(&self.key);
    }
}

/// <https://www.rfc-editor.org/rfc/rfc7468>: lines of 64 characters of base64.
fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut lines = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        lines = lines + line + "\n";
        rest = more;
    }
    lines + &format!("-----END {label}-----\n")
}
