//! AWS in this process: the operator's requests go straight to the simulator, and nothing leaves the machine.

use apigateway_simulator::Simulator;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use stagecraft::aws::SharedHttpClient;
use stagecraft::run::BoxError;

/// Where AWS seems to be. Nobody resolves it.
pub(super) const ENDPOINT: &str = "http://rehearsal.invalid";

struct InProcess(Simulator);

/// What carries the requests of the operator's own client.
pub(super) fn http_client(simulator: Simulator) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(InProcess(simulator));
    http_client_fn(move |_, _| connector.clone())
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let simulator = self.0.clone();
        HttpConnectorFuture::new(async move {
            answer(&simulator, request).await.map_err(|error| ConnectorError::other(error, None))
        })
    }
}

async fn answer(simulator: &Simulator, request: HttpRequest) -> Result<HttpResponse, BoxError> {
    let request = request.try_into_http1x()?;
    let request = request.map(|body: SdkBody| body.bytes().map(Bytes::copy_from_slice).unwrap_or_default());
    let reply = simulator.handle(request).await.answer().ok_or("the simulator hung up")?;
    Ok(HttpResponse::try_from(reply.map(SdkBody::from))?)
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProcess")
    }
}
