//! A service whose account fails at chosen steps.

use super::{Account, CALLS, held_upstream, record};
use crate::{
    faulty_account::{Fault, FaultyAccount, Step},
    service::Service,
    upstream::{Gate, Upstream},
};
use std::time::Duration;
use visionary::operations::OperationSettings;

/// A service over an account with faults, and its provider.
pub struct Faulty {
    pub proxy: FaultyAccount,
    pub account: Account,
    pub upstream: Upstream,
    pub gate: Gate,
    pub service: Service,
}

impl Faulty {
    /// Well, and its pictures wait for the gate.
    pub async fn start(change: impl FnOnce(&mut OperationSettings)) -> Self {
        let (upstream, gate) = held_upstream().await;
        let proxy = FaultyAccount::start().await;
        let account = Account::at(proxy.connection_string());
        let service = account
            .service(&upstream, |operations| {
                operations.late_storing_pause = Duration::from_millis(20);
                change(operations);
            })
            .await;
        Self {
            proxy,
            account,
            upstream,
            gate,
            service,
        }
    }

    /// Makes the state container, so that from now on each write is one request.
    pub async fn make_container(&self) {
        record::put(&self.account.store(), "neither/operation-nor-key", "").await;
    }

    /// No state can be written, or none read.
    pub fn break_states(&self, step: Step) {
        self.proxy.always(step, Fault::refused(503, "ServerBusy"));
    }

    /// What the provider was asked.
    pub fn calls(&self) -> usize {
        self.upstream.requests_to(CALLS).len()
    }
}
