//! An app on a runtime node, as its server sees it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_nats::Subscriber;
use futures_util::StreamExt;
use kageos_core::{Error, LogSink, LogSource, Result, platform::release::RuntimePlace};
use tokio::{io::DuplexStream, sync::watch};

use super::{AppId, BEAT, Nodes, Tasks, known::Freed, lock, stream::Wire, wire::Note};
use crate::runtime::{
    driver::{Ending, Entered},
    options::AppOptions,
};

/// How often the end of an app is asked for while its node is not heard: for a day.
const ASKED: u32 = 2 * 24 * 60 * 60;

/// The place of an app, which it has until this is dropped; then it is ended.
#[derive(Debug)]
pub(in crate::runtime) struct Placed {
    pub(super) nodes: Nodes,
    pub(super) app: AppId,
    pub(super) place: RuntimePlace,
    /// What keeps it apart there.
    pub(super) sandbox: String,
    /// Its node has said that nothing of it runs.
    gone: AtomicBool,
}

impl Placed {
    pub(super) fn at(nodes: Nodes, app: AppId, place: RuntimePlace, sandbox: String) -> Self {
        lock(&nodes.inner.known).count(&place.node, true);
        Self { nodes, app, place, sandbox, gone: AtomicBool::new(false) }
    }

    /// What its link is called.
    pub(super) fn link(&self) -> String {
        link_name(self.app, self.place.token)
    }

    /// Starts an app here and waits until it comes to its link.
    ///
    /// # Errors
    /// [`Code::Unavailable`](kageos_core::Code::Unavailable) with the reason.
    pub(in crate::runtime) async fn enter(self, options: &AppOptions) -> Result<Entered<DuplexStream>> {
        let nodes = self.nodes.clone();
        nodes.enter(self, options).await
    }

    async fn end(&self) -> bool {
        let gone = self.nodes.end(self.app, &self.place).await;
        if gone {
            self.gone.store(true, Ordering::Relaxed);
        }
        gone
    }
}

/// What the link of an app is called: no two have ever the same.
pub(super) fn link_name(app: AppId, token: u64) -> String {
    format!("{app}-{token}")
}

impl Drop for Placed {
    fn drop(&mut self) {
        lock(&self.nodes.inner.known).count(&self.place.node, false);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.gone.load(Ordering::Relaxed) {
            let (nodes, app, place) = (self.nodes.clone(), self.app, self.place.clone());
            runtime.spawn(async move {
                // A node that is heard again, however late, would run it for ever.
                for _ in 0..ASKED {
                    let asks = matches!(nodes.freed(&place), Freed::Ask);
                    if asks && nodes.end(app, &place).await || matches!(nodes.freed(&place), Freed::Over) {
                        break;
                    }
                    tokio::time::sleep(BEAT).await;
                }
            });
        }
    }
}

/// An app that runs on a node. It is ended when nobody has it any more.
#[derive(Debug)]
pub(in crate::runtime) struct RemoteApp {
    placed: Arc<Placed>,
    pid: Option<u32>,
    /// How it has ended, once its node says so.
    ended: watch::Receiver<Option<Option<Ending>>>,
    _tasks: Tasks,
}

impl RemoteApp {
    /// Carries the link of an app that was started, and takes what its node says of it.
    pub(super) fn run(
        placed: Placed,
        pid: Option<u32>,
        (wire, theirs): (Wire, DuplexStream),
        (notes, logs): (Subscriber, Arc<dyn LogSink>),
    ) -> Self {
        let placed = Arc::new(placed);
        let (tell, ended) = watch::channel(None);
        let (nodes, place) = (placed.nodes.clone(), placed.place.clone());
        let carrying = tokio::spawn(async move {
            tokio::select! {
                done = wire.carry(theirs) => if let Err(error) = done {
                    tracing::warn!(node = place.node, %error, "the link of an app broke on its way");
                },
                // Whoever waits for the app learns of it by the end of its link.
                () = nodes.lost(&place) => tracing::warn!(node = place.node, "a runtime node is lost"),
            }
        });
        let noting = tokio::spawn(note(notes, logs, tell));
        let tasks = Tasks(vec![carrying.abort_handle(), noting.abort_handle()]);
        Self { placed, pid, ended, _tasks: tasks }
    }

    pub(in crate::runtime) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Waits until it has ended, or its node is lost, which tells nothing.
    pub(in crate::runtime) async fn wait(&mut self) -> Option<Ending> {
        let lost = self.placed.nodes.lost(&self.placed.place);
        tokio::select! {
            ended = self.ended.wait_for(Option::is_some) => ended.ok().and_then(|ended| ended.flatten()),
            () = lost => None,
        }
    }

    /// Ends it at once; answers whether nothing of it runs.
    pub(in crate::runtime) async fn kill(&self) -> bool {
        self.placed.end().await
    }

    /// Whether its node is lost.
    pub(in crate::runtime) fn is_lost(&self) -> bool {
        !self.placed.nodes.hears(&self.placed.place)
    }

    /// Why it is not known that nothing of it runs.
    pub(in crate::runtime) fn stays(&self) -> Error {
        self.placed.nodes.stays(&self.placed.place)
    }

    /// Whether its node is about to end and another one has room.
    pub(in crate::runtime) fn has_to_move(&self) -> bool {
        let Placed { nodes, place, .. } = &*self.placed;
        nodes.is_leaving(place) && nodes.outlook().is_ok()
    }
}

/// Takes what a node says of an app: what it wrote to its outputs, and how it has ended.
async fn note(mut notes: Subscriber, logs: Arc<dyn LogSink>, tell: watch::Sender<Option<Option<Ending>>>) {
    while let Some(message) = notes.next().await {
        match serde_json::from_slice(&message.payload) {
            // A node says nothing in the name of the app or of the platform.
            Ok(Note::Line { source: source @ (LogSource::Stdout | LogSource::Stderr), entry }) => {
                logs.take(source, None, entry.bounded());
            }
            Ok(Note::Lost(lines)) => logs.lost(lines),
            Ok(Note::Ended(ending)) => drop(tell.send_replace(Some(ending))),
            Ok(Note::Line { .. }) | Err(_) => {}
        }
    }
}
