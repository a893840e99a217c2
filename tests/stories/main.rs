//! Stories through the front door: the operator's passes, in process, between a real kube-apiserver and the API Gateway
//! simulator over the real AWS SDK. Time is the test's: nothing waits.

mod bad_input;
mod calls;
mod crash;
mod delays;
mod heal;
mod support;
