//! The loop: watches the objects, and takes each of them through passes until its stage is as declared.
//!
//! One pass is a chain in which no step can be skipped, because each takes what the one before returned:
//!
//! ```text
//! dereference (IO)    objects, the stage, what the plan asks for
//! plan        (pure)  in stagecraft-core: validate, decide
//! report      (IO)    finalizer and status, before any call, with the resourceVersion they were decided on
//! apply       (IO)    the calls, in order; then the plan is made again, until there is none left
//! ```

mod apply;
mod canaries;
mod context;
mod dereference;
mod foresee;
mod gates;
mod governed;
mod memory;
mod objects;
mod reconcile;
mod recorders;
mod references;
mod report;
mod responses;
mod sources;
mod standings;
mod watch;
mod workers;

pub use context::{Context, Guarded};
pub use objects::{Objects, Scope};
pub use reconcile::{Passed, reconcile};
pub use responses::reconcile as reconcile_response;
pub(crate) use responses::{Foreseen as ForeseenResponse, foresee as foresee_response};
pub use sources::{Asked, Everywhere, NoSources, Sources};
pub use watch::run;

pub(crate) use canaries::governor;
pub(crate) use foresee::{Foreseen, foresee};
pub(crate) use watch::{connect, core_settings};
