//! API Gateway in one Region: the calls.
//!
//! Reads go to AWS every time; [`Observations`](super::Observations) remembers them. Every call waits until the quota lets
//! it. Each write takes its [`Permit`] by value: one write, one answer of the lease, which is asked after that wait.

mod responses;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigateway::types::CacheClusterSize;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use stagecraft_core::access::RoleArn;
use stagecraft_core::api::names::{DeploymentId, Region, RestApiId, StageName};
use stagecraft_core::cause::Cause;
use stagecraft_core::observed::{ApiSummary, Deployment, RestApi, Stage};
use stagecraft_core::patch::PatchOperation;
use stagecraft_core::plan::Priority;

use super::admission::{Admission, Admitted};
use super::call::{Call, Caller, Gate};
use super::error::Error;
use super::operation::Operation;
use super::shapes;
use super::urgency::Urgency;
use crate::lease::Permit;

/// Deployments per page; AWS's most. Source: API reference, `GetDeployments`.
const PAGE: i32 = 500;

/// API Gateway in one Region, with one set of credentials. Clones share one client.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
    /// Who calls, counted from the first.
    turn: u64,
    urgency: Urgency,
    admitted: Admitted,
}

struct Inner {
    region: Region,
    role: Option<RoleArn>,
    client: Client,
    caller: Caller,
    admission: Admission,
    turns: AtomicU64,
}

/// What `CreateStage` can set. The rest (method settings, access logs, client certificate) is patched in afterwards.
///
/// No canary: a stage that is new serves its target alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStage {
    /// Its name, fixed for its life.
    pub name: StageName,
    /// The deployment that it serves.
    pub deployment_id: DeploymentId,
    /// Its description; `None` sends none.
    pub description: Option<String>,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
    /// Its tags, ours among them: a stage is owned from its first moment.
    pub tags: BTreeMap<String, String>,
    /// Whether X-Ray traces it; `None` leaves AWS's default, off.
    pub tracing_enabled: Option<bool>,
    /// The version of the API's documentation that it is tied to.
    pub documentation_version: Option<String>,
    /// Its cache cluster; `None`: no cache.
    pub cache: Option<NewCacheCluster>,
}

/// A cache cluster that comes with a new stage. It costs from the moment of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCacheCluster {
    /// `"0.5"` to `"237"` gigabytes; `None` leaves AWS's default.
    pub size: Option<String>,
}

impl Gateway {
    pub(super) fn new(
        region: Region,
        role: Option<RoleArn>,
        client: Client,
        caller: Caller,
        admission: Admission,
    ) -> Self {
        Self {
            inner: Arc::new(Inner { region, role, client, caller, admission, turns: AtomicU64::new(1) }),
            turn: 0,
            urgency: Urgency::of(Priority::UserChange),
            admitted: Admitted::default(),
        }
    }

    /// The role whose credentials sign the calls; `None`: the operator's own.
    pub(super) fn role(&self) -> Option<&RoleArn> {
        self.inner.role.as_ref()
    }

    /// The same for a caller of its own, without what was admitted through others. Among equally urgent calls those of the
    /// caller who came first go first, so that what was begun is finished before something else is begun.
    pub(super) fn anew(&self) -> Self {
        let turn = self.inner.turns.fetch_add(1, Ordering::Relaxed);
        Self { turn, admitted: Admitted::default(), ..self.clone() }
    }

    /// The same for calls of this urgency. A new one is as urgent as a user's change.
    #[must_use]
    pub fn at(&self, priority: Priority) -> Self {
        Self { urgency: Urgency::of(priority), ..self.clone() }
    }

    /// How urgent its calls are.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.urgency.now()
    }

    /// Waits until these calls may be sent, all together, as far as the quota goes; when they are made through this gateway
    /// or a clone, they wait no more. What was admitted before and not called yet is not waited for again; what is not used
    /// is given back with the last clone.
    ///
    /// For who must not wait later: between two calls that belong together, or while others are kept waiting. Every other
    /// call waits by itself.
    ///
    /// # Errors
    ///
    /// The account is not known, because STS cannot be asked.
    pub async fn admit(&self, calls: &[Operation]) -> Result<(), Error> {
        let lacking = self.admitted.lacking(calls);
        if lacking.is_empty() {
            return Ok(());
        }
        let urgency = self.urgency.clone().in_turn(self.turn);
        let leave = self.inner.admission.leave(&self.inner.region, &lacking, urgency).await?;
        self.admitted.add(leave);
        Ok(())
    }

    /// A gateway whose first call of this operation waits no more.
    pub(super) async fn admitted(&self, urgency: Urgency, operation: Operation) -> Result<Self, Error> {
        let gateway = Self { urgency, admitted: Admitted::default(), ..self.clone() };
        gateway.admit(&[operation]).await?;
        Ok(gateway)
    }

    async fn read<T, R, E, F>(
        &self,
        call: Call<'_>,
        request: impl FnOnce(Gate) -> F,
        understand: impl FnOnce(T) -> Option<R>,
    ) -> Result<R, Error>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: StdError + ProvideErrorMetadata + 'static,
    {
        let operation = call.operation;
        self.go(operation).await?;
        let sent_at = self.inner.caller.clock().boottime();
        let outcome = self.inner.caller.read(call, request, understand).await;
        self.heard(operation, &outcome, sent_at);
        outcome
    }

    async fn write<T, R, E, F>(
        &self,
        call: Call<'_>,
        permit: Permit,
        request: impl FnOnce(Gate) -> F,
        understand: impl FnOnce(T) -> Option<R>,
    ) -> Result<R, Error>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: StdError + ProvideErrorMetadata + 'static,
    {
        let operation = call.operation;
        self.go(operation).await?;
        let sent_at = self.inner.caller.clock().boottime();
        let outcome = self.inner.caller.write(call, permit, request, understand).await;
        self.heard(operation, &outcome, sent_at);
        outcome
    }

    /// Waits until one call may be sent, unless it was admitted before.
    async fn go(&self, operation: Operation) -> Result<(), Error> {
        if !self.admitted.take(operation) {
            self.admit(&[operation]).await?;
            self.admitted.take(operation);
        }
        Ok(())
    }

    fn heard<T>(&self, operation: Operation, outcome: &Result<T, Error>, sent_at: Duration) {
        self.inner.admission.answered(operation, outcome.as_ref().map(drop), sent_at);
    }

    /// The Region that this gateway talks to.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.inner.region
    }

    /// Reads a REST API.
    ///
    /// # Errors
    ///
    /// [`Cause::RestApiNotFound`] only where AWS itself says that there is none; every other failure leaves that open.
    pub async fn rest_api(&self, rest_api: &RestApiId) -> Result<RestApi, Error> {
        let call = Call::new(Operation::GetRestApi).on(rest_api);
        let request = self.inner.client.get_rest_api().rest_api_id(rest_api.as_str());
        self.read(call, |gate| request.customize().interceptor(gate).send(), shapes::rest_api).await
    }

    /// Reads all stages of a REST API, in AWS's order. AWS never pages them.
    ///
    /// # Errors
    ///
    /// As [`rest_api`](Self::rest_api).
    pub async fn stages(&self, rest_api: &RestApiId) -> Result<Vec<Stage>, Error> {
        let call = Call::new(Operation::GetStages).on(rest_api);
        let request = self.inner.client.get_stages().rest_api_id(rest_api.as_str());
        self.read(call, |gate| request.customize().interceptor(gate).send(), shapes::stages).await
    }

    /// Reads one stage of a REST API.
    ///
    /// # Errors
    ///
    /// As [`rest_api`](Self::rest_api), and [`Cause::StageNotFound`].
    pub async fn stage(&self, rest_api: &RestApiId, stage: &StageName) -> Result<Stage, Error> {
        let call = Call::new(Operation::GetStage).on(rest_api).stage(stage);
        let request = self.inner.client.get_stage().rest_api_id(rest_api.as_str()).stage_name(stage.as_str());
        self.read(call, |gate| request.customize().interceptor(gate).send(), shapes::stage).await
    }

    /// Reads all deployments of a REST API, page by page to the end, oldest first (creation, then id).
    ///
    /// AWS documents no order, and a deployment that is missed is made a second time, so nothing less than all is an answer.
    ///
    /// # Errors
    ///
    /// As [`rest_api`](Self::rest_api); also if AWS points back to the page that it just sent.
    pub async fn deployments(&self, rest_api: &RestApiId) -> Result<Vec<Deployment>, Error> {
        let mut all = Vec::new();
        let mut position: Option<String> = None;
        loop {
            let (page, next) = self.deployments_at(rest_api, position.clone()).await?;
            all.extend(page);
            match next {
                None => break,
                Some(next) if position.as_ref() == Some(&next) => {
                    let message = "its pages do not come to an end";
                    return Err(Error::unanswered(Operation::GetDeployments, Cause::ServiceFailed, message));
                }
                Some(next) => position = Some(next),
            }
        }
        all.sort_by(|one, other| (&one.created, &one.id).cmp(&(&other.created, &other.id)));
        Ok(all)
    }

    async fn deployments_at(
        &self,
        rest_api: &RestApiId,
        position: Option<String>,
    ) -> Result<(Vec<Deployment>, Option<String>), Error> {
        let call = Call::new(Operation::GetDeployments).on(rest_api);
        let request =
            self.inner.client.get_deployments().rest_api_id(rest_api.as_str()).limit(PAGE).set_position(position);
        self.read(
            call,
            |gate| request.customize().interceptor(gate).send(),
            |reply| {
                let page: Option<Vec<_>> =
                    reply.items.unwrap_or_default().into_iter().map(shapes::listed_deployment).collect();
                Some((page?, reply.position.filter(|position| !position.is_empty())))
            },
        )
        .await
    }

    /// Reads the methods of a deployment. They never change: a snapshot is immutable.
    ///
    /// # Errors
    ///
    /// As [`rest_api`](Self::rest_api), and [`Cause::DeploymentNotFound`].
    pub async fn api_summary(&self, rest_api: &RestApiId, deployment: &DeploymentId) -> Result<ApiSummary, Error> {
        let call = Call::new(Operation::GetDeployment).on(rest_api).detail(deployment);
        let request = self
            .inner
            .client
            .get_deployment()
            .rest_api_id(rest_api.as_str())
            .deployment_id(deployment.as_str())
            .embed("apisummary");
        self.read(call, |gate| request.customize().interceptor(gate).send(), shapes::api_summary).await
    }

    /// Takes a snapshot of a REST API. No stage is touched: `stageName` is never sent, it would couple this slow call,
    /// which cannot be repeated, with a change of traffic.
    ///
    /// # Errors
    ///
    /// After a [lost reply](Cause::may_have_had_effect) the snapshot may exist: look for the marker in `description`.
    pub async fn create_deployment(
        &self,
        rest_api: &RestApiId,
        description: &str,
        permit: Permit,
    ) -> Result<Deployment, Error> {
        let call = Call::new(Operation::CreateDeployment).on(rest_api);
        let request = self.inner.client.create_deployment().rest_api_id(rest_api.as_str()).description(description);
        self.write(call, permit, |gate| request.customize().interceptor(gate).send(), shapes::created_deployment).await
    }

    /// Gives a deployment another description, the only thing about it that can change.
    ///
    /// # Errors
    ///
    /// [`Cause::DeploymentNotFound`] and what every write can meet.
    pub async fn update_deployment(
        &self,
        rest_api: &RestApiId,
        deployment: &DeploymentId,
        description: &str,
        permit: Permit,
    ) -> Result<Deployment, Error> {
        let call = Call::new(Operation::UpdateDeployment).on(rest_api).detail(deployment);
        let request = self
            .inner
            .client
            .update_deployment()
            .rest_api_id(rest_api.as_str())
            .deployment_id(deployment.as_str())
            .patch_operations(shapes::patch(&PatchOperation::replace("/description", description)));
        self.write(call, permit, |gate| request.customize().interceptor(gate).send(), shapes::updated_deployment).await
    }

    /// Deletes a deployment.
    ///
    /// # Errors
    ///
    /// [`Cause::DeploymentInUse`] while a stage or a canary serves it, [`Cause::DeploymentNotFound`] where it is gone.
    pub async fn delete_deployment(
        &self,
        rest_api: &RestApiId,
        deployment: &DeploymentId,
        permit: Permit,
    ) -> Result<(), Error> {
        let call = Call::new(Operation::DeleteDeployment).on(rest_api).detail(deployment);
        let request =
            self.inner.client.delete_deployment().rest_api_id(rest_api.as_str()).deployment_id(deployment.as_str());
        self.write(call, permit, |gate| request.customize().interceptor(gate).send(), |_| Some(())).await
    }

    /// Creates a stage. The reply is the stage without its tags.
    ///
    /// # Errors
    ///
    /// [`Cause::StageExists`], [`Cause::DeploymentNotFound`] and what every write can meet.
    pub async fn create_stage(&self, rest_api: &RestApiId, stage: NewStage, permit: Permit) -> Result<Stage, Error> {
        let NewStage {
            name,
            deployment_id,
            description,
            variables,
            tags,
            tracing_enabled,
            documentation_version,
            cache,
        } = stage;
        let call = Call::new(Operation::CreateStage)
            .on(rest_api)
            .stage(&name)
            .detail(&deployment_id)
            .variables(variables.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let request = self
            .inner
            .client
            .create_stage()
            .rest_api_id(rest_api.as_str())
            .stage_name(name.as_str())
            .deployment_id(deployment_id.as_str())
            .set_description(description)
            .set_variables((!variables.is_empty()).then(|| variables.clone().into_iter().collect()))
            .set_tags((!tags.is_empty()).then(|| tags.into_iter().collect()))
            .set_tracing_enabled(tracing_enabled)
            .set_documentation_version(documentation_version)
            .set_cache_cluster_enabled(cache.as_ref().map(|_| true))
            .set_cache_cluster_size(
                cache.and_then(|cache| cache.size).map(|size| CacheClusterSize::from(size.as_str())),
            );
        self.write(call, permit, |gate| request.customize().interceptor(gate).send(), shapes::created_stage).await
    }

    /// Patches a stage, the operations in their order. The reply is the stage after it, without its tags.
    ///
    /// # Errors
    ///
    /// One operation that is refused fails the call; whether those before it were applied is not documented, so the stage
    /// is read again.
    pub async fn update_stage(
        &self,
        rest_api: &RestApiId,
        stage: &StageName,
        operations: &[PatchOperation],
        permit: Permit,
    ) -> Result<Stage, Error> {
        let call = Call::new(Operation::UpdateStage)
            .on(rest_api)
            .stage(stage)
            .detail(paths(operations))
            .variables(operations.iter().filter_map(variable));
        let request = self
            .inner
            .client
            .update_stage()
            .rest_api_id(rest_api.as_str())
            .stage_name(stage.as_str())
            .set_patch_operations(Some(operations.iter().map(shapes::patch).collect()));
        self.write(call, permit, |gate| request.customize().interceptor(gate).send(), shapes::updated_stage).await
    }

    /// Deletes a stage. Its name can be taken again at once.
    ///
    /// # Errors
    ///
    /// [`Cause::StageInUse`] while a custom domain or a usage plan names it, [`Cause::StageNotFound`] where it is gone.
    pub async fn delete_stage(&self, rest_api: &RestApiId, stage: &StageName, permit: Permit) -> Result<(), Error> {
        let call = Call::new(Operation::DeleteStage).on(rest_api).stage(stage);
        let request = self.inner.client.delete_stage().rest_api_id(rest_api.as_str()).stage_name(stage.as_str());
        self.write(call, permit, |gate| request.customize().interceptor(gate).send(), |_| Some(())).await
    }

    /// Empties the cache of a stage: it is `FLUSH_IN_PROGRESS` for a while, and back ends bear the load meanwhile.
    ///
    /// # Errors
    ///
    /// [`Cause::CacheChanging`] where the cache is not available and AWS minds, [`Cause::StageNotFound`].
    pub async fn flush_stage_cache(
        &self,
        rest_api: &RestApiId,
        stage: &StageName,
        permit: Permit,
    ) -> Result<(), Error> {
        let call = Call::new(Operation::FlushStageCache).on(rest_api).stage(stage);
        let request = self.inner.client.flush_stage_cache().rest_api_id(rest_api.as_str()).stage_name(stage.as_str());
        self.write(call, permit, |gate| request.customize().interceptor(gate).send(), |_| Some(())).await
    }

    /// Empties what a stage remembers of its authorizers' answers.
    ///
    /// # Errors
    ///
    /// [`Cause::StageNotFound`] and what every write can meet.
    pub async fn flush_stage_authorizers_cache(
        &self,
        rest_api: &RestApiId,
        stage: &StageName,
        permit: Permit,
    ) -> Result<(), Error> {
        let call = Call::new(Operation::FlushStageAuthorizersCache).on(rest_api).stage(stage);
        let request =
            self.inner.client.flush_stage_authorizers_cache().rest_api_id(rest_api.as_str()).stage_name(stage.as_str());
        self.write(call, permit, |gate| request.customize().interceptor(gate).send(), |_| Some(())).await
    }

    /// Adds and overwrites tags; others stay.
    ///
    /// # Errors
    ///
    /// [`Cause::StageNotFound`] and what every write can meet.
    pub async fn tag(&self, arn: &str, tags: BTreeMap<String, String>, permit: Permit) -> Result<(), Error> {
        let keys = tags.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let call = Call::new(Operation::TagResource).detail(format_args!("{arn}: {keys}"));
        let request = self.inner.client.tag_resource().resource_arn(arn).set_tags(Some(tags.into_iter().collect()));
        self.write(call, permit, |gate| request.customize().interceptor(gate).send(), |_| Some(())).await
    }

    /// Removes tags; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// [`Cause::StageNotFound`] and what every write can meet.
    pub async fn untag(&self, arn: &str, keys: &[String], permit: Permit) -> Result<(), Error> {
        let call = Call::new(Operation::UntagResource).detail(format_args!("{arn}: {}", keys.join(", ")));
        let request = self.inner.client.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.to_vec()));
        self.write(call, permit, |gate| request.customize().interceptor(gate).send(), |_| Some(())).await
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("region", &self.inner.region).finish_non_exhaustive()
    }
}

fn paths(operations: &[PatchOperation]) -> String {
    operations.iter().map(PatchOperation::to_string).collect::<Vec<_>>().join(", ")
}

/// Key and value of an operation that sets a variable, of the stage or of its canary.
fn variable(operation: &PatchOperation) -> Option<(&str, &str)> {
    let key = operation
        .path
        .strip_prefix("/variables/")
        .or_else(|| operation.path.strip_prefix("/canarySettings/stageVariableOverrides/"))?;
    Some((key, operation.value.as_deref()?))
}
