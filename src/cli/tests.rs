//! Flags as people write them.

use super::*;

/// Settings of `stagecraft run` with these flags, or the sentence. Only what no variable of the machine can set.
fn settings(flags: &str) -> Result<Settings, String> {
    match parse(["stagecraft", "run"].into_iter().chain(flags.split_whitespace())) {
        Ok(Command::Run(settings)) => Ok(*settings),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let Settings {
        region: _,
        cluster_id,
        allow_adoption,
        access_config,
        drift_interval,
        aws_timeout,
        aws_rate,
        aws_burst,
        aws_unlimited,
        aws_endpoint_url,
        watch_namespaces,
        concurrency,
        leader_election,
        webhooks,
        providers_config,
        listen,
        log_level,
        log_format,
    } = settings("").unwrap();
    assert_eq!((cluster_id, allow_adoption, access_config), (None, false, None));
    assert_eq!((aws_endpoint_url, watch_namespaces), (None, vec![]));
    assert_eq!((drift_interval, aws_timeout), (Duration::from_mins(10), Duration::from_secs(10)));
    assert_eq!((aws_rate, aws_burst, aws_unlimited), (5, 20, false));
    assert_eq!((webhooks, providers_config), (webhook::Rules::default(), None));
    assert_eq!((concurrency, listen.to_string().as_str()), (8, "0.0.0.0:8080"));
    assert_eq!((log_level.as_str(), log_format), ("info", LogFormat::Text));
    let election = LeaderElection {
        name: "stagecraft".to_owned(),
        namespace: None,
        duration: Duration::from_secs(30),
        renew_interval: Duration::from_secs(5),
    };
    assert_eq!(leader_election, Some(election));
}

#[test]
fn every_flag_reaches_its_setting() {
    let settings = settings(
        "--region eu-west-1 --cluster-id prod.eu_1-a --allow-adoption --drift-interval 1h30m --aws-timeout 4s \
         --aws-rate 3 --aws-burst 7 --aws-unlimited \
         --aws-endpoint-url http://127.0.0.1:4566 --watch-namespace shop,billing --watch-namespace maps \
         --concurrency 3 --lease-name other --lease-namespace ops --lease-duration 40s --lease-renew-interval 6s \
         --webhook-allowed-hosts gate.example.com,*.example.org:8443 --webhook-allow-http --providers-config p.yaml \
         --listen [::1]:9090 --log-level info,stagecraft=debug --log-format json",
    );
    let expected = Settings {
        region: Some("eu-west-1".to_owned()),
        cluster_id: Some("prod.eu_1-a".to_owned()),
        allow_adoption: true,
        access_config: None,
        drift_interval: Duration::from_mins(90),
        aws_timeout: Duration::from_secs(4),
        aws_rate: 3,
        aws_burst: 7,
        aws_unlimited: true,
        aws_endpoint_url: Some(Uri::from_static("http://127.0.0.1:4566")),
        watch_namespaces: ["shop", "billing", "maps"].map(str::to_owned).to_vec(),
        concurrency: 3,
        leader_election: Some(LeaderElection {
            name: "other".to_owned(),
            namespace: Some("ops".to_owned()),
            duration: Duration::from_secs(40),
            renew_interval: Duration::from_secs(6),
        }),
        webhooks: webhook::Rules {
            allowed_hosts: ["gate.example.com", "*.example.org:8443"].map(|host| host.parse().unwrap()).to_vec(),
            allow_http: true,
        },
        providers_config: Some(PathBuf::from("p.yaml")),
        listen: "[::1]:9090".parse().unwrap(),
        log_level: "info,stagecraft=debug".to_owned(),
        log_format: LogFormat::Json,
    };
    assert_eq!(settings, Ok(expected));
}

#[test]
fn every_flag_has_its_twin_in_the_environment() {
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    for flag in run.get_arguments().filter(|argument| argument.get_long().is_some_and(|long| long != "help")) {
        let long = flag.get_long().unwrap();
        let twin = format!("STAGECRAFT_{}", long.to_uppercase().replace('-', "_"));
        assert_eq!(flag.get_env().and_then(|name| name.to_str()), Some(twin.as_str()), "--{long}");
        assert!(flag.get_help().is_some(), "--{long} is not explained");
    }
}

#[test]
fn without_leader_election_the_lease_is_not_looked_at() {
    assert_eq!(settings("--leader-elect=false --lease-duration 1s").unwrap().leader_election, None);
    assert!(settings("--leader-elect").unwrap().leader_election.is_some());
}

#[test]
fn what_cannot_work_is_refused_with_a_sentence() {
    let cases = [
        ("--lease-duration 20s", "--lease-duration is 20s and must be more than 20s: --aws-timeout (10s) plus twice"),
        ("--lease-duration 30500ms", "--lease-duration is 30.5s and must be whole seconds"),
        ("--lease-duration 11m", "--lease-duration is 660s and must be from 1s to 600s."),
        ("--lease-renew-interval 100ms", "--lease-renew-interval is 100ms and must be from 1s to 60s."),
        ("--aws-timeout 0s", "--aws-timeout is 0ns and must be from 1s to 60s."),
        ("--drift-interval 100ms", "--drift-interval is 100ms and must be from 1s to 86400s."),
        ("--drift-interval 10", "write a number with its unit, such as 30s, 10m or 1h30m"),
        ("--drift-interval=-10m", "write a number with its unit"),
        ("--allow-adoption --access-config x", "exclude each other: set adoption in the access rules."),
        ("--concurrency 0", "0 is not in 1..=64"),
        ("--aws-rate 0", "0 is not in 1..=10"),
        ("--aws-rate 11", "11 is not in 1..=10"),
        ("--aws-burst 41", "41 is not in 1..=40"),
        ("--aws-unlimited", "--aws-unlimited is for a simulator: set --aws-endpoint-url to an address of this machine"),
        ("--aws-unlimited --aws-endpoint-url https://gateway.example.com", "--aws-unlimited is for a simulator"),
        ("--cluster-id a/b", "use 1 to 63 letters, digits, '.', '_' and '-'"),
        ("--region EU", "write a region as AWS does, such as eu-central-1"),
        ("--watch-namespace Shop", "use 1 to 63 lower-case letters, digits and '-'"),
        ("--watch-namespace=-a", "with a letter or digit at both ends"),
        ("--lease-namespace a/b", "use 1 to 63 lower-case letters, digits and '-'"),
        ("--aws-endpoint-url 127.0.0.1:4566", "write a URL that begins with https://, or with http://"),
        ("--aws-endpoint-url http://10.0.0.7:80", "use https: requests to 10.0.0.7 would travel unencrypted"),
        ("--aws-endpoint-url http://localhost.example.com", "use https: requests to localhost.example.com"),
        ("--aws-endpoint-url http://me:pw@127.0.0.1", "leave user and password out of the URL"),
        ("--aws-endpoint-url ftp://127.0.0.1", "write a URL that begins with https://"),
        ("--log-level loud=very", "use error, warn, info, debug, trace, or directives"),
        ("--log-format xml", "possible values: text, json"),
        ("--listen 8080", "--listen"),
        (
            "--webhook-allowed-hosts https://gate",
            "is no host: write gate.example.com, gate.example.com:8443 or *.example.com",
        ),
    ];
    for (flags, sentence) in cases {
        let said = settings(flags).expect_err(flags);
        assert!(said.contains(sentence), "{flags}: {said}");
    }
}

#[test]
fn plain_http_is_for_this_machine_only() {
    for endpoint in
        ["http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:4566", "http://localhost:4566", "https://a.example"]
    {
        assert!(settings(&format!("--aws-endpoint-url {endpoint}")).is_ok(), "{endpoint}");
    }
}

#[test]
fn access_rules_come_from_a_file() {
    let file = settings("--access-config /etc/stagecraft/access.yaml").unwrap().access_config;
    assert_eq!(file, Some(PathBuf::from("/etc/stagecraft/access.yaml")));
}

#[test]
fn definitions_go_to_standard_output_or_a_folder() {
    assert_eq!(parse(["stagecraft", "crds"]).unwrap(), Command::Crds { folder: None });
    let folder = Some(PathBuf::from("out"));
    assert_eq!(parse(["stagecraft", "crds", "--dir", "out"]).unwrap(), Command::Crds { folder });
}
