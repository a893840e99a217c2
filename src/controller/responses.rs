//! The loop for `ApiGatewayResponse`s: the same steps as for stages, over the mind in `stagecraft_core::response`.

mod apply;
mod foresee;
mod neighbours;
mod pass;

pub(crate) use foresee::{Foreseen, foresee};
pub use pass::reconcile;
