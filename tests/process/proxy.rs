//! A cable between an operator and the apiserver that can be pulled: connections stay open and nothing comes through.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The cable. Dropping it breaks all connections.
pub(crate) struct Cable {
    pub(crate) address: SocketAddr,
    plugged: watch::Sender<bool>,
    _connections: JoinSet<()>,
}

impl Cable {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (plugged, state) = watch::channel(true);
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut pairs = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(target).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                pairs.spawn(carry(from_client, to_server, state.clone()));
                pairs.spawn(carry(from_server, to_client, state.clone()));
            }
        });
        Self { address, plugged, _connections: connections }
    }

    pub(crate) fn pull(&self) {
        self.plugged.send_replace(false);
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut plugged: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if plugged.wait_for(|plugged| *plugged).await.is_err() || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
