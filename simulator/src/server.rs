//! The simulator as an HTTP/1.1 server on loopback.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::DATE;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::simulator::Simulator;
use crate::wire::reply::Reply;
use crate::wire::request::MAX_BODY_BYTES;

/// A running server; dropping it ends it and all its connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `simulator` at this address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::PermissionDenied`] for an address that is not loopback, else the listener's error.
    #[expect(clippy::disallowed_methods, reason = "the task's end is this value's drop")]
    pub async fn start(simulator: Simulator, address: SocketAddr) -> io::Result<Self> {
        let listener = listen(address).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move { simulator.serve(listener).await });
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:{port}`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Binds a loopback address: who can reach the simulator can do everything in it.
///
/// # Errors
///
/// [`io::ErrorKind::PermissionDenied`] for an address that is not loopback, else the error of binding.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        let text = format!("{address} is not a loopback address; listen at 127.0.0.1 or [::1]");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    TcpListener::bind(address).await
}

impl Simulator {
    /// Serves every connection of this listener until the future is dropped; its connections end with it.
    pub async fn serve(&self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection(self.clone(), stream));
                    }
                    // The client went away before its turn came.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    // Descriptors or memory are used up, and until some are given back each attempt fails at once.
                    Err(_) => pause().await,
                },
                // Collects the ended ones, so that the set does not grow.
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing tells when another part of the process gives a descriptor back")]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Serves one connection to its end.
async fn connection(simulator: Simulator, stream: TcpStream) {
    // Small replies must not wait for more to send.
    stream.set_nodelay(true).ok();
    let service = service_fn(|request| answer(&simulator, request));
    // An error is the client's going away, or a reply that was lost on purpose: nobody is left to be told.
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

/// The connection ends without an answer, on demand.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on demand")]
struct Dropped;

async fn answer(simulator: &Simulator, request: Request<Incoming>) -> Result<Response<WireBody>, Dropped> {
    let (parts, body) = request.into_parts();
    // One byte more than is taken, so that a body of that length is refused by the same sentence as in process.
    let body = match Limited::new(body, MAX_BODY_BYTES.saturating_add(1)).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => vec![0; MAX_BODY_BYTES.saturating_add(1)].into(),
        // The client went away in the middle of its request.
        Err(_) => return Err(Dropped),
    };
    let mut response = match simulator.handle(Request::from_parts(parts, body)).await {
        Reply::Answer(response) => response.map(WireBody::whole),
        Reply::Truncated { response, kept } => response.map(|body| WireBody::cut(&body, kept)),
        Reply::Dropped => return Err(Dropped),
    };
    // Simulated time, as everything else that is dated here; hyper would put the machine's.
    let date = simulator.clock().now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(DATE, date);
    }
    Ok(response)
}

/// A body that may end before its promised length, which makes hyper close the connection.
struct WireBody {
    rest: Option<Bytes>,
    promised: u64,
}

impl WireBody {
    fn whole(body: Bytes) -> Self {
        Self { promised: length(&body), rest: Some(body).filter(|body| !body.is_empty()) }
    }

    fn cut(body: &Bytes, kept: usize) -> Self {
        Self { promised: length(body), rest: Some(body.slice(..kept.min(body.len()))) }
    }
}

fn length(body: &Bytes) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.rest.take().map(|rest| Ok(Frame::data(rest))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}
