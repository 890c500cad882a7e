//! Direct access to Azurite for the baseline's writes and for clearing up: an account SAS from
//! the emulator's published key.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::Failure;

/// The account that every Azurite has, and its key, which its documentation publishes.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const PERMISSIONS: &str = "rwdlc";
const SERVICE: &str = "b";
const RESOURCE_TYPES: &str = "co";
const EXPIRES_AT: &str = "2099-01-01T00:00:00Z";
const VERSION: &str = "2019-12-12";

/// A query string that allows to create, write, list and delete containers and blobs of the emulator.
pub(crate) fn account_sas() -> Result<String, Failure> {
    let string_to_sign = [
        ACCOUNT,
        PERMISSIONS,
        SERVICE,
        RESOURCE_TYPES,
        "", // start
        EXPIRES_AT,
        "", // addresses
        "", // protocols
        VERSION,
        "",
    ]
    .join("\n");
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(KEY)?)?;
    mac.update(string_to_sign.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let signature = signature
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    Ok(format!(
        "sv={VERSION}&ss={SERVICE}&srt={RESOURCE_TYPES}&sp={PERMISSIONS}&se={EXPIRES_AT}&sig={signature}"
    ))
}
