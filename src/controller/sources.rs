//! Where the numbers come from that a release is judged by.

use std::future::Future;
use std::pin::Pin;

use stagecraft_core::analysis::{Query, Reading, Readings};

use crate::aws::{Aws, Gateway};
use crate::prometheus::Prometheus;
use crate::sources::Live;

/// What is to be read, and as whom.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// AWS with the credentials that the stage's rule allows.
    pub aws: &'a Aws,
    /// API Gateway there, which knows the Region.
    pub gateway: &'a Gateway,
    /// The queries of one check.
    pub queries: &'a [Query],
}

/// Answers the queries of a check. It never fails: what cannot be read is [`Reading::Missing`], which is no data.
pub trait Sources: Send + Sync {
    /// The answers, by the id of their query.
    fn read<'a>(&'a self, asked: Asked<'a>) -> Pin<Box<dyn Future<Output = Readings> + Send + 'a>>;
}

/// `CloudWatch` of each stage's own account and Region, and every Prometheus that the operator's configuration names.
#[derive(Clone, Debug)]
pub struct Everywhere {
    /// The Prometheus of the configuration.
    pub prometheus: Prometheus,
}

impl Sources for Everywhere {
    fn read<'a>(&'a self, asked: Asked<'a>) -> Pin<Box<dyn Future<Output = Readings> + Send + 'a>> {
        let cloud_watch = asked.aws.cloud_watch(asked.gateway.region());
        let live = Live { cloud_watch, prometheus: self.prometheus.clone() };
        Box::pin(async move { live.read(asked.queries).await })
    }
}

/// An operator that can ask nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSources;

impl Sources for NoSources {
    fn read<'a>(&'a self, asked: Asked<'a>) -> Pin<Box<dyn Future<Output = Readings> + Send + 'a>> {
        let missing = || Reading::Missing("this operator has no source of metrics".to_owned());
        let readings = asked.queries.iter().map(|query| (query.id.clone(), missing())).collect();
        Box::pin(std::future::ready(readings))
    }
}
