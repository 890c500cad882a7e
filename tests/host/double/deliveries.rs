//! How often a request reaches the handler whose connections close without an answer.

use super::setup::Setup;
use crate::host::functions_host::Mode;
use crate::host::raw;

const CLOSE: &str = "/api/plain?do=close HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";

/// .NET's client sends again what has no body, the proxy tries ten times. A body goes out once, and
/// its header alone keeps .NET's client from sending again.
#[tokio::test]
async fn only_what_has_no_body_is_delivered_again() {
    for (mode, request, expected) in [
        (Mode::Forwarding, format!("GET {CLOSE}\r\n"), 4),
        (Mode::Forwarding, format!("POST {CLOSE}\r\n"), 4),
        (
            Mode::Forwarding,
            format!("POST {CLOSE}Content-Length: 0\r\n\r\n"),
            4,
        ),
        (
            Mode::Forwarding,
            format!("POST {CLOSE}Content-Length: 4\r\n\r\nbody"),
            1,
        ),
        (Mode::Proxying, format!("GET {CLOSE}\r\n"), 40),
        (Mode::Proxying, format!("POST {CLOSE}\r\n"), 40),
        (
            Mode::Proxying,
            format!("POST {CLOSE}Content-Length: 0\r\n\r\n"),
            10,
        ),
        (
            Mode::Proxying,
            format!("POST {CLOSE}Content-Length: 4\r\n\r\nbody"),
            1,
        ),
        (
            Mode::Proxying,
            format!("POST {CLOSE}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"),
            1,
        ),
    ] {
        let setup = Setup::start(mode).await;
        assert_eq!(
            raw::status_of(&setup.host, &request).await,
            500,
            "{mode:?} {request}"
        );
        let deliveries = setup.recorder.take();
        assert_eq!(deliveries.len(), expected, "{mode:?} {request}");
        let id = &setup.host.invocation_ids()[0];
        let sent_id = |head: &super::recorder::Delivery| {
            head.header("x-azure-functions-invocationid") == Some(id)
        };
        assert!(deliveries.iter().all(sent_id), "one invocation");
        setup.host.stop().await;
    }
}
