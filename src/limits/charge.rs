//! What a request was charged: given back by being dropped, until something was written down on
//! account of it.

use super::{
    Caller, Limits,
    budget::{SpentBudget, TakenBudget},
};
use std::sync::Arc;

/// Images that were taken from the limits for a request that has not begun. Dropped, it gives
/// them back.
#[must_use = "dropped, it gives back what was charged"]
pub struct Charge {
    rates: Option<(Arc<Limits>, Caller, u32)>,
    budget: Option<TakenBudget>,
}

impl Charge {
    pub(super) fn of_rates(limits: Arc<Limits>, caller: Caller, images: u32) -> Self {
        Self {
            rates: Some((limits, caller, images)),
            budget: None,
        }
    }

    pub(super) fn with_budget(mut self, budget: TakenBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The request has begun, and counts for its minute whatever becomes of it.
    pub fn spend(mut self) -> SpentCharge {
        self.rates = None;
        SpentCharge {
            budget: self.budget.take().and_then(TakenBudget::spend),
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some((limits, caller, images)) = self.rates.take() {
            limits.give_back_rates(caller, images);
        }
    }
}

/// Images of a request that has begun: dropped, they stay spent.
#[derive(Default)]
pub struct SpentCharge {
    budget: Option<SpentBudget>,
}

impl SpentCharge {
    /// Gives back what the day has to do with it: surely nothing was paid.
    pub fn cost_nothing(self) {
        if let Some(budget) = self.budget {
            budget.give_back();
        }
    }
}
