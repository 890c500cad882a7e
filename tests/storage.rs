//! What every store promises, held against each of them, and signatures against Microsoft's own
//! signer and a real service.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // how a test fails

#[path = "support/azurite.rs"]
mod azurite;
#[path = "support/entra.rs"]
mod entra;
#[path = "support/faulty_account.rs"]
mod faulty_account;

#[path = "storage/account.rs"]
mod account;
#[path = "storage/conformance.rs"]
mod conformance;
#[path = "storage/copied.rs"]
mod copied;
#[path = "storage/delegated.rs"]
mod delegated;
#[path = "storage/deleted.rs"]
mod deleted;
#[path = "storage/directory.rs"]
mod directory;
#[path = "storage/faults.rs"]
mod faults;
#[path = "storage/listed.rs"]
mod listed;
#[path = "storage/looked.rs"]
mod looked;
#[path = "storage/pieces.rs"]
mod pieces;
#[path = "storage/replaced.rs"]
mod replaced;
#[path = "storage/signatures.rs"]
mod signatures;
#[path = "storage/taken.rs"]
mod taken;
#[path = "storage/versions.rs"]
mod versions;
