//! A wire to the apiserver that can be cut: connections stay open and nothing passes any more.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Forwards connections until it is cut.
pub(crate) struct Wire {
    address: SocketAddr,
    cut: Arc<watch::Sender<bool>>,
    _forwarding: JoinSet<()>,
}

impl Wire {
    /// A wire to `target` on this machine.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(watch::Sender::new(false));
        let mut forwarding = JoinSet::new();
        let is_cut = Arc::clone(&cut);
        forwarding.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mut is_cut = is_cut.subscribe();
                connections.spawn(async move {
                    let mut far = TcpStream::connect(target).await.unwrap();
                    // Once it is cut, both ends stay open and hear nothing.
                    let cut = async {
                        drop(is_cut.wait_for(|cut| *cut).await);
                    };
                    tokio::select! {
                        () = cut => {}
                        ended = copy_bidirectional(&mut near, &mut far) => return drop(ended),
                    }
                    std::future::pending::<()>().await;
                });
            }
        });
        Self { address, cut, _forwarding: forwarding }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }
}
