//! Names and addresses of stages, by the partition that a Region belongs to.
//!
//! Pure text: nothing here says whether the thing exists. A private REST API has no public invoke URL
//! ([`RestApi::private`](crate::observed::RestApi::private)); callers leave it out.
//!
//! Source: `partitions.json` as AWS's SDKs carry it; shapes of ARNs and URLs from the API Gateway developer guide. A test
//! of `aws` holds the table against the SDK's own.

use crate::api::names::{AccountId, Region, RestApiId, StageName};

/// One of AWS's separate worlds.
struct Partition {
    /// How the codes of its Regions begin.
    region_prefix: &'static str,
    /// Its name, as ARNs spell it.
    name: &'static str,
    /// What the names of its endpoints end in.
    dns_suffix: &'static str,
}

/// All but the commercial one, which takes every other Region: new Regions appear there first.
const PARTITIONS: &[Partition] = &[
    Partition { region_prefix: "cn-", name: "aws-cn", dns_suffix: "amazonaws.com.cn" },
    Partition { region_prefix: "us-gov-", name: "aws-us-gov", dns_suffix: "amazonaws.com" },
    Partition { region_prefix: "us-iso-", name: "aws-iso", dns_suffix: "c2s.ic.gov" },
    Partition { region_prefix: "us-isob-", name: "aws-iso-b", dns_suffix: "sc2s.sgov.gov" },
    Partition { region_prefix: "eu-isoe-", name: "aws-iso-e", dns_suffix: "cloud.adc-e.uk" },
    Partition { region_prefix: "us-isof-", name: "aws-iso-f", dns_suffix: "csp.hci.ic.gov" },
    Partition { region_prefix: "eusc-", name: "aws-eusc", dns_suffix: "amazonaws.eu" },
];

const COMMERCIAL: Partition = Partition { region_prefix: "", name: "aws", dns_suffix: "amazonaws.com" };

fn of(region: &Region) -> &'static Partition {
    PARTITIONS.iter().find(|partition| region.as_str().starts_with(partition.region_prefix)).unwrap_or(&COMMERCIAL)
}

/// The partition of a Region: `aws`, `aws-cn`, `aws-us-gov` and so on.
#[must_use]
pub fn partition(region: &Region) -> &'static str {
    of(region).name
}

/// What the names of a Region's endpoints end in: `amazonaws.com` in most.
#[must_use]
pub fn dns_suffix(region: &Region) -> &'static str {
    of(region).dns_suffix
}

/// The ARN of a stage, which tag calls and WAF take. It holds no account.
#[must_use]
pub fn stage_arn(region: &Region, rest_api: &RestApiId, stage: &StageName) -> String {
    format!("arn:{}:apigateway:{region}::/restapis/{rest_api}/stages/{stage}", partition(region))
}

/// The ARN of what callers of a stage invoke, as policies name it; methods follow as `/VERB/path`.
#[must_use]
pub fn execution_arn(region: &Region, account: &AccountId, rest_api: &RestApiId, stage: &StageName) -> String {
    format!("arn:{}:execute-api:{region}:{account}:{rest_api}/{stage}", partition(region))
}

/// The address that serves a stage of an edge or regional REST API, without a slash at its end.
#[must_use]
pub fn invoke_url(region: &Region, rest_api: &RestApiId, stage: &StageName) -> String {
    format!("https://{rest_api}.execute-api.{region}.{}/{stage}", dns_suffix(region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_its_own_arns_and_addresses() {
        let cases = [
            ("eu-west-1", "aws", "amazonaws.com"),
            ("us-east-1", "aws", "amazonaws.com"),
            ("mx-central-1", "aws", "amazonaws.com"),
            ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk"),
            ("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
            ("xy-new-1", "aws", "amazonaws.com"),
        ];
        for (region, name, suffix) in cases {
            let region = Region::from(region);
            assert_eq!((partition(&region), dns_suffix(&region)), (name, suffix), "{region}");
        }
    }

    #[test]
    fn arns_and_urls_have_the_shapes_of_the_developer_guide() {
        let (region, api, stage) = (Region::from("cn-north-1"), RestApiId::from("a1b2c3d4e5"), StageName::from("prod"));
        assert_eq!(
            stage_arn(&region, &api, &stage),
            "arn:aws-cn:apigateway:cn-north-1::/restapis/a1b2c3d4e5/stages/prod"
        );
        assert_eq!(
            execution_arn(&region, &AccountId::from("123456789012"), &api, &stage),
            "arn:aws-cn:execute-api:cn-north-1:123456789012:a1b2c3d4e5/prod"
        );
        assert_eq!(
            invoke_url(&region, &api, &stage),
            "https://a1b2c3d4e5.execute-api.cn-north-1.amazonaws.com.cn/prod"
        );
    }
}
