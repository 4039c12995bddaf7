//! Writers, and what they remember of what they were told.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use super::{
    client::{Answer, Client, Door},
    random::Random,
};

/// The invoices of the example's data.
const INVOICES: u64 = 412;

/// A call as it was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// Stands in what the call writes, and in no other call's.
    pub(super) label: String,
    /// Whether the label is the idempotency key too.
    keyed: bool,
    path: &'static str,
    action: &'static str,
    input: Value,
}

impl Sent {
    async fn send(&self, client: &mut Client) -> Answer {
        let key = self.keyed.then_some(self.label.as_str());
        client.call(self.path, self.action, &self.input, key).await
    }
}

/// One writer: it lives in the driver, so its memory outlives every server.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) number: u64,
    writers: u64,
    random: Random,
    count: u64,
    /// Own customers and the version that they were left with.
    rows: Vec<(String, i64)>,
    /// What was acknowledged, with the reply.
    pub(super) acknowledged: Vec<(Sent, Value)>,
    /// How many those are, for who looks on.
    pub(super) told: Arc<AtomicUsize>,
    /// The last call, when it was not acknowledged.
    lost: Option<Sent>,
}

impl Writer {
    pub(super) fn new(number: u64, writers: u64, seed: u64) -> Self {
        let random = Random::new(seed ^ (number + 1).wrapping_mul(0x2545_f491_4f6c_dd1d));
        let (rows, acknowledged, told) = (Vec::new(), Vec::new(), Arc::default());
        Self { number, writers, random, count: 0, rows, acknowledged, told, lost: None }
    }

    /// Writes until told to stop, until the server is gone, or until a pause outlasted a call's deadline: such a call
    /// changed nothing, and is repeated like one that was not answered.
    pub(super) async fn run(mut self, door: Door, stop: Arc<AtomicBool>) -> Self {
        let mut client = door.client();
        while !stop.load(Ordering::Relaxed) && self.lost.is_none() {
            let answer = self.write(&mut client).await;
            assert!(answer.is_late() || !matches!(answer, Answer::Refused { .. }), "{answer:?}");
        }
        self
    }

    /// Writes once.
    pub(super) async fn write(&mut self, client: &mut Client) -> Answer {
        let sent = self.next();
        let answer = sent.send(client).await;
        match answer.clone() {
            Answer::Ok(reply) => self.remember(sent, reply),
            Answer::Refused { .. } | Answer::Lost => self.lost = Some(sent),
        }
        answer
    }

    fn next(&mut self) -> Sent {
        self.count += 1;
        let label = format!("w{}-{}", self.number, self.count);
        match self.random.within(0..4) {
            0 => self.payment(label),
            1 if !self.rows.is_empty() => self.update(label),
            _ => self.create(label),
        }
    }

    fn create(&mut self, label: String) -> Sent {
        let values = json!({ "first_name": "Ada", "last_name": label, "email": "ada@example.org" });
        let keyed = !self.random.once_in(3);
        Sent { label, keyed, path: "customer.table", action: "create", input: json!({ "values": values }) }
    }

    fn update(&mut self, label: String) -> Sent {
        let at = self.random.within(0..self.rows.len() as u64) as usize;
        let (id, version) = &self.rows[at];
        let input = json!({ "id": id, "version": version, "patch": { "company": label } });
        Sent { label, keyed: true, path: "customer.table", action: "update", input }
    }

    /// A payment for an invoice that no other writer touches, so that nothing is refused.
    fn payment(&mut self, label: String) -> Sent {
        let nth = self.random.within(0..INVOICES / self.writers);
        let invoice = (nth * self.writers + self.number + 1).to_string();
        let input = json!({ "invoice": invoice, "amount": "0.01", "allow_overpayment": true, "note": label });
        Sent { label, keyed: true, path: "record_payment.form", action: "submit", input }
    }

    fn remember(&mut self, sent: Sent, reply: Value) {
        if sent.path == "customer.table" {
            let (id, version) =
                (reply["output"]["id"].as_str().unwrap(), reply["output"]["version"].as_i64());
            self.rows.retain(|row| row.0 != id);
            self.rows.push((id.to_owned(), version.unwrap()));
        }
        self.acknowledged.push((sent, reply));
        self.told.fetch_add(1, Ordering::SeqCst);
    }

    /// Repeats the call that was not acknowledged: it takes effect now or has done so before, and says the same twice.
    /// Then repeats an acknowledged one.
    pub(super) async fn repeat(&mut self, client: &mut Client) {
        if let Some(sent) = self.lost.take().filter(|sent| sent.keyed) {
            let answer = sent.send(client).await;
            assert!(matches!(answer, Answer::Ok(_)), "{sent:?}: {answer:?}");
            self.remember(sent, answer.ok());
            let (sent, reply) = self.acknowledged.last().unwrap();
            check_repeated(sent, reply, client).await;
        }
        let Some(last) = self.acknowledged.len().checked_sub(1) else { return };
        let (sent, reply) = &self.acknowledged[self.random.within(0..last as u64 + 1) as usize];
        if sent.keyed {
            check_repeated(sent, reply, client).await;
        }
    }
}

async fn check_repeated(sent: &Sent, reply: &Value, client: &mut Client) {
    let again = sent.send(client).await;
    assert!(matches!(again, Answer::Ok(_)), "{sent:?}: {again:?}");
    let again = again.ok();
    for part in ["call", "output", "changes"] {
        assert_eq!(again[part], reply[part], "{part} of {sent:?}");
    }
}
