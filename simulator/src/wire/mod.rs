//! What travels: requests, their bodies and patch lists, signatures, replies.

pub(crate) mod cbor;
pub(crate) mod input;
pub(crate) mod json_rpc;
pub(crate) mod patch;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod signature;
