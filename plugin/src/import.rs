//! `import`: writes an existing stage as an ApiStage, so that who has it from Terraform, the CDK or a hand can come over.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use stagecraft::aws::{Aws, Error as AwsError, Operation, Options};
use stagecraft::clock::Clock;
use stagecraft::run::BoxError;
use stagecraft::telemetry::Chain;
use stagecraft_core::api::names::{Region, RestApiId, StageName};
use stagecraft_core::api::stage::ApiStageSpec;
use stagecraft_core::import::{Imported, import};
use stagecraft_core::observed::Stage;

use crate::cluster::Place;
use crate::near::nearest;
use crate::output::{Output, print, print_json};
use crate::screen::table::wrapped;

/// Characters of a line of a comment.
const COMMENT: usize = 98;

/// Which stage.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// Id of the REST API, such as a1b2c3d4e5
    #[arg(long, value_name = "ID")]
    rest_api: String,
    /// Name of the stage in API Gateway
    #[arg(long, value_name = "NAME")]
    stage: String,
    /// Name of the ApiStage [default: the name of the REST API and that of the stage]
    #[arg(long)]
    name: Option<String>,
    /// AWS Region of the REST API [default: that of the AWS configuration]
    #[arg(long, env = "STAGECRAFT_REGION", value_parser = stagecraft::cli::region)]
    region: Option<String>,
    /// Endpoint of all AWS services instead of AWS's own: https, or http on this machine
    #[arg(long, env = "STAGECRAFT_AWS_ENDPOINT_URL", value_parser = stagecraft::cli::endpoint)]
    aws_endpoint_url: Option<stagecraft::cli::Uri>,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    spec: &'a ApiStageSpec,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
}

/// Reads the stage with the person's own AWS credentials and prints the manifest. The cluster is not asked.
///
/// # Errors
///
/// AWS cannot be asked, or there is no such stage.
pub async fn run(place: &Place, arguments: &Arguments) -> Result<ExitCode, BoxError> {
    let Arguments { rest_api, stage, name, region, aws_endpoint_url, output } = arguments;
    let (rest_api, stage) = (RestApiId::new(rest_api.as_str()), StageName::new(stage.as_str()));
    let options = Options {
        endpoint_url: aws_endpoint_url.as_ref().map(ToString::to_string),
        region: region.as_deref().map(Region::from),
        ..Options::default()
    };
    let nobody_counts = |_: Operation, _: Result<(), &AwsError>, _: Duration| {};
    let aws = Aws::connect(options, Clock::system(), std::sync::Arc::new(nobody_counts)).await;
    let region = aws.region().ok_or("no AWS Region is configured: name it with --region")?;
    let gateway = aws.gateway(&region);
    let could_not = |what: &str, error: &AwsError| {
        format!(
            "could not read {what} {rest_api} in {region}: {}; see that id, Region and credentials are right",
            Chain(error)
        )
    };
    let found = gateway.rest_api(&rest_api).await.map_err(|error| could_not("REST API", &error))?;
    let stages = gateway.stages(&rest_api).await.map_err(|error| could_not("the stages of REST API", &error))?;
    let known = stages.iter().find(|known| known.name == stage).ok_or_else(|| none(&rest_api, &stage, &stages))?;
    let imported = import(&region, &rest_api, known);
    let name = name.clone().unwrap_or_else(|| object_name(&found.name, stage.as_str()));
    let manifest = Manifest {
        api_version: "stagecraft.dev/v1alpha1",
        kind: "ApiStage",
        metadata: Metadata { name: &name, namespace: place.namespace.as_deref() },
        spec: &imported.spec,
    };
    if output.is_json() {
        print_json(&manifest)?;
    } else {
        print(&commented(&manifest, &imported)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn none(rest_api: &RestApiId, stage: &StageName, stages: &[Stage]) -> String {
    let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    let advice = match nearest(stage.as_str(), names.iter().copied()).as_slice() {
        [] if names.is_empty() => "it has no stage".to_owned(),
        [] => format!("its stages are {}", names.join(", ")),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    format!("REST API {rest_api} has no stage {stage}; {advice}")
}

/// A name that Kubernetes takes: `orders-prod` for stage prod of the REST API Orders.
fn object_name(rest_api: &str, stage: &str) -> String {
    let usable = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = format!("{rest_api}-{stage}").chars().map(usable).collect();
    let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    let name: String = parts.join("-").chars().take(63).collect();
    name.trim_end_matches('-').to_owned()
}

/// The manifest as people keep it in Git, with what is to be known above it.
fn commented(manifest: &Manifest<'_>, imported: &Imported) -> Result<String, BoxError> {
    let mut text = String::new();
    let head = [
        "Imported from what API Gateway holds. 'kubectl stagecraft plan -f' of it says no change; the operator must allow adoption \
         (--allow-adoption, or an access rule), and tags the stage as this object's."
            .to_owned(),
        "deploymentId is what the stage serves now. For your first release put a revision of your own in its place, such as a Git \
         SHA: revision: 3f2c1ab"
            .to_owned(),
    ];
    for note in head.iter().chain(&imported.notes) {
        for line in wrapped(note, COMMENT) {
            writeln!(text, "# {line}")?;
        }
    }
    text.push_str(&serde_saphyr::to_string(manifest)?);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_after_what_it_governs() {
        for (api, stage, name) in [
            ("Orders", "prod", "orders-prod"),
            ("My Orders API (v2)", "PROD_eu", "my-orders-api-v2-prod-eu"),
            ("", "prod", "prod"),
            ("Grüße", "x", "gr-e-x"),
        ] {
            assert_eq!(object_name(api, stage), name);
        }
        assert_eq!(object_name(&"a".repeat(100), "prod").len(), 63);
    }
}
