//! What the service's errors mean: status and code, and nothing of the rest.

use crate::storage::StorageError;

/// The service's own name for an error.
pub(super) fn error_code(error: &azure_core::Error) -> Option<&str> {
    match error.kind() {
        azure_core::error::ErrorKind::HttpResponse { error_code, .. } => error_code.as_deref(),
        _ => None,
    }
}

/// Takes status and code from the crate's error and leaves the rest behind: its text holds
/// whole bodies and headers, and with them names and signatures.
pub(super) fn map_error(step: &'static str, error: azure_core::Error) -> StorageError {
    let azure_core::error::ErrorKind::HttpResponse { status, error_code } = error.kind() else {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        return StorageError::failed(step, text);
    };
    map_status(step, u16::from(*status), error_code.as_deref())
}

/// The error of a status and the service's code.
pub(super) fn map_status(step: &'static str, status: u16, code: Option<&str>) -> StorageError {
    let source = format!("status {status}, code {}", code.unwrap_or("none")).into();
    match (status, code) {
        (_, Some("BlobAlreadyExists")) => StorageError::AlreadyExists,
        (404, _) => StorageError::NotFound,
        (401 | 403, _) => StorageError::Denied { step, source },
        _ => StorageError::Failed { step, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_become_errors_that_a_caller_can_act_on() {
        let map = |status, code| map_status("try", status, code);
        assert!(matches!(
            map(409, Some("BlobAlreadyExists")),
            StorageError::AlreadyExists
        ));
        assert!(matches!(
            map(404, Some("BlobNotFound")),
            StorageError::NotFound
        ));
        assert!(matches!(
            map(403, Some("AuthenticationFailed")),
            StorageError::Denied { .. }
        ));
        assert!(matches!(
            map(503, Some("ServerBusy")),
            StorageError::Failed { .. }
        ));
    }
}
