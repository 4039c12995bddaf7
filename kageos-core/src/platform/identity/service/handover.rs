use super::Identity;
use crate::{
    Error,
    platform::{
        handover::{Handover, Item, Participant},
        identity::store,
    },
    sql::{Tx, UnitFuture},
};

/// The namespace of one's own goes over, and API tokens end when that is asked for.
impl Participant for Identity {
    fn hand_over<'t>(&'t self, tx: &'t mut Tx, handover: &'t Handover) -> UnitFuture<'t, Vec<Item>, Error> {
        Box::pin(store::hand_over(tx, handover))
    }

    fn handed_over(&self, _: &Handover) {
        self.forget();
    }
}
