//! The loop for `ApiGatewayResponse`s: the same steps as for stages, over the mind in `stagecraft_core::response`.

mod apply;
mod neighbours;
mod pass;
mod standings;

pub use pass::reconcile;
pub(super) use standings::Standings;
