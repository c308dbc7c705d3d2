//! `--try`: the sample is deployed through the API, the first request goes through the gateway, and its breakdown is shown.
//!
//! Fed by `up`'s sequence with everything ready. It is an ordinary client: what it does, a user's first steps do too.

use super::SAMPLE_IMAGE;
use super::house::House;
use super::say::PATIENCE;
use crate::args::Up;
use crate::https::{self, Answer, Api};
use crate::identity;
use anyhow::bail;
use http::StatusCode;
use serde_json::json;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// The sample's name.
const NAME: &str = "hello";
const SERVICES: &str = "/apis/serving.knative.dev/v1/namespaces/default/services";
const CONFIG_MAPS: &str = "/api/v1/namespaces/knative-serving/configmaps";
/// Longest wait for the first good answer.
const ANSWER_MAX: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
/// Columns of the longest bar.
const BAR: f64 = 32.0;

/// Deploys and asks.
pub async fn deploy_and_ask(args: &Up, house: &House, client: &Api) -> anyhow::Result<()> {
    deploy(house, client).await?;
    let host = format!("{NAME}.default.{}", args.domain);
    let (answer, took) = ask(args, house, &host).await?;
    let text = String::from_utf8_lossy(&answer.body);
    let url = format!("http://{host}:{}", args.gateway_address.port());
    house.say.step("request", &format!("GET {url}: {} in {:.1} ms: {}", answer.status, millis(took), text.trim_end()));
    let timing = answer.headers.get("server-timing").and_then(|value| value.to_str().ok());
    house.say.text(&match timing.map(stages) {
        Some(stages) if !stages.is_empty() => table(&stages),
        _ if !args.server_timing => "  (no breakdown: --server-timing false)".to_owned(),
        _ => "  (a sandbox was ready already, so this was no cold start)".to_owned(),
    });
    Ok(())
}

/// Starts at zero where the cluster allows that, so that the first request is a cold one.
async fn deploy(house: &House, client: &Api) -> anyhow::Result<()> {
    allow_zero(house, client).await?;
    let mut answer = client.post(SERVICES, &service(&json!({ "autoscaling.knative.dev/initial-scale": "0" }))).await?;
    if answer.status == StatusCode::BAD_REQUEST {
        answer = client.post(SERVICES, &service(&json!({}))).await?;
    }
    match answer.status {
        StatusCode::CREATED => house.say.step("deploy", &format!("Knative service {NAME} created")),
        StatusCode::CONFLICT => house.say.step("deploy", &format!("Knative service {NAME} is there from an earlier start")),
        status => bail!("service {NAME} could not be created: {status} {}", message(&answer)),
    }
    Ok(())
}

/// Knative as shipped refuses functions that start at zero. Only a cluster without any settings of its own gets this one.
async fn allow_zero(house: &House, client: &Api) -> anyhow::Result<()> {
    let answer = client.post(CONFIG_MAPS, &autoscaler_settings()).await?;
    match answer.status {
        StatusCode::CREATED => house.say.step("deploy", "knative-serving/config-autoscaler made: functions may start at zero"),
        StatusCode::CONFLICT => {}
        status => bail!("config-autoscaler could not be created: {status} {}", message(&answer)),
    }
    Ok(())
}

fn message(answer: &Answer) -> String {
    answer.json().ok().and_then(|status| Some(status["message"].as_str()?.to_owned())).unwrap_or_default()
}

fn autoscaler_settings() -> serde_json::Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "config-autoscaler", "namespace": "knative-serving" },
        "data": { "allow-zero-initial-scale": "true" },
    })
}

fn service(annotations: &serde_json::Value) -> serde_json::Value {
    json!({
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": { "name": NAME, "namespace": "default" },
        "spec": { "template": {
            "metadata": { "annotations": annotations },
            "spec": { "containers": [{ "image": SAMPLE_IMAGE }] },
        }},
    })
}

/// Until there is a good answer: a route takes a moment to reach the gateway.
async fn ask(args: &Up, house: &House, host: &str) -> anyhow::Result<(Answer, Duration)> {
    let gateway = identity::reachable(args.gateway_address);
    let host = format!("{host}:{}", gateway.port());
    let (begun, mut said) = (Instant::now(), Instant::now());
    loop {
        let sent = Instant::now();
        let missing = match https::plain(gateway, &host, "/", ANSWER_MAX).await {
            Ok(answer) if answer.status.is_success() => return Ok((answer, sent.elapsed())),
            Ok(answer) => format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body).trim_end()),
            Err(error) => format!("{error:#}"),
        };
        if begun.elapsed() > ANSWER_MAX {
            bail!("the first request was not answered within {ANSWER_MAX:?}; the last try: {missing}");
        }
        if said.elapsed() > PATIENCE {
            said = Instant::now();
            house.say.step("request", &format!("not answered yet: {missing}"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// `name;dur=1.5, …` to names and milliseconds.
fn stages(header: &str) -> Vec<(&str, f64)> {
    let stage = |entry| -> Option<(&str, f64)> {
        let (name, rest) = str::split_once(entry, ";dur=")?;
        Some((name.trim(), rest.trim().parse().ok()?))
    };
    header.split(',').filter_map(stage).collect()
}

fn table(stages: &[(&str, f64)]) -> String {
    let longest = stages.iter().fold(0.001, |longest: f64, (_, ms)| longest.max(*ms));
    let mut text = String::from("\n  Where the time of the first request went\n\n");
    for (name, ms) in stages {
        // At most BAR columns, so nothing is cut off.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and BAR")]
        let bar = "█".repeat((ms / longest * BAR).clamp(0.0, BAR).round() as usize);
        let _ = writeln!(text, "    {name:<10} {ms:>9.3} ms  {bar}");
    }
    let _ = write!(text, "    {:<10} {:>9.3} ms", "sum", stages.iter().map(|(_, ms)| ms).sum::<f64>());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breakdown_is_read_and_shown() {
        let stages = stages("queued;dur=0.250, decided;dur=0.500,created;dur=12.250, odd");
        assert_eq!(stages, [("queued", 0.25), ("decided", 0.5), ("created", 12.25)]);
        let table = table(&stages);
        assert!(table.contains("created       12.250 ms  ████"), "{table}");
        assert!(table.ends_with("sum           13.000 ms"), "{table}");
    }
}
